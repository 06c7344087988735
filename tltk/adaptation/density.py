"""How much more often the target has a row than the source: a ratio told by a classifier."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils.validation import check_is_fitted, validate_data

from tltk._checks import as_numbers, check_number, check_rows, checked_random, refuse
from tltk.adaptation._quadratic import DenseMatrix, LowRankMatrix, solve_box_with_sum
from tltk.adaptation._weighted_fit import rows_at, seeded
from tltk.adaptation.domains import (
    SOURCE,
    TARGET,
    checked_domain,
    chunks_of,
    forget,
    warn_without_domain,
)

CHUNK = 4096
PASSES = 300


def column_scales(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations of the columns (d,); the deviation of a constant column is infinite."""
    mean = sum(chunk.sum(axis=0) for _, chunk in _chunks(rows)) / len(rows)
    squares = sum(((chunk - mean) ** 2).sum(axis=0) for _, chunk in _chunks(rows))
    deviation = np.sqrt(squares / len(rows))
    return mean, np.where(deviation > 1e-7 * np.maximum(np.abs(mean), 1e-30), deviation, np.inf)


def fit_logistic(
    rows: np.ndarray, labels: np.ndarray, shares: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit k logistic regressions that differ in the weights of the rows only.

    Each minimises sum_i share_i log(1 + exp(-s_i z_i)) + penalty |v|^2 / 2, with z_i = v'x_i + b,
    s_i = 2 label_i - 1 and x standardised. All are found by one L-BFGS, so that every pass over
    the rows serves all; a pass reads a few thousand rows at a time.

    Args:
        rows: (n, d).
        labels: 0 or 1, (n,).
        shares: weights (n, k).
        penalty: of the squared coefficients of standardised columns.

    Returns:
        Coefficients (d, k) and intercepts (k,), for the rows as they are.

    Example:
        >>> rows, labels = np.array([[-1.0], [0.0], [0.0], [1.0]]), np.array([0, 0, 1, 1])
        >>> weights, bias = fit_logistic(rows, labels, np.ones((4, 1)), 1.0)
        >>> bool(weights[0, 0] > 1), bool(abs(bias[0]) < 1e-3)
        (True, True)

    Reference:
        Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """
    from scipy.optimize import minimize

    mean, deviation = column_scales(rows)
    signs, (count, width, models) = 2.0 * labels - 1, (*rows.shape, shares.shape[1])

    def loss(flat):
        v = flat.reshape(width + 1, models)
        slopes = v[:-1] / deviation[:, None]
        bias = v[-1] - mean @ slopes
        value, turn, level = 0.0, np.zeros((width, models)), np.zeros(models)
        for part, chunk in _chunks(rows):
            margins = signs[part, None] * (chunk @ slopes + bias)
            value += np.sum(shares[part] * np.logaddexp(0, -margins))
            pulls = -shares[part] * signs[part, None] * _sigmoid(-margins)
            turn += chunk.T @ pulls
            level += pulls.sum(axis=0)
        turn = (turn - mean[:, None] * level) / deviation[:, None] + penalty * v[:-1]
        value += penalty * np.sum(v[:-1] ** 2) / 2
        return value / count, np.vstack([turn, level]).ravel() / count

    start = np.zeros((width + 1) * models)
    options = {"maxiter": PASSES, "gtol": 1e-6, "ftol": 1e-12}
    v = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    v = v.reshape(width + 1, models)
    slopes = v[:-1] / deviation[:, None]
    return slopes, v[-1] - mean @ slopes


def linear_answers(rows: np.ndarray, slopes: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """rows @ slopes + bias, (n, k), a few thousand rows at a time."""
    return np.concatenate([chunk @ slopes + bias for _, chunk in _chunks(rows)])


def calibrate(answers: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Platt's line: the slope, not below 0, and the intercept that turn answers into log odds."""
    spread = answers.std() or 1.0
    column, shares = (answers / spread)[:, None], np.ones((len(answers), 1))
    slopes, bias = fit_logistic(column, labels, shares, 1e-3)
    if slopes[0, 0] > 0:
        return float(slopes[0, 0] / spread), float(bias[0])
    odds = labels.sum() / (len(labels) - labels.sum())
    return 0.0, float(np.log(odds))


def _chunks(rows):
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        yield part, rows[part].astype("float64", copy=False)


def _sigmoid(x):
    from scipy.special import expit

    return expit(x)


CERTAIN = 1e-6


def effective_sample_size(weights: np.ndarray) -> float:
    """How many equally weighted rows say as much as rows of these weights.

        (sum w)^2 / sum w^2, between 1 and n

    Args:
        weights: (n,), none negative, not all 0.

    Returns:
        The size.

    Raises:
        ValueError: for weights that are negative, not finite, or all 0.

    Example:
        >>> effective_sample_size([1, 1, 1, 1]), effective_sample_size([1, 0, 0, 0])
        (4.0, 1.0)

    Reference:
        Kish, Survey sampling, 1965.
    """
    weights = checked_weights(weights)
    weights = weights / weights.max()
    return float(weights.sum() ** 2 / (weights @ weights))


def checked_weights(weights: Any) -> np.ndarray:
    """Finite weights (n,), none negative, not all 0."""
    weights = as_numbers("weights", weights, "(n,)", advice="KMM and DensityRatio give such")
    if weights.min() < 0 or weights.max() == 0:
        refuse(
            "weights must be 0 or more, and not all 0",
            f"weights from {weights.min():g} to {weights.max():g}",
            "KMM and DensityRatio give such",
        )
    return weights


class DensityRatio(BaseEstimator):
    """Weigh source rows by how much more probable they are in the target.

        w(x) = p_target(x) / p_source(x) = (n / m) P(target | x) / P(source | x)

    for n source and m target rows, with P from a classifier that tells the domains apart.

    The classifier is a logistic regression on standardised features, on all rows, in one chunk of
    memory. Rows are judged by classifiers that did not see them (`folds`), and the answers are
    calibrated by a line (Platt), which takes back what overfitting and the penalty did to the
    odds. A linear classifier sees only ratios that are exponentials of a linear function; for
    others give one of your own.

    Args:
        classifier: any scikit-learn classifier with `predict_proba`, a pipeline from mixed columns
            included; the logistic regression by default.
        penalty: of the squared coefficients; the number of features by default.
        folds: how many.
        bound: weights, whose mean is 1, are cut off here; None leaves them.
        random_state: deals rows to folds, and seeds the classifier.

    Attributes:
        weights_: of the source rows, in their order, (n,), mean 1; for `sample_weight`. Of all
            rows, 1 each, where no domain was given.
        slope_, intercept_: of the calibration.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = np.r_[rng.normal(0, 1, (4000, 1)), rng.normal(1, 1, (4000, 1))]
        >>> ratio = DensityRatio().fit(X, domain=np.repeat([0, 1], 4000))
        >>> truth = np.exp(np.array([-1, 0, 1]) - 0.5)  # two normal densities
        >>> bool(np.abs(ratio.weigh([[-1.0], [0.0], [1.0]]) / truth - 1).max() < 0.25)
        True

    Reference:
        Bickel, Brückner and Scheffer, Discriminative learning for differing training and test
        distributions, 2007.
    """

    __metadata_request__fit: ClassVar = {"domain": True}

    def __init__(self, classifier=None, penalty=None, folds=5, bound=None, *, random_state=0):
        self.classifier = classifier
        self.penalty = penalty
        self.folds = folds
        self.bound = bound
        self.random_state = random_state

    def fit(self, X, y=None, *, domain=None):
        """Learn to tell the domains apart, and weigh the source rows.

        Args:
            X: stacked rows (n + m, d); with a classifier of your own whatever that takes.
            y: not used.
            domain: 0 for a source row and 1 for a target row; None gives weights of 1, and warns.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for rows that are not finite numbers, a domain that does not fit them, a
                domain with one row, or fewer than two folds.
        """
        forget(self)
        check_rows("X", X)
        if self.classifier is None:
            X = validate_data(self, X, dtype=("float64", "float32"))
        count = X.shape[0] if hasattr(X, "shape") else len(X)
        self.adapts_ = domain is not None
        if domain is None:
            warn_without_domain(self)
            self.weights_ = np.ones(count)
            return self
        domain = checked_domain(domain, count)
        check_number("folds", self.folds, least=2, whole=True, advice="5 are usual")
        if self.penalty is not None:
            check_number("penalty", self.penalty, least=0)
        if self.bound is not None:
            check_number("bound", self.bound, above=0)
        random = checked_random("random_state", self.random_state)
        answers = self._answers(X, domain, _folds(domain, self.folds, random), random)
        self.slope_, self.intercept_ = calibrate(answers, domain)
        raw = self._ratio(answers[domain == SOURCE])
        self.scale_ = 1 / raw.mean()
        self.weights_ = self._bounded(raw)
        self.weights_ /= self.weights_.mean()
        return self

    def weigh(self, X):
        """Weigh other source rows, such as those held out for validation.

        Args:
            X: rows (k, d).

        Returns:
            Weights (k,), on the scale of `weights_`.
        """
        check_is_fitted(self, "weights_")
        check_rows("X", X)
        if self.classifier is None:
            X = validate_data(self, X, dtype=("float64", "float32"), reset=False)
        if not self.adapts_:
            return np.ones(X.shape[0] if hasattr(X, "shape") else len(X))
        if self.classifier is None:
            return self._bounded(self._ratio(linear_answers(X, *self.line_)[:, 0]))
        return self._bounded(self._ratio(_log_odds(self.classifier_, X)))

    def _ratio(self, answers):
        """The ratio but for a factor, such as n / m, that the mean weight of 1 takes out."""
        return np.exp(np.clip(self.slope_ * answers + self.intercept_, -50, 50))

    def _bounded(self, ratio):
        return np.minimum(ratio * self.scale_, np.inf if self.bound is None else self.bound)

    def _answers(self, X, domain, fold, random):
        """Log odds of the target, for each row by a classifier that did not see it."""
        folds = fold.max() + 1
        if self.classifier is None:
            shares = np.column_stack([fold[:, None] != np.arange(folds), np.ones(len(fold))])
            penalty = X.shape[1] if self.penalty is None else self.penalty
            slopes, bias = fit_logistic(X, domain, shares.astype("float64"), penalty)
            self.line_ = slopes[:, -1:], bias[-1:]
            every = linear_answers(X, slopes, bias)
            return every[np.arange(len(fold)), fold]
        answers = np.empty(len(fold))
        for held in range(folds):
            out, seen = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
            fitted = seeded(self.classifier, random).fit(rows_at(X, seen), domain[seen])
            answers[out] = _log_odds(fitted, rows_at(X, out))
        self.classifier_ = seeded(self.classifier, random).fit(X, domain)
        return answers


def _folds(domain, folds, random) -> np.ndarray:
    """The fold of each row; every fold has its part of both domains."""
    smallest = int(np.bincount(domain).min())
    if smallest < 2:
        raise ValueError(
            "A ratio is told by classifiers that did not see a row, so it takes two rows of each "
            f"domain. Received: domain with {smallest} rows of one. Add unlabelled rows."
        )
    fold = np.empty(len(domain), dtype=int)
    for side in (SOURCE, TARGET):
        places = random.permutation(np.flatnonzero(domain == side))
        fold[places] = np.arange(len(places)) % min(folds, smallest)
    return fold


def _log_odds(classifier, X) -> np.ndarray:
    share = np.clip(classifier.predict_proba(X)[:, list(classifier.classes_).index(1)], 0, 1)
    share = np.clip(share, CERTAIN, 1 - CERTAIN)
    return np.log(share) - np.log1p(-share)


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
        *,
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
