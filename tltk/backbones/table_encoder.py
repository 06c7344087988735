"""A body for tables: standardised columns, with a mark where a value is missing."""

from __future__ import annotations

import warnings

import keras
import numpy as np


def table_encoder(rows: np.ndarray) -> keras.Model:
    """Build a network that takes rows of a table, gaps included, and has nothing to train.

    Each column is standardised by the mean and deviation of the values there are. A missing value
    becomes 0, the mean, and sets a mark of its own: that it is missing may tell something too.

    Args:
        rows: the training rows (n, d), NaN where a value is missing. Words are to be made columns
            of 0 and 1 first, one for each.

    Returns:
        A `keras.Model` of stock layers: floats (b, d) in, features (b, 2 d) out, first the values
        and then the marks. It goes where a backbone goes.

    Raises:
        ValueError: for anything but rows of numbers, and a column without any value.

    Example:
        >>> model = table_encoder(np.array([[1.0, 5.0], [3.0, np.nan]]))
        >>> model.predict(np.array([[3.0, np.nan]]), verbose=0).tolist()
        [[1.0, 0.0, 0.0, 1.0]]
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.dtype.kind not in "fiub" or not rows.size:
        raise ValueError(
            "A table is an array (n, d) of numbers, NaN where one is missing. "
            f"Received: {rows.dtype} of shape {rows.shape}. Make each word a column of 0 and 1."
        )
    rows = rows.astype("float64")
    empty = np.flatnonzero(np.isnan(rows).all(axis=0))
    if empty.size or np.isinf(rows).any():
        received = f"column {empty[0]} without a value" if empty.size else "infinity"
        raise ValueError(
            f"Every column has a finite value somewhere. Received: {received}. Leave it out."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean, variance = np.nanmean(rows, axis=0), np.nanvar(rows, axis=0)
    variance[variance == 0] = 1.0
    inputs = keras.Input((rows.shape[1],), name="columns")
    scale = keras.layers.Normalization(mean=mean, variance=variance, name="table_scale")
    values = keras.ops.nan_to_num(scale(inputs))
    marks = keras.ops.cast(keras.ops.isnan(inputs), "float32")
    features = keras.layers.Concatenate(name="table_features")([values, marks])
    return keras.Model(inputs, features, name="table")
