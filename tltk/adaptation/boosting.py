"""The rounds of TrAdaBoost, for classes (mistakes of 0 and 1) and numbers (between 0 and 1)."""

import warnings
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    indexable,
    validate_data,
)

from tltk._checks import check_number, check_rows, shown
from tltk.adaptation._weighted_fit import checked_labels, fit_weighted, random_of, seeded
from tltk.adaptation.domains import SOURCE, TARGET, checked_domain, forget, warn_without_domain


class Rounds(NamedTuple):
    """What boosting left: of each round the learner, its vote, its error on the target, and the
    target's share of the weights; the weights after the last round; whether the first round was no
    better than chance."""

    learners: list
    votes: list[float]
    errors: list[float]
    target_shares: list[float]
    weights: np.ndarray
    at_chance: bool


def boost(
    learn: Callable[[np.ndarray], tuple[Any, np.ndarray]],
    weights: np.ndarray,
    domain: np.ndarray,
    rounds: int,
    chance: float,
) -> Rounds:
    """Go through the rounds of TrAdaBoost.

    Rows that begin with weight 0 keep it.

    Args:
        learn: from weights (n + m,) of mean 1 to a fitted learner and its mistakes (n + m,), each
            between 0 and 1.
        weights: those to begin with.
        domain: 0 for a source row and 1 for a target row.
        rounds: N.
        chance: rounds end where the target's error is no lower.

    Returns:
        Rounds; at least one.

    Raises:
        ValueError: for fewer than one round.

    Reference:
        Dai, Yang, Xue and Yu, Boosting for transfer learning, 2007.
    """
    check_number("n_estimators", rounds, least=1, whole=True, advice="50 are usual")
    target = domain == TARGET
    counts = weights > 0
    fading = -np.log1p(np.sqrt(2 * np.log(np.sum(counts & ~target)) / rounds))
    weights, found, at_chance = weights / weights.mean(), [], False
    for number in range(rounds):
        learner, mistakes = learn(weights)
        own = weights[target]
        error = float(own @ mistakes[target] / own.sum())
        share = float(own.sum() / weights.sum())
        if error >= chance - 1e-12:
            at_chance = number == 0
            if at_chance:
                found.append((learner, 1.0, error, share))
            break
        vote = vote_of(error, chance, own)
        found.append((learner, vote, error, share))
        weights = weights.copy()
        logs = np.log(weights[counts]) + (mistakes * np.where(target, vote, fading))[counts]
        weights[counts] = np.exp(logs)
        weights[counts] = np.maximum(weights[counts] / weights.mean(), np.finfo(float).tiny)
    learners, votes, errors, shares = map(list, zip(*found, strict=True))
    return Rounds(learners, votes, errors, shares, weights, at_chance)


def vote_of(error: float, chance: float, target_weights: np.ndarray) -> float:
    """log((1 - e) / e) less its value at chance; for e = 0, as if half the lightest row failed."""
    least = target_weights[target_weights > 0].min() / target_weights.sum() / 2
    error = max(error, min(least, chance / 2)) if error == 0 else error
    return float(np.log((1 - error) / error) + np.log(chance / (1 - chance)))


def checked_stack(estimator: Any, X, y, domain, sample_weight=None):
    """Rows, labels, domain (or None) and weights that belong together.

    Rows of numbers are checked, sparse ones too; tables of mixed columns are the pipeline's.
    """
    check_rows("X", X)
    check_rows("y", y)
    check_rows("sample_weight", sample_weight)
    if is_table(X):
        X, y = indexable(X, column_or_1d(y, warn=True))
        estimator.n_features_in_ = X.shape[1]
    else:
        X, y = validate_data(estimator, X, y, dtype=None, accept_sparse="csr")
    y = y.astype(str) if y.dtype.kind == "O" and all(isinstance(each, str) for each in y) else y
    weights = np.asarray(_check_sample_weight(sample_weight, X, dtype="float64"))
    domain = None if domain is None else checked_domain(domain, len(y))
    sides = [weights] if domain is None else [weights[domain == side] for side in (SOURCE, TARGET)]
    if (weights < 0).any() or not all(side.any() for side in sides):
        raise ValueError(
            "Rows begin with weights of 0 or more, and with some above 0 in each domain. Received: "
            f"sample_weight from {weights.min():g} to {weights.max():g}, in sum "
            f"{', '.join(f'{side.sum():g}' for side in sides)}. Without sample_weight all are 1."
        )
    return X, y, domain, weights


def is_table(X) -> bool:
    """A data frame, or an array of objects, whose columns only a pipeline can read."""
    return hasattr(X, "iloc") or (hasattr(X, "dtype") and X.dtype.kind == "O")


def checked_rows(estimator: Any, X):
    """Rows to predict for, of the width of those in `fit`."""
    check_is_fitted(estimator)
    check_rows("X", X)
    if is_table(X):
        return X
    return validate_data(estimator, X, dtype=None, accept_sparse="csr", reset=False)


def warn_at_chance(error, share) -> None:
    """Say that boosting could not begin."""
    warnings.warn(
        "TrAdaBoost goes on while its error on the target is better than chance. Received: "
        f"{error:.2f} in the first round, where the target has {share:.1%} of the weight. That "
        "round is all there is; give target rows more sample_weight, or leave the source out.",
        stacklevel=3,
    )


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
