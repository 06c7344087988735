"""Zero-shot learned from other classes: a linear map between features and class vectors."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from tltk._checks import check_number, refuse
from tltk.few_labels.zero_shot_checks import checked_numbers, checked_rows, checked_vectors


class ESZSL(BaseEstimator):
    """Learn which features go with which words on some classes, and name others by it.

        V = (X'X + gamma I)^-1 X' Y S (S'S + lambda I)^-1,    score of class c = x' V s_c

    the minimum of `|X V S' - Y|^2 + gamma |V S'|^2 + lambda |X V|^2 + gamma lambda |V|^2`, with
    features X (n, d), vectors S (k, a) of the classes seen, and Y (n, k) of 1 for a row's own class
    and -1 for the others. There is no intercept: standardise the features first.

    Args:
        gamma: how much large weights on features cost.
        lam: lambda, how much large weights on class vectors cost.

    Attributes:
        map_: V (d, a).
        vectors_: S, the vectors of the classes seen (k, a).

    Example:
        >>> X, y = np.array([[-1.0, 1], [-1, -1], [1, 1], [1, -1]]), [0, 1, 2, 2]
        >>> seen = [[0.0, 1], [0, 0], [1, 0.5]]  # small or large, round or not
        >>> learner = ESZSL(0.1, 0.1).fit(X, y, seen)
        >>> learner.predict([[1.0, 1], [1, -1]], [[1.0, 1], [1, 0]]).tolist()
        [0, 1]

    Reference:
        Romera-Paredes and Torr, An embarrassingly simple approach to zero-shot learning, 2015.
    """

    def __init__(self, gamma=1.0, lam=1.0):
        self.gamma = gamma
        self.lam = lam

    def fit(self, X, y, vectors):
        """Learn the map from classes with examples.

        Args:
            X: features (n, d).
            y: class numbers (n,), each a row of `vectors`.
            vectors: of the classes seen (k, a): words or attributes.

        Returns:
            The learner itself.

        Raises:
            ValueError: for fewer than two classes, a class without rows, numbers that are not
                finite, or regularisation that is not above 0.
        """
        check_number("gamma", self.gamma, above=0, advice="1 is a start")
        check_number("lam", self.lam, above=0, advice="1 is a start")
        X, self.vectors_ = checked_rows(X), checked_vectors(vectors)
        count = len(self.vectors_)
        signs = 2 * np.eye(count)[checked_numbers(y, len(X), count)] - 1
        left = _ridge(X, self.gamma, X.T @ (signs @ self.vectors_))
        self.map_ = _ridge(self.vectors_, self.lam, left.T).T
        self.n_features_in_ = X.shape[1]
        return self

    def decision_function(self, X, vectors) -> np.ndarray:
        """Scores (n, m) of features (n, d) for any classes' vectors (m, a)."""
        check_is_fitted(self)
        vectors = checked_vectors(vectors, self.vectors_.shape[1])
        return checked_rows(X, self.n_features_in_) @ self.map_ @ vectors.T

    def predict(self, X, vectors) -> np.ndarray:
        """The number of the class with the largest score, for each row (n,)."""
        return self.decision_function(X, vectors).argmax(axis=1)


def _ridge(rows, strength, right) -> np.ndarray:
    """(R'R + strength I)^-1 right."""
    from scipy.linalg import solve

    square = rows.T @ rows
    if strength <= 1e-14 * np.trace(square):
        refuse(
            "gamma and lam must not vanish beside the sum of squares that they are added to",
            f"gamma or lam={strength:g}, a sum of {np.trace(square):.3g}",
            "Standardise the features, or pass more",
        )
    return solve(square + strength * np.eye(rows.shape[1]), right, assume_a="pos")
