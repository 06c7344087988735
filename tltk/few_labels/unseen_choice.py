"""Settings for classes without examples, chosen among the classes that have some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from tltk._checks import check_number, check_seed, refuse, shown
from tltk.few_labels.zero_shot_checks import checked_numbers, checked_rows, checked_vectors


def choose_settings(
    learner,
    grid: Mapping[str, Sequence],
    X,
    y,
    vectors,
    splits: int = 5,
    share: float = 1 / 3,
    seed: int = 0,
) -> dict:
    """Choose the settings of a zero-shot learner by letting seen classes play the unseen.

    In each split some classes are hidden, the learner is fitted on the others, and names the rows
    of the hidden ones among these. An ordinary cross-validation, with rows of every class on both
    sides, would answer another question.

    Args:
        learner: an estimator with `fit(X, y, vectors)` and `predict(X, vectors)`: `ESZSL()`, say.
        grid: for each setting the values to try.
        X: features (n, d).
        y: class numbers (n,), each a row of `vectors`.
        vectors: of the classes seen (k, a), four at least.
        splits: how often classes are drawn to be hidden.
        share: the share of classes that is hidden, two at least.
        seed: decides which.

    Returns:
        The settings with the highest mean accuracy, the first of equal ones.

    Raises:
        ValueError: for fewer than four classes, a share that leaves fewer than two, no split, and
            what the learner refuses.

    Example:
        >>> from tltk.few_labels import ESZSL
        >>> rng = np.random.default_rng(0)
        >>> vectors = rng.normal(size=(6, 3))
        >>> y = np.arange(120) % 6
        >>> X = vectors[y] + rng.normal(0, 0.3, (120, 3))
        >>> choose_settings(ESZSL(), {"gamma": [1, 1e9], "lam": [0.1]}, X, y, vectors)
        {'gamma': 1, 'lam': 0.1}
    """
    X, vectors = checked_rows(X), checked_vectors(vectors, fewest=4)
    y, count = checked_numbers(y, len(X), len(vectors)), len(vectors)
    check_number("splits", splits, least=1, whole=True, advice="5 are usual")
    check_number("share", share, above=0, below=1, advice="A third is usual")
    check_seed("seed", seed)
    if not isinstance(grid, Mapping) or not grid:
        refuse("grid must name a setting", f"grid={shown(grid)}", 'Pass {"gamma": [1, 10]}, say')
    hidden_count = max(2, round(share * count))
    if count - hidden_count < 2:
        raise ValueError(
            "A split leaves two classes to learn from. "
            f"Received: share={share} of {count} classes. Leave it out for the default."
        )
    candidates, scores = list(ParameterGrid(grid)), []
    for split in range(splits):
        hidden = np.random.default_rng([seed, split]).permutation(count)[:hidden_count]
        kept = np.setdiff1d(np.arange(count), hidden)
        rows, judged = np.isin(y, kept), np.isin(y, hidden)
        own = np.searchsorted(kept, y[rows])
        for settings in candidates:
            fitted = clone(learner).set_params(**settings).fit(X[rows], own, vectors[kept])
            answers = hidden[fitted.predict(X[judged], vectors[hidden])]
            scores.append(np.mean(answers == y[judged]))
    return candidates[np.reshape(scores, (splits, -1)).mean(axis=0).argmax()]
