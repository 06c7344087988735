"""Pretraining without labels: two changed views of one example should look alike."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops

from tltk._checks import check_count, check_number, check_seed, refuse, shown
from tltk._keras import check_model, reseed
from tltk.inputs.examples import Data, examples_of
from tltk.tuning._checks import check_each, check_fits
from tltk.tuning._loop import history_of, train
from tltk.tuning._optimizer import Adam
from tltk.tuning.features import pooled_network
from tltk.tuning.freezing import unfreeze


def pretrain_contrastive(
    encoder: keras.Model,
    data: Data,
    augment: keras.layers.Layer | None = None,
    epochs: int = 10,
    *,
    lr: float = 1e-3,
    batch_size: int = 128,
    temperature: float = 0.5,
    width: int = 64,
    seed: int = 0,
    verbose: int = 0,
) -> keras.callbacks.History:
    """Train an encoder to tell two random views of one example from views of all the others.

    Each example of a batch is changed twice at random; the pooled features of both go through two
    dense layers, which are thrown away afterwards, and `nt_xent` compares what comes out.

    Args:
        encoder: any network with one input and one output: features (b, d), or a map (b, h, w, c)
            or sequence (b, t, c), which is averaged; all of it trains, batch normalisation too.
        data: a split, or an array (n, ...). Labels are not used.
        augment: a Keras layer or model that changes inputs at random; what it changes is what the
            features shall not depend on. None for `contrastive_augmentation()`, for pictures.
        epochs: passes over the data; a last batch that is not full is left out.
        lr: learning rate of Adam.
        batch_size: examples a step, two or more. The other examples of a batch are what each is
            told from, so large batches teach more.
        temperature: of the loss; lower ones look at the hardest others only.
        width: of what the loss compares.
        seed: decides order, changes and the thrown-away layers.
        verbose: as in Keras.

    Returns:
        The history; its loss is that of `nt_xent`, and "accuracy" the share of views whose other
        view was the nearest in the batch. The encoder is trained in place.

    Raises:
        ValueError: for fewer than two examples a batch, or a temperature that is not positive.

    Example:
        >>> encoder = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
        >>> pictures = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), "uint8")
        >>> history = pretrain_contrastive(encoder, pictures, epochs=2, batch_size=4)
        >>> sorted(history.history), len(history.history["loss"])
        (['accuracy', 'loss'], 2)

    Reference:
        Chen et al., A simple framework for contrastive learning of visual representations, 2020.
    """
    check_model(encoder, "encoder", functional=True)
    examples = examples_of(data)
    check_fits(encoder, examples)
    check_count("epochs", epochs)
    check_each(
        batch_size=batch_size,
        temperature=temperature,
        lr=lr,
        width=width,
        seed=seed,
        verbose=verbose,
    )
    if augment is not None and not isinstance(augment, keras.layers.Layer):
        refuse("augment must be a Keras layer", f"augment={shown(augment)}", "Leave it out")
    shape = encoder.inputs[0].shape[1:]
    if augment is None and len(shape) != 3:
        advice = "Pass augment=keras.layers.GaussianNoise(0.1), say, for inputs of another kind"
        received = f"augment=None for an encoder of inputs {shape}"
        refuse("augment may be left out for pictures (h, w, channels)", received, advice)
    batch_size = min(batch_size, examples.count)
    if batch_size < 2:
        raise ValueError(
            "A view is told from those of other examples. Received: "
            f"{examples.count} examples, batch_size={batch_size}. Leave it out for the default."
        )
    changes = contrastive_augmentation(seed) if augment is None else augment
    reseed(seed, changes)
    unfreeze(encoder, "all", train_batch_norm=True)
    model = _pair_of_views(encoder, changes, width, seed)

    def loss(_, pairs):
        return nt_xent(pairs[:, 0], pairs[:, 1], temperature)

    model.compile(Adam(lr), loss, metrics=[_accuracy])
    batches = _FullBatches(examples, batch_size, seed)
    return history_of(encoder, train(model, batches, shown=encoder, epochs=epochs, verbose=verbose))


def nt_xent(first, second, temperature: float = 0.5):
    """The normalised, temperature-scaled cross-entropy of pairs of views.

        l(i, j) = -log(exp(s_ij / t) / sum over k other than i of exp(s_ik / t))

    with s the cosine of two of the 2n views; the mean of l over both orders of all pairs (i, j).

    Args:
        first: one view of each of n examples (n, d).
        second: the other view of the same examples (n, d).
        temperature: t.

    Returns:
        The loss, a scalar tensor; log(2n - 1) where all views are alike.

    Example:
        >>> same = np.eye(2, dtype="float32")
        >>> round(float(nt_xent(same, same, temperature=1.0)), 4)  # log(1 + 2 / e)
        0.5514

    Reference:
        Chen et al., A simple framework for contrastive learning of visual representations, 2020.
    """
    check_number("temperature", temperature, above=0)
    likeness = _likeness(first, second) / temperature
    half = ops.shape(first)[0]
    others = ops.logsumexp(likeness - 1e9 * ops.eye(2 * half), axis=1)
    pairs = ops.diagonal(likeness[:half, half:])
    return ops.mean(others) - ops.mean(pairs)


def contrastive_augmentation(seed: int = 0) -> keras.Sequential:
    """Cut out, flip, and change light and colour of pictures strongly.

    Args:
        seed: random seed.

    Returns:
        A model from raw pictures (b, h, w, 3), 0 to 255, to changed ones.

    Example:
        >>> contrastive_augmentation()(np.full((2, 8, 8, 3), 100.0), training=True).shape
        TensorShape([2, 8, 8, 3])
    """
    check_seed("seed", seed)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal", seed=seed),
            layers.RandomTranslation(0.25, 0.25, fill_mode="reflect", seed=seed + 1),
            layers.RandomZoom((-0.5, 0.1), fill_mode="reflect", seed=seed + 2),
            layers.RandomColorJitter(
                brightness_factor=0.3,
                contrast_factor=0.4,
                saturation_factor=(0.0, 0.7),  # 0 is grey, 0.5 as it was
                hue_factor=0.1,
                seed=seed + 3,
            ),
        ],
        name="contrastive_augmentation",
    )


class _FullBatches(keras.utils.PyDataset):
    """Full batches without labels, in another order each epoch."""

    def __init__(self, examples, batch_size, seed):
        super().__init__()
        self._examples, self._batch_size = examples, batch_size
        self._random = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return self._examples.count // self._batch_size

    def __getitem__(self, index):
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return np.asarray(self._examples.fetch(rows), "float32"), np.zeros(len(rows), "float32")

    def on_epoch_end(self) -> None:
        self._order = self._random.permutation(self._examples.count)


def _pair_of_views(encoder, changes, width, seed) -> keras.Model:
    """From inputs (b, ...) to what the loss compares (b, 2, width)."""
    network = pooled_network(encoder, "avg")
    raw = keras.Input(encoder.inputs[0].shape[1:])
    features = network(ops.concatenate([changes(raw), changes(raw)]))
    drawn = [keras.initializers.GlorotUniform(seed + each) for each in (0, 1)]
    hidden = keras.layers.Dense(features.shape[-1], "relu", kernel_initializer=drawn[0])(features)
    compared = keras.layers.Dense(width, kernel_initializer=drawn[1])(hidden)
    return keras.Model(raw, ops.stack(ops.split(compared, 2), axis=1))


def _likeness(first, second):
    views = ops.concatenate([first, second])
    views = ops.normalize(views, axis=-1, epsilon=1e-8)
    return views @ ops.transpose(views)


def _accuracy(_, pairs):
    likeness = _likeness(pairs[:, 0], pairs[:, 1])
    count = ops.shape(likeness)[0]
    nearest = ops.argmax(likeness - 4.0 * ops.eye(count), axis=1)
    return ops.cast(nearest == (ops.arange(count) + count // 2) % count, "float32")


_accuracy.__name__ = "accuracy"


def pretrain_masked(
    encoder: keras.Model,
    data: Data,
    share: float = 0.3,
    stretch: int = 6,
    *,
    epochs: int = 10,
    lr: float = 1e-3,
    batch_size: int = 32,
    seed: int = 0,
    verbose: int = 0,
) -> keras.callbacks.History:
    """Train an encoder to reconstruct stretches of its windows that were set to zero.

    Each epoch hides other stretches. A dense layer reads the hidden values from the encoder's
    features; it is thrown away afterwards. Only hidden steps count in the loss.

    Args:
        encoder: from windows (b, length, c) to a sequence (b, length, d), such as
            `series_encoder(..., causal=False)`; all of it trains.
        data: scaled windows: a split, or an array (n, length, c). Targets are not used.
        share: the share of steps to hide, above 0 and below 1.
        stretch: steps that are hidden together; fewer than the encoder sees to either side.
        epochs: passes over the windows.
        lr: learning rate of Adam.
        batch_size: windows a step.
        seed: decides what is hidden, and the order.
        verbose: as in Keras.

    Returns:
        The history; its loss is the mean squared error of the hidden steps.

    Raises:
        ValueError: for an encoder that gives no sequence as long as its input, or a share that
            hides nothing or everything.

    Example:
        >>> from tltk.backbones import series_encoder
        >>> encoder = series_encoder((12, 1), filters=4, blocks=1, causal=False)
        >>> history = pretrain_masked(encoder, np.ones((8, 12, 1), "float32"), epochs=2)
        >>> len(history.history["loss"])
        2

    Reference:
        Zerveas et al., A transformer-based framework for multivariate time series representation
        learning, 2021 (hiding stretches rather than single steps).
    """
    check_model(encoder, "encoder", functional=True)
    examples = examples_of(data)
    check_fits(encoder, examples)
    check_number("share", share, above=0, below=1, advice="Use 0.3")
    check_count("epochs", epochs)
    check_each(stretch=stretch, lr=lr, batch_size=batch_size, seed=seed, verbose=verbose)
    windows = examples.arrays()[0].astype("float32")
    if len(encoder.output_shape) != 3 or encoder.output_shape[1] != encoder.input_shape[1]:
        raise ValueError(
            "Reconstruction needs features of every step, (b, length, d). Received: an encoder "
            f"from {encoder.input_shape} to {encoder.output_shape}. "
            "Build it with last_step=False and without pooling over time."
        )
    random = np.random.default_rng(seed)
    unfreeze(encoder, "all", train_batch_norm=True)
    guess = keras.layers.Dense(
        windows.shape[-1],
        kernel_initializer=keras.initializers.GlorotUniform(seed),
        name="head_reconstruction",
    )(encoder.outputs[0])
    model = keras.Model(encoder.inputs, guess)
    model.compile(optimizer=Adam(lr), loss="mean_squared_error")
    batches = _Hidden(windows, share, stretch, batch_size, random)
    return history_of(encoder, train(model, batches, shown=encoder, epochs=epochs, verbose=verbose))


class _Hidden(keras.utils.PyDataset):
    """Windows with stretches set to zero, and the windows whole; others in every epoch."""

    def __init__(self, windows, share, stretch, batch_size, random):
        super().__init__()
        self._windows, self._batch_size, self._random = windows, batch_size, random
        self._share, self._stretch = share, stretch
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._windows) // self._batch_size)

    def __getitem__(self, index):
        part = slice(index * self._batch_size, (index + 1) * self._batch_size)
        whole, hidden = self._windows[self._order[part]], self._drawn[part]
        weights = hidden.astype("float32") / max(float(self._drawn.mean()), 1e-9)
        return np.where(hidden[..., None], np.float32(0), whole), whole, weights

    def on_epoch_end(self) -> None:
        self._order = self._random.permutation(len(self._windows))
        shape = self._windows.shape[:2]
        self._drawn = hidden_steps(shape, self._share, self._stretch, self._random)


def hidden_steps(
    shape: tuple[int, int], share: float, stretch: int, random: np.random.Generator
) -> np.ndarray:
    """Draw which steps to hide, in whole stretches.

    Args:
        shape: (n, length).
        share: the share of stretches to hide; of every window at least one is hidden.
        stretch: steps in a stretch.
        random: where the draw comes from.

    Returns:
        Booleans (n, length).

    Example:
        >>> int(hidden_steps((1, 6), 0.5, 3, np.random.default_rng(0)).sum())
        3
    """
    count, length = shape
    pieces = math.ceil(length / stretch)
    chosen = max(1, round(share * pieces))
    ranks = random.random((count, pieces)).argsort(axis=1)
    return np.repeat(ranks < chosen, stretch, axis=1)[:, :length]
