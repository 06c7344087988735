"""Means of a few runs and orders of a few candidates, with the uncertainty that so few leave."""

import math
import warnings
from collections.abc import Sequence

import numpy as np

from tltk._checks import as_numbers, check_count, check_number, check_seed

RESAMPLES = 2000


def mean_interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the mean of repeated runs and the half width of its Student t interval.

        half width = t(level, n - 1) * s / sqrt(n)

    with s the sample standard deviation of n values.

    Args:
        values: one number per run (seed), shape (n,).
        level: the confidence level, between 0 and 1; default 0.95.

    Returns:
        (mean, half width). A single value says nothing about spread: its half width is NaN.

    Raises:
        ValueError: no values, values that are not finite, or a level outside (0, 1).

    Example:
        >>> mean, half_width = mean_interval([0.80, 0.82, 0.81])
        >>> print(f"{mean:.3f} ± {half_width:.3f}")
        0.810 ± 0.025

    Reference: Student, "The probable error of a mean" (1908).
    """
    values = as_numbers("values", values, "(n,)", advice="Pass one number per run")
    check_number("level", level, above=0, below=1, advice="Pass 0.95 for 95 %")
    if values.size == 1:
        return float(values[0]), math.nan
    from scipy.stats import t

    quantile = t.ppf((1 + level) / 2, values.size - 1)
    return float(values.mean()), float(quantile * values.std(ddof=1) / math.sqrt(values.size))


def paired_interval(
    a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, level: float = 0.95
) -> tuple[float, float]:
    """Return the mean gain of `a` over `b` and the half width of its paired t interval.

    The interval is that of the differences a_i - b_i, so whatever a seed does to both methods
    alike cancels. The gain is clear where the interval excludes 0.

    Args:
        a: one number per run of the first method, shape (n,).
        b: the second method's numbers for the same runs (seeds) in the same order, shape (n,).
        level: the confidence level, between 0 and 1; default 0.95.

    Returns:
        (mean of a - b, half width); the half width of a single pair is NaN.

    Raises:
        ValueError: lengths that differ, or anything `mean_interval` refuses.

    Example:
        >>> gain, half_width = paired_interval([0.80, 0.70, 0.75], [0.70, 0.62, 0.66])
        >>> print(f"{gain:.3f} ± {half_width:.3f}")
        0.090 ± 0.025

    Reference: Student, "The probable error of a mean" (1908).
    """
    a, b = as_numbers("a", a, "(n,)"), as_numbers("b", b, "(n,)")
    if a.shape != b.shape:
        raise ValueError(
            "Paired runs come in equal numbers. "
            f"Received: a of shape {a.shape}, b of shape {b.shape}. "
            "Pass one number per seed for both, in the same order."
        )
    return mean_interval(a - b, level)


def share_interval(right: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share, such as an accuracy on test examples.

        (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    with p = right / n, n = count and z the normal quantile of the level. It covers the draw of the
    test examples, taken as independent, and not the training. It never leaves 0 to 1, and has a
    width where all are right.

    Args:
        right: how many examples are right, from 0 to `count`.
        count: how many there are.
        level: the confidence level, between 0 and 1; default 0.95.

    Returns:
        (low, high).

    Raises:
        ValueError: counts that are no whole numbers, more right than there are, or a level outside
            (0, 1).

    Example:
        >>> low, high = share_interval(81, 100)
        >>> print(f"{low:.3f} to {high:.3f}")
        0.722 to 0.875

    Reference: Wilson, "Probable inference, the law of succession, and statistical inference"
        (1927).
    """
    from scipy.stats import binomtest

    check_count("count", count)
    check_number("right", right, least=0, most=count, whole=True, advice="Count the right answers")
    check_number("level", level, above=0, below=1, advice="Pass 0.95 for 95 %")
    interval = binomtest(int(right), int(count)).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def rank_agreement(
    scores: Sequence[float] | np.ndarray,
    outcomes: Sequence[float] | np.ndarray,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return weighted Kendall's tau of scores and outcomes, with an interval.

    tau compares every two candidates: 1 where the scores order all of them as the outcomes do, 0
    for guessing, -1 for the reverse. Two candidates count 1 / (1 + r) + 1 / (1 + s), r and s their
    ranks from 0, so that mistakes among the best weigh most. The interval is a percentile
    bootstrap over the candidates, which stand for the others that one might have tried, and over
    the runs where there are several. With a dozen candidates it is wide, and rather too narrow
    than too wide: where no order is ever broken it has no width, which proves nothing.

    Args:
        scores: one number for each candidate (n,), higher is better; n at least 3. Or one for each
            candidate and run (n, r): tau is that of the means over the runs.
        outcomes: what came, of the same shape. A run is the same for all candidates.
        level: the interval's level, between 0 and 1.
        seed: decides the resamples.

    Returns:
        (tau, low, high). NaN where all scores, or all outcomes, are alike.

    Raises:
        ValueError: for fewer than three candidates, shapes that differ, or values not finite.

    Example:
        >>> round(rank_agreement([1, 2, 3, 4], [0.2, 0.3, 0.5, 0.9])[0], 6)
        1.0

    Reference:
        Vigna, A weighted correlation index for rankings with ties, 2015.
    """
    scores, outcomes = as_numbers("scores", scores, ""), as_numbers("outcomes", outcomes, "")
    check_number("level", level, above=0, below=1, advice="Pass 0.95 for 95 %")
    check_seed("seed", seed)
    if scores.shape != outcomes.shape or scores.ndim not in (1, 2) or len(scores) < 3:
        raise ValueError(
            "Agreement takes scores and outcomes of three candidates or more. Received: scores of "
            f"shape {scores.shape}, outcomes of shape {outcomes.shape}. "
            "Pass one number of each for a candidate."
        )
    count = len(scores)
    scores, outcomes = scores.reshape(count, -1), outcomes.reshape(count, -1)
    means = scores.mean(axis=1), outcomes.mean(axis=1)
    if 0 in map(np.ptp, means):
        return np.nan, np.nan, np.nan
    rng, runs = np.random.default_rng(seed), scores.shape[1]
    found = []
    for _ in range(RESAMPLES):
        rows, some = rng.integers(count, size=count), rng.integers(runs, size=runs)
        found.append(_tau(*(each[rows][:, some].mean(axis=1) for each in (scores, outcomes))))
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return _tau(*means), float(low), float(high)


def _tau(scores, outcomes) -> float:
    """Weighted Kendall's tau, NaN where all scores or all outcomes are alike."""
    from scipy.stats import weightedtau

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(weightedtau(scores, outcomes).statistic)
