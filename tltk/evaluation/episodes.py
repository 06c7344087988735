"""Few-shot methods judged on hundreds of small tasks, all of them on the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tltk._checks import check_choice, check_count, check_mapping, check_seed, refuse, shown
from tltk.evaluation.statistics import mean_interval, paired_interval
from tltk.evaluation.transferability import checked_features
from tltk.tuning.linear_head import few_threads


def evaluate_episodes(
    methods: Mapping[str, Any],
    features,
    labels: Sequence | np.ndarray,
    n_way: int = 5,
    *,
    n_shot: int = 1,
    n_query: int | Sequence[int] = 15,
    episodes: int = 600,
    seed: int = 0,
    baseline: str | None = None,
) -> list[dict]:
    """Compare few-shot methods by their mean accuracy over many episodes, the same for all.

    The interval tells how much the mean would vary with other episodes of these classes; it says
    nothing about other classes, and nothing about other trainings of a network.

    Args:
        methods: name -> scikit-learn classifier. Each is fitted on an episode's support and asked
            about all of its queries at once, so that a transductive one may look at them together.
        features: rows (n, d), of classes that nothing was trained on.
        labels: their classes (n,).
        n_way, n_shot, n_query: as for `tltk.few_labels.sample_episode`.
        episodes: their number; papers take 600 and more.
        seed: decides which episodes come.
        baseline: the name of a method; the gains over it are paired, episode by episode.

    Returns:
        A row for each method: "method", "ways", "shots", "episodes", "accuracy" as (mean, half
        width of the 95 % interval) and, with a baseline, "gain" as the same.

    Raises:
        ValueError: for an unknown baseline, no methods, and what `sample_episode` refuses.

    Example:
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> rng = np.random.default_rng(0)
        >>> labels = np.repeat(np.arange(8), 20)
        >>> features = rng.normal(size=(8, 4))[labels] + 0.1 * rng.normal(size=(160, 4))
        >>> methods = {"neighbour": KNeighborsClassifier(1)}
        >>> [row] = evaluate_episodes(methods, features, labels, episodes=20)
        >>> row["accuracy"][0] > 0.9
        True

    Reference:
        Chen et al., A closer look at few-shot classification, 2019.
    """
    _check_methods(methods)
    if baseline is not None:
        check_choice("baseline", baseline, methods, "Name one, or leave it out")
    scores = episode_accuracies(
        methods,
        features,
        labels,
        n_way,
        n_shot=n_shot,
        n_query=n_query,
        episodes=episodes,
        seed=seed,
    )
    rows = []
    for name, found in scores.items():
        row = {"method": name, "ways": n_way, "shots": n_shot, "episodes": episodes}
        row["accuracy"] = mean_interval(found)
        if baseline is not None:
            row["gain"] = None if name == baseline else paired_interval(found, scores[baseline])
        rows.append(row)
    return rows


def episode_accuracies(
    methods: Mapping[str, Any],
    features,
    labels: Sequence | np.ndarray,
    n_way: int = 5,
    *,
    n_shot: int = 1,
    n_query: int | Sequence[int] = 15,
    episodes: int = 600,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The accuracy of each method in each episode.

    Args:
        methods, features, labels, n_way, n_shot, n_query, episodes, seed: as for
            `evaluate_episodes`. Labels and seed alone decide the episodes: other features of the
            same rows are tested on the same ones.

    Returns:
        name -> accuracies (episodes,).

    Raises:
        ValueError: as `evaluate_episodes`.

    Example:
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> rows, labels = np.repeat(np.eye(3), 4, axis=0), np.repeat([0, 1, 2], 4)
        >>> methods = {"neighbour": KNeighborsClassifier(1)}
        >>> found = episode_accuracies(methods, rows, labels, 2, n_query=3, episodes=3)
        >>> found["neighbour"].tolist()
        [1.0, 1.0, 1.0]
    """
    from sklearn.base import clone

    from tltk.few_labels.episodes import EpisodeDrawer, rows_and_labels

    check_count("episodes", episodes)
    check_seed("seed", seed)
    _check_methods(methods)
    features = checked_features(features)
    fetch, labels = rows_and_labels(features, labels)
    drawer = EpisodeDrawer(labels, n_way, n_shot, n_query)
    methods = {name: clone(method) for name, method in methods.items()}
    scores = {name: np.empty(episodes) for name in methods}
    with few_threads(features.shape[1] * len(drawer.query_labels) * n_way):
        for number in range(episodes):
            support, query = map(fetch, drawer.draw([seed, number]))
            for name, method in methods.items():
                answers = method.fit(support, drawer.support_labels).predict(query)
                scores[name][number] = np.mean(answers == drawer.query_labels)
    return scores


def _check_methods(methods) -> None:
    check_mapping("methods", methods, what="classifiers")
    for name, method in methods.items():
        if not hasattr(method, "fit") or not hasattr(method, "get_params"):
            received = f"methods[{name!r}]={shown(method)}"
            refuse("methods must be scikit-learn classifiers", received, "Pass NearestPrototype()")
