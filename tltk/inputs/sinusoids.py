"""Sine waves, each a task of its own: the smallest world in which one can learn to learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tltk._checks import check_count

AMPLITUDE, PHASE, REACH = (0.1, 5.0), (0.0, np.pi), 5.0


def sinusoid_tasks(shots: int = 10, queries: int = 10) -> Callable[[int], tuple]:
    """Tasks of regression that differ in the amplitude and the phase of a sine wave.

        y = a sin(x - p)

    with a uniform in 0.1 to 5, p in 0 to pi, and x in -5 to 5; no noise.

    Args:
        shots: points to learn from in each task.
        queries: further points to be tested on.

    Returns:
        A function of a whole number, which decides amplitude, phase and points; it returns
        (x, y, query x, query y), float32 arrays (shots, 1) and (queries, 1).

    Example:
        >>> task = sinusoid_tasks(shots=5, queries=3)
        >>> x, y, query_x, query_y = task(0)
        >>> x.shape, query_y.shape, bool(np.abs(x).max() <= 5)
        ((5, 1), (3, 1), True)

    Reference:
        Finn, Abbeel and Levine, Model-agnostic meta-learning, 2017 (section 5.1).
    """
    check_count("shots", shots)
    check_count("queries", queries)

    def task(seed: int) -> tuple:
        random = np.random.default_rng(seed)
        amplitude, phase = random.uniform(*AMPLITUDE), random.uniform(*PHASE)
        x = random.uniform(-REACH, REACH, (shots + queries, 1)).astype("float32")
        y = (amplitude * np.sin(x - phase)).astype("float32")
        return x[:shots], y[:shots], x[shots:], y[shots:]

    return task
