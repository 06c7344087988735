"""How well an order that was told agrees with the order that came."""

import warnings
from collections.abc import Sequence

import numpy as np

RESAMPLES = 2000


def rank_agreement(
    scores: Sequence[float], outcomes: Sequence[float], level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Return weighted Kendall's tau of scores and outcomes, with an interval.

    tau compares every two candidates: 1 where the scores order all of them as the outcomes do, 0
    for guessing, -1 for the reverse. Two candidates count 1 / (1 + r) + 1 / (1 + s), r and s their
    ranks from 0, so that mistakes among the best weigh most. The interval is a percentile
    bootstrap over the candidates: they stand for the others that one might have tried. With a
    dozen of them it is wide, and rather too narrow than too wide.

    Args:
        scores: one number for each candidate (n,), higher is better; n at least 3.
        outcomes: what came, for the same candidates.
        level: the interval's level, between 0 and 1.
        seed: decides the resamples.

    Returns:
        (tau, low, high). NaN where all scores, or all outcomes, are alike.

    Raises:
        ValueError: for fewer than three candidates, lengths that differ, or values not finite.

    Example:
        >>> round(rank_agreement([1, 2, 3, 4], [0.2, 0.3, 0.5, 0.9])[0], 6)
        1.0

    Reference:
        Vigna, A weighted correlation index for rankings with ties, 2015.
    """
    scores, outcomes = (np.asarray(each, dtype="float64") for each in (scores, outcomes))
    pairs = scores.shape == outcomes.shape and scores.ndim == 1 and len(scores) > 2
    if not pairs or not np.isfinite([scores, outcomes]).all():
        raise ValueError(
            "Agreement takes finite scores and outcomes of three candidates or more. Received: "
            f"{scores.tolist()} and {outcomes.tolist()}. Pass one number of each for a candidate."
        )
    if np.ptp(scores) == 0 or np.ptp(outcomes) == 0:
        return np.nan, np.nan, np.nan
    draws = np.random.default_rng(seed).integers(len(scores), size=(RESAMPLES, len(scores)))
    found = np.array([_tau(scores[rows], outcomes[rows]) for rows in draws])
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return _tau(scores, outcomes), float(low), float(high)


def _tau(scores, outcomes) -> float:
    from scipy.stats import weightedtau

    if np.ptp(scores) == 0 or np.ptp(outcomes) == 0:
        return np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(weightedtau(scores, outcomes).statistic)
