"""A body for tables: standardised columns, with a mark where a value is missing."""

from __future__ import annotations

import warnings

import keras
import numpy as np

from tltk._checks import as_numbers, divisors, refuse


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
    advice = "Set what is missing to NaN; make each word a column of 0 and 1"
    rows = as_numbers("rows", rows, "(n, d)", missing=True, advice=advice)
    empty = np.flatnonzero(np.isnan(rows).all(axis=0))
    if empty.size:
        received = f"rows without a value in column {empty[0]}"
        refuse("Every column must have a finite value", received, "Leave the column out")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean, variance = np.nanmean(rows, axis=0), np.nanvar(rows, axis=0)
    variance = divisors(np.sqrt(variance), mean) ** 2
    inputs = keras.Input((rows.shape[1],), name="columns")
    scale = keras.layers.Normalization(mean=mean, variance=variance, name="table_scale")
    values = keras.ops.nan_to_num(scale(inputs))
    marks = keras.ops.cast(keras.ops.isnan(inputs), "float32")
    features = keras.layers.Concatenate(name="table_features")([values, marks])
    return keras.Model(inputs, features, name="table")
