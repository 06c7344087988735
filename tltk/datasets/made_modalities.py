"""Rows of a table in which values are missing, and rows of two data sets put side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from tltk._cache import content_digest
from tltk._checks import as_class_numbers, as_numbers, check_seed
from tltk.inputs._arrays import checked_labels
from tltk.inputs.examples import Examples


def make_rows_with_gaps(rows: Any, labels: Any = None) -> Examples:
    """Serve rows of numbers with gaps, which arrays elsewhere must not have.

    Args:
        rows: numbers (n, d), NaN where a value is missing.
        labels: their labels (n,), or None.

    Returns:
        Examples of float32 rows, for `fine_tune`, `fit_linear_head` and `modality_examples`.

    Raises:
        ValueError: for anything but rows of numbers, none at all, or infinity.

    Example:
        >>> make_rows_with_gaps([[1.0, np.nan]], [0]).fetch([0]).tolist()
        [[1.0, nan]]
    """
    advice = "Set what is missing to NaN; make each word a column of 0 and 1"
    rows = as_numbers("rows", rows, "(n, d)", missing=True, advice=advice).astype("float32")
    labels = None if labels is None else checked_labels(labels, len(rows))
    digest = content_digest(rows, "gaps")
    return Examples(lambda some: rows[some], count=len(rows), labels=labels, digest=digest)


def pair_by_class(first: Any, second: Any, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pair rows of two data sets of the same classes, to make examples of two senses.

    Such pairs are made, not found: given the class, one half knows nothing of the other, so two
    halves err independently, as they seldom do in one world. What fusion gains on them is more
    than it would gain there.

    Args:
        first: class numbers (n,) of one data set.
        second: class numbers (m,) of the other.
        seed: decides who is paired.

    Returns:
        Row numbers of both (k,), in random order: no row comes twice, and of each class as many as
        the set that has fewer of it.

    Raises:
        ValueError: where no class is in both.

    Example:
        >>> one, other = pair_by_class([0, 1, 1], [1, 1, 0, 2])
        >>> sorted(np.array([0, 1, 1])[one].tolist()), len(set(other.tolist()))
        ([0, 1, 1], 3)
    """
    check_seed("seed", seed)
    first, second = as_class_numbers("first", first), as_class_numbers("second", second)
    random, pairs = np.random.default_rng(seed), []
    for label in np.intersect1d(first, second):
        rows = [random.permutation(np.flatnonzero(each == label)) for each in (first, second)]
        pairs += list(zip(*rows, strict=False))
    if not pairs:
        raise ValueError(
            "Rows are paired by the classes that both sets have. "
            f"Received: classes {np.unique(first).tolist()} and {np.unique(second).tolist()}. "
            "Number the classes of both alike."
        )
    one, other = random.permutation(np.array(pairs)).T
    return one, other
