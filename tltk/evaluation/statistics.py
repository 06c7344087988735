"""Means of a few runs, with the uncertainty that so few runs leave."""

import math
from collections.abc import Sequence

import numpy as np


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the mean of repeated runs and the half width of its Student t interval.

    half width = t(level, n - 1) * s / sqrt(n), with s the sample standard deviation of n values.

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
    values = np.asarray(values, dtype="float64")
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(
            "An interval needs a flat, non-empty sequence of finite numbers. "
            f"Received: values={values.tolist()}. Pass one number per run."
        )
    if not 0 < level < 1:
        raise ValueError(
            f"The confidence level lies between 0 and 1. Received: level={level}. "
            "Pass 0.95 for 95 %."
        )
    if values.size == 1:
        return float(values[0]), math.nan
    from scipy.stats import t

    quantile = t.ppf((1 + level) / 2, values.size - 1)
    return float(values.mean()), float(quantile * values.std(ddof=1) / math.sqrt(values.size))


def paired_interval(
    a: Sequence[float], b: Sequence[float], level: float = 0.95
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
    a, b = np.asarray(a, dtype="float64"), np.asarray(b, dtype="float64")
    if a.shape != b.shape:
        raise ValueError(
            "Paired runs come in equal numbers. "
            f"Received: a of shape {a.shape}, b of shape {b.shape}. "
            "Pass one number per seed for both, in the same order."
        )
    return mean_interval(a - b, level)
