"""Kernel mean matching: weights under which the source looks like the target to a kernel."""

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils.validation import validate_data

from tltk._checks import check_number, check_rows, checked_random
from tltk.adaptation.domains import (
    SOURCE,
    TARGET,
    checked_domain,
    chunks_of,
    forget,
    warn_without_domain,
)
from tltk.adaptation.quadratic import DenseMatrix, LowRankMatrix, solve_box_with_sum

PAIRED_ROWS = 1000
TOLERANCE = 1e-8


class KMM(BaseEstimator):
    """Weigh source rows so that their mean in a kernel's space is that of the target.

        minimise |sum_i w_i f(x_i) / n - sum_j f(t_j) / m|^2
        subject to 0 <= w_i <= bound and |sum_i w_i / n - 1| <= slack

    with f the map of the kernel `exp(-|x - y|^2 / (2 s^2))`, n source rows x and m target rows t.

    It is solved as a quadratic programme to a measured duality gap, in some twenty Cholesky
    factorisations. Up to `exact_rows` source rows it is exact, at a cost of n^2 numbers and n^3
    steps; beyond that the kernel is that of `landmarks` rows, drawn from both domains in halves
    (Nyström), at a cost of n times as many numbers. With a wide kernel very different weights are
    nearly as good: take single weights for less than their sums over neighbours.

    Args:
        bandwidth: s; the median distance of a thousand rows of both domains by default.
        bound: the largest weight, above 1.
        slack: how far from 1 the mean weight may lie; (sqrt(n) - 1) / sqrt(n) by default.
        exact_rows: more source rows than these go by landmarks.
        landmarks: how many.
        random_state: draws the landmarks, and the rows that the bandwidth is taken from.

    Attributes:
        weights_: of the source rows, in their order, (n,); for `sample_weight`. Of all rows, 1
            each, where no domain was given.
        bandwidth_: s.
        gap_: by how much the squared distance may lie above the smallest one possible.
        landmarks_: the rows used as landmarks, or None.

    Example:
        >>> X, domain = np.array([[0.0], [1.0], [1.0]]), [0, 0, 1]
        >>> KMM(bandwidth=0.1).fit(X, domain=domain).weights_.round(2).tolist()
        [0.0, 2.0]

    Reference:
        Huang et al., Correcting sample selection bias by unlabeled data, 2007.
    """

    __metadata_request__fit: ClassVar = {"domain": True}

    def __init__(
        self,
        bandwidth=None,
        bound=1000.0,
        slack=None,
        exact_rows=5000,
        landmarks=500,
        random_state=0,
    ):
        self.bandwidth = bandwidth
        self.bound = bound
        self.slack = slack
        self.exact_rows = exact_rows
        self.landmarks = landmarks
        self.random_state = random_state

    def fit(self, X, y=None, *, domain=None):
        """Find the weights.

        Args:
            X: stacked rows (n + m, d).
            y: not used.
            domain: 0 for a source row and 1 for a target row; None gives weights of 1, and warns.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for rows that are not finite numbers, a domain that does not fit them, or a
                setting out of its range.
            ArithmeticError: where the programme is not solved to a gap of 1e-8 of its objective.
        """
        forget(self)
        check_rows("X", X)
        X = validate_data(self, X, dtype=("float64", "float32"))
        if domain is None:
            warn_without_domain(self)
            self.weights_ = np.ones(len(X))
            return self
        domain = checked_domain(domain, len(X))
        count = int(np.sum(domain == SOURCE))
        slack = 1 - count**-0.5 if self.slack is None else self.slack
        if count > 1:
            check_number("slack", slack, above=0, advice="None suits most")
        check_number("bound", self.bound, above=1, advice="1000 is usual")
        check_number("exact_rows", self.exact_rows, least=0, whole=True, advice="5000 are usual")
        check_number("landmarks", self.landmarks, least=1, whole=True, advice="500 are usual")
        if self.bandwidth is not None:
            check_number("bandwidth", self.bandwidth, least=1e-100, most=1e100)
        random = checked_random("random_state", self.random_state)
        self.bandwidth_ = self.bandwidth or median_distance(X, random)
        if count == 1:
            self.weights_, self.gap_, self.landmarks_ = np.ones(1), 0.0, None
            return self
        X = X - X.mean(axis=0)  # distances stay, and lose no digits to a common offset
        exact = count <= self.exact_rows
        matrix, linear = (self._exact if exact else self._by_landmarks)(X, domain, random)
        total = (count * max(1 - slack, 0), count * (1 + slack))
        try:
            found = solve_box_with_sum(matrix, linear, self.bound, total, TOLERANCE)
        except ArithmeticError as error:
            raise ArithmeticError(
                "Kernel mean matching must be solved to its gap. Received: rows for which it is "
                f"not, with bandwidth={self.bandwidth_:g}, bound={self.bound:g}, slack={slack:g}. "
                "Standardise the features, choose a smaller bandwidth, or a lower bound."
            ) from error
        self.weights_, self.gap_ = found.x, 2 * found.gap / count
        return self

    def _exact(self, X, domain, random):
        self.landmarks_ = None
        source = X[domain == SOURCE].astype("float64")
        matrix = self._kernel(source, source)
        matrix /= len(source)
        sums = sum(self._kernel(source, rows).sum(axis=1) for rows in chunks_of(X, domain, TARGET))
        return DenseMatrix(matrix), sums / np.sum(domain == TARGET)

    def _by_landmarks(self, X, domain, random):
        halves = [random.permutation(np.flatnonzero(domain == side)) for side in (SOURCE, TARGET)]
        half = min(len(halves[1]), self.landmarks // 2)
        places = np.concatenate([halves[0][: self.landmarks - half], halves[1][:half]])
        self.landmarks_ = X[places].astype("float64")
        values, vectors = np.linalg.eigh(self._kernel(self.landmarks_, self.landmarks_))
        kept = values > 1e-10 * values[-1]
        turn = vectors[:, kept] / np.sqrt(values[kept])

        def mapped(side):
            for rows in chunks_of(X, domain, side):
                yield self._kernel(rows, self.landmarks_) @ turn

        factor = np.concatenate(list(mapped(SOURCE)))
        mean = sum(rows.sum(axis=0) for rows in mapped(TARGET)) / np.sum(domain == TARGET)
        linear = factor @ mean
        factor /= np.sqrt(len(factor))
        return LowRankMatrix(factor), linear

    def _kernel(self, a, b):
        return rbf_kernel(a, b, gamma=1 / (2 * self.bandwidth_**2))


def median_distance(rows: np.ndarray, random: np.random.RandomState) -> float:
    """The median distance of the pairs among a thousand rows; 1 where it is 0."""
    from scipy.spatial.distance import pdist

    drawn = random.permutation(len(rows))[:PAIRED_ROWS]
    distances = pdist(rows[drawn].astype("float64"))
    return float(np.median(distances)) if distances.any() and np.median(distances) else 1.0
