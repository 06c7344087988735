"""Which labels are doubtful: those that a classifier does not expect on rows it was not given."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from tltk._checks import as_class_numbers, as_classes, check_count, check_seed, refuse, shown
from tltk.evaluation.transferability import checked_features
from tltk.few_labels.self_training import default_classifier
from tltk.tuning.linear_head import NOTHING_LEFT_TO_GAIN


class LabelErrors(NamedTuple):
    """All rows, the most doubtful label first.

    Attributes:
        rows: the number of each row in the features (n,).
        confidence: the out-of-fold probability of its given label (n,), ascending.
        suggestions: the most probable class among the others (n,).
    """

    rows: np.ndarray
    confidence: np.ndarray
    suggestions: np.ndarray


def find_label_errors(
    features: np.ndarray,
    labels: np.ndarray,
    classifier=None,
    *,
    groups: np.ndarray | None = None,
    folds: int = 5,
    seed: int = 0,
) -> LabelErrors:
    """Rank examples by how doubtful their labels are, the most doubtful first.

        confidence_i = p(y_i | x_i), from a classifier fitted on the other folds

    It is a list to look at, and no list to delete: rare and difficult examples stand high in it
    beside wrong ones. A label that is wrong wherever it occurs is not found at all.

    Args:
        features: (n, d), from `extract_features`.
        labels: the class numbers as given (n,), some of them wrong.
        classifier: any scikit-learn classifier with `predict_proba`; None for logistic regression
            (C = 0.01) on standardised features.
        groups: what each row was taken from (n,), such as a recording or a person; a group stays
            in one fold, since near-copies with the same wrong label would vouch for one another.
        folds: the number of folds; every class needs as many examples, or groups.
        seed: decides the folds.

    Returns:
        `LabelErrors(rows, confidence, suggestions)`, each (n,).

    Raises:
        ValueError: for features that are not finite or all alike, fewer than two classes, lengths
            that differ, a classifier without probabilities, and a class with too few examples.

    Example:
        >>> features, labels = np.array([[0.0], [1]] * 20), np.array([0, 1] * 20)
        >>> labels[6] = 1
        >>> found = find_label_errors(features, labels)
        >>> int(found.rows[0]), int(found.suggestions[0])
        (6, 0)

    Reference:
        Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels,
        2021.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

    features = checked_features(features)
    labels = as_class_numbers("labels", labels, len(features), 2)
    check_count("folds", folds, 2)
    check_seed("seed", seed)
    if classifier is not None and not hasattr(classifier, "predict_proba"):
        refuse(
            "Confidence is a probability, so the classifier needs predict_proba",
            f"classifier={shown(classifier)}",
            "Wrap it in sklearn's CalibratedClassifierCV",
        )
    classes, numbers = np.unique(labels, return_inverse=True)
    kind = StratifiedKFold
    if groups is not None:
        kind, groups = StratifiedGroupKFold, as_classes("groups", groups, len(features))
    for number, label in enumerate(classes):
        own = np.flatnonzero(numbers == number)
        units = len(own) if groups is None else len(np.unique(groups[own]))
        if units < folds:
            what = "examples" if groups is None else "groups"
            refuse(
                f"Each class needs {what} for all {folds} folds",
                f"{units} {what} of class {label}",
                "Use fewer folds, or leave the class out",
            )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=NOTHING_LEFT_TO_GAIN)
        expected = cross_val_predict(
            default_classifier() if classifier is None else classifier,
            features,
            numbers,
            groups=groups,
            cv=kind(folds, shuffle=True, random_state=seed),
            method="predict_proba",
        )
    given = np.arange(len(features)), numbers
    confidence = expected[given]
    expected[given] = -1
    order = np.argsort(confidence, kind="stable")
    return LabelErrors(order, confidence[order], classes[expected.argmax(axis=1)[order]])
