"""Zero-shot from a classifier of other classes: its answers mixed in the space of words."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from tltk._checks import check_number
from tltk.few_labels.zero_shot_checks import checked_rows, checked_vectors


class ConSE(BaseEstimator):
    """Name classes that a classifier never saw, by a mixture of the names that it knows.

        v(x) = sum of p_t(x) s_t / sum of p_t(x), over the T most probable source classes t

    with p_t the source classifier's probabilities and s_t the vectors of its classes' names. The
    answer is the target class whose vector has the largest cosine with v. Nothing is trained.

    Args:
        top: T. Fewer than T source classes are all taken.

    Attributes:
        source_vectors_: the vectors of the source classes (z, a).

    Example:
        >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0]])  # of "cat" and "car"
        >>> learner = ConSE().fit(vectors)
        >>> tiger, truck = [0.8, 0.2], [0.1, 0.9]
        >>> learner.predict([[0.9, 0.1], [0.3, 0.7]], [tiger, truck]).tolist()
        [0, 1]

    Reference:
        Norouzi et al., Zero-shot learning by convex combination of semantic embeddings, 2014.
    """

    def __init__(self, top=10):
        self.top = top

    def fit(self, source_vectors, y=None):
        """Take the vectors of the source classes.

        Args:
            source_vectors: (z, a), in the order of the probabilities' columns.
            y: not used.

        Returns:
            The learner itself.

        Raises:
            ValueError: for fewer than two classes, vectors that are not finite, or `top` below 1.
        """
        check_number("top", self.top, least=1, whole=True, advice="10 is usual")
        self.source_vectors_ = checked_vectors(source_vectors, name="source_vectors")
        self.n_features_in_ = len(self.source_vectors_)
        return self

    def transform(self, X) -> np.ndarray:
        """Turn source probabilities (n, z) into vectors in the space of words (n, a).

        Rows need not sum to 1: leave out the columns of classes whose names have no vector.
        """
        check_is_fitted(self)
        X = checked_rows(X, self.n_features_in_)
        if (X < 0).any() or not (X.sum(axis=1) > 0).all():
            raise ValueError(
                "Source probabilities are not negative, and not all 0 in a row. Received: least "
                f"{X.min():g}, least sum {X.sum(axis=1).min():g}. Pass what a softmax gives."
            )
        best = np.argsort(-X, axis=1, kind="stable")[:, : self.top]
        shares = np.zeros_like(X)
        np.put_along_axis(shares, best, np.take_along_axis(X, best, axis=1), axis=1)
        return shares / shares.sum(axis=1, keepdims=True) @ self.source_vectors_

    def decision_function(self, X, vectors) -> np.ndarray:
        """Cosines (n, k) of source probabilities (n, z) with target classes' vectors (k, a)."""
        check_is_fitted(self)
        vectors = checked_vectors(vectors, self.source_vectors_.shape[1])
        return _unit(self.transform(X)) @ _unit(vectors).T

    def predict(self, X, vectors) -> np.ndarray:
        """The number of the target class with the largest cosine, for each row (n,)."""
        return self.decision_function(X, vectors).argmax(axis=1)


def _unit(rows) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
