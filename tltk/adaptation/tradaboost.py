"""TrAdaBoost: boosting that raises the target's mistakes and lowers the source's."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets

from tltk.adaptation.boosting import (
    Rounds,
    boost,
    checked_rows,
    checked_stack,
    warn_at_chance,
)
from tltk.adaptation.domains import TARGET, forget, warn_without_domain
from tltk.adaptation.weighted_fit import checked_labels, fit_weighted, random_of, seeded


class TrAdaBoost(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Boost a classifier on many source labels and few target labels.

    In each of N rounds the classifier is fitted on all rows, weighted by w. With e the weighted
    error on the target rows and K classes,

        alpha = log((1 - e) / e) + log(K - 1),    beta = 1 / (1 + sqrt(2 log(n) / N)),

    a target row that it gets wrong has its weight times exp(alpha), a source row that it gets
    wrong times beta: what contradicts the target fades out of the source. The later half of the
    rounds votes, each with alpha. With two classes this is the paper's rule (exp(-alpha) is its
    beta_t); log(K - 1) is SAMME's term for more classes.

    Rounds end early where e is no better than chance, 1 - 1/K. Where e is 0, alpha is that of half
    the lightest target row being wrong. Weights go to the classifier as they are, with mean 1;
    nothing is drawn, so no class can be lost.

    Args:
        estimator: any scikit-learn classifier whose `fit` takes sample_weight, or a pipeline that
            ends in one (mixed columns included); a tree of depth 3 by default.
        n_estimators: N.
        random_state: seeds the classifiers; None leaves their own random state.

    Attributes:
        estimators_, votes_, errors_: the classifier, alpha and e of each round.
        weights_: of all rows after the last round, mean 1, (n + m,).
        target_shares_: the target's part of all weights, in each round.
        classes_: labels in order.

    Example:
        >>> X = np.array([[0.0], [1.0], [2.0], [3.0]] * 3)
        >>> source, target = [1, 1, 0, 0] * 2, [0, 0, 1, 1]  # the source is wrong
        >>> model = TrAdaBoost(n_estimators=10)
        >>> weights, domain = np.repeat([1, 3], [8, 4]), np.repeat([0, 1], [8, 4])
        >>> _ = model.fit(X, source + target, domain=domain, sample_weight=weights)
        >>> model.predict([[0.5], [2.5]]).tolist()
        [0, 1]

    References:
        - Dai, Yang, Xue and Yu, Boosting for transfer learning, 2007.
        - Hastie, Rosset, Zhu and Zou, Multi-class AdaBoost, 2009.
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
            y: labels (n + m,), those of target rows included.
            domain: 0 for a source row and 1 for a target row; None fits one classifier on all
                rows, and warns.
            sample_weight: the weights to begin with, (n + m,); all alike by default.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for a domain that does not fit the rows, target rows without a label, fewer
                than one round, or an estimator whose `fit` takes no sample_weight.
        """
        forget(self)
        X, y, domain, weights = checked_stack(self, X, y, domain, sample_weight)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        learner, random = self._learner(), random_of(self.random_state)
        if domain is None:
            warn_without_domain(self)
            self.estimators_ = [fit_weighted(seeded(learner, random), X, y, weights)]
            self.votes_, self.errors_, self.weights_ = np.ones(1), np.zeros(1), weights
            self.target_shares_ = np.ones(1)
            return self
        checked_labels(y, domain)

        def learn(weights):
            fitted = fit_weighted(seeded(learner, random), X, y, weights)
            return fitted, (fitted.predict(X) != y).astype("float64")

        classes = max(len(self.classes_), 2)
        found = boost(learn, weights, domain, self.n_estimators, 1 - 1 / classes)
        if found.at_chance:
            warn_at_chance(found.errors[0], weights[domain == TARGET].sum() / weights.sum())
        self._keep(found)
        return self

    def predict(self, X):
        """Predict labels (k,)."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]

    def predict_proba(self, X):
        """The share of the votes for each class, (k, classes); no calibrated probabilities."""
        X = checked_rows(self, X)
        first = first_voter(len(self.estimators_))
        voters, votes = self.estimators_[first:], self.votes_[first:]
        answers = [each.predict(X) for each in voters]
        counts = sum(
            vote * (answer[:, None] == self.classes_)
            for vote, answer in zip(votes, answers, strict=True)
        )
        return counts / votes.sum()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = get_tags(self._learner()).input_tags.sparse
        return tags

    def _learner(self) -> Any:
        return DecisionTreeClassifier(max_depth=3) if self.estimator is None else self.estimator

    def _keep(self, found: Rounds):
        self.estimators_, self.weights_ = found.learners, found.weights
        self.votes_, self.errors_ = np.array(found.votes), np.array(found.errors)
        self.target_shares_ = np.array(found.target_shares)


def first_voter(rounds: int) -> int:
    """The later half of the rounds votes, from number ceil(rounds / 2) on, counted from 1."""
    return max(0, -(-rounds // 2) - 1)
