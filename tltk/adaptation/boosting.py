"""The rounds of TrAdaBoost, for classes (mistakes of 0 and 1) and numbers (between 0 and 1)."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import _check_sample_weight, indexable

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
    if rounds < 1:
        raise ValueError(
            f"Boosting takes one round or more. Received: n_estimators={rounds}. 50 are usual."
        )
    target = domain == TARGET
    fading = -np.log1p(np.sqrt(2 * np.log(np.sum(domain == SOURCE)) / rounds))
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
        logs = np.log(weights) + mistakes * np.where(target, vote, fading)
        weights = np.exp(logs - logs.max())
        weights = np.maximum(weights / weights.mean(), np.finfo(float).tiny)
    learners, votes, errors, shares = map(list, zip(*found, strict=True))
    return Rounds(learners, votes, errors, shares, weights, at_chance)


def vote_of(error: float, chance: float, target_weights: np.ndarray) -> float:
    """log((1 - e) / e) less its value at chance; for e = 0, as if half the lightest row failed."""
    least = target_weights.min() / target_weights.sum() / 2
    error = max(error, min(least, chance / 2)) if error == 0 else error
    return float(np.log((1 - error) / error) + np.log(chance / (1 - chance)))


def checked_stack(estimator, X, y, domain, sample_weight):
    """Rows, labels, domain (or None) and positive weights that belong together."""
    X, y = indexable(X, y)
    y = np.asarray(y)
    y = y.astype(str) if y.dtype.kind == "O" and all(isinstance(each, str) for each in y) else y
    weights = np.asarray(_check_sample_weight(sample_weight, X, dtype="float64"))
    if not np.isfinite(weights).all() or (weights <= 0).any():
        raise ValueError(
            "Every row begins with a weight above 0. Received: sample_weight from "
            f"{weights.min():g} to {weights.max():g}. Leave out rows that should not count."
        )
    return X, y, None if domain is None else checked_domain(domain, len(y)), weights


def warn_at_chance(error, share) -> None:
    """Say that boosting could not begin."""
    warnings.warn(
        "TrAdaBoost goes on while its error on the target is better than chance. Received: "
        f"{error:.2f} in the first round, where the target has {share:.1%} of the weight. That "
        "round is all there is; give target rows more sample_weight, or leave the source out.",
        stacklevel=3,
    )
