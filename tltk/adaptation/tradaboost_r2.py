"""TrAdaBoost.R2: the same boosting, for numbers instead of classes."""

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import get_tags

from tltk._checks import shown
from tltk.adaptation.boosting import boost, checked_rows, checked_stack, warn_at_chance
from tltk.adaptation.domains import TARGET, forget, warn_without_domain
from tltk.adaptation.tradaboost import first_voter
from tltk.adaptation.weighted_fit import fit_weighted, random_of, seeded


class TrAdaBoostR2(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Boost a regressor on many source values and few target values.

        e_i = |y_i - h(x_i)| / max_j |y_j - h(x_j)|, over all rows

    As `TrAdaBoost`, with these mistakes between 0 and 1: weights are multiplied by exp(alpha e_i)
    in the target and beta^e_i in the source, and rounds end where the target's mean weighted
    mistake reaches 1/2. The answer is the median of the later half of the rounds, weighted by
    alpha.

    Args:
        estimator: any scikit-learn regressor whose `fit` takes sample_weight, or a pipeline that
            ends in one; a tree of depth 3 by default.
        n_estimators: N.
        random_state: seeds the regressors; None leaves their own random state.

    Attributes:
        estimators_, votes_, errors_: the regressor, alpha and error of each round.
        weights_: of all rows after the last round, mean 1, (n + m,).
        target_shares_: the target's part of all weights, in each round.

    Example:
        >>> X = np.arange(6.0)[:, None]
        >>> y, domain = [9.0, 9, 0, 0, 5, 5], [0, 0, 0, 0, 1, 1]
        >>> model = TrAdaBoostR2(n_estimators=5).fit(X, y, domain=domain)
        >>> model.predict([[4.0]]).tolist()
        [5.0]

    Reference:
        Pardoe and Stone, Boosting for regression transfer, 2010.
    """

    __metadata_request__fit: ClassVar = {"domain": True}

    def __init__(self, estimator=None, n_estimators=50, random_state=None):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.random_state = random_state

    def fit(self, X, y, *, domain=None, sample_weight=None):
        """Boost.

        Args:
            X: stacked rows (n + m, d).
            y: numbers (n + m,), those of target rows included.
            domain: 0 for a source row and 1 for a target row; None fits one regressor on all rows,
                and warns.
            sample_weight: the weights to begin with, (n + m,); all alike by default.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for a domain that does not fit the rows, numbers that are not finite, fewer
                than one round, or an estimator whose `fit` takes no sample_weight.
        """
        forget(self)
        X, y, domain, weights = checked_stack(self, X, y, domain, sample_weight)
        y = _checked_numbers(y)
        learner, random = self._learner(), random_of(self.random_state)
        if domain is None:
            warn_without_domain(self)
            self.estimators_ = [fit_weighted(seeded(learner, random), X, y, weights)]
            self.votes_, self.errors_, self.weights_ = np.ones(1), np.zeros(1), weights
            self.target_shares_ = np.ones(1)
            return self

        def learn(weights):
            fitted = fit_weighted(seeded(learner, random), X, y, weights)
            mistakes = np.abs(y - fitted.predict(X))
            return fitted, mistakes / (mistakes.max() or 1.0)

        found = boost(learn, weights, domain, self.n_estimators, 0.5)
        if found.at_chance:
            warn_at_chance(found.errors[0], weights[domain == TARGET].sum() / weights.sum())
        self.estimators_, self.weights_ = found.learners, found.weights
        self.votes_, self.errors_ = np.array(found.votes), np.array(found.errors)
        self.target_shares_ = np.array(found.target_shares)
        return self

    def predict(self, X):
        """Predict numbers (k,)."""
        X = checked_rows(self, X)
        first = first_voter(len(self.estimators_))
        answers = np.column_stack([each.predict(X) for each in self.estimators_[first:]])
        return weighted_median(answers, self.votes_[first:])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = get_tags(self._learner()).input_tags.sparse
        return tags

    def _learner(self):
        return DecisionTreeRegressor(max_depth=3) if self.estimator is None else self.estimator


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of each row (n, k), the smallest value at which half of the weights (k,) is reached."""
    order = np.argsort(values, axis=1, kind="stable")
    reached = np.cumsum(weights[order], axis=1) >= weights.sum() / 2 * (1 - 1e-12)
    chosen = order[np.arange(len(values)), reached.argmax(axis=1)]
    return values[np.arange(len(values)), chosen]


def _checked_numbers(y) -> np.ndarray:
    if y.dtype.kind not in "fiub" or not np.isfinite(y).all():
        raise ValueError(
            f"Unknown label type: values must be finite numbers. Received: y={shown(y)}. "
            "Leave out rows without a value; for classes take TrAdaBoost."
        )
    return y.astype("float64")
