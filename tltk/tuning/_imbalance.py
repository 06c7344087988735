"""What to do about classes of unequal size: weigh them, draw them evenly, or shift their scores."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np

from tltk._checks import check_number
from tltk.tuning._checks import takes_class_numbers
from tltk.tuning.saving import metadata

METHODS = ("class_weight", "focal", "balanced_sampling", "logit_adjustment")
GAMMA = 2.0  # of the focal loss, as in its paper
LEAST = 1e-30  # a probability whose logarithm float32 still differentiates


class Remedy(NamedTuple):
    """A method against imbalance with the numbers it takes from the training labels.

    Attributes:
        method: one of `METHODS`; "class_weight" for weights given by hand too.
        weights: the weight of each class number, inverse to its frequency unless given by hand.
        priors: (k,) the share of each class.
    """

    method: str
    weights: dict[int, float]
    priors: np.ndarray

    @property
    def loss_weights(self) -> dict[int, float] | None:
        """The weights for a loss over all rows as they are, or None."""
        return self.weights if self.method == "class_weight" else None


def remedy_for(model: keras.Model, imbalance: dict | str | None, labels) -> Remedy | None:
    """Check what was asked against imbalance, and count the training labels for it."""
    if imbalance is None:
        return None
    if not takes_class_numbers(model):
        raise ValueError(
            "Methods against imbalance need one class number for each example. "
            f"Received: labels of shape {labels.shape}. Leave out imbalance."
        )
    counts = np.bincount(labels, minlength=model.outputs[0].shape[-1])
    by_hand = isinstance(imbalance, dict) and bool(imbalance)
    if not by_hand and not (isinstance(imbalance, str) and imbalance in METHODS):
        raise ValueError(
            f"imbalance is a dict of class weights, or one of {', '.join(METHODS)}. "
            f"Received: imbalance={imbalance!r}. Use class_weight to weigh classes by inverse "
            "frequency, or dict(enumerate(weights)) for an array with one weight a class."
        )
    if imbalance in ("focal", "logit_adjustment") and not _ends_in_softmax(model):
        raise ValueError(
            f"{imbalance} changes the loss of probabilities, so the head must end in softmax. "
            f"Received: {model.layers[-1].name!r}, which does not. Make the model with "
            "build_classifier, or use class_weight or balanced_sampling."
        )
    even = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    weights = _given_weights(model, imbalance) if by_hand else dict(enumerate(even.tolist()))
    priors = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
    return Remedy("class_weight" if by_hand else str(imbalance), weights, priors.astype("float32"))


def _given_weights(model, given) -> dict[int, float]:
    names = metadata(model).get("class_names", [])
    known = dict(zip(names, range(len(names)), strict=True))
    known |= {number: number for number in range(model.outputs[0].shape[-1])}
    if not set(given) <= set(known):
        raise ValueError(
            "Class weights are given for class numbers or names. "
            f"Received: imbalance={given!r}. The classes are {', '.join(map(str, known))}."
        )
    for label, weight in given.items():
        check_number(f"imbalance[{label!r}]", weight, least=0)
    weights = {known[label]: float(weight) for label, weight in given.items()}
    return {number: weights.get(number, 1.0) for number in known.values()}


def _ends_in_softmax(model) -> bool:
    last = model.layers[-1]
    named = getattr(getattr(last, "activation", None), "__name__", None)
    return named == "softmax" or isinstance(last, keras.layers.Softmax)


def training_loss(loss, remedy: Remedy | None):
    """The loss to train with in place of a model's own, which it keeps for later."""
    if remedy is None or remedy.method not in ("focal", "logit_adjustment"):
        return loss
    return focal_loss if remedy.method == "focal" else adjusted_loss(remedy.priors)


def focal_loss(y_true, y_pred):
    """Cross-entropy times (1 - p) ** 2, p the probability of the true class.

    Args:
        y_true: class numbers (n,) or (n, 1).
        y_pred: probabilities (n, k).

    Returns:
        Losses (n,).

    Example:
        >>> round(float(focal_loss(np.array([0]), np.array([[0.5, 0.5]], "float32"))[0]), 4)
        0.1733

    Reference:
        Lin et al., Focal loss for dense object detection, 2017.
    """
    rows = keras.ops.one_hot(_class_numbers(y_true), y_pred.shape[-1])
    return keras.losses.categorical_focal_crossentropy(rows, y_pred, alpha=1.0, gamma=GAMMA)


def adjusted_loss(priors: np.ndarray):
    """Cross-entropy of softmax(logits + log prior), which only training sees.

    The shift tells the network in training what it need not learn: how frequent a class is. What
    it learns then is free of it: without the shift all classes count alike.

    Args:
        priors: the share of each class (k,).

    Returns:
        A function of class numbers (n,) and probabilities (n, k) that returns losses (n,).

    Example:
        >>> even = np.array([[0.5, 0.5]], "float32")
        >>> loss = adjusted_loss(np.array([0.9, 0.1], "float32"))(np.array([1]), even)
        >>> round(float(loss[0]), 3), round(-float(np.log(0.1)), 3)
        (2.303, 2.303)

    Reference:
        Menon et al., Long-tail learning via logit adjustment, 2021.
    """
    shift = np.log(priors)

    def loss(y_true, y_pred):
        logits = keras.ops.log(keras.ops.maximum(keras.ops.cast(y_pred, "float32"), LEAST))
        return keras.losses.sparse_categorical_crossentropy(
            _class_numbers(y_true), logits + shift, from_logits=True
        )

    return loss


def _class_numbers(y_true):
    return keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32")


def evenly_drawn(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw as many rows as there are, equally many of each class that occurs.

    No row comes a second time before all others of its class have come.

    Args:
        labels: class numbers (n,).
        random: where the draw comes from.

    Returns:
        Row numbers (n,), in random order.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 0, 0, 0, 1])
        >>> rows = evenly_drawn(labels, np.random.default_rng(0))
        >>> np.bincount(labels[rows]).tolist(), len(set(rows[labels[rows] == 0]))
        ([4, 4], 4)
    """
    classes = np.unique(labels)
    places = random.permutation(np.arange(len(labels)) % len(classes))
    drawn = np.empty(len(labels), int)
    for place, number in enumerate(classes):
        own, wanted = np.flatnonzero(labels == number), np.flatnonzero(places == place)
        rounds = [random.permutation(own) for _ in range(-(-len(wanted) // len(own)))]
        drawn[wanted] = np.concatenate(rounds)[: len(wanted)] if rounds else []
    return drawn


class BalancedAccuracy(keras.metrics.Metric):
    """The share found of each class, averaged over the classes that occur."""

    def __init__(self, classes: int):
        super().__init__(name="balanced_accuracy")
        self._classes = classes
        self._seen, self._found = (
            self.add_variable((classes,), "zeros", name=name) for name in ("seen", "found")
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count; weights are left aside, since every class counts the same anyway."""
        numbers = _class_numbers(y_true)
        rows = keras.ops.one_hot(numbers, self._classes)
        right = keras.ops.equal(numbers, keras.ops.cast(keras.ops.argmax(y_pred, -1), "int32"))
        self._seen.assign_add(keras.ops.sum(rows, axis=0))
        found = keras.ops.cast(right, rows.dtype)
        self._found.assign_add(keras.ops.sum(rows * found[:, None], axis=0))

    def result(self):
        shares = self._found / keras.ops.maximum(self._seen, 1)
        occurring = keras.ops.sum(keras.ops.cast(self._seen > 0, shares.dtype))
        return keras.ops.sum(shares) / keras.ops.maximum(occurring, 1)


def balanced_metrics(model: keras.Model, remedy: Remedy | None) -> list:
    """Balanced accuracy for a run that does something about imbalance, to be judged by."""
    return [] if remedy is None else [BalancedAccuracy(model.outputs[0].shape[-1])]
