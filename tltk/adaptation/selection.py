"""Choosing among candidates where the target has no labels, and what that costs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tltk._checks import (
    as_numbers,
    as_probabilities,
    check_choice,
    check_flag,
    check_number,
    refuse,
    shown,
)
from tltk.adaptation.density import checked_weights

CHUNK = 2048
DENSITY, INFOMAX, ENTROPY = "soft neighbourhood density", "InfoMax", "entropy"
WEIGHTED, DEEP = "importance-weighted validation", "deep embedded validation"
CRITERIA = (ENTROPY, INFOMAX, DENSITY, WEIGHTED, DEEP)


def target_entropy(probabilities: np.ndarray) -> float:
    """How undecided a classifier is about target rows; lower is taken for better.

    -mean_i sum_k p_ik log p_ik, in nats. A classifier that gives one class to every row, surely,
    has the lowest.

    Args:
        probabilities: answers for target rows (m, k), each row adding up to 1.

    Returns:
        The mean entropy, 0 to log(k).

    Raises:
        ValueError: for anything else than probabilities.

    Example:
        >>> round(target_entropy([[0.5, 0.5], [1.0, 0.0]]), 3)  # half of log 2
        0.347

    Reference:
        Grandvalet and Bengio, Semi-supervised learning by entropy minimization, 2004.
    """
    return float(np.mean(_entropies(_checked(probabilities))))


def infomax(probabilities: np.ndarray) -> float:
    """How decided a classifier is about each row while using all classes; higher is better.

        H(mean_i p_i) - mean_i H(p_i)

    which is the mutual information of row and answer, in nats.

    Args:
        probabilities: answers for target rows (m, k), each row adding up to 1.

    Returns:
        The information, 0 to log(k).

    Raises:
        ValueError: for anything else than probabilities.

    Example:
        >>> round(infomax([[1.0, 0.0], [0.0, 1.0]]), 3), infomax([[1.0, 0.0]] * 2)
        (0.693, 0.0)

    Reference:
        Bridle, Heading and MacKay, Unsupervised classifiers, mutual information and phantom
        targets, 1991.
    """
    answers = _checked(probabilities)
    return float(_entropies(answers.mean(axis=0, keepdims=True))[0] - _entropies(answers).mean())


def soft_neighbourhood_density(probabilities: np.ndarray, temperature: float = 0.05) -> float:
    """How many neighbours a target row has among the answers; higher is taken for better.

        q_ij = exp(s_ij / t) / sum_{l != i} exp(s_il / t),  j != i

    is how a row's neighbours are shared out, with s_ij = a_i'a_j the likeness of two answers as
    vectors of length 1; the density is the mean entropy of q_i. All rows in one tight cluster have
    the highest.

    Args:
        probabilities: answers for target rows (m, k), each row adding up to 1, m of 2 or more.
        temperature: t.

    Returns:
        The density, 0 to log(m - 1); it takes m^2 steps, a few thousand rows in memory at a time.

    Raises:
        ValueError: for anything else than probabilities, one row, or a temperature of 0 or less.

    Example:
        >>> tight, loose = [[1.0, 0.0]] * 5, [[0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [0.7, 0.3]]
        >>> round(soft_neighbourhood_density(tight), 3)  # log 4
        1.386
        >>> soft_neighbourhood_density(loose) < 0.5
        True

    Reference:
        Saito et al., Tune it the right way: unsupervised validation of domain adaptation via soft
        neighborhood density, 2021.
    """
    answers = _checked(probabilities)
    check_number("temperature", temperature, above=0, advice="The paper's is 0.05")
    if len(answers) < 2:
        raise ValueError(
            "Neighbours take two rows or more. "
            f"Received: probabilities of {len(answers)} row. Pass all target rows at once."
        )
    answers /= np.linalg.norm(answers, axis=1, keepdims=True)
    total = 0.0
    for start in range(0, len(answers), CHUNK):
        likeness = answers[start : start + CHUNK] @ answers.T / temperature
        own = np.arange(len(likeness)), np.arange(start, start + len(likeness))
        likeness[own] = -np.inf
        likeness -= likeness.max(axis=1, keepdims=True)
        shares = np.exp(likeness)
        norms = shares.sum(axis=1)
        likeness[own] = 0
        total += np.sum(np.log(norms) - np.sum(shares * likeness, axis=1) / norms)
    return float(total / len(answers))


def importance_weighted_risk(
    losses: np.ndarray, weights: np.ndarray, control_variate: bool = False
) -> float:
    """The loss to expect on the target, from weighted losses on held-out source rows.

        mean_i w_i l_i
        mean(w l) + c (mean(w) - 1),  c = -cov(w l, w) / var(w)   with the control variate

    The expectation is the target's risk if w is the true ratio of the densities; with the control
    variate it is the same and the estimate varies less.

    Args:
        losses: of source rows that the model did not see, (n,).
        weights: p_target / p_source of these rows, (n,), such as `DensityRatio.weigh` gives.
        control_variate: use it, as deep embedded validation does.

    Returns:
        The risk; lower is better.

    Raises:
        ValueError: for losses that are not finite, or weights that do not fit them.

    Example:
        >>> importance_weighted_risk([0.0, 1.0], [0.5, 1.5])
        0.75

    References:
        - Sugiyama, Krauledat and Müller, Covariate shift adaptation by importance weighted cross
          validation, 2007.
        - You, Wang, Long and Jordan, Towards accurate model selection in deep unsupervised domain
          adaptation, 2019.
    """
    losses, weights = as_numbers("losses", losses, "(n,)"), checked_weights(weights)
    check_flag("control_variate", control_variate)
    if losses.shape != weights.shape:
        raise ValueError(
            "Every loss has its weight. Received: losses of shape "
            f"{losses.shape}, weights of shape {weights.shape}. "
            "Take both of the same held-out source rows."
        )
    weighted = weights * losses
    shares = weights / weights.max()
    spread = shares.var()
    if not control_variate or spread <= 1e-12 * shares.mean() ** 2:
        return float(weighted.mean())
    slope = (
        np.mean((losses * shares - np.mean(losses * shares)) * (shares - shares.mean())) / spread
    )
    return float(weighted.mean() - slope * (weights.mean() - 1))


def select_without_labels(
    probabilities: Mapping[str, np.ndarray],
    criterion: str = DENSITY,
    losses: Mapping[str, np.ndarray] | None = None,
    weights: np.ndarray | None = None,
) -> str:
    """Pick one of several candidates by their answers on target rows, labels unseen.

    Args:
        probabilities: for each candidate its answers for the same target rows, (m, k).
        criterion: "entropy", "InfoMax", "soft neighbourhood density", "importance-weighted
            validation" or "deep embedded validation" (the same with its control variate).
        losses: for the last two: for each candidate its losses on held-out source rows, (n,).
        weights: for the last two: the weights of these rows, (n,).

    Returns:
        The candidate's name; of equals the first.

    Raises:
        ValueError: for an unknown criterion, no candidates, or missing losses and weights.

    Example:
        >>> answers = {"undecided": [[0.6, 0.4], [0.5, 0.5]], "decided": [[0.9, 0.1], [0.2, 0.8]]}
        >>> select_without_labels(answers, "InfoMax")
        'decided'
    """
    scores = _scores(probabilities, criterion, losses, weights)
    return max(scores, key=scores.__getitem__)


def compare_criteria(
    probabilities: Mapping[str, np.ndarray],
    oracle_scores: Mapping[str, float],
    losses: Mapping[str, np.ndarray] | None = None,
    weights: np.ndarray | None = None,
) -> list[dict]:
    """Set what each criterion picks without labels beside what an oracle would have picked.

    `oracle_scores` are measured on labelled target rows. They are shown, and decide nothing but the
    oracle's own pick: a figure chosen by them is no unsupervised result.

    Args:
        probabilities: as for `select_without_labels`.
        oracle_scores: for each candidate its score on labelled target rows; higher is better.
        losses: as for `select_without_labels`; None leaves out the criteria that need them.
        weights: the same.

    Returns:
        A row for each criterion: "criterion", "pick", "score", "oracle_pick", "oracle_score" and
        "cost", the oracle's score less the pick's. A last row, "any candidate", has their mean.

    Raises:
        ValueError: for scores of other candidates, or what `select_without_labels` refuses.

    Example:
        >>> answers = {"a": [[0.6, 0.4], [0.5, 0.5]], "b": [[0.9, 0.1], [0.2, 0.8]]}
        >>> rows = compare_criteria(answers, {"a": 0.7, "b": 0.9})
        >>> [(row["criterion"], row["pick"], round(row["cost"], 2)) for row in rows[1:]]
        ... # doctest: +NORMALIZE_WHITESPACE
        [('InfoMax', 'b', 0.0), ('soft neighbourhood density', 'a', 0.2),
         ('any candidate', None, 0.1)]
    """
    _check_candidates(probabilities)
    if not isinstance(oracle_scores, Mapping) or set(oracle_scores) != set(probabilities):
        raise ValueError(
            "Every candidate has one oracle score. Received: "
            f"oracle_scores={shown(oracle_scores)} for candidates {sorted(probabilities)}. "
            "Use the same names."
        )
    for name, score in oracle_scores.items():
        check_number(f"oracle_scores[{name!r}]", score, advice="Leave that candidate out")
    best = max(probabilities, key=lambda name: oracle_scores[name])
    oracle: dict[str, Any] = {"oracle_pick": best, "oracle_score": float(oracle_scores[best])}
    told = CRITERIA if losses is not None and weights is not None else CRITERIA[:3]
    picks = {each: select_without_labels(probabilities, each, losses, weights) for each in told}
    rows: list[dict[str, Any]] = [
        {"criterion": each, "pick": pick, "score": float(oracle_scores[pick])} | oracle
        for each, pick in picks.items()
    ]
    mean = float(np.mean([oracle_scores[name] for name in probabilities]))
    rows.append({"criterion": "any candidate", "pick": None, "score": mean} | oracle)
    return [row | {"cost": row["oracle_score"] - row["score"]} for row in rows]


def _scores(probabilities, criterion, losses, weights) -> dict[str, float]:
    """For each candidate a number; higher is better."""
    check_choice("criterion", criterion, CRITERIA)
    _check_candidates(probabilities)
    if criterion in (WEIGHTED, DEEP):
        named = isinstance(losses, Mapping) and set(losses) == set(probabilities)
        if not named or weights is None:
            raise ValueError(
                f"{criterion} needs losses and weights of held-out source rows. Received: "
                f"losses={shown(losses)}, weights={shown(weights)}. "
                "Pass losses= of each candidate, and weights=."
            )
        deep = criterion == DEEP
        return {n: -importance_weighted_risk(losses[n], weights, deep) for n in probabilities}
    measures = {
        ENTROPY: lambda p: -target_entropy(p),
        INFOMAX: infomax,
        DENSITY: soft_neighbourhood_density,
    }
    return {name: measures[criterion](answers) for name, answers in probabilities.items()}


def _check_candidates(probabilities) -> None:
    if not isinstance(probabilities, Mapping) or not probabilities:
        refuse(
            "probabilities must map each candidate's name to its answers",
            f"probabilities={shown(probabilities)}",
            "Pass those of two candidates or more",
        )


def _entropies(probabilities) -> np.ndarray:
    from scipy.special import entr

    return entr(probabilities).sum(axis=1)


def _checked(probabilities) -> np.ndarray:
    """Probabilities (m, k) as float64, a copy."""
    answers = as_probabilities("probabilities", probabilities)
    if answers.shape[1] < 2:
        refuse(
            "probabilities must be of two classes or more",
            f"probabilities of shape {answers.shape}",
            "Of one sigmoid unit p pass the columns 1 - p and p",
        )
    return answers
