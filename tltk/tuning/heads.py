"""Put a new head on a pretrained body."""

from __future__ import annotations

import numbers
import warnings
import zlib
from weakref import WeakKeyDictionary

import keras
import numpy as np

from tltk._checks import as_names, check_choice, check_share, shown
from tltk._keras import check_channels_last, check_model, input_structure
from tltk.backbones.images import check_prepared
from tltk.inputs.windows import Scaling, check_scaling
from tltk.tuning.features import pooling_layer
from tltk.tuning.freezing import freeze
from tltk.tuning.saving import attach_metadata, metadata

KINDS = {
    "one_label": ("softmax", "sparse_categorical_crossentropy", "accuracy"),
    "many_labels": ("sigmoid", "binary_crossentropy", "binary_accuracy"),
    "regression": ("linear", "mean_squared_error", "mean_absolute_error"),
}

_first_given: WeakKeyDictionary[keras.Model, int] = WeakKeyDictionary()


def build_classifier(
    backbone: keras.Model,
    classes,
    kind: str = "one_label",
    pooling: str = "avg",
    *,
    dropout: float = 0.2,
) -> keras.Model:
    """Put a pooling layer, dropout and one dense layer on a frozen backbone.

    Args:
        backbone: a headless network, from `load_backbone` or your own; its layers are shared,
            not copied, so load another one for a second classifier. It gives features of shape
            (b, h, w, c), (b, t, c) or (b, d).
        classes: the class names, or their number; for regression the number of targets.
        kind: "one_label" (softmax), "many_labels" (sigmoid, multi-hot labels) or "regression".
        pooling: "avg" or "max", for outputs with space or time.
        dropout: the share of features dropped in training, before the dense layer.

    Returns:
        A compiled model with the backbone frozen: raw pixels in, probabilities (b, k) out. It is
        flat: the backbone's layers are its own, followed by `head_pool`, `head_dropout` and
        `head_output`.

    Raises:
        ValueError: for an unknown kind or pooling, fewer than two classes, and a network of
            `keras.applications` without its preprocessing.

    Example:
        >>> body = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
        >>> model = build_classifier(body, ["cat", "dog"])
        >>> model.output_shape
        (None, 2)
        >>> [layer.name for layer in model.layers[-3:]]
        ['head_pool', 'head_dropout', 'head_output']
    """
    names = checked_names(classes, kind)
    check_backbone(backbone, pooling)
    activation, loss, metric = KINDS[kind]
    check_share("dropout", dropout)
    features = pooled_features(backbone, pooling, name="head_pool")
    if dropout:
        features = keras.layers.Dropout(dropout, name="head_dropout")(features)
    outputs = keras.layers.Dense(
        len(names), activation=activation, dtype="float32", name="head_output"
    )(features)
    model = keras.Model(input_structure(backbone), outputs, name=f"{backbone.name}_classifier")
    return compiled_frozen(
        model, loss, [metric], class_names=names, kind=kind, backbone=backbone.name
    )


def pooled_features(backbone: keras.Model, pooling: str, **settings):
    """The backbone's output as one vector for each example, pooled where it has space or time."""
    features = backbone.outputs[0]
    if len(features.shape) > 2:
        features = pooling_layer(pooling, len(features.shape), **settings)(features)
    return features


def compiled_frozen(model: keras.Model, loss, metrics, **facts) -> keras.Model:
    """A model whose body is frozen, compiled, with what it is noted for its file."""
    freeze(model)
    model.compile(optimizer="adam", loss=loss, metrics=metrics)
    model.optimizer.build(model.trainable_variables)
    return attach_metadata(model, **facts, versions={"keras": keras.__version__})


def checked_names(classes, kind) -> list[str]:
    """The names of the classes, given as names or as their number."""
    check_choice("kind", kind, KINDS, "Use one_label where every example has exactly one class")
    counted = isinstance(classes, numbers.Integral) and not isinstance(classes, bool)
    names = map(str, range(classes)) if counted else as_names("classes", classes)
    names = list(names)
    if len(names) < (2 if kind == "one_label" else 1):
        raise ValueError(
            f"A classifier needs at least two classes. Received: {shown(classes)}. "
            'For one yes-or-no answer use two classes, or kind="many_labels".'
        )
    return names


def check_backbone(backbone, pooling) -> None:
    """Refuse what no head can be put on."""
    check_choice("pooling", pooling, ("avg", "max"), 'Use "avg" if in doubt')
    check_model(backbone, "backbone")
    check_channels_last(backbone)
    heads = [layer.name for layer in backbone.layers if layer.name.startswith("head_")]
    if heads:
        raise ValueError(
            "Names that begin with head_ are kept for the new layers. "
            f"Received: a backbone with {', '.join(heads)}. Rename them, or cut the old head off."
        )
    if len(getattr(backbone, "outputs", None) or []) != 1:
        raise ValueError(
            "A backbone is a functional or sequential Keras model with one output. "
            f"Received: {backbone!r}. Wrap it: keras.Model(inputs, features)."
        )
    if len(backbone.outputs[0].shape) not in (2, 3, 4):
        raise ValueError(
            "A backbone gives features of shape (b, d), (b, t, c) or (b, h, w, c). "
            f"Received: an output of shape {backbone.outputs[0].shape}. Pool or flatten it first."
        )
    check_prepared(backbone)
    activation = getattr(getattr(backbone.layers[-1], "activation", None), "__name__", None)
    if activation in ("softmax", "sigmoid") and len(backbone.outputs[0].shape) == 2:
        warnings.warn(
            "A backbone ends in features; what ends in probabilities still has its old head. "
            f"Received: {backbone.name!r}, whose last layer {backbone.layers[-1].name!r} gives "
            f"{backbone.outputs[0].shape[-1]} values of {activation}. Load it with "
            "include_top=False, or cut it: keras.Model(net.input, net.layers[-2].output).",
            stacklevel=3,
        )
    _warn_of_learned(backbone)


def _warn_of_learned(backbone) -> None:
    """Warn where a backbone was given a head before and has been trained since."""
    checksum = 0
    for weight in backbone.weights:
        values = np.ascontiguousarray(weight.numpy()).view("uint8")
        checksum = zlib.crc32(values, checksum)  # type: ignore[arg-type]  # an array is a buffer
    if _first_given.setdefault(backbone, checksum) != checksum:
        warnings.warn(
            "A second classifier starts from the same backbone only where nothing has trained it "
            f"in between. Received: {backbone.name!r}, whose weights have changed since its first "
            "classifier: what that one learned, perhaps from examples that are now held out, is in "
            "it. Load the backbone again in the same cell.",
            stacklevel=3,
        )


def unscale_forecaster(model: keras.Model, scaling: Scaling) -> keras.Model:
    """Put the scaling of `series_windows` inside a model that was trained on scaled windows.

    Args:
        model: a regression model from scaled windows (b, length, c) to scaled targets
            (b, horizon); its layers are shared, not copied.
        scaling: the windows' `scaling`.

    Returns:
        A compiled model of stock layers: windows in the series' own units in, forecasts
        (b, horizon) in the target column's own units out.

    Raises:
        ValueError: if the model takes another number of columns than the scaling knows.

    Example:
        >>> from tltk.inputs import Scaling
        >>> network = keras.Sequential([keras.Input((3, 1)), keras.layers.Flatten()])
        >>> forecaster = unscale_forecaster(network, Scaling("mean", (10.0,), (2.0,), 0))
        >>> forecaster.predict(keras.ops.ones((1, 3, 1)), verbose=0).tolist()
        [[1.0, 1.0, 1.0]]
    """
    check_model(model, functional=True)
    check_scaling(scaling)
    columns = len(scaling.deviation)
    if len(model.input_shape) != 3 or model.input_shape[-1] != columns:
        raise ValueError(
            f"The model must take windows of {columns} columns, as the scaling does. Received: "
            f"input shape {model.input_shape}. Pass the scaling of the windows it was trained on."
        )
    number = scaling.target
    inputs = keras.Input(model.input_shape[1:], name="own_units")
    scale = keras.layers.Rescaling([1 / deviation for deviation in scaling.deviation])
    if scaling.origin == "last":
        scaled = scale(inputs - inputs[:, -1:])
    else:
        offset = [-m / d for m, d in zip(scaling.mean, scaling.deviation, strict=True)]
        scaled = keras.layers.Rescaling(scale.scale, offset)(inputs)
    outputs = model(scaled)
    if scaling.origin == "last":
        back = keras.layers.Rescaling(scaling.deviation[number])
        outputs = back(outputs) + inputs[:, -1, number : number + 1]
    else:
        outputs = keras.layers.Rescaling(scaling.deviation[number], scaling.mean[number])(outputs)
    whole = keras.Model(inputs, outputs, name=f"{model.name}_in_own_units")
    whole.compile(optimizer="adam", loss="mean_squared_error", metrics=["mean_absolute_error"])
    whole.optimizer.build(whole.trainable_variables)
    return attach_metadata(whole, **{**metadata(model), "kind": "regression"})
