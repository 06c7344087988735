"""Two-phase fine-tuning: first the head on frozen features, then the blocks with it."""

from __future__ import annotations

import contextlib
import time
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import keras

from tltk._keras import (
    Part,
    compiled_with,
    input_structure,
    output_structure,
    random_states,
    reseed,
)
from tltk._paths import check_folder
from tltk.backbones import layers_by_block
from tltk.inputs.examples import Data
from tltk.tuning._checkpoint import Checkpoint, Course, fingerprint
from tltk.tuning._checks import (
    check_callbacks,
    check_settings,
    checked_examples,
    sets_the_rate,
    warn_of_logs_begun_anew,
)
from tltk.tuning._engines import ENGINES, LARGEST_ERROR, chosen_engine, mixed_precision
from tltk.tuning._imbalance import balanced_metrics, remedy_for, training_loss
from tltk.tuning._loop import ShuffledBatches, behind_cut, evaluate, history_of
from tltk.tuning._optimizer import BlockwiseAdamW, rate_factors, scheduled_rate
from tltk.tuning.augmentation import augmentation_of, augmented_view, describe
from tltk.tuning.freezing import is_adapter, select_blocks, unfreeze
from tltk.tuning.linear_head import has_linear_head, solve_linear_head
from tltk.tuning.saving import note_preparation
from tltk.tuning.tasks import has_task_heads, solve_task_heads


class TowardsStart(keras.regularizers.Regularizer):
    """What a weight costs that moves away from its start.

        strength / 2 * sum((w - start)^2), and what it cost before

    Args:
        strength: how much.
        start: where to, of the weight's shape, or 0.
        other: the weight's own regulariser, or None.

    Example:
        >>> import numpy as np
        >>> float(TowardsStart(0.5, np.array([1.0, 2.0]))(np.array([1.0, 4.0])))
        1.0

    Reference:
        Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with convolutional
        networks, 2018.
    """

    def __init__(self, strength, start=0.0, other=None):
        self.strength, self.start, self.other = strength, start, other

    def __call__(self, weight):
        pull = 0.5 * self.strength * keras.ops.sum(keras.ops.square(weight - self.start))
        return pull if self.other is None else pull + self.other(weight)


def pull_to_start(model: keras.Model, strength: float) -> list[keras.Variable]:
    """Let each trainable weight of a body cost its way from here, and each of the head its size.

    Args:
        model: a model whose blocks are unfrozen as they will be trained. Models that share its
            weights pay the same.
        strength: alpha; 0 for nothing.

    Returns:
        The starts, which a checkpoint must keep.
    """
    starts = []
    for block, layers in layers_by_block(model).items():
        for weight in (weight for layer in layers for weight in layer.trainable_weights):
            start = 0.0
            if strength and block != "head":
                start = keras.Variable(weight.numpy(), trainable=False, dtype=weight.dtype)
                starts.append(start)
            if strength:
                weight.regularizer = TowardsStart(strength, start, weight.regularizer)
    return starts


def let_go(model: keras.Model) -> None:
    """Give each weight its own regulariser back."""
    for weight in model.weights:
        if isinstance(weight.regularizer, TowardsStart):
            weight.regularizer = weight.regularizer.other


HEAD, TUNE = "head", "fine-tune"
VIEWS_KEPT = "Augmented views kept of each picture: {}; the epochs take them in turn."
WARMUP = 0.1  # share of a phase's steps in which the rate rises from zero


def fine_tune(
    model: keras.Model,
    train: Data,
    val: Data | None = None,
    *,
    unfreeze_blocks: int | str | list[str] = "all",
    head_epochs: int | None = None,
    epochs: int = 10,
    head_lr: float = 1e-3,
    base_lr: float = 3e-4,
    lr_decay: float = 0.7,
    l2_sp: float = 0.0,
    imbalance: dict | str | None = None,
    augment=None,
    train_batch_norm: bool = False,
    batch_size: int = 32,
    patience: int = 5,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    cache: bool | str | tuple[str, str] = True,
    callbacks=(),
    verbose: int = 1,
) -> keras.callbacks.History:
    """Train the head of a classifier on frozen features, then its blocks at rates that fall.

    The first phase solves the head as a linear probe, or trains it for `head_epochs`. The second
    trains the unfrozen blocks and the head together with Adam: the head and the last block at
    `base_lr`, each block before at `lr_decay` times the rate of the next. With `val`, each phase
    stops early and ends with its best weights on validation: the highest accuracy, then the lowest
    loss. The start of a phase counts too, so fine-tuning cannot end below the probe there. Frozen
    parts run once over the data (see `extract_features`), unless pictures are augmented anew in
    every epoch.

    Args:
        model: a classifier from `build_classifier`, or any compiled functional model whose new
            layers on top are named `head_…`.
        train: a split of ours, a batched dataset of (x, y), or a pair of arrays (x, y).
        val: the same, for early stopping; None trains all epochs and keeps the last weights.
        unfreeze_blocks: "all", a number of last blocks, or their names; 0 leaves out phase two.
            Fewer blocks take less time (see `cache`). Of a model with adapters (see `add_lora`),
            the adapters in these blocks.
        head_epochs: epochs of phase one; 0 leaves it out; None solves a linear probe where the
            head is one dense layer, and trains 10 epochs where it is not.
        epochs: epochs of phase two, at most.
        head_lr: learning rate of phase one.
        base_lr: learning rate of the head and the last block in phase two.
        lr_decay: factor of the learning rate from a block to the one before it.
        l2_sp: alpha in `alpha / 2 |w - start|^2`, which is added to the loss: it pulls what is
            unfrozen back to where this call found it, and the head to zero.
        imbalance: against classes of unequal size: weights of class numbers or names;
            "class_weight" for the inverse frequency; "focal" for a loss that counts what is
            already right for little (a linear head is then trained, not solved);
            "balanced_sampling" to draw all classes equally often; "logit_adjustment" to shift
            the logits in training by the logarithm of each class's share, so that the model
            without the shift prefers no class. With any of them the best weights are those of
            the highest balanced accuracy on `val`. The saved model holds nothing of it.
        augment: True, or a Keras layer or model from pictures to pictures; never saved. The
            pictures are augmented anew in every epoch, so that the whole network runs each time.
            A pair of it and a number, such as `(True, 4)`, runs so many augmented views of each
            training picture through the frozen part once and keeps them; the epochs take them in
            turn.
        train_batch_norm: update batch normalisation inside unfrozen blocks.
        batch_size: examples a step.
        patience: epochs without a better validation result after which a phase stops.
        seed: decides the order of the examples, dropout and augmentation.
        checkpoint: a folder; after every epoch the run is written there, and the same call
            goes on from the last finished epoch.
        cache: run the frozen part only once and keep its output on disk; with Keras, which gives
            the same digits as False, or with the engine named: "openvino", "auto", or a pair of
            engine and precision such as `("keras", "bfloat16")`, see `extract_features`. With Keras
            on a GPU that is the precision of the trained part too; weights and head stay float32.
        callbacks: Keras callbacks, for every phase that is trained (a solved head is not). They
            see the whole model with the optimizer and the metrics of the training, and count the
            epochs of all phases; each phase is one `fit` to them. A rate rises over the first
            tenth of a phase and falls along a cosine, unless a `LearningRateScheduler` or
            `ReduceLROnPlateau` is among them, which then decides; what it sets is the rate of the
            head and the last block.
        verbose: as in Keras: 0 silent, 1 progress bars, 2 one line an epoch.

    Returns:
        The history of both phases: besides Keras's own entries `phase` ("head" or "fine-tune"),
        `seconds`, and `kept`, 1 for the epoch whose weights the model has in the end. The model
        keeps the loss, the metrics and the optimizer that it was compiled with.

    Raises:
        ValueError: for data, blocks or settings that do not fit, and for a checkpoint of another
            run or a damaged one.
        RuntimeError: where another process trains with the same checkpoint.
        OSError: where the checkpoint cannot be written.

    Example:
        >>> import numpy as np
        >>> from tltk import build_classifier
        >>> body = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "relu")])
        >>> model = build_classifier(body, ["low", "high"])
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> history = fine_tune(model, (x, (x[:, 0] > 0).astype("int32")), epochs=2,
        ...                     unfreeze_blocks=1, cache=False, verbose=0)
        >>> history.history["phase"]
        ['head', 'fine-tune', 'fine-tune']

    References:
        - Howard and Ruder, Universal language model fine-tuning for text classification, 2018
          (rates that fall with depth).
        - Kumar et al., Fine-tuning can distort pretrained features and underperform
          out-of-distribution, 2022 (probe first, then tune).
        - Lin et al., 2017 and Menon et al., 2021 (focal loss and logit adjustment).
        - Li et al., 2018 (L2-SP).
    """
    engine, precision = _engine_of(cache)
    settings = {
        "unfreeze_blocks": unfreeze_blocks, "head_epochs": head_epochs, "epochs": epochs,
        "head_lr": head_lr, "base_lr": base_lr, "lr_decay": lr_decay, "l2_sp": l2_sp,
        "imbalance": imbalance, "train_batch_norm": train_batch_norm, "batch_size": batch_size,
        "patience": patience, "seed": seed, "engine": engine, "precision": precision,
    }  # fmt: skip
    check_settings(model, settings | {"verbose": verbose})
    if checkpoint is not None:
        check_folder("checkpoint", checkpoint)
    callbacks = check_callbacks(callbacks)
    mixed = chosen_engine(engine, precision, model) == "keras" and precision == "bfloat16"
    blocks = select_blocks(model, unfreeze_blocks) if epochs else []
    augment, views = augmentation_of(model, augment, cache)
    settings |= {"augment": describe(augment), "views": views}
    settings["callbacks set the rate"] = steady = sets_the_rate(callbacks)
    train = checked_examples(model, train)
    note_preparation(model, train)
    val = None if val is None else checked_examples(model, val)
    remedy = remedy_for(model, imbalance, train.labels)
    evenly = remedy is not None and remedy.method == "balanced_sampling"
    reseed(seed, model, augment)

    unfreeze(model, blocks, train_batch_norm)
    weights = _weights_of(model, [*blocks, "head"])
    drawn = [*filter(is_adapter, weights), *_weights_of(model, ["head"])]
    found = [weight for weight in weights if not any(weight is each for each in drawn)]
    described = fingerprint(model, settings, train, val, weights) if checkpoint else None
    saved = Checkpoint(checkpoint, described, found, drawn)
    kept = [augmented_view(train, augment, seed, view) for view in range(views)]
    reuse: dict[str, Any] = {
        "cache": bool(cache) and (augment is None or views > 0),
        "batch_size": batch_size,
    }
    how: dict[str, Any] = {"engine": engine, "precision": precision, "verbose": bool(verbose)}
    records: list[dict] = []
    phases = _phases(model, remedy, head_epochs, epochs, head_lr, base_lr, lr_decay, blocks)
    warn_of_logs_begun_anew(callbacks, sum(phase.epochs is not None for phase in phases))
    moving = [*found, *drawn, *_random_states_of(model, [*blocks, "head"], augment)]
    moving += pull_to_start(model, l2_sp)
    try:
        with saved.held():
            body, [train, val, *kept] = behind_cut(model, [train, val, *kept], **reuse, **how)
            if views and body is model:
                kept, reuse["cache"] = [], False
            elif views:
                augment = None
                if verbose:
                    print(VIEWS_KEPT.format(views))
            for number, phase in enumerate(phases):
                course = Course(phase.name, records, moving, saved, patience)
                if course.finished:
                    continue
                unfreeze(model, phase.blocks, train_batch_norm)
                if phase.epochs is None:
                    _solve_head(body, model, train, val, course, remedy, reuse)
                    continue
                before = 0 if phases[0].epochs is None else len(records) - course.epoch
                inner, [seen, held, *drawn] = behind_cut(body, [train, val, *kept], **reuse)
                trained = Part(input_structure(inner), output_structure(inner), augment)
                steps = phase.epochs * -(-seen.count // batch_size)
                schedule = 1.0 if steady else scheduled_rate(1.0, steps, WARMUP)
                optimizer = BlockwiseAdamW(
                    phase.rates, schedule, peak=phase.peak, own=model.optimizer
                )
                trained.compile(optimizer=optimizer, **_judged_by(model, remedy))
                order = (seed, number, course.epoch, drawn, evenly)
                with mixed_precision(trained) if mixed else contextlib.nullcontext():
                    course.follow(
                        trained,
                        ShuffledBatches(seen, batch_size, *order),
                        None if held is None else ShuffledBatches(held, batch_size),
                        shown=model,
                        epochs=phase.epochs,
                        epochs_before=before,
                        class_weight=remedy and remedy.loss_weights,
                        callbacks=callbacks,
                        verbose=verbose,
                    )
    finally:
        let_go(model)
        unfreeze(model, blocks, train_batch_norm)
    return history_of(model, records)


def _engine_of(cache) -> tuple[str, str]:
    """Engine and precision of the frozen part, from what `cache` says."""
    if isinstance(cache, bool):
        return "keras", "float32"
    pair = (cache, "float32") if isinstance(cache, str) else cache
    if pair not in product(ENGINES, LARGEST_ERROR):
        raise ValueError(
            f"cache is True or False, an engine ({', '.join(ENGINES)}), or a pair of engine and "
            f"precision ({', '.join(LARGEST_ERROR)}). "
            f'Received: cache={cache!r}. Pass "auto" for the fastest that computes in float32.'
        )
    return pair


class _Phase(NamedTuple):
    name: str
    blocks: list[str]
    epochs: int | None
    peak: float
    rates: dict[int, float]


def _phases(model, remedy, head_epochs, epochs, head_lr, base_lr, lr_decay, blocks) -> list[_Phase]:
    solvable = has_linear_head(model) and (remedy is None or remedy.method != "focal")
    if head_epochs is None and not (solvable or has_task_heads(model)):
        head_epochs = 10
    head_rates = rate_factors(model, head_lr, 1.0, head_lr)
    head = _Phase(HEAD, [], head_epochs, head_lr, head_rates)
    rates = rate_factors(model, base_lr, lr_decay, base_lr)
    tune = _Phase(TUNE, blocks, epochs, base_lr, rates)
    return [head] * (head_epochs != 0) + [tune] * bool(blocks)


def _solve_head(body, model, train, val, course, remedy, reuse) -> None:
    began = time.perf_counter()
    if has_task_heads(body):
        solve_task_heads(body, train, val, **reuse)
    else:
        solve_linear_head(body, train, val, remedy, **reuse)
    solved = Part(input_structure(body), output_structure(body))
    solved.compile(**_judged_by(model, remedy))
    record = evaluate(solved, ShuffledBatches(train, reuse["batch_size"]))
    if val is not None:
        held = evaluate(solved, ShuffledBatches(val, reuse["batch_size"]))
        record |= {f"val_{name}": value for name, value in held.items()}
    course.solved(record, time.perf_counter() - began)


def _judged_by(model, remedy) -> dict:
    """The model's own loss and metrics, and what a method against imbalance adds to them."""
    own = compiled_with(model)
    more = balanced_metrics(model, remedy)
    weighted = own["weighted_metrics"]
    return {
        "loss": training_loss(own["loss"], remedy),
        "loss_weights": own["loss_weights"],
        "metrics": own["metrics"],
        "weighted_metrics": [*keras.tree.flatten(weighted or []), *more] if more else weighted,
        "run_eagerly": model.run_eagerly,
        "jit_compile": model.jit_compile,
    }


def _weights_of(model, blocks) -> list:
    layers = layers_by_block(model)
    return [weight for name in blocks for layer in layers.get(name, ()) for weight in layer.weights]


def _random_states_of(model, blocks, augment) -> list:
    layers = layers_by_block(model)
    drawing = [layer for name in blocks for layer in layers.get(name, ())]
    return [state for layer in [*drawing, augment] if layer for state in random_states(layer)]
