"""A linear head solved rather than trained: logistic or ridge regression on the features."""

from __future__ import annotations

import warnings

import keras
import numpy as np

from tltk._checks import check_number, divisors, refuse, shown
from tltk._keras import check_model
from tltk.inputs._arrays import check_finite
from tltk.inputs.examples import Data, Examples
from tltk.tuning._checks import check_each, checked_examples
from tltk.tuning._cutting import body_below
from tltk.tuning._imbalance import Remedy, remedy_for
from tltk.tuning.features import frozen_outputs
from tltk.tuning.saving import note_preparation

WORTH_SHARING = 1e9


def few_threads(multiplications: float):
    """Keep small matrix products on one thread, where more wait for each other longer than work.

    A solver calls thousands of them in turn. On a machine whose cores are busy, two threads took
    15 times as long for a head of 1000 examples as one.

    Args:
        multiplications: of one product, such as examples x features x classes.

    Returns:
        A context; products of 1e9 multiplications and more keep the threads that they have.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1 if multiplications < WORTH_SHARING else None, user_api="blas")


STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
ONE_SHOT_STRENGTH = 1e-3
CERTAIN = 10.0
CONSTANT = 1e-6  # a feature that varies by less than this share of its mean
DEAD = 1e-6  # a feature that varies by less than this share of the liveliest
NOTHING_LEFT_TO_GAIN = r"(?s)lbfgs failed to converge.*ABNORMAL"  # at the precision of a float32


def fit_linear_head(
    model: keras.Model,
    train: Data,
    val: Data | None = None,
    *,
    strengths: tuple[float, ...] = STRENGTHS,
    imbalance: dict | str | None = None,
    batch_size: int = 32,
    cache: bool = True,
    verbose: int = 0,
) -> float:
    """Solve a model's last dense layer by regularised regression on the features before it.

    The features are standardised, a linear model is fitted by scikit-learn for every strength C
    (logistic regression; ridge regression with penalty 1/C for regression), the best on `val` is
    kept, or by five-fold cross-validation within `train` where there is no `val`, and the
    solution is poured back into the dense layer, standardisation included. Dropout plays no part.

    Args:
        model: a classifier whose last layer is `head_output`, as `build_classifier` makes it.
        train: a split, a batched dataset of (x, y), or a pair of arrays (x, y).
        val: the same, for choosing the strength; None for cross-validation.
        strengths: the values of C to choose from, small ones regularise more.
        imbalance: against classes of unequal size: weights of class numbers or names;
            "class_weight" for the inverse frequency, which is what "balanced_sampling" comes to
            where all rows are used at once; "logit_adjustment" to take the logarithm of each
            class's share off its bias, which is what the shift in training comes to where the
            bias is free.
        batch_size: examples a step while computing features.
        cache: keep the features on disk for the next call.
        verbose: 1 to show progress.

    Returns:
        The chosen strength C.

    Raises:
        ValueError: where the model does not end in a dense layer, or a class is missing, and for
            imbalance="focal", which no solver knows.

    Example:
        >>> body = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(1.0)])
        >>> from tltk import build_classifier
        >>> model = build_classifier(body, ["low", "high"], dropout=0)
        >>> x = np.array([[0.0, 1], [0.2, 1], [0.9, 1], [1.1, 1]] * 5)
        >>> _ = fit_linear_head(model, (x, [0, 0, 1, 1] * 5), cache=False)
        >>> model.predict(np.array([[0.1, 1.0], [1.0, 1.0]]), verbose=0).argmax(1).tolist()
        [0, 1]

    Reference:
        Alain and Bengio, Understanding intermediate layers using linear classifier probes, 2016.
    """
    check_model(model)
    _linear_head(model)
    check_strengths(strengths)
    check_each(batch_size=batch_size, cache=cache, verbose=verbose)
    train = checked_examples(model, train)
    note_preparation(model, train)
    val = None if val is None else checked_examples(model, val)
    remedy = remedy_for(model, imbalance, train.labels)
    if remedy is not None and remedy.method == "focal":
        raise ValueError(
            "A linear head is solved by logistic regression, which has no focal loss. "
            "Received: imbalance='focal'. Use fine_tune with unfreeze_blocks=0, or another method."
        )
    settings = {"batch_size": batch_size, "cache": cache, "verbose": verbose}
    return solve_linear_head(model, train, val, remedy, strengths, **settings)


def check_strengths(strengths) -> None:
    """Refuse anything but numbers above 0, at least one."""
    if not isinstance(strengths, list | tuple) or not strengths:
        refuse("strengths must list numbers", f"strengths={shown(strengths)}", "Pass (0.1,)")
    for strength in strengths:
        check_number("each of strengths", strength, above=0)


def solve_linear_head(
    model: keras.Model,
    train: Examples,
    val: Examples | None,
    remedy: Remedy | None,
    strengths: tuple[float, ...] = STRENGTHS,
    **settings,
) -> float:
    """Solve the head on examples that are known to fit; see `fit_linear_head`."""
    head = _linear_head(model)
    body = body_below(model, head)
    parts = [frozen_outputs(body, part, **settings) for part in (train, val) if part is not None]
    (x, y), *held_out = [(np.asarray(each.fetch(slice(None))), each.labels) for each in parts]
    return solve_dense(head, x, y, held_out[0] if held_out else None, strengths, remedy)


def has_linear_head(model: keras.Model) -> bool:
    """Whether the head of a model is one dense layer, so that it can be solved."""
    last = model.layers[-1]
    head = [layer for layer in model.layers if layer.name.startswith("head_") and layer.weights]
    return isinstance(last, keras.layers.Dense) and head == [last] and last.name == "head_output"


def solve_dense(head, x, y, held_out, strengths=STRENGTHS, remedy: Remedy | None = None) -> float:
    """Solve one dense layer on rows and labels that are known to fit; return the strength."""
    with warnings.catch_warnings(), few_threads(x.size * head.units):
        warnings.filterwarnings("ignore", message="Label .* is present in all training examples")
        warnings.filterwarnings("ignore", message=NOTHING_LEFT_TO_GAIN)
        return _choose_and_pour(head, x, y, held_out, strengths, remedy)


def _choose_and_pour(head, x, y, held_out, strengths, remedy) -> float:
    if head.activation.__name__ == "softmax":
        _check_classes(head.units, y)
    mean = x.mean(0)
    deviation = divisors(x.std(0), mean, CONSTANT, DEAD)
    rows = (x - mean) / deviation
    shift = remedy is not None and remedy.method == "logit_adjustment"
    weights = None if remedy is None or shift else remedy.weights
    candidates = _candidates(head, strengths, weights)
    if held_out is not None:
        seen = (held_out[0] - mean) / deviation
        scores = [_score(each.fit(rows, y), seen, held_out[1]) for each in candidates]
    elif _folds(head, y) < 2:
        scores = [-abs(strength - ONE_SHOT_STRENGTH) for strength in strengths]
    else:
        scores = [_cross_validated(each, rows, y, _folds(head, y)) for each in candidates]
    best = int(np.argmax(scores))
    solution = candidates[best] if held_out is not None else candidates[best].fit(rows, y)
    kernel, bias = _weights(solution, head.units, x.shape[1])
    kernel = kernel / deviation[:, None]
    check_finite(kernel, what="The solved weights of the features")
    if shift:
        bias = bias - np.log(remedy.priors) + np.log(remedy.priors).mean()
    head.set_weights([kernel, bias - mean @ kernel])
    return strengths[best]


def _check_classes(units, y) -> None:
    missing = sorted(set(range(units)) - set(y.tolist()))
    if missing:
        raise ValueError(
            "Every class needs at least one training example. "
            f"Received: none of class number {', '.join(map(str, missing))} out of {units}. "
            "Add examples, or build the classifier with the classes there are."
        )


def _folds(head, y) -> int:
    """Five, or fewer where a class has fewer examples."""
    one_label = head.activation.__name__ == "softmax"
    return min(5, int(np.unique(y, return_counts=True)[1].min()) if one_label else len(y))


def _candidates(head, strengths, weights) -> list:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier

    kind = head.activation.__name__
    if kind == "linear":
        return [Ridge(alpha=1 / strength) for strength in strengths]
    logistic = [
        LogisticRegression(C=strength, max_iter=300, tol=1e-3, class_weight=weights)
        for strength in strengths
    ]
    return logistic if kind == "softmax" else [OneVsRestClassifier(each) for each in logistic]


def _score(fitted, x, y) -> float:
    from sklearn.metrics import log_loss

    if not hasattr(fitted, "predict_proba"):
        return -float(np.mean((fitted.predict(x) - y) ** 2))
    probabilities = fitted.predict_proba(x)
    if np.ndim(y) == 1:
        weights = fitted.class_weight and [fitted.class_weight[label] for label in y]
        return -log_loss(y, probabilities, labels=fitted.classes_, sample_weight=weights)
    likelihood = np.where(np.asarray(y) > 0.5, probabilities, 1 - probabilities)
    return float(np.mean(np.log(np.clip(likelihood, 1e-7, 1))))


def _cross_validated(candidate, x, y, folds) -> float:
    from sklearn.base import clone
    from sklearn.model_selection import KFold, StratifiedKFold

    one_label = type(candidate).__name__ == "LogisticRegression"
    splitter = (StratifiedKFold if one_label else KFold)(folds, shuffle=True, random_state=0)
    scores = [
        _score(clone(candidate).fit(x[fit], y[fit]), x[held], y[held])
        for fit, held in splitter.split(x, y if one_label else None)
    ]
    return float(np.mean(scores))


def _weights(solution, units, width):
    if hasattr(solution, "estimators_"):
        rows = [_weights(each, 1, width) for each in solution.estimators_]
        return np.hstack([k for k, _ in rows]), np.concatenate([b for _, b in rows])
    if not hasattr(solution, "coef_"):  # a label that all examples have, or none
        always = solution.predict(np.zeros((1, width)))[0]
        return np.zeros((width, 1)), np.array([CERTAIN if always else -CERTAIN])
    kernel = np.reshape(solution.coef_, (-1, width)).T
    bias = np.reshape(solution.intercept_, -1)
    if kernel.shape[1] == 1 and units == 2:
        kernel, bias = np.hstack([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    return kernel, bias


def _linear_head(model):
    if model.layers[-1].name != "head_output":
        raise ValueError(
            "A linear head is solved in the dense layer `head_output`. "
            f"Received: a model that ends in {model.layers[-1].name!r}. "
            "Make the model with build_classifier, or pass head_epochs to fine_tune."
        )
    return model.layers[-1]
