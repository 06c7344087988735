"""The rounds of TrAdaBoost, for classes (mistakes of 0 and 1) and numbers (between 0 and 1)."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    indexable,
    validate_data,
)

from tltk._checks import check_number, check_rows
from tltk.adaptation.domains import SOURCE, TARGET, checked_domain


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
        weights[counts] = np.exp(logs - logs.max())
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
