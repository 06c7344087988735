"""A classifier or regressor that learns from weighted source rows."""

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from tltk._checks import as_numbers, check_number, check_rows, refuse, shown
from tltk.adaptation._weighted_fit import checked_labels, fit_weighted, random_of, rows_at, seeded
from tltk.adaptation.boosting import checked_stack
from tltk.adaptation.density import DensityRatio, effective_sample_size
from tltk.adaptation.domains import SOURCE, TARGET, checked_domain, forget, warn_without_domain


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


class Reweighted(SourceOnly):
    """Weigh the source rows so that they resemble the target, and fit an estimator on them.

    No target label is read. Weighting mends a difference of P(X), under one P(Y | X), where the
    source has rows wherever the target has; and it costs: `effective_size_` says to how many rows
    the source has shrunk. Where that is small, weighting often hurts.

    Args:
        estimator: any scikit-learn classifier or regressor whose `fit` takes sample_weight, or a
            pipeline that ends in one.
        weigher: `DensityRatio()` by default, or a `KMM`.

    Attributes:
        estimator_, weigher_: fitted clones.
        weights_: of the source rows, mean 1, (n,).
        effective_size_: (sum w)^2 / sum w^2.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> from tltk.adaptation import KMM
        >>> X, y = np.array([[0.0], [1], [2], [1], [2]]), np.array([0.0, 1, 4, 0, 0])
        >>> model = Reweighted(LinearRegression(), KMM(bandwidth=0.1))
        >>> model.fit(X, y, domain=[0, 0, 0, 1, 1]).predict([[1.0]]).round(1).tolist()
        [1.0]

    Reference:
        Shimodaira, Improving predictive inference under covariate shift by weighting the
        log-likelihood function, 2000.
    """

    __metadata_request__fit: ClassVar = {"domain": True}

    def __init__(self, estimator, weigher=None):
        self.estimator = estimator
        self.weigher = weigher

    def fit(self, X, y, *, domain=None):  # type: ignore[override]  # it weighs by itself
        """Weigh the source rows and fit a clone of the estimator on them.

        Args:
            X: stacked rows (n + m, d).
            y: labels (n + m,); those of target rows are not read.
            domain: 0 for a source row and 1 for a target row; None fits all rows alike, and warns.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for a domain that does not fit the rows, or an estimator whose `fit` takes
                no sample_weight.
        """
        forget(self)
        check_rows("X", X)
        check_labels_given(X, y)
        y = np.asarray(y)
        if domain is None:
            warn_without_domain(self)
            return self._keep(clone(self.estimator).fit(X, y))
        source = np.flatnonzero(checked_domain(domain, len(y)) == SOURCE)
        weigher = DensityRatio() if self.weigher is None else self.weigher
        self.weigher_ = clone(weigher).fit(X, domain=domain)
        self.weights_ = self.weigher_.weights_ / self.weigher_.weights_.mean()
        self.effective_size_ = effective_sample_size(self.weights_)
        own = clone(self.estimator)
        return self._keep(fit_weighted(own, rows_at(X, source), y[source], self.weights_))


WEIGHTS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)


class WeightSweep(SourceOnly):
    """Fit on both domains, a source row counting `weight` times as much as a target row.

    The weight is chosen by cross-validation on the labelled target rows: in each fold the source
    and the other folds teach, the fold judges, by the log loss (classifiers without probabilities
    by accuracy, regressors by the squared error). 0 is target-only, 1 is pooled. It is what any
    cleverer weighting has to beat.

    Args:
        estimator: any scikit-learn classifier or regressor whose `fit` takes sample_weight, or a
            pipeline that ends in one.
        weights: those to choose from; of equally good ones the largest is taken.
        folds: how many; as many as target rows where these are fewer.
        random_state: deals rows to folds, and seeds the estimators.

    Attributes:
        weight_: the one chosen.
        scores_: of each weight, higher is better, (k,); minus infinity where it cannot be fitted.
        estimator_: fitted on all rows.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> X = np.array([[0.0], [1], [2], [3], [0], [1], [2], [3]])
        >>> y, domain = np.array([9, 8, 7, 6, 0, 1, 2, 3.0]), np.repeat([0, 1], 4)
        >>> WeightSweep(LinearRegression(), folds=4).fit(X, y, domain=domain).weight_
        0.0

    Reference:
        Ben-David et al., A theory of learning from different domains, 2010.
    """

    __metadata_request__fit: ClassVar = {"domain": True}

    def __init__(self, estimator, weights=WEIGHTS, folds=5, random_state=0):
        self.estimator = estimator
        self.weights = weights
        self.folds = folds
        self.random_state = random_state

    def fit(self, X, y, *, domain=None):  # type: ignore[override]  # it weighs by itself
        """Choose the weight and fit with it.

        Args:
            X: stacked rows (n + m, d).
            y: labels or numbers (n + m,), those of target rows included.
            domain: 0 for a source row and 1 for a target row; None fits all rows alike, and warns.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for a domain that does not fit the rows, target rows without a label, fewer
                than two target rows or folds, weights below 0, or an estimator whose `fit` takes
                no sample_weight.
        """
        forget(self)
        X, y, domain, _ = checked_stack(self, X, y, domain)
        if domain is None:
            warn_without_domain(self)
            return self._keep(clone(self.estimator).fit(X, y))
        checked_labels(y, domain)
        _check(self.weights, self.folds, np.sum(domain == TARGET))
        random = random_of(self.random_state)
        fold = _folds(y, domain, self.folds, random)
        self.scores_ = np.array([self._score(X, y, domain, fold, w) for w in self.weights])
        order = np.argsort(self.weights)
        best = order[len(order) - 1 - np.argmax(self.scores_[order][::-1])]
        self.weight_ = float(self.weights[best])
        shares = np.where(domain == SOURCE, self.weight_, 1.0)
        return self._keep(fit_weighted(seeded(self.estimator, random), X, y, shares))

    def _score(self, X, y, domain, fold, weight) -> float:
        """The mean score of target rows by models that did not see them."""
        total, count = 0.0, 0
        for held in range(fold.max() + 1):
            out = np.flatnonzero(fold == held)
            shares = np.where(domain == SOURCE, float(weight), 1.0)
            shares[out] = 0
            taught = y[shares > 0]
            if is_classifier(self.estimator) and len(np.unique(taught)) < 2:
                return -np.inf
            fitted = fit_weighted(clone(self.estimator), X, y, shares)
            total += scores_of(fitted, rows_at(X, out), y[out]).sum()
            count += len(out)
        return total / count


def scores_of(fitted, X, y) -> np.ndarray:
    """Of each row: log probability of its label, right or wrong, or minus the squared error."""
    if not is_classifier(fitted):
        return -((fitted.predict(X) - y) ** 2)
    if not hasattr(fitted, "predict_proba"):
        return (fitted.predict(X) == y).astype("float64")
    known = fitted.classes_ == y[:, None]
    return np.log(np.maximum((fitted.predict_proba(X) * known).sum(axis=1), 1e-7))


def _check(weights, folds, rows) -> None:
    if as_numbers("weights", weights, "(k,)").min() < 0:
        refuse("weights must be 0 or more", f"weights={shown(weights)}", "0 leaves the source out")
    check_number("folds", folds, least=2, whole=True, advice="5 are usual")
    if rows < 2:
        refuse(
            "A weight is chosen by two target rows or more",
            f"domain with {rows} target rows",
            "With one there is nothing to choose by: pool the domains",
        )


def _folds(y, domain, folds, random) -> np.ndarray:
    """The fold of each target row, classes dealt out evenly; -1 for source rows."""
    places = random.permutation(np.flatnonzero(domain == TARGET))
    places = places[np.argsort(y[places], kind="stable")]
    fold = np.full(len(y), -1)
    fold[places] = np.arange(len(places)) % min(folds, len(places))
    return fold
