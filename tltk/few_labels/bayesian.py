"""Prototypes with experience: what the classes of a source teach about a class seen once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.covariance import ledoit_wolf

from tltk._checks import as_classes, as_numbers, refuse, shown
from tltk.few_labels.prototypes import class_means, rows_of_classes, rows_to_answer

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
