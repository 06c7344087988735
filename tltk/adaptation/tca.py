"""Transfer component analysis: directions along which the domains' means agree."""

import numpy as np
from sklearn.metrics.pairwise import pairwise_distances, pairwise_kernels

from tltk._checks import check_choice, check_number, checked_random
from tltk.adaptation.domains import CHUNK, DomainTransformer

KERNELS = ("rbf", "linear")
MEDIAN_OF, DENSE_UP_TO = 1000, 1000


class TCA(DomainTransformer):
    """Transfer component analysis: components that vary much while the domains' means agree.

        maximise tr(W' K H K W)  subject to  W' (K L K + mu I) W = I;   x -> k(x) W

    with the kernel K between all rows, H the centring, and L such that tr(W' K L K W) is the
    squared distance of the domains' means (the MMD). Both domains are mapped alike, rows not seen
    in `fit` too. Each component is scaled to deviation 1 over the rows of `fit`.

    Up to `max_rows` rows the solution is exact. Beyond, W has one row for each of `landmarks` rows
    drawn from both domains in their proportion (Nyström), while the means, the distance and the
    variance are those of all rows; time then grows with n, and memory does not.

    Args:
        n_components: how many; at most the number of rows, or of landmarks.
        mu: how much the size of W counts against the agreement of means; larger is smoother.
        kernel: "rbf", `exp(-gamma |x - y|^2)`, or "linear", x'y.
        gamma: None for 1 / (2 s^2), with s the median distance between (at most 1,000) rows.
        max_rows: the most rows for the exact solution.
        landmarks: how many beyond.
        random_state: seed of the landmarks.

    Attributes:
        landmarks_: the rows that the kernel is taken with, (m, d).
        weights_: W, (m, k).
        gamma_: the gamma used.
        is_exact_: whether every row is a landmark.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> source, target = rng.normal(size=(40, 3)), rng.normal(1, 1, (40, 3))
        >>> X, domain = np.vstack([source, target]), np.repeat([0, 1], 40)
        >>> moved = TCA(n_components=2).fit_transform(X, domain=domain)
        >>> moved.shape, bool(abs(moved[:40].mean() - moved[40:].mean()) < 0.1)
        ((80, 2), True)

    Reference:
        Pan, Tsang, Kwok and Yang, Domain adaptation via transfer component analysis, 2011.
    """

    def __init__(
        self,
        n_components=20,
        *,
        mu=0.1,
        kernel="rbf",
        gamma=None,
        max_rows=5000,
        landmarks=1000,
        random_state=0,
    ):
        self.n_components = n_components
        self.mu = mu
        self.kernel = kernel
        self.gamma = gamma
        self.max_rows = max_rows
        self.landmarks = landmarks
        self.random_state = random_state

    def _learn(self, X, domain):
        check_choice("kernel", self.kernel, KERNELS)
        check_number("mu", self.mu, above=0, advice="0.1 is usual")
        if self.gamma is not None:
            check_number("gamma", self.gamma, above=0, advice="None takes the median distance")
        check_number("max_rows", self.max_rows, least=1, whole=True, advice="5000 are usual")
        check_number("landmarks", self.landmarks, least=2, whole=True, advice="1000 are usual")
        random = checked_random("random_state", self.random_state)
        self.is_exact_ = len(X) <= self.max_rows
        chosen = np.arange(len(X)) if self.is_exact_ else _drawn(domain, self.landmarks, random)
        check_number("n_components", self.n_components, least=1, most=len(chosen), whole=True)
        self.landmarks_ = X[chosen].astype("float64")
        self.gamma_ = self.gamma or _median_gamma(self.landmarks_, random)
        variation, mean, apart = self._sums(X, domain)
        self.weights_ = _best_directions(variation, apart, self.mu, self.n_components)
        spread = np.einsum("ij,ij->j", self.weights_, variation @ self.weights_) / len(X)
        self.weights_ /= np.sqrt(np.where(spread > 0, spread, 1))
        self.offset_ = mean @ self.weights_

    def _sums(self, X, domain) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """K' H K over all rows (m, m), their mean kernel, and how far the domains' lie apart."""
        counts, size = np.bincount(domain), len(self.landmarks_)
        means, squares = np.zeros((2, size)), np.zeros((size, size))
        for start in range(0, len(X), CHUNK):
            kernel = self._kernel(X[start : start + CHUNK])
            squares += kernel.T @ kernel
            for side in (0, 1):
                means[side] += kernel[domain[start : start + CHUNK] == side].sum(axis=0)
        mean = means.sum(axis=0) / len(X)
        squares -= len(X) * np.outer(mean, mean)
        return squares, mean, means[0] / counts[0] - means[1] / counts[1]

    def _kernel(self, rows) -> np.ndarray:
        settings = {"gamma": self.gamma_} if self.kernel == "rbf" else {}
        rows = rows.astype("float64")
        return pairwise_kernels(rows, self.landmarks_, metric=self.kernel, **settings)

    def _moved(self, rows, side):
        return self._kernel(rows) @ self.weights_ - self.offset_

    def _width(self):
        return self.n_components


def _drawn(domain, landmarks, random) -> np.ndarray:
    """Rows of both domains in their proportion, at least one of each, in their order."""
    places = [np.flatnonzero(domain == side) for side in (0, 1)]
    share = round(landmarks * len(places[0]) / len(domain))
    share = int(np.clip(share, 1, landmarks - 1))
    drawn = [
        random.choice(side, min(count, len(side)), replace=False)
        for side, count in zip(places, (share, landmarks - share), strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def _median_gamma(rows, random) -> float:
    rows = rows[random.permutation(len(rows))[:MEDIAN_OF]]
    distances = pairwise_distances(rows)[np.triu_indices(len(rows), 1)]
    median = np.median(distances)
    return 1 / (2 * median**2) if median > 0 else 1.0


def _best_directions(variation, apart, mu, k) -> np.ndarray:
    """The top solutions of variation w = value (apart apart' + mu I) w.

    The matrix on the right is the identity but for one direction, so its inverse root is known,
    and what is left is an ordinary symmetric problem.
    """
    length = np.linalg.norm(apart)
    along = apart / length if length > 0 else apart
    less = 1 - np.sqrt(mu / (mu + length**2))

    def rooted(columns):
        return (columns - less * np.outer(along, along @ columns)) / np.sqrt(mu)

    inner = rooted(rooted(variation).T)
    inner = (inner + inner.T) / 2
    size = len(inner)
    if size > DENSE_UP_TO and k < size // 10:
        from scipy.sparse.linalg import eigsh

        start = np.random.default_rng(0).normal(size=size)
        values, vectors = eigsh(inner, k, which="LA", v0=start)
    else:
        values, vectors = np.linalg.eigh(inner)
    vectors = vectors[:, np.argsort(-values)[:k]]
    weights = rooted(vectors)
    return weights * np.sign(weights[np.abs(weights).argmax(axis=0), np.arange(k)])
