"""Two feature spaces brought together by examples that were seen in both."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from tltk._checks import as_numbers, check_choice, check_number
from tltk.adaptation.domains import forget

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
