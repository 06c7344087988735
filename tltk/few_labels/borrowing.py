"""Borrow labels: the rows of a source that look most like the target."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import normalize

from tltk._checks import (
    as_class_numbers,
    as_numbers,
    check_choice,
    check_flag,
    check_number,
    check_seed,
    refuse,
)
from tltk.few_labels.self_training import default_classifier
from tltk.tuning.linear_head import NOTHING_LEFT_TO_GAIN

FOLDS = 5
MOST = 10.0
TINY = 1e-6


def select_source_rows(
    source: np.ndarray,
    target: np.ndarray,
    source_labels: np.ndarray | None = None,
    target_labels: np.ndarray | None = None,
    *,
    by: str = "domain",
    share: float = 0.25,
    unit_length: bool = True,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the rows of a source that look most like the target, and weigh them.

    - "domain": a classifier learns to tell source from target; a row counts as much as it is
      taken for a target row, w = (n / m) p / (1 - p), with p from a classifier that was not
      fitted on that row, n source and m target rows. Labels are not compared, so unlabelled
      target rows serve;
    - "class_means": w = `exp(-|x - m_y|^2 / (2 s^2))`, with m_y the mean of the target's rows of
      the row's own class y and s^2 the mean of that square over the target rows; features are
      divided by the target's deviation first. A row whose label means something else in the target
      lies far from that mean.

    Train on the target's rows with weight 1 and on these with the weights given, by the
    `sample_weight` of any scikit-learn classifier.

    Args:
        source: features (n, d) of the source.
        target: features (m, d) of the target, from the same network.
        source_labels: class numbers (n,); the share is then taken of each class.
        target_labels: class numbers (m,); needed for "class_means".
        by: "domain" or "class_means".
        share: the share of source rows to take, above 0 and at most 1.
        unit_length: scale each row to length 1 first. The length of a pretrained network's features
            tells how busy an example is rather than what it shows; pass False where the rows are
            no such features and their length means something.
        seed: decides the folds.

    Returns:
        `(rows, weights)`: ascending row numbers of the source (r,), and their weights (r,), with a
        mean of 1, none more than ten times their median.

    Raises:
        ValueError: for widths that differ, fewer than five rows on a side, labels that are missing
            or of another length, a source without a class of the target, an unknown `by`, and a
            share out of its range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> near, far = rng.normal([9, 0], 1, (50, 2)), rng.normal([0, 9], 1, (50, 2))
        >>> source, target = np.vstack([far, near]), rng.normal([9, 0], 1, (80, 2))
        >>> rows, weights = select_source_rows(source, target)
        >>> len(rows), bool((rows >= 50).mean() > 0.9), round(float(weights.mean()), 3)
        (25, True, 1.0)

    References:
        - Zadrozny, Learning and evaluating classifiers under sample selection bias, 2004.
        - Ge and Yu, Borrowing treasures from the wealthy, 2017.
    """
    source, target = as_numbers("source", source), as_numbers("target", target)
    check_choice("by", by, ("domain", "class_means"))
    check_number("share", share, above=0, most=1, advice="0.25 takes the nearest quarter")
    check_flag("unit_length", unit_length)
    check_seed("seed", seed)
    if source.shape[1] != target.shape[1] or min(len(source), len(target)) < FOLDS:
        refuse(
            f"source and target must be features of one width, {FOLDS} rows or more",
            f"source of shape {source.shape}, target of shape {target.shape}",
            "Take both from one network",
        )
    if unit_length:
        source, target = normalize(source), normalize(target)
    if source_labels is not None:
        source_labels = as_class_numbers("source_labels", source_labels, len(source))
    if target_labels is not None:
        target_labels = as_class_numbers("target_labels", target_labels, len(target))
    if by == "domain":
        closeness = _log_ratio(source, target, seed)
    else:
        closeness = -_distances(source, target, source_labels, target_labels) / 2
    rows = _nearest(closeness, share, source_labels)
    weights = np.exp(np.minimum(closeness[rows] - np.median(closeness[rows]), np.log(MOST)))
    return rows, weights / weights.mean()


def _log_ratio(source, target, seed) -> np.ndarray:
    """How much likelier each source row is in the target than in the source, as a logarithm."""
    rows, sides = np.vstack([source, target]), np.repeat([0, 1], [len(source), len(target)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=NOTHING_LEFT_TO_GAIN)
        told = cross_val_predict(
            default_classifier(), rows, sides, cv=folds, method="predict_proba"
        )
    of_target = np.clip(told[: len(source), 1], TINY, 1 - TINY)
    return np.log(of_target / (1 - of_target)) + np.log(len(source) / len(target))


def _distances(source, target, source_labels, target_labels) -> np.ndarray:
    """Squared distance to the target's mean of the row's own class; 1 is usual in the target."""
    if source_labels is None or target_labels is None:
        raise ValueError(
            "Class means need the labels of both. "
            f"Received: source_labels={source_labels}, target_labels={target_labels}. "
            'Pass both, or by="domain".'
        )
    deviation = target.std(axis=0)
    deviation[deviation <= TINY * np.abs(target).max()] = np.inf
    source, target = source / deviation, target / deviation
    known = np.isin(source_labels, target_labels)
    means = {each: target[target_labels == each].mean(axis=0) for each in np.unique(target_labels)}
    own = np.array([means[label] for label in target_labels])
    usual = max(float(((target - own) ** 2).sum(axis=1).mean()), TINY)
    wanted = np.array(
        [means.get(label, np.full(source.shape[1], np.nan)) for label in source_labels]
    )
    squares = ((source - wanted) ** 2).sum(axis=1) / usual
    return np.where(known, squares, np.inf)


def _nearest(closeness, share, labels) -> np.ndarray:
    labels = np.zeros(len(closeness), int) if labels is None else labels
    chosen = []
    for each in np.unique(labels):
        own = np.flatnonzero((labels == each) & np.isfinite(closeness))
        count = max(1, round(share * len(own))) if len(own) else 0
        chosen.append(own[np.argsort(-closeness[own], kind="stable")[:count]])
    rows = np.sort(np.concatenate(chosen))
    if not len(rows):
        raise ValueError(
            "Rows are borrowed for classes that both sides have. Received: "
            f"source classes {np.unique(labels).tolist()}, none of them in the target. "
            "Number both by the same names."
        )
    return rows
