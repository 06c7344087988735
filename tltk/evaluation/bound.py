"""The terms of the bound on the error in another domain, beside the error there."""

import numpy as np

from tltk.evaluation.distances import domain_distance
from tltk.evaluation.feature_checks import checked_classes, checked_features
from tltk.evaluation.probes import linear_probe, linear_probe_accuracy

STRENGTH = 1e-2
FOLDS = 5


def ben_david_bound(
    source: np.ndarray,
    source_labels: np.ndarray,
    target: np.ndarray,
    target_labels: np.ndarray,
    seed: int = 0,
) -> list[dict]:
    """Estimate the terms that bound a classifier's error in a target domain, and that error.

    target error <= source error + d / 2 + joint error, with d the divergence of the domains and
    the joint error the least sum of both errors that one classifier has. The estimates: errors of
    logistic regression (C = 0.01, standardised features) on rows held out in five folds; d the
    proxy A-distance of `domain_distance`, at least 0. The theorem speaks of another divergence (of
    pairs of classifiers), of the best classifiers and of endless data. So this is an illustration
    that may fail to hold, not a guarantee.

    Args:
        source: features (n, d).
        source_labels: class numbers (n,).
        target: features (m, d) from the same network.
        target_labels: class numbers (m,), used for the joint and the observed error only.
        seed: decides the folds.

    Returns:
        Rows with "term" and "value": "source error", "half the divergence", "joint error", "bound"
        (their sum), "target error" (observed, of the classifier fitted on the source).

    Raises:
        ValueError: as `domain_distance` and `linear_probe_accuracy` do.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(60) % 2
        >>> source = labels[:, None] * 4 + rng.normal(size=(60, 2))
        >>> rows = ben_david_bound(source, labels, source + [0, 20], labels)
        >>> rows[1]
        {'term': 'half the divergence', 'value': 1.0}

    Reference:
        Ben-David et al., A theory of learning from different domains, 2010.
    """
    sides = [
        (checked_features(source, "Source features"), np.asarray(source_labels)),
        (checked_features(target, "Target features"), np.asarray(target_labels)),
    ]
    for rows, labels in sides:
        checked_classes(labels, len(rows))
    divergence = domain_distance(source, target, seed, permutations=1)[0]["value"]
    probe = {"strengths": (STRENGTH,), "seed": seed}
    terms = {
        "source error": 1 - linear_probe_accuracy(*sides[0], **probe),
        "half the divergence": max(divergence, 0.0) / 2,
        "joint error": _joint_error(sides, seed),
    }
    terms["bound"] = sum(terms.values())
    terms["target error"] = 1 - linear_probe_accuracy(*sides[0], sides[1], **probe)
    return [{"term": term, "value": float(value)} for term, value in terms.items()]


def _joint_error(sides, seed) -> float:
    """The sum of both domains' errors of one probe, fitted on four fifths of each."""
    folds = [np.random.default_rng(seed).permutation(len(rows)) % FOLDS for rows, _ in sides]
    rows, labels = (np.concatenate(each) for each in zip(*sides, strict=True))
    held, domain = np.concatenate(folds), np.repeat([0, 1], [len(each) for each in folds])
    wrong = np.zeros(len(rows))
    for fold in range(FOLDS):
        new = held == fold
        probe = linear_probe(STRENGTH).fit(rows[~new], labels[~new])
        wrong[new] = probe.predict(rows[new]) != labels[new]
    return float(sum(wrong[domain == each].mean() for each in (0, 1)))
