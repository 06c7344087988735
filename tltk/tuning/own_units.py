"""A forecaster that takes and gives a series' own units."""

from __future__ import annotations

import keras

from tltk._keras import check_model
from tltk.inputs.windows import Scaling, check_scaling
from tltk.tuning.metadata import attach_metadata, metadata


def in_own_units(model: keras.Model, scaling: Scaling) -> keras.Model:
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
        >>> forecaster = in_own_units(network, Scaling("mean", (10.0,), (2.0,), 0))
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
