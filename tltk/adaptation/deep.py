"""Adapt a classifier to another domain while it is trained: DANN, Deep CORAL, MMD and others."""

from __future__ import annotations

import time
from typing import Any

import keras

from tltk._checks import check_flag
from tltk._keras import Part, compiled_with, input_structure, output_structure, reseed
from tltk.adaptation._domain_training import (
    DomainBatches,
    TwoDomains,
    check_adaptable,
    check_something_to_move,
    method_of,
    unlabelled_examples,
)
from tltk.inputs.examples import Data
from tltk.tuning._checks import check_callbacks, checked_examples, sets_the_rate
from tltk.tuning._cutting import body_below
from tltk.tuning._loop import ShuffledBatches, behind_cut, drop, history_of, train
from tltk.tuning._optimizer import BlockwiseAdamW, rate_factors, scheduled_rate
from tltk.tuning.augmentation import augmentation_of
from tltk.tuning.freezing import unfreeze
from tltk.tuning.saving import note_preparation


def adapt_domains(
    model: keras.Model,
    source: Data,
    target: Data,
    val: Data | None = None,
    *,
    method="dann",
    weight: float | None = None,
    labelled_target: Data | None = None,
    unfreeze_blocks: int | str | list[str] = "all",
    epochs: int = 10,
    lr: float = 1e-3,
    base_lr: float | None = None,
    lr_decay: float = 1.0,
    weight_decay: float = 0.0,
    steepness: float = 10.0,
    augment=None,
    train_batch_norm: bool = False,
    separate_domains: bool = False,
    batch_size: int = 32,
    seed: int = 0,
    cache: bool = True,
    callbacks=(),
    verbose: int = 1,
) -> keras.callbacks.History:
    """Train a classifier on a labelled source so that it serves an unlabelled target too.

        loss = classification(labelled rows) + strength(t) * distance(source, target)

    Each step sees `batch_size` rows of either domain, in one pass or with `separate_domains` in
    two. The distance is measured on the input of the last dense layer, the features, and its
    strength rises to `weight` in the course of the training (see `rising_strength`). It is one of

    - "dann": how well a domain classifier tells the features apart, its gradient reversed;
    - "cdan": the same of features times probabilities, so that classes are kept apart;
    - "coral": `coral_loss`, the distance of the covariances;
    - "mmd": `mmd_loss`, the distance of the mean embeddings;
    - "infomax": no distance, but `uncertainty` of the answers on the target;
    - any function of (source features, target features) that returns a scalar.

    Args:
        model: a classifier from `build_classifier`, on a pretrained backbone or on any encoder of
            your own; it is trained in place, from the weights it has.
        source: labelled rows: a split, a batched dataset, or arrays (x, y).
        target: rows of the other domain, as many as there are: the same forms, or an array x.
            Labels, if it brings any, are not looked at.
        val: labelled rows to report `val_loss` and `val_accuracy` on after each epoch. They
            choose nothing: all epochs are trained and the last weights are kept.
        method: how the domains are drawn together, see above.
        weight: the final factor of the distance, by default 1, and 0.3 for "infomax". With 0 the
            target is left out: plain training on the source.
        labelled_target: the rows of the target that have labels, if there are some: (x, y) or a
            split. Each step then sees some of them with their labels, up to half as many as
            rows of the source.
        unfreeze_blocks: number of last blocks to train, their names, or "all".
        epochs: passes over the source; the target is passed over as often as that takes.
        lr: learning rate of the head and the domain classifier, falling along a cosine.
        base_lr: learning rate of the last unfrozen block, by default `lr`.
        lr_decay: factor of the learning rate from a block to the one before it.
        weight_decay: decoupled decay of the weights.
        steepness: how early the strength rises; 0 for full strength from the first step.
        augment: True, or a Keras layer or model that changes the pictures of both domains in
            training; never saved.
        train_batch_norm: train batch normalisation too, on batches of both domains: for networks
            trained from scratch.
        separate_domains: pass the source and the target through the network one after the other, so
            that batch normalisation computes with each domain's own mean and deviation.
        batch_size: rows of either domain in a step.
        seed: decides the order, dropout, augmentation and the domain classifier.
        cache: run the frozen part only once and keep its output on disk.
        callbacks: Keras callbacks, as for `fine_tune`.
        verbose: as in Keras.

    Returns:
        The history, with `seconds` for each epoch and, for "dann" and "cdan", `domain_accuracy`:
        how often the domain classifier was right on the batches of the epoch, 0.5 where it cannot
        tell the domains apart. The model comes back compiled with a stock optimizer; it is the
        label predictor alone, and its file needs nothing of ours.

    Raises:
        ValueError: for data, blocks or settings that do not fit.

    Example:
        >>> import numpy as np
        >>> from tltk import build_classifier
        >>> body = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "relu")])
        >>> model = build_classifier(body, ["low", "high"])
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> history = adapt_domains(model, (x, (x[:, 0] > 0).astype("int32")), x + 1.0,
        ...                         unfreeze_blocks="all", epochs=2, verbose=0)
        >>> len(history.history["accuracy"])
        2

    References:
        - Ganin et al., Domain-adversarial training of neural networks, 2016.
        - Sun and Saenko, Deep CORAL, 2016.
        - Long et al., Learning transferable features with deep adaptation networks, 2015;
          Conditional adversarial domain adaptation, 2018.
        - French, Mackiewicz and Fisher, Self-ensembling for visual domain adaptation, 2018 (a
          batch of each domain on its own).
    """
    chosen = method_of(method)
    weight = chosen.weight if weight is None else weight
    settings = {"weight": weight, "steepness": steepness, "epochs": epochs, "lr": lr, "seed": seed}
    settings |= {"batch_size": batch_size, "lr_decay": lr_decay, "weight_decay": weight_decay}
    settings |= {} if base_lr is None else {"base_lr": base_lr}
    check_flag("separate_domains", separate_domains)
    check_adaptable(model, chosen, cache=cache, verbose=verbose, **settings)
    callbacks, [changes, _] = check_callbacks(callbacks), augmentation_of(model, augment)
    source, target = checked_examples(model, source), unlabelled_examples(model, target)
    known = None if labelled_target is None else checked_examples(model, labelled_target)
    held = None if val is None else checked_examples(model, val)
    note_preparation(model, source)
    reseed(seed, model, changes)

    unfreeze(model, unfreeze_blocks, train_batch_norm)
    check_something_to_move(model)
    cached = cache and changes is None
    inner, parts = behind_cut(model, [source, target, known], cached, batch_size)
    source, target, known = parts
    full = weight > 0
    batches = DomainBatches(source, target, known, batch_size=batch_size, seed=seed, full=full)
    steps = epochs * len(batches)
    network = _with_features(inner, changes)
    known_a_step = batches.labels_a_step
    trained = TwoDomains(
        network, chosen, weight, steps, steepness, known_a_step, seed, separate_domains
    )
    trained.build()
    rates = rate_factors(model, lr if base_lr is None else base_lr, lr_decay, lr)
    rates = {id(each): rates.get(id(each), lr) for each in trained.trainable_variables}
    steady = sets_the_rate(callbacks)
    schedule = 1.0 if steady else scheduled_rate(1.0, max(1, steps), 0.0)
    optimizer = BlockwiseAdamW(rates, schedule, weight_decay, peak=lr, own=model.optimizer)
    trained.compile(optimizer=optimizer, loss=model.loss, metrics=compiled_with(model)["metrics"])
    report = _Report(model, held, batch_size)
    how: dict[str, Any] = {"callbacks": callbacks, "reporting": [report], "verbose": verbose}
    records = train(trained, batches, shown=model, epochs=epochs, **how)
    unfreeze(model, unfreeze_blocks, train_batch_norm)
    return history_of(model, records)


class _Report(keras.callbacks.Callback):
    """Note the seconds of each epoch, and how the label predictor does on held-out rows."""

    def __init__(self, whole, held, batch_size):
        super().__init__()
        self._whole = whole
        self._held = held and ShuffledBatches(held, batch_size)

    def on_train_end(self, logs=None):
        drop(self._held)

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.perf_counter() - self._began
        if self._held is not None:
            found = self._whole.evaluate(self._held, verbose=0, return_dict=True)
            logs.update({f"val_{name}": value for name, value in found.items()})


def _with_features(model, changes) -> keras.Model:
    """The same network with two outputs: what its last layer sees, and what it answers."""
    features = body_below(model, model.layers[-1]).outputs[0]
    return Part(input_structure(model), [features, output_structure(model)], changes)
