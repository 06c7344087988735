"""What fine-tuning asks of a model, its data and its settings."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np

from tltk._checks import check_choice, check_flag, check_number, refuse, shown
from tltk._keras import check_model
from tltk.backbones import layers_by_block
from tltk.backbones.audio import sample_rate
from tltk.backbones.text import looks_words_up, warn_of_unknown_words
from tltk.inputs.audio import warn_if_loud
from tltk.inputs.examples import Data, Examples, check_labelled, examples_of, warn_if_scaled
from tltk.tuning._cutting import as_functional
from tltk.tuning.adapters import check_adapters


def checked_examples(model: keras.Model, data: Data) -> Examples:
    """Labelled examples that fit a model, whatever form the data has."""
    check_model(model, functional=True)
    examples = examples_of(data)
    check_labelled(examples)
    warn_of_first_batch(model, examples)
    check_fits(model, examples)
    return examples.replace(labels=_fitting_labels(model, examples.labels))


def check_fits(model: keras.Model, examples: Examples) -> None:
    """Refuse inputs of another shape, or of another kind, than a network takes."""
    first = keras.tree.flatten(examples.fetch(np.arange(1)))
    shapes = [leaf.shape[1:] for leaf in first]
    wanted = [tensor.shape[1:] for tensor in model.inputs]
    if len(shapes) != len(wanted) or not all(map(fits_shape, shapes, wanted)):
        raise ValueError(
            f"Inputs must have the shape the network takes, {wanted[0]}. Received: {shapes[0]}. "
            "Load the data with that image_size (or seconds and rate), or the backbone with that "
            "input_shape."
        )
    for leaf, tensor in zip(first, model.inputs, strict=True):
        texts = leaf.dtype.kind in "OSU"
        if texts != (tensor.dtype == "string"):
            raise ValueError(
                f"{model.name} takes {'numbers' if texts else 'strings'}. Received: inputs such as "
                f"{shown(leaf.ravel()[:1].tolist()[0])}. Turn them into such, or take a network "
                f"for {'texts, see load_text_backbone' if texts else 'numbers'}."
            )


def warn_of_first_batch(model: keras.Model, examples: Examples) -> None:
    """Warn where the first rows are not what a network takes.

    What a reader of ours gave names to has the scale it should.
    """
    named, first = examples.names is not None, np.arange(min(32, examples.count))
    if looks_words_up(model):
        warn_of_unknown_words(model, examples.fetch(first))
    elif not named:
        warn_of_scale(model, examples.fetch(first))


def warn_of_scale(model: keras.Model, inputs) -> None:
    """Warn where pictures look scaled already, or where waveforms are not scaled."""
    if sample_rate(model) is None or isinstance(inputs, dict):
        warn_if_scaled(inputs)
    else:
        warn_if_loud(inputs)


def fits_shape(shape, wanted) -> bool:
    """Whether a row has a shape of which some sides may be free."""
    return len(shape) == len(wanted) and all(
        w is None or s == w for s, w in zip(shape, wanted, strict=True)
    )


def _fitting_labels(model, labels) -> np.ndarray:
    units = model.outputs[0].shape[-1]
    if not takes_class_numbers(model):
        width = labels.shape[1] if labels.ndim == 2 else 1
        if labels.ndim > 2 or width != units:
            raise ValueError(
                f"The head gives {units} numbers for each example, so labels have shape (n, "
                f"{units}). Received: labels of shape {labels.shape}. Use multi-hot rows for "
                'kind="many_labels", targets for kind="regression".'
            )
        return labels.astype("float32")
    if labels.ndim == 1 and labels.dtype.kind == "f" and (labels == labels.round()).all():
        raise ValueError(
            "A classifier with one label learns from class numbers, which are whole numbers. "
            f"Received: floats such as {labels[0]}. Write them as such: y.astype(int)."
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            "A classifier with one label learns from class numbers of shape (n,). Received: labels "
            f"of shape {labels.shape} and type {labels.dtype}. Take y.argmax(1) of one-hot rows, "
            'or build the classifier with kind="many_labels" or "regression".'
        )
    if labels.min() < 0 or labels.max() >= units:
        raise ValueError(
            f"Labels are class numbers from 0 to {units - 1}, the size of the head less one. "
            f"Received: labels from {labels.min()} to {labels.max()}. "
            "Build the classifier with all the classes of the data."
        )
    return labels


def takes_class_numbers(model: keras.Model) -> bool:
    """Whether a model's loss compares with class numbers rather than rows of numbers."""
    return "sparse" in str(getattr(model.loss, "name", model.loss)).lower()


def check_settings(model: keras.Model, settings: dict) -> None:
    """Refuse a model that cannot be fine-tuned and settings that make no sense."""
    check_model(model)
    if as_functional(model) is None or not model.compiled:
        raise ValueError(
            "fine_tune trains a compiled functional model. Received: "
            f"{model!r}, compiled={model.compiled}. Make one with build_classifier, or compile it."
        )
    if "head" not in layers_by_block(model):
        raise ValueError(
            "The new layers on top must be named head_…, so that they are told from the backbone. "
            f"Received: {model.name!r}, whose last layer is {model.layers[-1].name!r}. "
            "Make the model with build_classifier(backbone, classes)."
        )
    check_adapters(model)
    check_each(**settings)
    if any(weight.dtype == "float16" for weight in model.weights):
        warnings.warn(
            "Weights that learn need the digits of float32: in float16 the loss soon becomes NaN. "
            f"Received: {model.name!r} with weights in float16. Build it with "
            'keras.config.set_floatx("float32"), and for speed '
            'keras.config.set_dtype_policy("mixed_float16").',
            stacklevel=3,
        )


RULES: dict[str, dict[str, Any]] = {
    name: rule
    for names, rule in (
        ("head_lr base_lr lr lr_decay temperature", {"above": 0}),
        ("weight_decay l2_sp weight steepness pseudo_weight", {"least": 0}),
        ("epochs head_epochs", {"least": 0, "whole": True}),
        ("batch_size patience width stretch", {"least": 1, "whole": True}),
        ("seed", {"least": 0, "most": 2**32 - 1, "whole": True}),
    )
    for name in names.split()
}
FLAGS = ("cache", "train_batch_norm")
CHOICES = {"verbose": (0, 1, 2, False, True)}


def check_each(**settings) -> None:
    """Refuse settings of training that are no number, flag or choice as each must be."""
    for name, value in settings.items():
        if name in FLAGS:
            check_flag(name, value)
        elif name in CHOICES:
            check_choice(name, value, CHOICES[name])
        elif name in RULES and not (name == "head_epochs" and value is None):
            check_number(name, value, **RULES[name])


REFUSED = {
    keras.callbacks.BackupAndRestore: "it would train all epochs again in another order, without "
    "the best weights and the history so far. Pass checkpoint=FOLDER to fine_tune, which goes on "
    "to the last digit",
    keras.callbacks.SwapEMAWeights: "training keeps the weights of the best epoch, and no moving "
    "average of all of them. Leave it out, or train with Keras's own fit and an optimizer with "
    "use_ema=True",
}


def check_callbacks(callbacks) -> list:
    """The callbacks as a list; those that cannot do here what they do under `fit` are refused."""
    one = isinstance(callbacks, keras.callbacks.Callback | type)
    listed = [callbacks] if one else keras.tree.flatten(callbacks or [])
    for callback in listed:
        if not isinstance(callback, keras.callbacks.Callback):
            refuse(
                "callbacks must be a list of keras.callbacks.Callback",
                f"callbacks={shown(callbacks)}",
                "Pass objects, such as [keras.callbacks.CSVLogger(file)]",
            )
        for kind, reason in REFUSED.items():
            if isinstance(callback, kind):
                raise ValueError(
                    "Callbacks work as under Keras's fit, or are refused. "
                    f"Received: {type(callback).__name__}: {reason}."
                )
    return listed


def warn_of_logs_begun_anew(callbacks: list, fits: int) -> None:
    """Warn where a log would keep the last of several phases, each of which begins it anew."""
    if fits > 1 and any(
        isinstance(each, keras.callbacks.CSVLogger) and not each.append for each in callbacks
    ):
        warnings.warn(
            "Each trained phase is one fit, with which a CSVLogger begins its file anew. "
            f"Received: a CSVLogger with append=False for {fits} phases, so that the file keeps "
            "the last alone. Pass CSVLogger(FILE, append=True); the history has all of them.",
            stacklevel=3,
        )


def sets_the_rate(callbacks: list) -> bool:
    """Whether a callback decides on the learning rate, so that no schedule of ours may."""
    deciding = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)
    return any(isinstance(callback, deciding) for callback in callbacks)
