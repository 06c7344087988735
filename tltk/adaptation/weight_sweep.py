"""The plain baseline of instance transfer: one weight for all source rows."""

from typing import ClassVar

import numpy as np
from sklearn.base import clone, is_classifier

from tltk._checks import as_numbers, check_number, refuse, shown
from tltk.adaptation.boosting import checked_stack
from tltk.adaptation.domains import SOURCE, TARGET, forget, warn_without_domain
from tltk.adaptation.source_only import SourceOnly
from tltk.adaptation.weighted_fit import (
    checked_labels,
    fit_weighted,
    random_of,
    rows_at,
    seeded,
)

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

    def fit(self, X, y, *, domain=None):
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
