"""What zero-shot learners refuse: widths that differ, classes that are missing, NaN."""

import numpy as np

from tltk._checks import as_class_numbers, as_numbers, refuse


def checked_vectors(
    vectors, width: int | None = None, fewest: int = 2, name: str = "vectors"
) -> np.ndarray:
    """One finite vector for each class (k, a), float64."""
    vectors = as_numbers(name, vectors, "(k, a)", advice="Leave out what is not known")
    if len(vectors) < fewest:
        refuse(
            f"{name} must be of {fewest} classes at least",
            f"{name} of {len(vectors)}",
            "Add the other classes that an example may belong to",
        )
    if width is not None and vectors.shape[1] != width:
        raise ValueError(
            f"All classes are described by equally many numbers, {width} here. Received: vectors "
            f"of {vectors.shape[1]}. Take all of them from the same word vectors or attributes."
        )
    return vectors


def checked_rows(X, width: int | None = None) -> np.ndarray:
    """Finite rows (n, d), float64."""
    X = as_numbers("X", X, advice="Leave out what is not known")
    if width is not None and X.shape[1] != width:
        raise ValueError(
            f"Rows have {width} columns, as at fit. Received: {X.shape[1]}. "
            "Take them from the same network, in the same order."
        )
    return X


def checked_numbers(y, rows: int, classes: int) -> np.ndarray:
    """Class numbers (n,), of which each class has one at least."""
    y = as_class_numbers("y", y, rows)
    found = np.unique(y)
    if not np.array_equal(found, np.arange(classes)):
        raise ValueError(
            f"Each of the {classes} vectors is of a class that has rows, 0 to {classes - 1}. "
            f"Received: y with {found.tolist()}. Classes without rows are for predict."
        )
    return y
