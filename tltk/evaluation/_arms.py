"""The ways to learn that a comparison sets side by side, each a function of its training data."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

from tltk._keras import all_layers
from tltk.backbones import (
    TextNormalization,
    load_audio_backbone,
    load_backbone,
    series_encoder,
)
from tltk.backbones.audio import sample_rate
from tltk.inputs.examples import Examples
from tltk.tuning.fine_tuning import fine_tune
from tltk.tuning.heads import build_classifier
from tltk.tuning.linear_head import fit_linear_head

SCRATCH, SMALL, FROZEN, TUNED = ARMS = ("from scratch", "small network", "frozen", "fine-tuned")
WITHOUT_TRANSFER = (SCRATCH, SMALL)
BATCH, SCRATCH_RATE, MOMENTUM = 32, 1e-3, 0.9
MOST_WORDS = 5000
SPECTROGRAM = (32, 48)  # bands and frames of a sound as the small network sees it


def networks_of(
    backbone: str | Callable[[], keras.Model], train: Examples
) -> dict[str, Callable[[], keras.Model]]:
    """For each arm what builds its network, but for the small one of texts, which has none.

    Args:
        backbone: a name of `list_backbones`, or a function that builds a pretrained model.
        train: examples that show the shape of the inputs.

    Returns:
        Functions without arguments, by the names of `ARMS`.
    """
    shape = _input_shape(train)
    pretrained: Callable[[], keras.Model]
    fresh: Callable[[], keras.Model]
    rate = None
    if isinstance(backbone, str):
        pretrained = partial(load_backbone, backbone, input_shape=shape)
        fresh = partial(load_backbone, backbone, input_shape=shape, copy_blocks=0)
    else:
        pretrained, fresh = backbone, lambda: fresh_copy(backbone())
        if shape is not None and len(shape) == 1:
            rate = sample_rate(backbone())
    small = {} if shape is None else {SMALL: partial(_small_body, shape, rate)}
    return {SCRATCH: fresh, **small, FROZEN: pretrained, TUNED: pretrained}


def arms_of(
    networks: dict[str, Callable[[], keras.Model]],
    class_names: tuple[str, ...],
    small: Callable | None,
    epochs: Callable[[int], int],
    unfreeze_blocks: int | str | list[str],
) -> dict[str, Callable]:
    """The four arms by name: functions of (train, val, seed) that return a trained model.

    Args:
        networks: what `networks_of` returned.
        class_names: one name per class.
        small: the caller's own function of (train, val, seed) for the small network, or None.
        epochs: gives the epochs for a number of training examples.
        unfreeze_blocks: what the fine-tuned arm unfreezes, see `fine_tune`.

    Returns:
        The functions, in the order of `ARMS`.
    """

    def classifier(name):
        return build_classifier(networks[name](), class_names)

    def from_scratch(train, val, seed):
        return trained_from_scratch(classifier(SCRATCH), train, val, seed, epochs)

    def frozen(train, val, seed):
        model = classifier(FROZEN)
        fit_linear_head(model, train, val)
        return model

    def fine_tuned(train, val, seed):
        model = classifier(TUNED)
        count = epochs(train.count)
        settings = {"epochs": count, "patience": patience(count), "seed": seed, "verbose": 0}
        fine_tune(model, train, val, unfreeze_blocks=unfreeze_blocks, **settings)
        return model

    def small_network(train, val, seed):
        if SMALL not in networks:
            return counted_words(train, val, class_names)
        return trained_from_scratch(classifier(SMALL), train, val, seed, epochs)

    functions = (from_scratch, small or small_network, frozen, fine_tuned)
    return dict(zip(ARMS, functions, strict=True))


def trained_from_scratch(model, train, val, seed, epochs) -> keras.Model:
    """Train every weight of a classifier at one rate, batch normalisation included.

    Moving statistics follow with a momentum of at most .9: at .99 or .999, which suit long
    training, they would still be near their start when a short one ends, and the network would
    look worse than it is.
    """
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, MOMENTUM)
    count = epochs(train.count)
    fine_tune(
        model,
        train,
        val,
        unfreeze_blocks="all",
        head_epochs=0,
        epochs=count,
        base_lr=SCRATCH_RATE,
        lr_decay=1.0,
        train_batch_norm=True,
        patience=patience(count),
        seed=seed,
        cache=False,
        verbose=0,
    )
    return model


def counted_words(train, val, class_names) -> keras.Model:
    """A linear model on which words of its own training texts occur."""
    texts, _ = train.arrays()
    normal = TextNormalization(name="normal_text")
    words = keras.layers.TextVectorization(
        max_tokens=MOST_WORDS, standardize=None, output_mode="multi_hot", name="words"
    )
    words.adapt(normal(texts))
    inputs = keras.Input((), dtype="string", name="text")
    model = build_classifier(keras.Model(inputs, words(normal(inputs)), name="words"), class_names)
    fit_linear_head(model, train, val)
    return model


def patience(epochs: int) -> int:
    """A third of the epochs, and never fewer than five."""
    return max(5, math.ceil(epochs / 3))


def fresh_copy(model: keras.Model) -> keras.Model:
    """The same architecture with fresh weights; a normalisation of the inputs is kept.

    Args:
        model: a functional or sequential model.

    Returns:
        A model of new layers with the same settings.

    Raises:
        ValueError: where a layer brings its weights along, as one from TF-Hub does.

    Example:
        >>> body = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> bool((fresh_copy(body).get_weights()[0] == body.get_weights()[0]).any())
        False
    """
    copy = keras.models.clone_model(model)
    pairs = list(zip(all_layers(model), all_layers(copy), strict=True))
    for old, new in pairs:
        if isinstance(old, keras.layers.Normalization):
            new.set_weights(old.get_weights())
            new.finalize_state()
            continue
        if all_layers(old, itself=False):
            continue
        kernels = [
            (a, b) for a, b in zip(old.weights, new.weights, strict=True) if len(a.shape) > 1
        ]
        if any(np.array_equal(a, b) for a, b in kernels):
            raise ValueError(
                "From scratch means fresh weights, so a layer must draw them when it is built. "
                f"Received: {old.name!r}, which has the same weights in a copy. "
                'Leave that arm out with arms=("small network", "frozen", "fine-tuned").'
            )
    return copy


def _input_shape(train) -> Any:
    """The shape of one input, or None for texts."""
    first = train.fetch(np.arange(1))
    if isinstance(first, (tuple, dict)):
        raise ValueError(
            "A comparison takes data with one input. "
            f"Received: {len(first)} inputs. Put them into one array."
        )
    return None if first.dtype == object else first.shape[1:]


def _small_body(shape, rate) -> keras.Model:
    if rate is not None:
        seconds = shape[0] / rate
        return load_audio_backbone("small_cnn", seconds, rate, None, image_size=SPECTROGRAM)
    if len(shape) == 3 and shape[2] == 3 and min(shape) >= 3 and min(shape[:2]) >= 16:
        return load_backbone("small_cnn", weights=None, input_shape=shape)
    if len(shape) == 2:
        return series_encoder(shape, causal=False)
    if len(shape) == 1:
        inputs = keras.Input(shape)
        hidden = keras.layers.Dense(64, "relu", name="block1_dense")(inputs)
        return keras.Model(inputs, hidden, name="small")
    raise ValueError(
        "A small network is known for RGB pictures from 16 pixels, sounds, texts, series and "
        "vectors. "
        f"Received: inputs of shape {shape}. Pass small=, a function of (train, val, seed) that "
        "returns a trained model, or leave the arm out with arms=."
    )
