"""Features moved so that both domains agree in their means and covariances."""

import numpy as np

from tltk._checks import check_number
from tltk.adaptation.domains import SOURCE, TARGET, DomainTransformer, chunks_of
from tltk.adaptation.moments import (
    Moments,
    domain_mean,
    ledoit_wolf_share,
    moments,
    positive_scales,
    shrunk,
)


class DomainScaler(DomainTransformer):
    """Give every feature mean 0 and deviation 1 in each domain.

        x -> (x - m) / s, with the domain's own means m and deviations s

    The first thing to try: a classifier learned on standardised source rows then meets target rows
    of the same means and scales. It harms where the classes are not equally frequent in both
    domains, for then their means ought to differ.

    A constant feature becomes 0. Memory beyond the result does not grow with the rows.

    Attributes:
        means_, scales_: of the source and the target, (2, d).

    Example:
        >>> X, domain = np.array([[0.0], [2.0], [10.0], [30.0]]), [0, 0, 1, 1]
        >>> DomainScaler().fit_transform(X, domain=domain)[:, 0].tolist()
        [-1.0, 1.0, -1.0, 1.0]
    """

    def _learn(self, X, domain):
        means, scales = [], []
        for side in (SOURCE, TARGET):
            mean, count = domain_mean(X, domain, side)
            squares = sum(((rows - mean) ** 2).sum(axis=0) for rows in chunks_of(X, domain, side))
            means.append(mean)
            scales.append(positive_scales(squares / count, mean))
        self.means_, self.scales_ = np.stack(means), np.stack(scales)

    def _moved(self, rows, side):
        return (rows - self.means_[side]) / self.scales_[side]


class CORAL(DomainTransformer):
    """Correlation alignment: give the source rows the target's means and covariance.

        x -> mt + (x - ms) Cs^(-1/2) Ct^(1/2)   for source rows; target rows stay

    The covariances C are shrunk, (1 - shrinkage) C + shrinkage diag(C), so that few rows or many
    features do no harm: with shrinkage 0 the covariance of the moved source is the target's
    exactly, and with shrinkage 1 each feature is standardised and scaled alone. Directions in which
    the source does not vary (a constant feature, more features than rows) stay without variance.

    Covariances are summed over chunks of rows: memory beyond the result grows with d^2, not with
    n. It mends P(X) as far as two moments go, not P(Y | X).

    Args:
        shrinkage: between 0 and 1, or "auto" for the share of Ledoit and Wolf in each domain.

    Attributes:
        means_: of the source and the target, (2, d).
        shrinkages_: the shares used for the source and the target.
        map_: Cs^(-1/2) Ct^(1/2), (d, d).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> source, target = rng.normal(size=(90, 2)), rng.normal(5, 3, (90, 2))
        >>> X, domain = np.vstack([source, target]), np.repeat([0, 1], 90)
        >>> moved = CORAL(shrinkage=0).fit_transform(X, domain=domain)
        >>> bool(np.allclose(np.cov(moved[:90].T), np.cov(target.T)))
        True

    References:
        - Sun, Feng and Saenko, Return of frustratingly easy domain adaptation, 2016.
        - Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices,
          2004.
    """

    def __init__(self, shrinkage="auto"):
        self.shrinkage = shrinkage

    def _learn(self, X, domain):
        share = self.shrinkage
        if not (isinstance(share, str) and share == "auto"):
            check_number("shrinkage", share, least=0, most=1, advice='"auto" is usual')
        both = [moments(X, domain, side) for side in (SOURCE, TARGET)]
        self.shrinkages_ = [
            ledoit_wolf_share(X, domain, side, both[side]) if share == "auto" else float(share)
            for side in (SOURCE, TARGET)
        ]
        source, target = map(shrunk, both, self.shrinkages_)
        self.means_ = np.stack([each.mean for each in both])
        self.map_ = _power(source, -0.5) @ _power(target, 0.5)

    def _moved(self, rows, side):
        if side == TARGET:
            return rows
        return self.means_[TARGET] + (rows - self.means_[SOURCE]) @ self.map_


def _power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a covariance within its range: directions without variance get none."""
    values, vectors = np.linalg.eigh(covariance)
    varies = values > len(values) * np.finfo(float).eps * max(values[-1], 0)
    powers = np.power(values, exponent, where=varies, out=np.zeros_like(values))
    return (vectors * powers) @ vectors.T


class SubspaceAlignment(DomainTransformer):
    """Describe each domain by its principal components, and turn the source's to the target's.

        source: x -> (x - ms) Ps Ps' Pt        target: x -> (x - mt) Pt

    with the first k principal directions P (d, k) of each. With k = d nothing is left of it but
    that both are centred; a small k keeps what varies most in both.

    Covariances are summed over chunks of rows: memory beyond the result grows with d^2, not with n.

    Args:
        n_components: k; or a share of the variance, and then as many as hold it in both domains.

    Attributes:
        means_: of the source and the target, (2, d).
        maps_: Ps Ps' Pt and Pt, (2, d, k).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X, domain = rng.normal(size=(60, 5)), np.repeat([0, 1], 30)
        >>> SubspaceAlignment(n_components=2).fit_transform(X, domain=domain).shape
        (60, 2)

    Reference:
        Fernando, Habrard, Sebban and Tuytelaars, Unsupervised visual domain adaptation using
        subspace alignment, 2013.
    """

    def __init__(self, n_components=0.95):
        self.n_components = n_components

    def _learn(self, X, domain):
        both = [moments(X, domain, side) for side in (SOURCE, TARGET)]
        axes = [_principal_axes(each) for each in both]
        most = min(min(each.count - 1, len(each.mean)) for each in both)
        k = _components(self.n_components, most, [variances for variances, _ in axes])
        source, target = (vectors[:, :k] for _, vectors in axes)
        self.means_ = np.stack([each.mean for each in both])
        self.maps_ = np.stack([source @ (source.T @ target), target])

    def _moved(self, rows, side):
        return (rows - self.means_[side]) @ self.maps_[side]

    def _width(self):
        return self.maps_.shape[-1]


def _principal_axes(found: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Variances, largest first, and directions (d, d) whose largest entry is positive."""
    values, vectors = np.linalg.eigh(found.covariance)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    largest = np.abs(vectors).argmax(axis=0)
    return values, vectors * np.sign(vectors[largest, np.arange(len(values))])


def _components(wanted, most: int, variances) -> int:
    whole = isinstance(wanted, int | np.integer) and not isinstance(wanted, bool)
    if whole and 1 <= wanted <= most:
        return int(wanted)
    if isinstance(wanted, float) and 0 < wanted < 1:
        needed = [np.searchsorted(np.cumsum(each), wanted * each.sum()) + 1 for each in variances]
        return int(min(max(needed), most))
    raise ValueError(
        f"n_components is a whole number from 1 to {most} (no more than the features, and fewer "
        "than the rows of either domain), or a share of the variance between 0 and 1. "
        f"Received: n_components={wanted!r}. 0.95 is usual."
    )
