"""How much more often the target has a row than the source: a ratio told by a classifier."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from tltk._checks import as_numbers, check_number, check_rows, checked_random, refuse
from tltk.adaptation.domains import SOURCE, TARGET, checked_domain, forget, warn_without_domain
from tltk.adaptation.logistic import calibrate, fit_logistic, linear_answers
from tltk.adaptation.weighted_fit import rows_at, seeded

CERTAIN = 1e-6


def effective_sample_size(weights: np.ndarray) -> float:
    """How many equally weighted rows say as much as rows of these weights.

        (sum w)^2 / sum w^2, between 1 and n

    Args:
        weights: (n,), none negative, not all 0.

    Returns:
        The size.

    Raises:
        ValueError: for weights that are negative, not finite, or all 0.

    Example:
        >>> effective_sample_size([1, 1, 1, 1]), effective_sample_size([1, 0, 0, 0])
        (4.0, 1.0)

    Reference:
        Kish, Survey sampling, 1965.
    """
    weights = checked_weights(weights)
    weights = weights / weights.max()
    return float(weights.sum() ** 2 / (weights @ weights))


def checked_weights(weights: Any) -> np.ndarray:
    """Finite weights (n,), none negative, not all 0."""
    weights = as_numbers("weights", weights, "(n,)", advice="KMM and DensityRatio give such")
    if weights.min() < 0 or weights.max() == 0:
        refuse(
            "weights must be 0 or more, and not all 0",
            f"weights from {weights.min():g} to {weights.max():g}",
            "KMM and DensityRatio give such",
        )
    return weights


class DensityRatio(BaseEstimator):
    """Weigh source rows by how much more probable they are in the target.

        w(x) = p_target(x) / p_source(x) = (n / m) P(target | x) / P(source | x)

    for n source and m target rows, with P from a classifier that tells the domains apart.

    The classifier is a logistic regression on standardised features, on all rows, in one chunk of
    memory. Rows are judged by classifiers that did not see them (`folds`), and the answers are
    calibrated by a line (Platt), which takes back what overfitting and the penalty did to the
    odds. A linear classifier sees only ratios that are exponentials of a linear function; for
    others give one of your own.

    Args:
        classifier: any scikit-learn classifier with `predict_proba`, a pipeline from mixed columns
            included; the logistic regression by default.
        penalty: of the squared coefficients; the number of features by default.
        folds: how many.
        bound: weights, whose mean is 1, are cut off here; None leaves them.
        random_state: deals rows to folds, and seeds the classifier.

    Attributes:
        weights_: of the source rows, in their order, (n,), mean 1; for `sample_weight`. Of all
            rows, 1 each, where no domain was given.
        slope_, intercept_: of the calibration.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = np.r_[rng.normal(0, 1, (4000, 1)), rng.normal(1, 1, (4000, 1))]
        >>> ratio = DensityRatio().fit(X, domain=np.repeat([0, 1], 4000))
        >>> truth = np.exp(np.array([-1, 0, 1]) - 0.5)  # two normal densities
        >>> bool(np.abs(ratio.weigh([[-1.0], [0.0], [1.0]]) / truth - 1).max() < 0.25)
        True

    Reference:
        Bickel, Brückner and Scheffer, Discriminative learning for differing training and test
        distributions, 2007.
    """

    __metadata_request__fit: ClassVar = {"domain": True}

    def __init__(self, classifier=None, penalty=None, folds=5, bound=None, random_state=0):
        self.classifier = classifier
        self.penalty = penalty
        self.folds = folds
        self.bound = bound
        self.random_state = random_state

    def fit(self, X, y=None, *, domain=None):
        """Learn to tell the domains apart, and weigh the source rows.

        Args:
            X: stacked rows (n + m, d); with a classifier of your own whatever that takes.
            y: not used.
            domain: 0 for a source row and 1 for a target row; None gives weights of 1, and warns.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for rows that are not finite numbers, a domain that does not fit them, a
                domain with one row, or fewer than two folds.
        """
        forget(self)
        check_rows("X", X)
        if self.classifier is None:
            X = validate_data(self, X, dtype=("float64", "float32"))
        count = X.shape[0] if hasattr(X, "shape") else len(X)
        self.adapts_ = domain is not None
        if domain is None:
            warn_without_domain(self)
            self.weights_ = np.ones(count)
            return self
        domain = checked_domain(domain, count)
        check_number("folds", self.folds, least=2, whole=True, advice="5 are usual")
        if self.penalty is not None:
            check_number("penalty", self.penalty, least=0)
        if self.bound is not None:
            check_number("bound", self.bound, above=0)
        random = checked_random("random_state", self.random_state)
        answers = self._answers(X, domain, _folds(domain, self.folds, random), random)
        self.slope_, self.intercept_ = calibrate(answers, domain)
        self.odds_ = domain.sum() / np.sum(domain == SOURCE)
        raw = self._ratio(answers[domain == SOURCE])
        self.scale_ = 1 / raw.mean()
        self.weights_ = self._bounded(raw)
        self.weights_ /= self.weights_.mean()
        return self

    def weigh(self, X):
        """Weigh other source rows, such as those held out for validation.

        Args:
            X: rows (k, d).

        Returns:
            Weights (k,), on the scale of `weights_`.
        """
        check_is_fitted(self, "weights_")
        check_rows("X", X)
        if self.classifier is None:
            X = validate_data(self, X, dtype=("float64", "float32"), reset=False)
        if not self.adapts_:
            return np.ones(X.shape[0] if hasattr(X, "shape") else len(X))
        if self.classifier is None:
            return self._bounded(self._ratio(linear_answers(X, *self.line_)[:, 0]))
        return self._bounded(self._ratio(_log_odds(self.classifier_, X)))

    def _ratio(self, answers):
        return np.exp(np.clip(self.slope_ * answers + self.intercept_, -50, 50)) / self.odds_

    def _bounded(self, ratio):
        return np.minimum(ratio * self.scale_, np.inf if self.bound is None else self.bound)

    def _answers(self, X, domain, fold, random):
        """Log odds of the target, for each row by a classifier that did not see it."""
        folds = fold.max() + 1
        if self.classifier is None:
            shares = np.column_stack([fold[:, None] != np.arange(folds), np.ones(len(fold))])
            penalty = X.shape[1] if self.penalty is None else self.penalty
            slopes, bias = fit_logistic(X, domain, shares.astype("float64"), penalty)
            self.line_ = slopes[:, -1:], bias[-1:]
            every = linear_answers(X, slopes, bias)
            return every[np.arange(len(fold)), fold]
        answers = np.empty(len(fold))
        for held in range(folds):
            out, seen = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
            fitted = seeded(self.classifier, random).fit(rows_at(X, seen), domain[seen])
            answers[out] = _log_odds(fitted, rows_at(X, out))
        self.classifier_ = seeded(self.classifier, random).fit(X, domain)
        return answers


def _folds(domain, folds, random) -> np.ndarray:
    """The fold of each row; every fold has its part of both domains."""
    smallest = int(np.bincount(domain).min())
    if smallest < 2:
        raise ValueError(
            "A ratio is told by classifiers that did not see a row, so it takes two rows of each "
            f"domain. Received: domain with {smallest} rows of one. Add unlabelled rows."
        )
    fold = np.empty(len(domain), dtype=int)
    for side in (SOURCE, TARGET):
        places = random.permutation(np.flatnonzero(domain == side))
        fold[places] = np.arange(len(places)) % min(folds, smallest)
    return fold


def _log_odds(classifier, X) -> np.ndarray:
    share = np.clip(classifier.predict_proba(X)[:, list(classifier.classes_).index(1)], 0, 1)
    share = np.clip(share, CERTAIN, 1 - CERTAIN)
    return np.log(share) - np.log1p(-share)
