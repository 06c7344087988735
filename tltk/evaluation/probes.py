"""How accurate the simplest classifiers are on features: a straight line, and the neighbours."""

import numpy as np

from tltk._checks import check_number, check_seed, refuse, shown
from tltk.evaluation.feature_checks import checked_classes, checked_features
from tltk.tuning.threads import few_threads

STRENGTHS = (1e-3, 1e-2, 1e-1)


def linear_probe_accuracy(
    features: np.ndarray,
    labels: np.ndarray,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
    strengths: tuple[float, ...] = STRENGTHS,
    seed: int = 0,
) -> float:
    """Return the accuracy of logistic regression on examples that it was not fitted on.

    Features are standardised, and turned to their principal axes, all of which are kept: that
    changes no answer and is faster where d exceeds n. Of the strengths C the one with the lowest
    log loss is taken, as in `fit_linear_head`; it is chosen on the very examples that the accuracy
    is measured on, so the accuracy is higher than on new examples by a little.

    Args:
        features: (n, d) to fit on.
        labels: class numbers (n,).
        held_out: features (m, d) and labels (m,) to judge on; None for five-fold
            cross-validation, stratified by class, in fewer folds where a class has fewer examples.
        strengths: values of C, small ones regularise more.
        seed: decides the folds.

    Returns:
        The share of right answers.

    Raises:
        ValueError: for values that are not finite, features that are all alike, fewer than two
            classes, lengths that differ, or a class with one example and nothing held out.

    Example:
        >>> features, labels = np.array([[0.0], [1], [10], [11]] * 5), [0, 0, 1, 1] * 5
        >>> linear_probe_accuracy(features, labels)
        1.0

    Reference:
        Alain and Bengio, Understanding intermediate layers using linear classifier probes, 2016.
    """
    for strength in strengths:
        check_number("strengths", strength, above=0)
    features = checked_features(features)
    probes = [linear_probe(each) for each in strengths]
    with few_threads(np.size(features) * len(np.unique(labels))):
        judged = [_judged(probe, features, labels, held_out, seed) for probe in probes]
    return min(judged)[1]


def linear_probe(strength: float):
    """Logistic regression on standardised features, turned to their principal axes, not fitted."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        StandardScaler(),
        PCA(svd_solver="full"),
        LogisticRegression(C=strength, max_iter=300, tol=1e-3),
    )


def neighbour_accuracy(
    features: np.ndarray,
    labels: np.ndarray,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
    neighbours: int = 5,
    seed: int = 0,
) -> float:
    """Return the accuracy of a vote among the nearest examples, by the angle between features.

    Args:
        features: (n, d) to look among.
        labels: class numbers (n,).
        held_out: features (m, d) and labels (m,) to judge on; None for five-fold
            cross-validation, stratified by class, in fewer folds where a class has fewer examples.
        neighbours: how many vote.
        seed: decides the folds.

    Returns:
        The share of right answers.

    Raises:
        ValueError: as for `linear_probe_accuracy`.

    Example:
        >>> features, labels = np.array([[0.0, 1], [1, 0]] * 10), [0, 1] * 10
        >>> neighbour_accuracy(features, labels)
        1.0
    """
    from sklearn.neighbors import KNeighborsClassifier

    check_number("neighbours", neighbours, least=1, whole=True, advice="5 are usual")
    voters = KNeighborsClassifier(neighbours, metric="cosine", algorithm="brute")
    return _judged(voters, features, labels, held_out, seed)[1]


def _judged(classifier, features, labels, held_out, seed) -> tuple[float, float]:
    """Log loss and accuracy on examples held out, or by cross-validation."""
    features, codes = checked_features(features), checked_classes(labels, len(features))
    check_seed("seed", seed)
    if held_out is not None:
        return _on_held_out(classifier, features, np.asarray(labels), held_out)
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    rarest = int(np.bincount(codes).min())
    if rarest < 2:
        raise ValueError(
            "Cross-validation needs two examples of each class. Received: a class with one. "
            "Add examples, or pass held_out."
        )
    folds = StratifiedKFold(min(5, rarest), shuffle=True, random_state=seed)
    answers = cross_val_predict(classifier, features, codes, cv=folds, method="predict_proba")
    return _log_loss(answers, codes), float(np.mean(answers.argmax(axis=1) == codes))


def _on_held_out(classifier, features, labels, held_out) -> tuple[float, float]:
    if not isinstance(held_out, tuple) or len(held_out) != 2:
        refuse(
            "held_out must be a pair (features, labels)",
            f"held_out={shown(held_out)}",
            "None takes cross-validation",
        )
    new = checked_features(held_out[0], "held_out[0]")
    truth = np.asarray(held_out[1])
    checked_classes(truth, len(new), at_least=1, name="held_out[1]")
    if new.shape[1] != features.shape[1]:
        raise ValueError(
            "Features to fit on and features held out must be of one width. "
            f"Received: features of {features.shape[1]}, held_out of {new.shape[1]}. "
            "Take both from one network."
        )
    classifier.fit(features, labels)
    answers = classifier.predict_proba(new)
    right = classifier.classes_[answers.argmax(axis=1)] == truth
    known = np.isin(truth, classifier.classes_)
    codes = np.searchsorted(classifier.classes_, truth[known])
    return _log_loss(answers[known], codes), float(np.mean(right))


def _log_loss(probabilities, codes) -> float:
    chosen = probabilities[np.arange(len(codes)), codes]
    return -float(np.log(np.maximum(chosen, 1e-12)).mean()) if len(codes) else np.inf
