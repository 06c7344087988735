"""A classifier or regressor that learns from the source rows of a stack, and from no others."""

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from tltk._checks import check_rows, refuse, shown
from tltk.adaptation.domains import SOURCE, checked_domain, forget, warn_without_domain


def _has(name):
    return lambda self: hasattr(getattr(self, "estimator_", self.estimator), name)


class SourceOnly(MetaEstimatorMixin, BaseEstimator):
    """Fit an estimator on the source rows alone: the last step of a pipeline, and the baseline.

    The steps before it see the rows of both domains; it sees no target row and no target label.

    Args:
        estimator: any scikit-learn classifier or regressor; it is cloned, not changed.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from tltk.adaptation import stack_domains
        >>> X, y, domain = stack_domains(([[-1.0], [1.0]], ["no", "yes"]), [[5.0], [7.0]])
        >>> SourceOnly(LogisticRegression()).fit(X, y, domain=domain).predict([[-3.0]]).tolist()
        ['no']
    """

    __metadata_request__fit: ClassVar = {"domain": True}

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y, *, domain=None, sample_weight=None):
        """Fit a clone of the estimator on the source rows.

        Args:
            X: stacked rows (n, d).
            y: labels (n,); those of target rows are not read.
            domain: 0 for a source row and 1 for a target row, (n,); None takes all rows, and warns.
            sample_weight: weights (n,), or None.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for a domain that does not fit the rows, or without source rows.
        """
        forget(self)
        check_rows("X", X)
        check_labels_given(X, y)
        if domain is None:
            warn_without_domain(self)
            rows = np.arange(_count(X))
        else:
            rows = np.flatnonzero(checked_domain(domain, _count(X)) == SOURCE)
        given = {} if sample_weight is None else {"sample_weight": np.asarray(sample_weight)[rows]}
        return self._keep(clone(self.estimator).fit(_taken(X, rows), _taken(y, rows), **given))

    @property
    def classes_(self):
        """The classes that the source rows hold."""
        return self.estimator_.classes_

    @available_if(_has("predict"))
    def predict(self, X):
        """Predict labels (n,)."""
        return self._fitted().predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X):
        """Predict probabilities (n, classes)."""
        return self._fitted().predict_proba(X)

    @available_if(_has("decision_function"))
    def decision_function(self, X):
        """Compute the decision function."""
        return self._fitted().decision_function(X)

    @available_if(_has("score"))
    def score(self, X, y, sample_weight=None):
        """Score predictions as the estimator does."""
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self._fitted().score(X, y, **weights)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = self.estimator.__sklearn_tags__()
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        return tags

    def _keep(self, fitted):
        self.estimator_ = fitted
        if hasattr(fitted, "n_features_in_"):
            self.n_features_in_ = fitted.n_features_in_
        return self

    def _fitted(self):
        check_is_fitted(self, "estimator_")
        return self.estimator_


def check_labels_given(X, y) -> None:
    """Refuse labels that are missing, masked, or not one for each row."""
    check_rows("y", y)
    for name, given in (("X", X), ("y", y)):
        if given is None or isinstance(given, int | float):
            refuse(
                f"{name} must hold one row each, and the estimator requires y to be passed, but "
                f"the target y is None or {name} is no array",
                f"{name}={shown(given)}",
                "stack_domains gives both",
            )
    indexable(X, y)


def _count(rows) -> int:
    return rows.shape[0] if hasattr(rows, "shape") else len(rows)


def _taken(rows, places):
    return rows.iloc[places] if hasattr(rows, "iloc") else _indexable(rows)[places]


def _indexable(rows):
    return rows if hasattr(rows, "tocsr") else np.asarray(rows)
