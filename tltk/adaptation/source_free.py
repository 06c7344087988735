"""Adapt a trained classifier to unlabelled rows of another domain, without its source."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tltk._checks import as_numbers, as_probabilities, check_count
from tltk._keras import Part, input_structure, output_structure, reseed
from tltk.adaptation.deep_checks import (
    check_model,
    check_something_to_move,
    unlabelled_examples,
)
from tltk.adaptation.domain_training import uncertainty
from tltk.tuning.augmentation import augmentation_of
from tltk.tuning.batching import ShuffledBatches
from tltk.tuning.checks import check_each, takes_class_numbers
from tltk.tuning.cutting import body_below
from tltk.tuning.freezing import unfreeze
from tltk.tuning.loop import history_of, train
from tltk.tuning.optimizer import Adam, scheduled_rate


def adapt_without_source(
    model: keras.Model,
    target,
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
    check_model(model, "adapt_without_source")
    check_each(pseudo_weight=pseudo_weight, epochs=epochs, lr=lr, seed=seed)
    check_each(batch_size=batch_size)
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

    rate = scheduled_rate(lr, max(1, steps), 0.0, "cosine")
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
