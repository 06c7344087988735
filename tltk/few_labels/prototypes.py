"""One prototype for each class, learned from a few rows, and the features that make it work."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, OneToOneFeatureMixin, TransformerMixin
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import normalize
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from tltk._checks import (
    as_classes,
    as_numbers,
    check_choice,
    check_flag,
    check_number,
    check_rows,
    refuse,
    shown,
)

METRICS = ("euclidean", "cosine")


class NearestPrototype(ClassifierMixin, BaseEstimator):
    """Call a row after the class whose prototype, the mean of its rows, is nearest.

        p_c = mean of the rows of class c,    answer = class with the largest -|x - p_c|^2

    or the largest cosine of x and p_c. With one row a class this is the nearest neighbour.

    Args:
        metric: "euclidean" or "cosine".

    Attributes:
        classes_: the classes (k,).
        prototypes_: their means (k, d).

    Example:
        >>> model = NearestPrototype().fit([[0.0], [2], [10]], ["low", "low", "high"])
        >>> model.prototypes_.ravel().tolist(), model.predict([[4.0], [7]]).tolist()
        ([10.0, 1.0], ['low', 'high'])

    References:
        - Snell, Swersky and Zemel, Prototypical networks for few-shot learning, 2017.
        - Mensink et al., Distance-based image classification, 2013.
    """

    def __init__(self, metric="euclidean"):
        self.metric = metric

    def fit(self, X, y):
        """Take the means.

        Args:
            X: rows (n, d).
            y: their classes (n,), numbers or names.

        Returns:
            The classifier itself.

        Raises:
            ValueError: for an unknown metric, NaN, or lengths that differ.
        """
        check_choice("metric", self.metric, METRICS)
        X, numbers = rows_of_classes(self, X, y)
        self.prototypes_ = class_means(X, numbers)
        return self

    def similarity(self, X) -> np.ndarray:
        """How like each prototype each row is (n, k): `-|x - p|^2`, or the cosine."""
        X = rows_to_answer(self, X)
        if self.metric == "cosine":
            return normalize(X) @ normalize(self.prototypes_).T
        return -cdist(X, self.prototypes_, "sqeuclidean")

    def predict(self, X) -> np.ndarray:
        """The class of each row (n,)."""
        similarity = self.similarity(X)
        return self.classes_[similarity.argmax(axis=1)]


class FeatureNormalizer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Make features such that distances between them say who is alike.

        x -> sign(x) |x|^power,    then x - mean of the source,    then x / |x|

    A network's features are often skewed, with a few large ones that decide every distance; they
    share a large mean, which makes all of them look alike; and their length tells how busy an
    example is. Each step mends one of these, and each may be left out.

    Args:
        power: 0.5 tames large values; 1 leaves them.
        center: subtract the mean of the rows that were fitted on, powers taken.
        unit_length: scale each row to length 1; a row of zeros stays.

    Attributes:
        mean_: what is subtracted (d,).

    Example:
        >>> FeatureNormalizer(center=False).fit_transform([[9.0, 16.0]]).tolist()
        [[0.6, 0.8]]

    Fit it on source classes. In a pipeline that is fitted on every episode, wrap the fitted one in
    scikit-learn's `FrozenEstimator`; or transform all features once.

    References:
        - Wang et al., SimpleShot: revisiting nearest-neighbor classification, 2019 (centre, L2).
        - Hu, Gripon and Pateux, Leveraging the feature distribution in transfer-based few-shot
          learning, 2021 (power).
    """

    def __init__(self, power=0.5, center=True, unit_length=True):
        self.power = power
        self.center = center
        self.unit_length = unit_length

    def fit(self, X, y=None):
        """Learn the mean of the source.

        Args:
            X: features of source classes (n, d).
            y: not looked at.

        Returns:
            The normalizer itself.

        Raises:
            ValueError: for a power that is not above 0, or NaN.
        """
        check_number("power", self.power, above=0, advice="0.5 takes the root, 1 none")
        check_flag("center", self.center)
        check_flag("unit_length", self.unit_length)
        check_rows("X", X)
        X = self._powered(validate_data(self, X, dtype="float64"))
        self.mean_ = X.mean(axis=0) if self.center else np.zeros(X.shape[1])
        return self

    def transform(self, X) -> np.ndarray:
        """Normalise rows (n, d)."""
        check_is_fitted(self)
        check_rows("X", X)
        X = self._powered(validate_data(self, X, dtype="float64", reset=False)) - self.mean_
        return normalize(X) if self.unit_length else X

    def _powered(self, X):
        return X if self.power == 1 else np.sign(X) * np.abs(X) ** self.power


def rows_of_classes(classifier, X, y) -> tuple[np.ndarray, np.ndarray]:
    """Checked rows and class numbers (n,); notes the classes."""
    check_rows("X", X)
    check_rows("y", y)
    X, y = validate_data(classifier, X, y, dtype="float64")
    check_classification_targets(y)
    classifier.classes_, numbers = np.unique(y, return_inverse=True)
    return X, numbers


def rows_to_answer(classifier, X) -> np.ndarray:
    """Checked rows of the width that was fitted."""
    check_is_fitted(classifier)
    check_rows("X", X)
    return validate_data(classifier, X, dtype="float64", reset=False)


def class_means(X, numbers) -> np.ndarray:
    """The mean row of each class number (k, d)."""
    member = np.eye(numbers.max() + 1)[numbers]
    return member.T @ X / member.sum(axis=0)[:, None]


TINY = 1e-150  # whose square is still a number


class Prior(NamedTuple):
    """How classes lie: means ~ N(mean, B), and rows of a class ~ N(its mean, W).

    `basis` (d, d) makes both covariances diagonal: x @ basis has W = I and B = diag(`spread`).
    """

    mean: np.ndarray
    basis: np.ndarray
    spread: np.ndarray


def learn_prior(X, y) -> Prior:
    """Learn from source classes how far class means lie apart, and rows from their mean.

    W is the covariance within classes and B that between them, less what W makes class means of n
    rows vary; both are shrunk as Ledoit and Wolf do, so there may be fewer rows, and far fewer
    classes, than features.

    Args:
        X: features of source classes (n, d).
        y: their classes (n,), three or more, of which some have two rows or more.

    Returns:
        The `Prior`.

    Raises:
        ValueError: for fewer than three classes, no class with two rows, NaN, or lengths that
            differ.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> classes = np.repeat(np.arange(200), 10)
        >>> X = 3 * rng.normal(size=(200, 2))[classes] + rng.normal(size=(2000, 2))
        >>> bool(np.allclose(learn_prior(X, classes).spread, 9, atol=2))
        True

    Reference:
        Ioffe, Probabilistic linear discriminant analysis, 2006.
    """
    X = as_numbers("X", X)
    y = as_classes("y", y, len(X))
    classes, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 3 or len(X) == len(classes):
        raise ValueError(
            "A prior takes three source classes or more, and two rows or more of some. Received: "
            f"{len(classes)} classes with {len(X)} rows. Add source classes."
        )
    means = class_means(X, numbers)
    root = root_within(X - means[numbers]) * np.sqrt(len(X) / (len(X) - len(classes)))
    white = solve_triangular(root, means.T, lower=True).T
    between, _ = ledoit_wolf(white)
    between = between * len(classes) / (len(classes) - 1)
    spread, directions = np.linalg.eigh(between)
    spread = np.maximum(spread - np.mean(1 / counts), 0)
    basis = solve_triangular(root, np.eye(len(root)), lower=True).T @ directions
    return Prior(means.mean(axis=0), basis, spread)


def root_within(rows: np.ndarray) -> np.ndarray:
    """The Cholesky factor (d, d) of the shrunk covariance of rows (n, d) about their class means.

    A part in 10^12 of the mean variance is added, so that constant features have a root too.
    """
    size = np.abs(rows).max()
    if size <= TINY:
        refuse(
            "Rows of a class must differ from each other",
            "X whose rows are all their class's mean",
            "Add other rows; unit_length takes away what one feature says",
        )
    covariance, _ = ledoit_wolf(rows / size, assume_centered=True)
    covariance[np.diag_indices_from(covariance)] += 1e-12 * np.trace(covariance) / len(covariance)
    return size * cholesky(covariance, lower=True)


class BayesianPrototype(ClassifierMixin, BaseEstimator):
    """Classify by what a few rows and a prior say about each class's mean.

        posterior of the mean of n rows:  N((m + n s z) / (1 + n s),  s / (1 + n s))
        a new row of the class:           the same mean, variance 1 + s / (1 + n s)

    in each direction of the prior's basis, with z the mean of the rows, m the prior's mean and s
    its spread. Where source classes hardly differ (s near 0), one row is not believed, and where
    they differ much, it is. All classes are taken to be as frequent.

    Args:
        prior: what `learn_prior` gave for other classes; None knows nothing (s infinite, the basis
            the identity): for as many rows of each class, the nearest prototype.

    Attributes:
        classes_: the classes (k,).
        means_, variances_: of a new row of each class, in the prior's basis (k, d).

    Example:
        >>> prior = Prior(np.zeros(1), np.eye(1), np.array([1.0]))
        >>> model = BayesianPrototype(prior).fit([[4.0], [-4.0]], ["up", "down"])
        >>> model.means_.ravel().tolist(), model.variances_.ravel().tolist()
        ([-2.0, 2.0], [1.5, 1.5])

    References:
        - Fei-Fei, Fergus and Perona, One-shot learning of object categories, 2006 (the idea).
        - Ioffe, Probabilistic linear discriminant analysis, 2006 (the model).
    """

    def __init__(self, prior=None):
        self.prior = prior

    def fit(self, X, y):
        """Learn the classes.

        Args:
            X: rows (n, d).
            y: their classes (n,), numbers or names.

        Returns:
            The classifier itself.

        Raises:
            ValueError: for rows of another width than the prior's, NaN, or lengths that differ.
        """
        X, numbers = rows_of_classes(self, X, y)
        if not isinstance(self.prior, Prior | None):
            refuse(
                "prior must be what learn_prior gave, or None",
                f"prior={shown(self.prior)}",
                "None knows nothing of other classes",
            )
        if self.prior is not None and len(self.prior.mean) != X.shape[1]:
            raise ValueError(
                f"Rows have the prior's width, {len(self.prior.mean)}. Received: shape {X.shape}. "
                "Take all features from one network, normalised in the same way."
            )
        means, counts = class_means(X, numbers), np.bincount(numbers)[:, None]
        if self.prior is None:
            self.means_, self.variances_ = means, np.repeat(1 + 1 / counts, X.shape[1], axis=1)
            return self
        trust = counts * self.prior.spread
        middle = self.prior.mean @ self.prior.basis
        self.means_ = (middle + trust * (means @ self.prior.basis)) / (1 + trust)
        self.variances_ = 1 + self.prior.spread / (1 + trust)
        return self

    def log_density(self, X) -> np.ndarray:
        """Of each row the log density in each class (n, k), but for what all classes share."""
        X = rows_to_answer(self, X)
        rows = X if self.prior is None else X @ self.prior.basis
        weights = 1 / self.variances_
        squares = rows**2 @ weights.T - 2 * rows @ (weights * self.means_).T
        squares += (weights * self.means_**2).sum(axis=1)
        return -0.5 * (squares + np.log(self.variances_).sum(axis=1))

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities (n, k), in the order of `classes_`."""
        return softmax(self.log_density(X), axis=1)

    def predict(self, X) -> np.ndarray:
        """The most probable class of each row (n,)."""
        density = self.log_density(X)
        return self.classes_[density.argmax(axis=1)]


SWEEPS, TOLERANCE, LEAST = 200, 1e-3, -300.0


class SinkhornPrototype(ClassifierMixin, BaseEstimator):
    """Assign all rows asked about to prototypes together, by optimal transport, and move these.

    1. plan = the assignment T (n, k) that maximises entropy(T) - strength * sum(T * cost), whose
       rows sum to 1 and whose columns sum to n / k each;
    2. each prototype moves by `step` towards the mean of its own rows and those assigned to it;
    3. after some rounds each row gets the class with the largest share of it.

    The cost is the squared distance, in units of its mean. Balanced, the columns say that every
    class is as frequent **among the rows that are asked about**: a bonus where an episode is made
    that way, and wrong anywhere else. With `balanced=False` columns are free, which is soft
    k-means.

    The answer for a row depends on the others it is asked with.

    Args:
        strength: how much distance counts; larger makes assignments harder.
        step: how far prototypes move in a round, above 0 and at most 1.
        rounds: how often.
        balanced: hold the columns to n / k.

    Attributes:
        classes_: the classes (k,).
        prototypes_: their means (k, d), from where each `predict` begins.

    Example:
        >>> model = SinkhornPrototype().fit([[0.0], [10]], ["low", "high"])
        >>> model.predict([[1.0], [2], [4], [5.5], [8], [9]]).tolist()
        ['low', 'low', 'low', 'high', 'high', 'high']

    Reference:
        Hu, Gripon and Pateux, Leveraging the feature distribution in transfer-based few-shot
        learning, 2021.
    """

    def __init__(self, strength=20.0, step=0.4, rounds=20, balanced=True):
        self.strength = strength
        self.step = step
        self.rounds = rounds
        self.balanced = balanced

    def fit(self, X, y):
        """Take the means of the rows whose class is known.

        Args:
            X: rows (n, d).
            y: their classes (n,), numbers or names.

        Returns:
            The classifier itself.

        Raises:
            ValueError: for settings out of their range, NaN, or lengths that differ.
        """
        check_number("rounds", self.rounds, least=1, whole=True, advice="20 are usual")
        check_number("strength", self.strength, above=0, advice="20 is usual")
        check_number("step", self.step, above=0, most=1, advice="0.4 is usual")
        check_flag("balanced", self.balanced)
        X, numbers = rows_of_classes(self, X, y)
        self.prototypes_, self._counts = class_means(X, numbers), np.bincount(numbers)[:, None]
        return self

    def transport(self, X) -> np.ndarray:
        """The share of each row that goes to each class (n, k), rows asked about together."""
        X = rows_to_answer(self, X)
        prototypes, columns = self.prototypes_, np.ones(len(self.classes_))
        scale = _squared_distances(X, prototypes).mean() or 1.0
        for done in range(self.rounds + 1):
            likeness = -self.strength * _squared_distances(X, prototypes) / scale
            weights = _weights(likeness)
            if self.balanced:
                plan, columns = _scaled(weights, columns)
            else:
                plan = weights / weights.sum(axis=1, keepdims=True)
            if done < self.rounds:
                known = self._counts * self.prototypes_
                means = (known + plan.T @ X) / (self._counts + plan.sum(axis=0)[:, None])
                prototypes = prototypes + self.step * (means - prototypes)
        return plan

    def predict(self, X) -> np.ndarray:
        """The class of each row (n,), all rows decided together."""
        plan = self.transport(X)
        return self.classes_[plan.argmax(axis=1)]


def transport_plan(likeness) -> np.ndarray:
    """Sinkhorn's iterations: scale exp(likeness) until rows sum to 1 and columns to n / k.

    Args:
        likeness: log weights (n, k); what lies more than 300 below the best of its row counts as
            300 below.

    Returns:
        The plan (n, k). Its columns are exact; its rows up to .001, or as 200 sweeps leave them.

    Example:
        >>> transport_plan(np.array([[0.0, 0], [0, 0]])).tolist()
        [[0.5, 0.5], [0.5, 0.5]]

    Reference:
        Cuturi, Sinkhorn distances: lightspeed computation of optimal transport, 2013.
    """
    return _scaled(_weights(likeness), np.ones(likeness.shape[1]))[0]


def _scaled(weights, columns) -> tuple[np.ndarray, np.ndarray]:
    """The plan, and the factors of its columns; from good ones it takes few sweeps."""
    share, rows = len(weights) / weights.shape[1], np.zeros(1)
    for _ in range(SWEEPS):
        sums = weights @ columns
        if np.abs(rows * sums - 1).max() < TOLERANCE:
            break
        rows = 1 / sums
        columns = share / (rows @ weights)
    return rows[:, None] * weights * columns, columns


def _squared_distances(X, prototypes) -> np.ndarray:
    squares = (X**2).sum(axis=1)[:, None] + (prototypes**2).sum(axis=1)
    return np.maximum(squares - 2 * X @ prototypes.T, 0)


def _weights(likeness) -> np.ndarray:
    """exp(likeness), scaled so that the largest of each row is 1."""
    return np.exp(np.maximum(likeness - likeness.max(axis=1, keepdims=True), LEAST))
