"""How far two domains lie apart, how far they would by chance alone, and what that may cost."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tltk._checks import check_number, check_seed
from tltk.evaluation.transferability import (
    checked_classes,
    checked_features,
    linear_probe,
    linear_probe_accuracy,
)

FOLDS = 5
STRENGTH = 1e-2


def domain_distance(
    a: np.ndarray,
    b: np.ndarray,
    seed: int = 0,
    permutations: int = 200,
    *,
    subsample: int = 300,
) -> list[dict]:
    """Measure four distances between two domains, each beside what chance alone would give.

    - proxy A-distance: 2 (1 - 2 e), with e the five-fold error of a ridge classifier (penalty d, on
      standardised features) that tells the domains apart: 0 where it cannot, 2 where it always can;
    - MMD: the unbiased estimate of the squared distance of the mean embeddings under the kernel
      `exp(-|x - y|^2 / (2 s^2))`, with s the median distance of all pairs of rows;
    - CORAL: `|Ca - Cb|^2 / (4 d^2)`, the difference of the covariances (n - 1 in the denominator);
    - Fréchet: `|ma - mb|^2 + tr(Ca + Cb - 2 (Ca Cb)^(1/2))`, between normal distributions.

    All of them but the MMD are far from 0 for two halves of one domain, the more so with few
    examples and many features. So each is measured again and again with the rows dealt out to the
    two sides at random, which gives its null distribution. All are computed from the products of
    the rows with each other, so d may be large.

    Args:
        a: features (n, d) of one domain.
        b: features (m, d) of the other.
        seed: decides the subsample, the folds and the permutations.
        permutations: how many deals; the smallest p-value possible is 1 / (permutations + 1).
        subsample: this many rows at most are drawn from each domain, and as many from both.

    Returns:
        Four rows: "distance", "value", "null_mean", "null_95" (the 95 % quantile) and "p_value",
        the share of deals, the true one included, with a distance at least as large.

    Raises:
        ValueError: for values that are not finite, widths that differ, fewer than ten rows on a
            side, or fewer than one permutation.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> rows = domain_distance(rng.normal(size=(50, 3)), rng.normal(1, 1, (50, 3)))
        >>> [(row["distance"], row["p_value"] < 0.05) for row in rows][:2]
        [('proxy A-distance', True), ('MMD', True)]

    References:
        - Ben-David et al., Analysis of representations for domain adaptation, 2007.
        - Gretton et al., A kernel two-sample test, 2012.
        - Sun and Saenko, Deep CORAL, 2016.
        - Dowson and Landau, The Fréchet distance between multivariate normal distributions, 1982.
    """
    check_seed("seed", seed)
    check_number("permutations", permutations, least=1, whole=True, advice="200 are usual")
    check_number("subsample", subsample, least=2 * FOLDS, whole=True, advice="300 are usual")
    rng = np.random.default_rng(seed)
    a, b = _equally_many(a, b, subsample, rng)
    rows, half = np.vstack([a, b]), len(a)
    deals = [np.arange(2 * half), *(rng.permutation(2 * half) for _ in range(permutations))]
    measures = {
        "proxy A-distance": _proxy_a_distance(rows, rng),
        "MMD": _mmd(rows),
        "CORAL": _coral(rows),
        "Fréchet": _frechet(rows),
    }
    return [
        {"distance": name, **_beside_chance([measure(*np.split(deal, 2)) for deal in deals])}
        for name, measure in measures.items()
    ]


def _beside_chance(values) -> dict[str, float]:
    value, null = values[0], np.array(values[1:])
    return {
        "value": float(value),
        "null_mean": float(null.mean()),
        "null_95": float(np.quantile(null, 0.95)),
        "p_value": float((1 + np.sum(null >= value - 1e-12 * abs(value))) / (1 + len(null))),
    }


def _equally_many(a, b, subsample, rng) -> tuple[np.ndarray, np.ndarray]:
    a, b = checked_features(a, "a"), checked_features(b, "b")
    size = min(len(a), len(b), subsample)
    if a.shape[1] != b.shape[1] or size < 2 * FOLDS:
        raise ValueError(
            f"Two domains need features of one width and {2 * FOLDS} rows each. Received: shapes "
            f"a={a.shape} and b={b.shape}, subsample={subsample}. Take both from one network."
        )
    return rng.permutation(a)[:size], rng.permutation(b)[:size]


Measure = Callable[[np.ndarray, np.ndarray], float]


def _proxy_a_distance(rows: np.ndarray, rng: np.random.Generator) -> Measure:
    """The folds' answers are linear in the sides, so the classifier is solved once for all."""
    count, width = rows.shape
    spread = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(
        spread > 1e-12 * np.abs(rows).max(), spread, np.inf
    )
    gram = rows @ rows.T / width
    answers = np.zeros((count, count))
    for held in np.array_split(rng.permutation(count), FOLDS):
        fit = np.setdiff1d(np.arange(count), held)
        middle = np.eye(len(fit)) - 1 / len(fit)
        inner = middle @ gram[np.ix_(fit, fit)] @ middle
        outer = (gram[np.ix_(held, fit)] - gram[fit][:, fit].mean(axis=0)) @ middle
        solved = np.linalg.solve(inner + np.eye(len(fit)), middle)
        answers[np.ix_(held, fit)] = outer @ solved + 1 / len(fit)

    def measure(first, second):
        sides = np.ones(count)
        sides[second] = -1
        return 2 * (1 - 2 * np.mean(sides * (answers @ sides) <= 0))

    return measure


def _mmd(rows: np.ndarray) -> Measure:
    from scipy.spatial.distance import pdist, squareform

    squares = pdist(rows, "sqeuclidean")
    kernel = np.exp(-squareform(squares) / (2 * max(np.median(squares), np.finfo(float).tiny)))

    def measure(first, second):
        n, m = len(first), len(second)
        sides = np.zeros((len(kernel), 2))
        sides[first, 0], sides[second, 1] = 1, 1
        (within_a, between), (_, within_b) = sides.T @ kernel @ sides
        own = (within_a - n) / (n * (n - 1)) + (within_b - m) / (m * (m - 1))
        return own - 2 * between / (n * m)

    return measure


def _coral(rows: np.ndarray) -> Measure:
    gram = _centred_gram(rows)

    def measure(first, second):
        aa, bb, ab = _blocks(gram, first, second)
        return ((aa**2).sum() + (bb**2).sum() - 2 * (ab**2).sum()) / (4 * rows.shape[1] ** 2)

    return measure


def _frechet(rows: np.ndarray) -> Measure:
    gram = _centred_gram(rows)

    def measure(first, second):
        """The trace of the root is the sum of the singular values of the sides' products."""
        aa, bb, ab = _blocks(gram, first, second)
        between = (
            gram[np.ix_(first, first)].mean()
            + gram[np.ix_(second, second)].mean()
            - 2 * gram[np.ix_(first, second)].mean()
        )
        squares = np.linalg.eigvalsh(ab @ ab.T)
        return between + np.trace(aa) + np.trace(bb) - 2 * np.sqrt(np.maximum(squares, 0)).sum()

    return measure


def _centred_gram(rows: np.ndarray) -> np.ndarray:
    rows = rows - rows.mean(axis=0)
    return rows @ rows.T


def _blocks(gram, first, second) -> list[np.ndarray]:
    """Products within and between the sides, about their means, scaled as covariances are."""
    return [
        _centred_block(gram[np.ix_(one, other)]) / np.sqrt((len(one) - 1) * (len(other) - 1))
        for one, other in ((first, first), (second, second), (first, second))
    ]


def _centred_block(block: np.ndarray) -> np.ndarray:
    block = block - block.mean(axis=0)
    return block - block.mean(axis=1, keepdims=True)


def ben_david_bound(
    source: np.ndarray,
    source_labels: np.ndarray,
    target: np.ndarray,
    target_labels: np.ndarray,
    *,
    seed: int = 0,
) -> list[dict]:
    """Estimate the terms that bound a classifier's error in a target domain, and that error.

        target error <= source error + d / 2 + joint error

    with d the divergence of the domains and the joint error the least sum of both errors that one
    classifier has. The estimates: errors of logistic regression (C = 0.01, standardised features)
    on rows held out in five folds; d the proxy A-distance of `domain_distance`, at least 0. The
    theorem speaks of another divergence (of pairs of classifiers), of the best classifiers and of
    endless data. So this is an illustration that may fail to hold, not a guarantee.

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
    source, target = checked_features(source, "source"), checked_features(target, "target")
    checked_classes(source_labels, len(source), name="source_labels")
    checked_classes(target_labels, len(target), name="target_labels")
    sides = (source, np.asarray(source_labels)), (target, np.asarray(target_labels))
    divergence = domain_distance(source, target, seed, permutations=1)[0]["value"]
    probe: dict[str, Any] = {"strengths": (STRENGTH,), "seed": seed}
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
