"""What zero-shot learners refuse: widths that differ, classes that are missing, NaN."""

import numpy as np


def checked_vectors(vectors, width: int | None = None, fewest: int = 2) -> np.ndarray:
    """One finite vector for each class (k, a), float64."""
    vectors = _finite(vectors, "Class vectors")
    if len(vectors) < fewest:
        raise ValueError(
            f"There are {fewest} classes at least. Received: vectors of {len(vectors)}. "
            "Add the other classes that an example may belong to."
        )
    if width is not None and vectors.shape[1] != width:
        raise ValueError(
            f"All classes are described by equally many numbers, {width} here. Received: vectors "
            f"of {vectors.shape[1]}. Take all of them from the same word vectors or attributes."
        )
    return vectors


def checked_rows(X, width: int | None = None) -> np.ndarray:
    """Finite rows (n, d), float64."""
    X = _finite(X, "Rows")
    if width is not None and X.shape[1] != width:
        raise ValueError(
            f"Rows have {width} columns, as at fit. Received: {X.shape[1]}. "
            "Take them from the same network, in the same order."
        )
    return X


def checked_numbers(y, rows: int, classes: int) -> np.ndarray:
    """Class numbers (n,), of which each class has one at least."""
    y = np.asarray(y)
    if y.dtype.kind not in "iu" or y.shape != (rows,):
        raise ValueError(
            f"Labels are class numbers of shape ({rows},). Received: shape {y.shape}, type "
            f"{y.dtype}. Number the classes as their vectors stand."
        )
    found = np.unique(y)
    if not np.array_equal(found, np.arange(classes)):
        raise ValueError(
            f"Each of the {classes} vectors is of a class that has rows, 0 to {classes - 1}. "
            f"Received: labels {found.tolist()}. Classes without rows are for predict."
        )
    return y.astype("int64")


def _finite(values, what) -> np.ndarray:
    values = np.asarray(values, "float64")
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise ValueError(
            f"{what} form a table of finite numbers. Received: shape {values.shape}, "
            f"{int((~np.isfinite(values)).sum())} not finite. Leave out what is not known."
        )
    return values
