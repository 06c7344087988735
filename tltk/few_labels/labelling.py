"""Which examples to label next."""

from __future__ import annotations

import warnings

import numpy as np

from tltk._checks import (
    as_class_numbers,
    as_numbers,
    check_choice,
    check_count,
    check_flag,
    check_seed,
    refuse,
    shown,
)
from tltk.few_labels.self_training import default_classifier
from tltk.tuning.linear_head import NOTHING_LEFT_TO_GAIN

METHODS = ("typical", "margin", "random")
DIMENSIONS, NEIGHBOURS, MOST_CLUSTERS, CANDIDATES = 128, 20, 500, 8


def choose_to_label(
    features: np.ndarray,
    labelled: np.ndarray,
    n: int,
    method: str = "typical",
    *,
    labels: np.ndarray | None = None,
    unit_length: bool = True,
    seed: int = 0,
) -> np.ndarray:
    """Choose the examples whose labels to ask for next.

    - "typical" (TypiClust): the rows fall into as many clusters as there will be labels, at most
      500. The largest of the clusters with the fewest labels gives its most typical row, that with
      the highest 1 / (mean distance to its 20 nearest neighbours in the cluster); and so on. It
      asks for no label to begin with.
    - "margin" (cluster-margin): a classifier fitted on the labelled rows leaves the 8 n rows with
      the smallest difference between their two largest probabilities; they fall into n clusters,
      and each gives the row of smallest difference. It needs labels of two classes.
    - "random": any rows, the baseline.

    Distances are taken between standardised features in their 128 main directions (PCA).

    Args:
        features: (m, d), of labelled and unlabelled rows alike, from `extract_features`.
        labelled: the numbers of the rows that have labels (k,); an empty list for none.
        n: how many rows to choose, at most m - k.
        method: "typical", "margin" or "random".
        labels: class numbers of the labelled rows (k,), in their order; "margin" needs them.
        unit_length: scale each row to length 1 before distances are taken, as is usual for a
            pretrained network's features; False where the rows are no such features and their
            length means something.
        seed: decides clusters and draws.

    Returns:
        Row numbers (n,), none of them labelled, all different, in the order of choosing.

    Raises:
        ValueError: for features that are not finite, numbers that are no different rows of them,
            more to choose than there are, an unknown method, and labels that are missing where
            "margin" needs them, of another length or of one class only.

    Example:
        >>> features = np.array([[0.0, 0], [0, 1], [1, 0], [9, 9], [9, 8], [8, 9]])
        >>> chosen = choose_to_label(features, [], 2)
        >>> sorted((chosen // 3).tolist())
        [0, 1]

    References:
        - Hacohen, Dekel and Weinshall, Active learning on a budget, 2022.
        - Citovsky et al., Batch active learning at scale, 2021.
    """
    features = as_numbers("features", features)
    check_choice("method", method, METHODS)
    check_count("n", n)
    check_flag("unit_length", unit_length)
    check_seed("seed", seed)
    labelled = _row_numbers(labelled, len(features))
    free = np.setdiff1d(np.arange(len(features)), labelled)
    if n > len(free):
        refuse(
            f"n must be at most the number of rows without a label, {len(free)}",
            f"n={n}",
            "Ask for fewer, or add rows",
        )
    if labels is not None and np.size(labels) != len(labelled):
        refuse(
            f"labels must be one class number for each of the {len(labelled)} labelled rows",
            f"labels={shown(labels)}",
            "Pass them in the order of labelled",
        )
    if labels is not None and len(labelled):
        labels = as_class_numbers("labels", labels, len(labelled))
    if method == "random":
        return np.random.default_rng([seed, len(labelled)]).choice(free, n, replace=False)
    if method == "typical":
        return _typical(_directions(features, unit_length, seed), labelled, n, seed)
    if labels is None or len(np.unique(labels)) < 2:
        refuse(
            'method="margin" needs labels of two classes',
            f"labels={shown(labels)}",
            'Begin with method="typical", which needs none',
        )
    margins = _margins(features, labelled, labels, free)
    order = np.argsort(margins, kind="stable")
    return _spread(_directions(features[free], unit_length, seed), order, n, seed, free)


def _row_numbers(labelled, count) -> np.ndarray:
    numbers = np.asarray(labelled)
    if not numbers.size and numbers.ndim == 1:
        return np.empty(0, int)
    whole = numbers.ndim == 1 and numbers.dtype.kind in "iu"
    inside = whole and numbers.min() >= 0 and numbers.max() < count
    if not inside or len(np.unique(numbers)) < len(numbers):
        refuse(
            f"labelled must be different row numbers from 0 to {count - 1}",
            f"labelled={shown(labelled)}",
            "Pass an empty list if there are none",
        )
    return numbers.astype(int)


def _directions(features, unit_length, seed) -> np.ndarray:
    """Standardised features in their main directions."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler

    if (features == features[0]).all():
        return np.zeros_like(features)
    width = min(DIMENSIONS, *features.shape)
    steps = make_pipeline(StandardScaler(), PCA(width, random_state=seed))
    if unit_length:
        steps.steps.append(("unit_length", Normalizer()))
    return steps.fit_transform(features)


def _clusters(points, count, seed) -> np.ndarray:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than clusters
        return KMeans(count, n_init=1, random_state=seed).fit_predict(points)


def _typicality(points) -> np.ndarray:
    """One over the mean distance to the nearest neighbours, of the rows of one cluster."""
    from sklearn.neighbors import NearestNeighbors

    if len(points) == 1:
        return np.ones(1)
    count = min(NEIGHBOURS, len(points) - 1)
    distances, _ = NearestNeighbors(n_neighbors=count).fit(points).kneighbors()
    return 1 / np.maximum(distances.mean(axis=1), np.finfo(float).tiny)


def _typical(points, labelled, n, seed) -> np.ndarray:
    cluster = _clusters(points, min(len(labelled) + n, MOST_CLUSTERS, len(points)), seed)
    labels, sizes, queues = {}, {}, {}
    for each in np.unique(cluster):
        own = np.flatnonzero(cluster == each)
        best = own[np.argsort(-_typicality(points[own]), kind="stable")]
        queues[each] = best[~np.isin(best, labelled)].tolist()
        labels[each], sizes[each] = len(own) - len(queues[each]), len(own)
    chosen = []
    for _ in range(n):
        left = [each for each, queue in queues.items() if queue]
        poorest = min(left, key=lambda each: (labels[each], -sizes[each]))
        chosen.append(queues[poorest].pop(0))
        labels[poorest] += 1
    return np.array(chosen)


def _margins(features, labelled, labels, free) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=NOTHING_LEFT_TO_GAIN)
        fitted = default_classifier().fit(features[labelled], labels)
    ordered = np.sort(fitted.predict_proba(features[free]), axis=1)
    return ordered[:, -1] - ordered[:, -2]


def _spread(points, order, n, seed, free) -> np.ndarray:
    """Of the first rows in order, the first of each cluster; then whatever comes first."""
    candidates = order[: CANDIDATES * n]
    cluster = _clusters(points[candidates], n, seed)
    firsts = np.sort(np.unique(cluster, return_index=True)[1])
    rest = np.setdiff1d(np.arange(len(candidates)), firsts)
    return free[candidates[np.concatenate([firsts, rest])[:n]]]
