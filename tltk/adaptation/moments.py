"""Means and covariances of one domain, in a few passes over chunks of its rows."""

from typing import NamedTuple

import numpy as np

from tltk.adaptation.domains import chunks_of


class Moments(NamedTuple):
    """Of one domain: its row count, means (d,) and covariance (d, d), n - 1 in the denominator."""

    count: int
    mean: np.ndarray
    covariance: np.ndarray


def moments(rows: np.ndarray, domain: np.ndarray, side: int) -> Moments:
    """The moments of one domain, from chunks: the memory needed does not grow with the rows."""
    mean, count = domain_mean(rows, domain, side)
    if count < 2:
        raise ValueError(
            "A covariance takes at least two rows of either domain. "
            f"Received: {count} row of the {('source', 'target')[side]}. Add unlabelled rows."
        )
    covariance = np.zeros((rows.shape[1], rows.shape[1]))
    for chunk in chunks_of(rows, domain, side):
        chunk -= mean
        covariance += chunk.T @ chunk
    return Moments(count, mean, covariance / (count - 1))


def domain_mean(rows, domain, side) -> tuple[np.ndarray, int]:
    """The mean (d,) of one domain's rows, and their number."""
    count = int((domain == side).sum())
    total = sum(chunk.sum(axis=0) for chunk in chunks_of(rows, domain, side))
    return total / count, count


def shrunk(found: Moments, share: float) -> np.ndarray:
    """The covariance with its correlations made smaller: (1 - share) C + share diag(C)."""
    return (1 - share) * found.covariance + share * np.diag(np.diag(found.covariance))


def ledoit_wolf_share(rows, domain, side, found: Moments) -> float:
    """The share of shrinkage of Ledoit and Wolf (2004), of the standardised rows of one domain."""
    count, width = found.count, len(found.mean)
    scales = positive_scales(np.diag(found.covariance) * (count - 1) / count, found.mean)
    quartic = 0.0
    for chunk in chunks_of(rows, domain, side):
        quartic += ((((chunk - found.mean) / scales) ** 2).sum(axis=1) ** 2).sum()
    correlations = found.covariance * (count - 1) / count / np.outer(scales, scales)
    squares, level = (correlations**2).sum(), np.trace(correlations) / width
    noise = (quartic / count - squares) / (count * width)
    spread = (squares - width * level**2) / width
    return float(np.clip(noise / spread, 0, 1)) if spread > 0 else 0.0


def positive_scales(variances: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Standard deviations (d,), and 1 for features that are constant but for rounding."""
    constant = variances <= (10 * np.finfo(float).eps * np.abs(mean)) ** 2
    return np.sqrt(np.where(constant, 1.0, variances))
