"""Correct a classifier's probabilities for classes that are otherwise frequent where it is used."""

import warnings
from typing import NamedTuple

import numpy as np

from tltk._checks import as_numbers, as_probabilities

TOLERANCE, MOST_ROUNDS = 1e-10, 10_000


class LabelShift(NamedTuple):
    """What `correct_label_shift` found.

    Attributes:
        probabilities: (n, classes), corrected.
        priors: the estimated shares of the classes where the rows come from, (classes,).
        weights: target shares over source shares (classes,), to weight source examples by
            class.
    """

    probabilities: np.ndarray
    priors: np.ndarray
    weights: np.ndarray


def correct_label_shift(probabilities: np.ndarray, source_priors: np.ndarray) -> LabelShift:
    """Estimate the classes' shares in unlabelled rows, and correct the probabilities for them.

        p'(y | x) ~ p(y | x) q(y) / p(y),   q(y) = mean of p'(y | x) over the rows, in turns

    This is expectation maximisation; it finds the shares under which the rows are most likely. It
    takes for granted that only the classes' frequencies differ, P(X | Y) being the same, and that
    the probabilities are calibrated on the source: an overconfident network's are not.

    Args:
        probabilities: a source classifier's answers on target rows (n, classes).
        source_priors: the classes' shares among its training labels (classes,), all above 0.

    Returns:
        `LabelShift` of corrected probabilities, priors and class weights.

    Raises:
        ValueError: for rows that are not probabilities, or shares that do not fit them.

    Example:
        >>> answers = np.array([[0.9, 0.1]] * 8 + [[0.1, 0.9]] * 2)
        >>> found = correct_label_shift(answers, [0.5, 0.5])
        >>> found.priors.round(3).tolist()
        [0.875, 0.125]

    Reference:
        Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to new a priori
        probabilities, 2002.
    """
    probabilities = as_probabilities("probabilities", probabilities)
    source_priors = as_numbers("source_priors", source_priors, "(classes,)")
    fits = source_priors.shape == probabilities.shape[1:] and (source_priors > 0).all()
    if not fits or abs(source_priors.sum() - 1) > 1e-6:
        raise ValueError(
            f"source_priors are {probabilities.shape[1]} shares above 0 with sum 1. "
            f"Received: source_priors={source_priors.tolist()}. "
            "Take np.bincount(labels) / len(labels)."
        )
    priors = source_priors
    for _ in range(MOST_ROUNDS):
        corrected = probabilities * (priors / source_priors)
        corrected /= corrected.sum(axis=1, keepdims=True)
        last, priors = priors, corrected.mean(axis=0)
        if np.abs(priors - last).max() < TOLERANCE:
            break
    else:
        warnings.warn(
            f"The shares must settle within {MOST_ROUNDS} rounds. Received: shares that still move "
            f"by {np.abs(priors - last).max():.1g}. Take them for rough ones.",
            stacklevel=2,
        )
    return LabelShift(corrected, priors, priors / source_priors)
