"""Features moved so that both domains agree in their means and covariances."""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.metrics.pairwise import pairwise_distances, pairwise_kernels
from sklearn.utils.validation import check_is_fitted

from tltk._checks import as_numbers, check_choice, check_number, checked_random, divisors
from tltk.adaptation.domains import CHUNK, SOURCE, TARGET, DomainTransformer, chunks_of, forget


class Moments(NamedTuple):
    """Of one domain: its row count, means (d,) and covariance (d, d), n - 1 in the denominator."""

    count: int  # type: ignore[assignment]  # a field named as a method of tuples, like time.tm_…
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
    # Their common unit cancels
    scales = divisors(np.sqrt(np.diag(found.covariance)), found.mean)
    quartic = 0.0
    for chunk in chunks_of(rows, domain, side):
        quartic += ((((chunk - found.mean) / scales) ** 2).sum(axis=1) ** 2).sum()
    correlations = found.covariance * (count - 1) / count / np.outer(scales, scales)
    squares, level = (correlations**2).sum(), np.trace(correlations) / width
    noise = (quartic / count - squares) / (count * width)
    spread = (squares - width * level**2) / width
    return float(np.clip(noise / spread, 0, 1)) if spread > 0 else 0.0


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
            scales.append(divisors(np.sqrt(squares / count), mean))
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


KERNELS = ("rbf", "linear")
MEDIAN_OF, DENSE_UP_TO = 1000, 1000
USUAL_COMPONENTS = 20


class TCA(DomainTransformer):
    """Transfer component analysis: components that vary much while the domains' means agree.

        maximise tr(W' K H K W)  subject to  W' (K L K + mu I) W = I;   x -> k(x) W

    with the kernel K between all rows, H the centring, and L such that tr(W' K L K W) is the
    squared distance of the domains' means (the MMD). Both domains are mapped alike, rows not seen
    in `fit` too. Each component is scaled to deviation 1 over the rows of `fit`.

    The directions along which the domains lie apart are not removed but come late in the order.
    With more components than the rows have columns they are among them, scaled up like the others,
    and the domains lie apart as before: what is left is a kernel PCA.

    Up to `max_rows` rows the solution is exact. Beyond, W has one row for each of `landmarks` rows
    drawn from both domains in their proportion (Nyström), while the means, the distance and the
    variance are those of all rows; time then grows with n, and memory does not.

    Args:
        n_components: how many; at most the number of rows, or of landmarks. None for as many as
            the rows have columns, and 20 at most.
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
        n_components=None,
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
        k = min(X.shape[1], USUAL_COMPONENTS, len(chosen))
        if self.n_components is not None:
            k = self.n_components
            check_number("n_components", k, least=1, most=len(chosen), whole=True)
        self.landmarks_ = X[chosen].astype("float64")
        self.gamma_ = self.gamma or _median_gamma(self.landmarks_, random)
        variation, mean, apart = self._sums(X, domain)
        self.weights_ = _best_directions(variation, apart, self.mu, k)
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
        return self.weights_.shape[1]


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

    The matrix on the right is mu times the identity but for one direction, so its inverse root is
    known, and what is left is an ordinary symmetric problem. The size of a solution says nothing.
    """
    length = np.linalg.norm(apart)
    along = apart / length if length > 0 else apart
    less = 1 - np.sqrt(mu / (mu + length**2))

    def rooted(columns):
        return columns - less * np.outer(along, along @ columns)

    inner = rooted(rooted(variation).T)
    inner = inner + inner.T  # symmetric to the last digit; twice as large has the same directions
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


METHODS = ("procrustes", "cca")


class PairedAlignment(BaseEstimator):
    """Bring rows of two different feature spaces into one, by pairs of rows that belong together.

    Two languages, two instruments, two networks: the features differ in number and meaning, but
    some examples, which need no labels, were seen in both.

    - "procrustes": the target is turned, stretched as a whole and moved onto the source,
      min `|X - s Y Q|^2` with Q'Q = I (or QQ' = I, where the target is narrower). The source stays,
      so its classifiers can be used as they are.
    - "cca": both are mapped to the k directions that are most correlated, each of variance 1 over
      the pairs.

    Args:
        method: "procrustes" or "cca".
        n_components: k, for "cca"; None for as many as the narrower space has.
        shrinkage: for "cca", between 0 and 1: the share of the mean variance mixed into both
            covariances. With few pairs and many features it has to be above 0.

    Attributes:
        correlations_: of the k directions, largest first (for "cca").

    Example:
        >>> rng = np.random.default_rng(0)
        >>> source = rng.normal(size=(50, 2))
        >>> target = 3 * source @ np.array([[0.0, 1, 0], [-1, 0, 0]]) + 7  # turned, in 3 columns
        >>> found = PairedAlignment().fit(source, target)
        >>> bool(np.allclose(found.transform_target(target), source))
        True

    References:
        - Schönemann, A generalized solution of the orthogonal Procrustes problem, 1966.
        - Hotelling, Relations between two sets of variates, 1936.
    """

    def __init__(self, method="procrustes", n_components=None, shrinkage=0.01):
        self.method = method
        self.n_components = n_components
        self.shrinkage = shrinkage

    def fit(self, X, Y):
        """Learn from pairs.

        Args:
            X: rows of the source space (n, d).
            Y: the same examples in the target space (n, e), in the same order.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for other than as many rows of both, at least two; values that are not
                finite; or settings that cannot be.
        """
        forget(self)
        X, Y = as_numbers("X", X), as_numbers("Y", Y)
        if len(X) != len(Y) or len(X) < 2:
            raise ValueError(
                "Pairs are rows of both spaces in one order, two or more. "
                f"Received: X of {len(X)} rows (the source), Y of {len(Y)} (the target). "
                "Keep the examples that were seen in both."
            )
        self.means_ = X.mean(axis=0), Y.mean(axis=0)
        check_choice("method", self.method, METHODS)
        check_number("shrinkage", self.shrinkage, least=0, most=1, advice="0.01 is usual")
        if self.n_components is not None:
            most = min(X.shape[1], Y.shape[1])
            check_number("n_components", self.n_components, least=1, most=most, whole=True)
        solve = self._turned if self.method == "procrustes" else self._correlated
        self.maps_ = solve(X - self.means_[0], Y - self.means_[1])
        return self

    def transform_source(self, X):
        """Bring rows of the source space (n, d) into the common one, (n, k)."""
        return self._moved(X, 0)

    def transform_target(self, Y):
        """Bring rows of the target space (n, e) into the common one, (n, k)."""
        return self._moved(Y, 1)

    def _moved(self, rows, side):
        check_is_fitted(self, "maps_")
        rows, width = as_numbers("XY"[side], rows), len(self.means_[side])
        if rows.shape[1] != width:
            raise ValueError(
                f"The {('source', 'target')[side]} has {width} features. "
                f"Received: {'XY'[side]} with {rows.shape[1]}. Do not mix up the two spaces."
            )
        back = self.means_[0] if self.method == "procrustes" else 0.0
        return (rows - self.means_[side]) @ self.maps_[side] + back

    def _turned(self, X, Y):
        left, strengths, right = np.linalg.svd(Y.T @ X, full_matrices=False)
        turn = left @ right
        length = ((Y @ turn) ** 2).sum()
        return np.eye(X.shape[1]), turn * (strengths.sum() / length if length > 0 else 1.0)

    def _correlated(self, X, Y):
        roots = [_inverse_root(each.T @ each / len(each), self.shrinkage) for each in (X, Y)]
        left, values, right = np.linalg.svd(roots[0] @ (X.T @ Y / len(X)) @ roots[1])
        k = self.n_components or min(X.shape[1], Y.shape[1])
        self.correlations_ = np.clip(values[:k], 0, 1)
        return roots[0] @ left[:, :k], roots[1] @ right[:k].T


def _inverse_root(covariance, share) -> np.ndarray:
    """Of the shrunk covariance; directions without variance get none."""
    mean = np.trace(covariance) / len(covariance)
    values, vectors = np.linalg.eigh(
        (1 - share) * covariance + share * mean * np.eye(len(covariance))
    )
    varies = values > len(values) * np.finfo(float).eps * max(values[-1], 0)
    powers = np.power(values, -0.5, where=varies, out=np.zeros_like(values))
    return (vectors * powers) @ vectors.T
