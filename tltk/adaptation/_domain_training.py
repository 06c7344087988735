"""Train one classifier on rows of two domains: the batches, the model, the terms of its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tltk._keras import check_model as check_is_model
from tltk.adaptation.losses import DomainClassifier, coral_loss, mmd_loss, rising_strength
from tltk.backbones import layers_by_block
from tltk.inputs.examples import Examples, as_network_input, examples_of
from tltk.tuning._checks import check_each, checked_examples, takes_class_numbers
from tltk.tuning._cutting import as_functional


class Seen(NamedTuple):
    """What a network makes of a batch of one domain: features (b, d), probabilities (b, k)."""

    features: Any
    answers: Any


class Method(NamedTuple):
    """A term of the loss: what it looks at, and how it is made.

    `make(seed)` gives a function of (source, target, strength), or a layer called alike.
    """

    sees: Callable
    make: Callable
    weight: float
    needs_classes: bool = False


def features_of(seen: Seen):
    """The features alone, (b, d)."""
    return seen.features


def features_by_class(seen: Seen):
    """Features times probabilities, (b, d * k): what features look like given the class."""
    answers = ops.stop_gradient(seen.answers)
    product = seen.features[:, :, None] * answers[:, None, :]
    return ops.reshape(product, (-1, seen.features.shape[1] * answers.shape[1]))


def answers_of(seen: Seen):
    """The probabilities alone, (b, k)."""
    return seen.answers


def uncertainty(probabilities):
    """Mean entropy of the answers less the entropy of the mean answer, in nats; low is good.

    mean_i H(p_i) - H(mean_i p_i)

    Low where each answer is sure and all classes are used: minus the mutual information between
    inputs and answers.

    Args:
        probabilities: (b, k), rows sum to 1.

    Returns:
        A scalar tensor from -log(k) to 0.

    Example:
        >>> round(float(uncertainty(np.eye(2))), 4)  # sure, and both classes used: -log(2)
        -0.6931

    Reference:
        Liang et al., Do we really need to access the source data?, 2020 (equations 2 and 3).
    """
    probabilities = ops.convert_to_tensor(probabilities)
    return _entropy(probabilities) - _entropy(ops.mean(probabilities, axis=0, keepdims=True))


def _entropy(probabilities):
    logarithms = ops.log(ops.maximum(probabilities, 1e-7))
    return -ops.mean(ops.sum(probabilities * logarithms, axis=-1))


def _constant(loss):
    """A term without weights of its own."""
    return lambda seed: lambda source, target, strength: strength * loss(source, target)


METHODS = {
    "dann": Method(features_of, lambda seed: DomainClassifier(seed=seed), 1.0),
    "cdan": Method(features_by_class, lambda seed: DomainClassifier(seed=seed), 1.0, True),
    "coral": Method(features_of, _constant(coral_loss), 1.0),
    "mmd": Method(features_of, _constant(mmd_loss), 1.0),
    "infomax": Method(answers_of, _constant(lambda source, target: uncertainty(target)), 0.3, True),
}


def method_of(method) -> Method:
    """A method by its name, or of a user's own function of two arrays of features."""
    if callable(method):
        return Method(features_of, _constant(method), 1.0)
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(
            f"The method is one of {', '.join(METHODS)}, or a function of the features of both "
            f'domains. Received: method={method!r}. Start with "dann".'
        )
    return METHODS[method]


class TwoDomains(keras.Model):
    """A classifier in training: its own loss on labelled rows, plus a term between the domains.

    Args:
        network: from inputs to (features, probabilities).
        method: what the term looks at, and the term.
        weight: factor of the term; 0 leaves the unlabelled rows out altogether.
        steps: steps of the whole training, over which the strength rises.
        steepness: of that rise.
        labelled: how many of the target's rows in each batch, its first, have labels.
        seed: decides the first weights of the term.
        apart: run the domains through the network one after the other, not as one batch.
    """

    def __init__(
        self, network, method, weight, steps, steepness=10.0, labelled=0, seed=0, apart=False
    ):
        super().__init__()
        self._apart = apart
        self.network, self._sees, self._weight = network, method.sees, weight
        self._term: Any = method.make(seed) if weight else None
        self._steps, self._steepness, self._labelled = max(1, steps), steepness, labelled

    def build(self, shape=None):
        """Make the term's weights, which a whole network behind it does not show."""
        if isinstance(self._term, keras.layers.Layer):
            self._term.build(self._sees(Seen(*self.network.outputs)).shape)

    def call(self, inputs, training=None):
        source, target = inputs
        count = _rows(source)
        if not self._weight:
            target = keras.tree.map_structure(lambda leaf: leaf[: self._labelled], target)
        batches = [source]
        if self._weight or self._labelled:
            both = keras.tree.map_structure(_stacked, source, target)
            batches = [source, target] if self._apart else [both]
        seen = [self.network(batch, training=training) for batch in batches]
        features, answers = (ops.concatenate(parts) for parts in zip(*seen, strict=True))
        if self._weight:
            home = Seen(features[:count], answers[:count])
            away = Seen(features[count:], answers[count:])
            self.add_loss(self._term(self._sees(home), self._sees(away), self._strength()))
        return answers[: count + self._labelled]

    def _strength(self):
        progress = ops.cast(self.optimizer.iterations, "float32") / self._steps
        return self._weight * rising_strength(progress, self._steepness)


def _rows(inputs):
    return ops.shape(keras.tree.flatten(inputs)[0])[0]


def _stacked(source, target):
    return ops.concatenate([source, target], axis=0)


class DomainBatches(keras.utils.PyDataset):
    """Batches ((source, target), labels) in an order that depends on the seed and the epoch only.

    An epoch is a pass over the source, in the order in which `ShuffledBatches` gives it. Of the
    target a batch holds the next rows of its own shuffled passes: some of those with labels (half
    as many as of the source, at most), then as many without as of the source. `full` fills the
    last batch up with rows from the front.
    """

    def __init__(
        self, source: Examples, target: Examples, labelled=None, batch_size=32, seed=0, full=True
    ):
        super().__init__(workers=1)
        self._source, self._target, self._known = source, target, labelled
        self._size = min(batch_size, source.count)
        self.labels_a_step = min(-(-self._size // 2), labelled.count) if labelled else 0
        self._seed, self._epoch, self._full = seed, 0, full
        self._reorder()

    def __len__(self) -> int:
        return -(-self._source.count // self._size)

    def __getitem__(self, index: int):
        rows = self._order[index * self._size : (index + 1) * self._size]
        unlabelled = self._target.fetch(self._part(self._others, index, self._size))
        labels, target = self._source.labels[rows], unlabelled
        if self.labels_a_step:
            known = self._part(self._knowns, index, self.labels_a_step)
            target = keras.tree.map_structure(_joined, self._known.fetch(known), unlabelled)
            labels = np.concatenate([labels, self._known.labels[known]])
        source = as_network_input(self._source.fetch(rows))
        return (source, as_network_input(target)), labels

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._reorder()

    def _part(self, order, index, size):
        return order[index * size : (index + 1) * size]

    def _reorder(self) -> None:
        key = [self._seed, 0, self._epoch]
        self._order = np.random.default_rng(key).permutation(self._source.count)
        if self._full:
            self._order = np.resize(self._order, len(self) * self._size)
        self._others = self._passes(self._target, self._size, 1)
        self._knowns = (
            self._passes(self._known, self.labels_a_step, 2) if self.labels_a_step else None
        )

    def _passes(self, examples, size, stream) -> np.ndarray:
        """Shuffled passes over one part, as many rows as an epoch needs."""
        random = np.random.default_rng([self._seed, stream, self._epoch, 1])
        needed = len(self) * size
        passes = [random.permutation(examples.count) for _ in range(-(-needed // examples.count))]
        return np.concatenate(passes)[:needed]


def _joined(known, unlabelled):
    return np.concatenate([known, unlabelled])


def check_adapted_model(model: keras.Model, what: str) -> None:
    """Refuse a model that is not compiled and functional, with a dense layer as its head's last."""
    check_is_model(model)
    if as_functional(model) is None or not model.compiled or "head" not in layers_by_block(model):
        raise ValueError(
            f"{what} trains a compiled functional model whose new layers are named head_…. "
            f"Received: {model!r}. Make it with build_classifier(encoder, class_names)."
        )
    if not isinstance(model.layers[-1], keras.layers.Dense):
        raise ValueError(
            "Features are what the last dense layer sees, so that layer must come last. "
            f"Received: a model that ends in {type(model.layers[-1]).__name__}. "
            "Make it with build_classifier(encoder, class_names)."
        )


def check_adaptable(model, method, **settings) -> None:
    """Refuse what `adapt_domains` cannot do."""
    check_adapted_model(model, "adapt_domains")
    check_each(**settings)
    if method.needs_classes and not takes_class_numbers(model):
        raise ValueError(
            "This method looks at the probabilities of classes. "
            f"Received: a model with the loss {model.loss!r}. "
            'Use "dann", "coral" or "mmd", which look at features alone.'
        )


def check_something_to_move(model: keras.Model) -> None:
    """Refuse a training that leaves the features as they are."""
    blocks = {name: rows for name, rows in layers_by_block(model).items() if name != "head"}
    if not any(layer.trainable_weights for layers in blocks.values() for layer in layers):
        raise ValueError(
            "Adaptation moves the features, so a part of the encoder must train. Received: an "
            'encoder that is frozen as a whole. Pass unfreeze_blocks=2, or "all".'
        )


def unlabelled_examples(model: keras.Model, data) -> Examples:
    """Rows that fit a model; labels, if there are any, are not looked at."""
    check_is_model(model)
    examples = examples_of(data)
    shape = (examples.count, model.outputs[0].shape[-1])
    anything = np.zeros(shape[:1] if takes_class_numbers(model) else shape, "int32")
    return checked_examples(model, examples.replace(labels=anything)).replace(labels=None)
