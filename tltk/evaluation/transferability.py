"""How well features fit a task before anything is trained on it: scores from arrays alone."""

import numpy as np

from tltk._checks import (
    as_class_numbers,
    as_numbers,
    as_probabilities,
    check_number,
    check_seed,
    refuse,
    shown,
)
from tltk.tuning.linear_head import few_threads


def checked_features(features: np.ndarray, name: str = "features") -> np.ndarray:
    """Finite float64 rows (n, d) that are not all alike."""
    features = as_numbers(name, features, advice="extract_features gives such an array")
    if (features == features[0]).all():
        refuse(
            f"{name} must differ between examples",
            f"{name} of {len(features)} rows that are all alike",
            "Check that the network's inputs are raw, and its weights loaded",
        )
    return features


def checked_classes(
    labels, count: int | None = None, at_least: int = 2, name: str = "labels"
) -> np.ndarray:
    """Class numbers (n,) counted from zero without gaps."""
    return np.unique(as_class_numbers(name, labels, count, at_least), return_inverse=True)[1]


def target_columns(targets, count: int) -> np.ndarray:
    """Class numbers as columns of 0 and 1, one for each class; floats as columns (n, k)."""
    if np.asarray(targets).dtype.kind != "f":
        labels = checked_classes(targets, count, name="targets")
        return np.eye(labels.max() + 1)[labels]
    targets = as_numbers("targets", targets, "")
    columns = targets.reshape(len(targets), -1) if targets.ndim in (1, 2) else targets
    if columns.ndim != 2 or len(columns) != count or not columns.any(axis=0).all():
        refuse(
            f"targets must be {count} rows of numbers, no column all 0",
            f"targets={shown(targets)}",
            "Pass one row for each example",
        )
    return columns


KEPT_VARIANCE = 0.8
FEWEST_PER_COMPONENT = 10


def logme(features: np.ndarray, targets: np.ndarray) -> float:
    """Return the logarithm of the maximum evidence, per example, of a linear model's targets.

        LogME = max over a, b of log N(y; 0, I / b + F F' / a) / n

    averaged over the columns y of the targets (one of 0 and 1 for each class). Higher is better.
    The maximum is searched along the ratio a / b, for each of which the best b is known, so that it
    is the highest one, where the fixed point of the paper may stop at a lower one. Features are
    taken as they are, not centred; a column of ones gives the linear model an intercept.

    Args:
        features: (n, d), d may exceed n.
        targets: class numbers (n,), or numbers (n,) or (n, k) of type float for regression.

    Returns:
        The score, in nats. A fit without any residual counts as one of machine precision.

    Raises:
        ValueError: for values that are not finite, features that are all alike, fewer than two
            classes, or lengths that differ.

    Example:
        >>> labels = np.array([0, 0, 1, 1])
        >>> told, untold = np.array([[0.1], [0], [1], [0.9]]), np.array([[1.0], [0], [1], [0]])
        >>> logme(told, labels) > logme(untold, labels)
        True

    Reference:
        You, Liu, Wang and Long, LogME: practical assessment of pre-trained models, 2021.
    """
    features = checked_features(features)
    columns = target_columns(targets, len(features))
    unit = np.abs(columns).max(axis=0)  # the evidence of columns in another unit differs by its log
    columns = columns / unit
    directions, sizes, _ = np.linalg.svd(features, full_matrices=False)
    known = sizes > sizes[0] * 1e-12
    parts = (directions[:, known].T @ columns) ** 2
    energies = (sizes[known] / sizes[0]) ** 2
    totals = (columns**2).sum(axis=0)
    rests = np.maximum(totals - parts.sum(axis=0), np.finfo(float).eps * totals)
    found = [_evidence(*each, energies, len(features)) for each in zip(parts.T, rests, strict=True)]
    return float(np.mean(found - np.log(unit)))


def _evidence(parts, rest, energies, count) -> float:
    """The evidence of one column, maximised over the ratio of the two precisions."""
    from scipy.optimize import minimize_scalar

    def lost(log_ratio):
        shrunk = 1 / (1 + energies * np.exp(-np.atleast_1d(log_ratio))[:, None])
        return 0.5 * (np.log(shrunk @ parts + rest) - np.log(shrunk).sum(axis=1) / count)

    grid = np.linspace(-40, 40, 401)
    best = int(np.argmin(lost(grid)))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, 400)]
    found = minimize_scalar(lambda x: lost(x)[0], bounds=bounds, method="bounded")
    return 0.5 * (np.log(count / (2 * np.pi)) - 1) - min(float(found.fun), lost(grid)[best])


def h_score(
    features: np.ndarray, labels: np.ndarray, shrinkage: str | float | None = "auto"
) -> float:
    """Return how far the classes' mean features lie apart, measured by the features' own spread.

        H = (1 - s) tr(C^-1 B)

    with B the covariance of the class means (weighted by their frequency) and C the covariance of
    the features, shrunk: (1 - s) cov(F) + s tr(cov(F)) / d I. Between 0 and the number of classes
    less one; higher is better.

    Args:
        features: (n, d), d may exceed n.
        labels: class numbers (n,).
        shrinkage: the share s from 0 to 1; "auto" estimates it (Ledoit and Wolf); None takes the
            first paper's pseudo-inverse, which with d near n or above it fits noise.

    Returns:
        The score, a number without unit.

    Raises:
        ValueError: for values that are not finite, features that are all alike, fewer than two
            classes, lengths that differ, or a shrinkage outside 0 to 1.

    Example:
        >>> round(h_score(np.array([[-2.0], [0], [0], [2]]), [0, 0, 1, 1], shrinkage=None), 6)
        0.5

    References:
        - Bao et al., An information-theoretic approach to transferability, 2019.
        - Ibrahim, Ponomareva and Mazumder, Newer is not always better, 2022: the shrinkage.
    """
    features, labels = checked_features(features), checked_classes(labels, len(features))
    centred = features - features.mean(axis=0)
    centred /= np.abs(centred).max()
    covariance = centred.T @ centred / len(centred)
    counts = np.bincount(labels)
    means = np.stack([centred[labels == each].mean(axis=0) for each in range(len(counts))])
    roots = means * np.sqrt(counts / len(labels))[:, None]
    if shrinkage is None:
        return float(np.trace(roots @ np.linalg.pinv(covariance, hermitian=True) @ roots.T))
    share = _share(shrinkage, centred)
    covariance *= 1 - share
    width = len(covariance)
    covariance[np.diag_indices(width)] += share * np.mean(centred**2) + 1e-12 * np.mean(centred**2)
    return float((1 - share) * np.trace(roots @ np.linalg.solve(covariance, roots.T)))


def _share(shrinkage, centred) -> float:
    if isinstance(shrinkage, str) and shrinkage == "auto":
        from sklearn.covariance import ledoit_wolf_shrinkage

        return float(ledoit_wolf_shrinkage(centred, assume_centered=True))
    check_number("shrinkage", shrinkage, least=0, most=1, advice='Leave it at "auto", or pass None')
    return float(shrinkage)


def leep(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean log likelihood of the labels, told from a source head's probabilities alone.

        LEEP = mean over i of log sum over z of P(y_i | z) p_i(z)

    with p_i the source head's probabilities of example i, and P(y | z) = sum of p_i(z) where y_i =
    y, over sum of p_i(z). At most 0; higher is better. Guessing by frequency scores minus the
    labels' entropy.

    Args:
        probabilities: (n, z), rows that sum to 1.
        labels: class numbers (n,).

    Returns:
        The score, in nats.

    Raises:
        ValueError: for rows that are not probabilities, fewer than two classes, or lengths that
            differ.

    Example:
        >>> leep(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), [0, 0, 1])
        0.0

    Reference:
        Nguyen, Hassner, Seeger and Archambeau, LEEP, 2020.
    """
    probabilities = as_probabilities("probabilities", probabilities)
    labels = checked_classes(labels, len(probabilities))
    joint = np.eye(labels.max() + 1)[labels].T @ probabilities
    given_source = joint / np.maximum(joint.sum(axis=0), np.finfo(float).tiny)
    return float(np.log((probabilities @ given_source.T)[np.arange(len(labels)), labels]).mean())


def nce(source_labels: np.ndarray, labels: np.ndarray) -> float:
    """Return minus the entropy that the labels keep once the source's answers are known.

        NCE = -H(Y | Z) = sum over z, y of P(z, y) log P(y | z)

    At most 0; higher is better.

    Args:
        source_labels: the source head's answer for each example, class numbers (n,).
        labels: class numbers (n,).

    Returns:
        The score, in nats.

    Raises:
        ValueError: for labels that are not class numbers, fewer than two classes, or lengths that
            differ.

    Example:
        >>> round(nce([7, 7, 7, 7], [0, 0, 1, 1]), 3)
        -0.693

    Reference:
        Tran, Nguyen and Hassner, Transferability and hardness of supervised classification, 2019.
    """
    labels = checked_classes(labels)
    sources = checked_classes(source_labels, at_least=1, name="source_labels")
    if len(sources) != len(labels):
        refuse(
            "source_labels and labels must be of the same examples",
            f"source_labels of {len(sources)}, labels of {len(labels)}",
            "Pass both in one order",
        )
    joint = np.zeros((sources.max() + 1, labels.max() + 1))
    np.add.at(joint, (sources, labels), 1 / len(labels))
    given_source = joint / joint.sum(axis=1, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(given_source[seen])).sum())


def nleep(
    features: np.ndarray, labels: np.ndarray, components_per_class: int = 5, seed: int = 0
) -> float:
    """Return LEEP with clusters of the features in place of a source head's classes.

    The features' principal components up to 80 % of their variance are clustered by a Gaussian
    mixture with diagonal covariances; the probabilities of its components go into `leep`. The
    mixture has `components_per_class` components for each class, but no more than one for ten
    examples (and at least one for each class), for with few examples in each the score would
    merely count them.

    Args:
        features: (n, d), d may exceed n.
        labels: class numbers (n,).
        components_per_class: how many clusters for each class.
        seed: decides where the mixture starts.

    Returns:
        The score, in nats, at most 0; higher is better.

    Raises:
        ValueError: for values that are not finite, features that are all alike, fewer than two
            classes, or lengths that differ.

    Example:
        >>> features = np.repeat([[0.0, 0.0], [5.0, 5.0]], 20, axis=0)
        >>> features += np.random.default_rng(0).normal(size=features.shape)
        >>> nleep(features, np.repeat([0, 1], 20)) > -0.01
        True

    Reference:
        Li et al., Ranking neural checkpoints, 2021.
    """
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    features, labels = checked_features(features), checked_classes(labels, len(features))
    check_number("components_per_class", components_per_class, least=1, whole=True)
    check_seed("seed", seed)
    classes = labels.max() + 1
    most = max(classes, len(features) // FEWEST_PER_COMPONENT)
    features = features - features.mean(axis=0)
    features /= np.abs(features).max()
    reduced = PCA(KEPT_VARIANCE, svd_solver="full").fit_transform(features)
    mixture = GaussianMixture(
        min(components_per_class * classes, most),
        covariance_type="diag",
        reg_covar=1e-3 * float(reduced.var(axis=0).mean()),
        random_state=seed,
    )
    return leep(_settled(mixture, reduced).predict_proba(reduced), labels)


def _settled(mixture, rows):
    """A mixture fitted as far as its hundred rounds go."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(rows)


STRENGTHS = (1e-3, 1e-2, 1e-1)


def linear_probe_accuracy(
    features: np.ndarray,
    labels: np.ndarray,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
    strengths: tuple[float, ...] = STRENGTHS,
    *,
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
    *,
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
