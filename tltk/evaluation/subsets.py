"""Which examples a run of a comparison trains on, and how often it passes over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tltk._checks import check_count, refuse, shown
from tltk.evaluation.arms import BATCH
from tltk.inputs.examples import Examples


def label_sizes(labels: np.ndarray, asked: int | Sequence[int] | None) -> list[int]:
    """The numbers of labels per class to compare at, ascending.

    Example:
        >>> label_sizes(np.arange(200) % 10, None)
        [4, 16]
    """
    counts = np.unique(labels, return_counts=True)[1]
    if asked is None:
        most = max(1, int(0.8 * counts.min()))
        return sorted({most} | {most // part for part in (4, 16) if most // part >= 2})
    listed = list(asked) if isinstance(asked, list | tuple | np.ndarray | range) else [asked]
    for size in listed:
        check_count("labels_per_class", size)
    sizes = sorted(set(listed))
    if len(sizes) < len(listed):
        advice = "Name each number once"
        refuse("labels_per_class must differ", f"labels_per_class={shown(asked)}", advice)
    if not sizes or sizes[-1] > counts.max():
        raise ValueError(
            "labels_per_class must not exceed the training examples of every class. "
            f"Received: labels_per_class={sizes}, "
            f"and classes of at most {counts.max()}. Ask for fewer."
        )
    return sizes


def draw_subset(examples: Examples, labels_per_class: int, seed: int) -> Examples:
    """Draw at most so many examples of each class; a larger draw of one seed holds the smaller.

    Example:
        >>> from tltk.inputs.examples import examples_of
        >>> drawn = draw_subset(examples_of((np.arange(9), np.arange(9) % 3)), 2, seed=0)
        >>> np.bincount(drawn.labels).tolist()
        [2, 2, 2]
    """
    order = np.random.default_rng(seed).permutation(examples.count)
    rows = [order[examples.labels[order] == c][:labels_per_class] for c in set(examples.labels)]
    return examples.take(np.sort(np.concatenate(rows)))


def passes_of(epochs: int, largest: int) -> Callable[[int], int]:
    """Give the epochs for a number of examples, so that the steps are those of the largest subset.

    Example:
        >>> passes = passes_of(epochs=10, largest=320)
        >>> passes(320), passes(64)
        (10, 50)
    """
    steps = epochs * -(-largest // BATCH)
    return lambda count: -(-steps // -(-count // BATCH))
