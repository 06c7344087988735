"""Self-training of a Keras model's linear head: the frozen part runs once over all the data."""

from __future__ import annotations

import keras
import numpy as np

from tltk._checks import check_flag, check_number
from tltk._keras import check_model
from tltk.few_labels.self_training import UNLABELLED, SelfTraining, default_classifier
from tltk.inputs.examples import examples_of
from tltk.tuning.checks import check_fits, checked_examples
from tltk.tuning.cutting import body_below
from tltk.tuning.features import frozen_outputs
from tltk.tuning.probe import fit_linear_head, has_linear_head


def self_train_head(
    model: keras.Model,
    train,
    unlabelled,
    val=None,
    *,
    rounds: int = 5,
    threshold: float | None = None,
    balanced: bool = True,
    batch_size: int = 32,
    cache: bool = True,
) -> SelfTraining:
    """Solve a model's last dense layer on labelled rows and, in rounds, on unlabelled ones.

    The strength of the regularisation is chosen on the labelled rows as `fit_linear_head` does;
    `SelfTraining` does the rest on the features, and its solution is poured into the head.

    Args:
        model: a classifier with a softmax head, as `build_classifier` makes it.
        train: labelled data: a split, a batched dataset of (x, y), or a pair of arrays (x, y).
        unlabelled: more of the same inputs: a split, whose labels are not looked at, or an array.
        val: labelled data to choose the strength and the round on; without it, cross-validation
            and the last round.
        rounds: as in `SelfTraining`.
        threshold: as in `SelfTraining`.
        balanced: as in `SelfTraining`.
        batch_size: examples a step while computing features.
        cache: keep the features on disk for the next call.

    Returns:
        The learner, fitted on the features of `train` and `unlabelled`, in that order; see its
        `history_`, `round_` and `pseudo_labels_`.

    Raises:
        ValueError: for a model without a linear softmax head, and as `fit_linear_head`.

    Example:
        >>> body = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(1.0)])
        >>> from tltk import build_classifier
        >>> model, more = build_classifier(body, ["low", "high"]), np.array([[1.0], [2], [8], [9]])
        >>> learner = self_train_head(model, (np.array([[0.0], [10]]), [0, 1]), more, cache=False)
        >>> learner.pseudo_labels_.tolist()
        [0, 1, 0, 0, 1, 1]

    Reference:
        Cascante-Bonilla et al., Curriculum labeling, 2021.
    """
    check_model(model, functional=True)
    if not has_linear_head(model) or model.layers[-1].activation.__name__ != "softmax":
        raise ValueError(
            "Self-training solves one dense softmax layer named `head_output`. Received: a model "
            f"that ends in {model.layers[-1].name!r}. Make the model with build_classifier."
        )
    check_number("batch_size", batch_size, least=1, whole=True, advice="32 is usual")
    check_number("rounds", rounds, least=1, whole=True, advice="5 are usual")
    if threshold is not None:
        check_number("threshold", threshold, above=0, most=1)
    check_flag("balanced", balanced)
    settings = {"batch_size": batch_size, "cache": cache}
    strength = fit_linear_head(model, train, val, **settings)
    body = body_below(model, model.layers[-1])
    train, more = checked_examples(model, train), examples_of(unlabelled)
    check_fits(model, more)
    x, free = (_features(body, part, settings) for part in (train, more))
    held_out = None
    if val is not None:
        val = checked_examples(model, val)
        held_out = _features(body, val, settings), val.labels
    learner = SelfTraining(default_classifier(strength), rounds, threshold, balanced)
    learner.fit(
        np.vstack([x, free]), np.append(train.labels, np.full(more.count, UNLABELLED)), held_out
    )
    model.layers[-1].set_weights(_as_dense(*learner.classifier_))
    return learner


def _features(body, examples, settings) -> np.ndarray:
    return np.asarray(frozen_outputs(body, examples, **settings).fetch(slice(None)))


def _as_dense(scaler, regression) -> list[np.ndarray]:
    """Kernel and bias of the dense layer that answers like the two steps together."""
    coefficients, bias = regression.coef_, regression.intercept_
    if len(coefficients) == 1:
        coefficients, bias = (
            np.vstack([-coefficients, coefficients]) / 2,
            np.hstack([-bias, bias]) / 2,
        )
    kernel = (coefficients / scaler.scale_).T
    return [kernel, bias - scaler.mean_ @ kernel]
