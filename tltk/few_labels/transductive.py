"""Queries that help each other: prototypes moved by all rows that are asked about at once."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from tltk._checks import check_flag, check_number
from tltk.few_labels.prototypes import class_means, rows_of_classes, rows_to_answer

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
    share, rows = len(weights) / weights.shape[1], 0.0
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
