"""Adapt a trained classifier to unlabelled rows of another domain, without its source."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tltk._checks import as_numbers, as_probabilities, check_count
from tltk._keras import (
    Part,
    all_layers,
    as_functional,
    check_model,
    input_structure,
    nodes_of,
    output_structure,
    reseed,
)
from tltk.adaptation._domain_training import (
    check_adapted_model,
    check_something_to_move,
    uncertainty,
    unlabelled_examples,
)
from tltk.inputs.examples import Data, as_network_input, examples_of
from tltk.tuning._checks import check_each, check_fits, takes_class_numbers
from tltk.tuning._cutting import body_below
from tltk.tuning._loop import ShuffledBatches, history_of, train
from tltk.tuning._optimizer import Adam, scheduled_rate
from tltk.tuning.augmentation import augmentation_of
from tltk.tuning.freezing import unfreeze


def adapt_without_source(
    model: keras.Model,
    target: Data,
    *,
    pseudo_weight: float = 0.3,
    unfreeze_blocks: int | str | list[str] = "all",
    epochs: int = 10,
    lr: float = 1e-3,
    augment=None,
    train_batch_norm: bool = False,
    batch_size: int = 64,
    seed: int = 0,
    verbose: int = 1,
) -> keras.callbacks.History:
    """Move a trained classifier's features until its frozen head is sure about the target (SHOT).

        loss = uncertainty(p) + pseudo_weight * cross-entropy(p, pseudo-label)

    The head keeps what the source taught about the classes; the features are moved to where it is
    sure of each row and uses all classes (`uncertainty`). Before each epoch every row gets the
    label of the nearest class centre, `pseudo_labels`, which corrects some of the answers. Both
    domains must have the same classes: one that the target lacks would be invented.

    Args:
        model: a classifier that was trained on the source, changed in place.
        target: unlabelled rows; labels, if there are any, are not looked at.
        pseudo_weight: weight of the pseudo-labels; 0 leaves them out.
        unfreeze_blocks: number of last blocks to train, their names, or "all".
        epochs: passes over the target.
        lr: learning rate of Adam, falling along a cosine.
        augment: True, or a Keras layer or model that changes the pictures in training.
        train_batch_norm: train batch normalisation too, on batches of the target.
        batch_size: rows a step; enough for every class to come up.
        seed: decides the order, dropout and augmentation.
        verbose: as in Keras.

    Returns:
        The history. The model comes back compiled, its head trainable again.

    Raises:
        ValueError: for data, blocks or settings that do not fit, or a model without classes.

    Example:
        >>> from tltk import build_classifier
        >>> body = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "relu")])
        >>> model = build_classifier(body, ["low", "high"])
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> len(adapt_without_source(model, x, epochs=2, verbose=0).history["loss"])
        2

    Reference:
        Liang et al., Do we really need to access the source data? Source hypothesis transfer for
        unsupervised domain adaptation, 2020.
    """
    check_adapted_model(model, "adapt_without_source")
    check_each(pseudo_weight=pseudo_weight, epochs=epochs, lr=lr, seed=seed)
    check_each(batch_size=batch_size, verbose=verbose)
    if not takes_class_numbers(model):
        raise ValueError(
            "This method makes the answers of a classifier sure. "
            f"Received: a model with the loss {model.loss!r}. Use adapt_domains."
        )
    changes, _ = augmentation_of(model, augment)
    examples = unlabelled_examples(model, target)
    reseed(seed, model, changes)
    unfreeze(model, unfreeze_blocks, train_batch_norm)
    check_something_to_move(model)
    model.layers[-1].trainable = False
    trained = Part(input_structure(model), output_structure(model), changes)
    steps = epochs * -(-examples.count // batch_size)

    def loss(labels, answers):
        chosen = keras.losses.sparse_categorical_crossentropy(labels, answers)
        return uncertainty(answers) + pseudo_weight * ops.mean(chosen)

    rate = scheduled_rate(lr, max(1, steps), 0.0)
    trained.compile(optimizer=Adam(rate), loss=loss)
    seen = Part(
        input_structure(model),
        [body_below(model, model.layers[-1]).outputs[0], output_structure(model)],
    )
    unknown = examples.replace(labels=np.zeros(examples.count, "int32"))
    batches = ShuffledBatches(unknown, batch_size, seed)
    label = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.relabel(
            pseudo_labels(*_outputs(seen, examples, batch_size))
        )
    )
    watching = [label] if pseudo_weight else []
    try:
        records = train(
            trained, batches, shown=model, epochs=epochs, watching=watching, verbose=verbose
        )
    finally:
        unfreeze(model, unfreeze_blocks, train_batch_norm)
    return history_of(model, records)


def pseudo_labels(features, probabilities, rounds: int = 2) -> np.ndarray:
    """Label rows by the nearest class centre in feature space, in cosine distance.

    The first centres are means weighted by the probabilities, the later ones means of the rows that
    were given the class. A class without rows has no centre and is given to none.

    Args:
        features: (n, d).
        probabilities: a classifier's answers, (n, k).
        rounds: how often rows are given to centres.

    Returns:
        Class numbers (n,), int32.

    Example:
        >>> features = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> answers = np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9], [0.6, 0.4]])
        >>> pseudo_labels(features, answers).tolist()  # the last one is corrected
        [0, 0, 1, 1]

    Reference:
        Liang et al., 2020 (equations 4 to 6).
    """
    check_count("rounds", rounds)
    features, weights = (
        as_numbers("features", features),
        as_probabilities("probabilities", probabilities),
    )
    if len(features) != len(weights):
        raise ValueError(
            "Features and probabilities are of the same rows. "
            f"Received: features of {len(features)} rows, probabilities of {len(weights)}. "
            "Take both from one model and one split."
        )
    rows = _of_length_one(np.c_[features, np.ones(len(features))])
    present = np.ones(weights.shape[1], bool)
    for _ in range(rounds):
        likeness = rows @ _of_length_one(weights.T @ rows).T
        labels = np.where(present, likeness, -np.inf).argmax(axis=1)
        weights = np.eye(weights.shape[1])[labels]
        present = weights.any(axis=0)
    return labels.astype("int32")


def _of_length_one(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _outputs(network, examples, batch_size):
    parts = []
    for start in range(0, examples.count, batch_size):
        rows = np.arange(start, min(start + batch_size, examples.count))
        parts.append(network.predict_on_batch(examples.fetch(rows)))
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def adapt_batch_norm(model: keras.Model, target: Data, batch_size: int = 64) -> int:
    """Set the moving statistics of every batch normalisation to those of a target domain.

        mean_c = E[x_c],  variance_c = E[(x_c - mean_c)^2], over rows and positions of the target

    From the input to the output, each layer gets the mean and variance of all that reaches it, when
    the layers before it have theirs already. So the result is exact and depends neither on the
    order of the rows nor on the batch size. No label is needed and no weight is trained.

    Args:
        model: a functional or sequential model, changed in place; copy it first to keep the
            source's statistics (`keras.models.clone_model` and `set_weights`).
        target: rows of the target domain; labels, if there are any, are not looked at.
        batch_size: rows a step.

    Returns:
        The number of layers adapted. The network up to each of them runs once over the data, so
        the time grows with the square of their number.

    Raises:
        ValueError: for a model without batch normalisation, or with one inside a nested model.

    Example:
        >>> norm = keras.layers.BatchNormalization()
        >>> model = keras.Sequential([keras.Input((1,)), norm])
        >>> adapt_batch_norm(model, np.array([[1.0], [3.0]]))
        1
        >>> norm.moving_mean.numpy().tolist(), norm.moving_variance.numpy().tolist()
        ([2.0], [1.0])

    Reference:
        Li et al., Revisiting batch normalization for practical domain adaptation, 2016.
    """
    check_model(model)
    check_count("batch_size", batch_size)
    functional, examples = as_functional(model), examples_of(target)
    if functional is not None:
        check_fits(functional, examples)
    places = [] if functional is None else _places(functional)
    _check(model, places)
    for layer, tensor in places:
        network = keras.Model(input_structure(functional), tensor)
        mean, variance = _moments(network, layer.axis, examples, batch_size)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
    return len(places)


def _places(model) -> list:
    """Every batch normalisation with the tensor that reaches it, from input to output."""
    return [
        (node.operation, node.input_tensors[0])
        for node in nodes_of(model)
        if isinstance(node.operation, keras.layers.BatchNormalization)
    ]


def _moments(network, axis, examples, batch_size):
    """Mean and variance of a network's outputs along all axes but one, merged batch by batch."""
    run = keras.Model(network.inputs, network.outputs[0])
    count, mean, squares = 0, 0.0, 0.0
    for start in range(0, examples.count, batch_size):
        rows = np.arange(start, min(start + batch_size, examples.count))
        values = run.predict_on_batch(as_network_input(examples.fetch(rows)))
        values = np.moveaxis(np.asarray(values, "float64"), axis, -1)
        values = values.reshape(-1, values.shape[-1])
        part, total = values.mean(axis=0), count + len(values)
        shift = part - mean
        squares = squares + ((values - part) ** 2).sum(axis=0)
        squares = squares + shift**2 * (count * len(values) / total)
        mean, count = mean + shift * (len(values) / total), total
    return mean, squares / count


def _check(model, places) -> None:
    inner = [x for x in all_layers(model) if isinstance(x, keras.layers.BatchNormalization)]
    if not inner:
        raise ValueError(
            "Adaptive batch normalisation needs a network that has some. "
            f"Received: {model.name!r}, which has none. Use adapt_domains."
        )
    hidden = {layer.name for layer in inner} - {layer.name for layer, _ in places}
    if hidden or len(places) > len(inner):
        raise ValueError(
            "Each batch normalisation must stand once in the model's own graph. "
            f"Received: {', '.join(sorted(hidden)) or 'a layer used twice'} in {model.name!r}. "
            "Build the model flat, as load_backbone and build_classifier do."
        )
