"""Find what is not normal where no example of it is known: distances between features."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_array, check_is_fitted

from tltk._checks import (
    check_choice,
    check_flag,
    check_number,
    check_rows,
    check_seed,
    refuse,
    shown,
)
from tltk.few_labels.prototypes import root_within

HELD_OUT = 0.2


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Tell rows that lie far from normal ones, with a stated rate of false alarms.

    - "mahalanobis": (x - m)' S^-1 (x - m), with m the mean of the normal rows and S their
      covariance, shrunk as Ledoit and Wolf do, so that there may be fewer rows than features; with
      classes, the smallest such square over the class means, S being that within the classes;
    - "neighbours": the distance to the k-th nearest normal row.

    The threshold comes from normal rows that were not fitted on: of n of them the one with rank
    (n + 1) (1 - a), rounded up. Another normal row lies above it with a chance of at most a.

    Args:
        distance: "mahalanobis" or "neighbours".
        neighbours: k; for "neighbours" only.
        false_alarms: a, the share of normal rows that may be called anomalies.
        unit_length: scale each row to length 1 first. The length of a pretrained network's features
            tells how busy an example is rather than what it shows; pass False where the rows are
            no such features and their length means something.
        random_state: decides which fifth of the normal rows is held out where `fit` gets no `val`.

    Attributes:
        offset_: the score below which a row is an anomaly (scores are negative distances).
        n_features_in_: d.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> detector = AnomalyDetector().fit(rng.normal(5, 1, (500, 3)))
        >>> detector.predict([[5.0, 5, 5], [5, 5, -5]]).tolist()
        [1, -1]

    References:
        - Lee et al., A simple unified framework for detecting out-of-distribution samples, 2018.
        - Ramaswamy, Rastogi and Shim, Efficient algorithms for mining outliers, 2000.
        - Ledoit and Wolf, A well-conditioned estimator for large covariance matrices, 2004.
        - Vovk, Gammerman and Shafer, Algorithmic learning in a random world, 2005 (the threshold).
    """

    def __init__(
        self,
        distance="mahalanobis",
        neighbours=5,
        false_alarms=0.05,
        unit_length=True,
        *,
        random_state=0,
    ):
        self.distance = distance
        self.neighbours = neighbours
        self.false_alarms = false_alarms
        self.unit_length = unit_length
        self.random_state = random_state

    def fit(self, X, y=None, val=None):
        """Learn what is normal, and where the threshold lies.

        Args:
            X: features of normal rows (n, d).
            y: their class numbers (n,), to measure from the mean of each class; for "mahalanobis".
            val: features of other normal rows (m, d) for the threshold; None holds out a fifth of
                X.

        Returns:
            The detector itself.

        Raises:
            ValueError: for settings out of their range, and too few rows to fit on or to hold the
                stated rate of false alarms.
        """
        check_rows("X", X)
        check_rows("val", val)
        X = check_array(X, dtype="float64", ensure_min_samples=2)
        check_choice("distance", self.distance, ("mahalanobis", "neighbours"))
        check_number("neighbours", self.neighbours, least=1, whole=True, advice="5 are usual")
        check_number("false_alarms", self.false_alarms, above=0, below=1, advice="0.05 is usual")
        check_flag("unit_length", self.unit_length)
        check_seed("random_state", self.random_state)
        if y is not None and np.shape(y) != (len(X),):
            refuse(
                f"y must hold one class number for each row ({len(X)},)",
                f"y={shown(y)}",
                "Leave it out where there is one class",
            )
        self.n_features_in_ = X.shape[1]
        y = np.zeros(len(X), int) if y is None or self.distance == "neighbours" else np.asarray(y)
        if val is None:
            X, val, y, _ = train_test_split(
                X, y, test_size=HELD_OUT, random_state=self.random_state
            )
        X = normalize(X) if self.unit_length else X
        if self.distance == "mahalanobis":
            classes, numbers = np.unique(y, return_inverse=True)
            self._means = np.stack([X[y == each].mean(axis=0) for each in classes])
            self._root = root_within(X - self._means[numbers])
        else:
            self._known = NearestNeighbors(n_neighbors=min(self.neighbours, len(X))).fit(X)
        self.offset_ = self._threshold(self.score_samples(val))
        return self

    def score_samples(self, X) -> np.ndarray:
        """The negative distance of each row (n,): the lower, the less normal."""
        check_is_fitted(self, "n_features_in_")
        check_rows("X", X)
        X = check_array(X, dtype="float64")
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"Rows have the width that was fitted, {self.n_features_in_}. Received: shape "
                f"{X.shape}. Take all features from one network."
            )
        X = normalize(X) if self.unit_length else X
        if self.distance == "neighbours":
            return -self._known.kneighbors(X)[0][:, -1]
        from scipy.linalg import solve_triangular

        white = [solve_triangular(self._root, (X - mean).T, lower=True) for mean in self._means]
        return -np.min([(rows**2).sum(axis=0) for rows in white], axis=0)

    def decision_function(self, X) -> np.ndarray:
        """The score less the threshold (n,): below 0 for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X) -> np.ndarray:
        """1 for normal rows and -1 for anomalies (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _threshold(self, scores) -> float:
        rank = int(np.ceil((len(scores) + 1) * (1 - self.false_alarms) - 1e-9))
        if rank > len(scores):
            raise ValueError(
                f"A rate of false alarms of {self.false_alarms} takes at least "
                f"{int(np.ceil(1 / self.false_alarms - 1e-9)) - 1} normal rows for the threshold. "
                f"Received: {len(scores)}. Pass more as val, or allow more false alarms."
            )
        return float(np.sort(scores)[::-1][rank - 1])
