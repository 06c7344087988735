"""Source rows carried onto target rows, at the least cost of moving all of them."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import softmax

from tltk._checks import check_number, checked_random
from tltk.adaptation.domains import SOURCE, TARGET, DomainTransformer

LARGEST_EXPONENT = 300  # where exponentials are still far from the smallest floats
TOLERANCE = 3e-4  # of the plan's column sums, as a share of them


class OptimalTransport(DomainTransformer):
    """Move each source row to the mean of the target rows that it is sent to.

        P = argmin <P, C> - reg H(P)  over plans P (n, m) whose rows sum to 1/n, columns to 1/m
        x_i -> sum_j P_ij y_j / sum_j P_ij   for source rows; target rows stay

    with the squared distances C between source rows x and target rows y, H the entropy, and reg
    the setting times the median of C. The cheapest plan follows bends that no linear map can; but
    it sends all of the source to all of the target, so where a class is rarer in the target, some
    of its rows are carried into another one.

    A row that was not in `fit` goes where the plan's dual potential g sends it, with weights
    `softmax_j (g_j - |x - y_j|^2) / reg`; for rows of `fit` that is the plan itself. Needs POT, an
    extra: `pip install POT`.

    Args:
        regularization: the entropy's weight, as a share of the median squared distance; small
            follows single rows, large sends every row to the target's mean.
        max_rows: of either domain; where there are more, as many are drawn to make the plan of.
        iterations: of Sinkhorn's scaling.
        random_state: seed of the drawn rows.

    Attributes:
        targets_: the target rows of the plan (m, d).
        potential_: g (m,).
        strength_: reg, in units of squared distance.

    Example:
        >>> X, domain = np.array([[0.0], [1.0], [10.0], [12.0]]), [0, 0, 1, 1]
        >>> moved = OptimalTransport(regularization=0.001).fit_transform(X, domain=domain)
        >>> moved.round(2).ravel().tolist()
        [10.0, 12.0, 10.0, 12.0]

    References:
        - Courty, Flamary, Tuia and Rakotomamonjy, Optimal transport for domain adaptation, 2017.
        - Cuturi, Sinkhorn distances, 2013.
        - Seguy et al., Large-scale optimal transport and mapping estimation, 2018 (rows that were
          not in the plan).
    """

    def __init__(self, regularization=0.05, *, max_rows=2000, iterations=500, random_state=0):
        self.regularization = regularization
        self.max_rows = max_rows
        self.iterations = iterations
        self.random_state = random_state

    def _learn(self, X, domain):
        check_number("regularization", self.regularization, above=0, advice="0.05 is usual")
        check_number("max_rows", self.max_rows, least=2, whole=True, advice="2000 are usual")
        check_number("iterations", self.iterations, least=1, whole=True, advice="500 are usual")
        random = checked_random("random_state", self.random_state)
        sources, self.targets_ = (
            self._drawn(X[domain == side], random).astype("float64") for side in (SOURCE, TARGET)
        )
        costs = cdist(sources, self.targets_, "sqeuclidean")
        self.strength_ = self.regularization * (np.median(costs) or 1.0)
        self.potential_ = self.strength_ * _scaled(costs, self.strength_, self.iterations)

    def _drawn(self, rows, random):
        if len(rows) <= self.max_rows:
            return rows
        return rows[np.sort(random.choice(len(rows), self.max_rows, replace=False))]

    def _moved(self, rows, side):
        if side == TARGET:
            return rows
        costs = cdist(rows, self.targets_, "sqeuclidean")
        return softmax((self.potential_ - costs) / self.strength_, axis=1) @ self.targets_


def _scaled(costs, strength, iterations) -> np.ndarray:
    """The logarithms of Sinkhorn's column factors (m,)."""
    fits = costs.max() < LARGEST_EXPONENT * strength
    settings = {"numItermax": iterations, "stopThr": TOLERANCE / costs.shape[1] ** 0.5}
    settings |= {"method": "sinkhorn" if fits else "sinkhorn_log", "log": True, "warn": False}
    with np.errstate(over="ignore"):  # POT exponentiates the logarithms too
        _, found = _pot().sinkhorn([], [], costs, strength, **settings)
    return np.log(found["v"]) if fits else found["log_v"]


def _pot():
    try:
        import ot
    except ImportError as error:
        raise ValueError(
            "Optimal transport needs POT, an extra. Received: an environment without it. "
            "Run: pip install POT"
        ) from error
    return ot
