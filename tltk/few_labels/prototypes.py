"""One prototype for each class, learned from a few rows, and the features that make it work."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import normalize
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from tltk._checks import check_choice, check_flag, check_number, check_rows

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
