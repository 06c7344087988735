"""Fine-tune a model of several tasks, whose labels may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tltk.inputs.examples import Data
from tltk.tuning.fine_tuning import fine_tune
from tltk.tuning.freezing import unfreeze
from tltk.tuning.saving import note_preparation
from tltk.tuning.tasks import (
    REGRESSION,
    Task,
    best_log_variance,
    joined_model,
    label_parts,
    task_examples,
    tasks_of,
)


def fine_tune_tasks(
    model: keras.Model,
    train: tuple[Data, Mapping[str, Any]],
    val: tuple[Data, Mapping[str, Any]] | None = None,
    *,
    loss_weights: str | Mapping[str, float] = "equal",
    unfreeze_blocks: int | str | list[str] = "all",
    head_epochs: int | None = None,
    epochs: int = 10,
    head_lr: float = 1e-3,
    base_lr: float = 3e-4,
    lr_decay: float = 0.7,
    batch_size: int = 32,
    patience: int = 5,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    cache: bool = True,
    verbose: int = 1,
) -> keras.callbacks.History:
    """Train the heads of several tasks on frozen features, then the blocks with them.

    It is `fine_tune` with the loss sum_t w_t L_t, where L_t is the mean loss of task t over the
    rows that have its label: a missing label counts for nothing, neither in a gradient nor in a
    measure. The weights kept are those of the highest mean score on `val`; the score of a task is
    its accuracy, or for a number R2, one less the share of the variance that is left.

    Args:
        model: what `build_multitask` made.
        train: `(inputs, labels)`: inputs as an array or a split of ours, labels a dict of one array
            (n,) for each task, with -1 or NaN where a class is missing, NaN where a number is.
        val: the same, for early stopping; None trains all epochs and keeps the last weights.
        loss_weights: "equal"; a weight for each task by name; or "uncertainty", which learns them:
            the loss of a task becomes c L exp(-s) + s / 2, with one s for each task, c = 1 for
            classes and 1/2 for regression. s begins at its optimum for the constant answer, and
            moves a hundred times as fast as the head's weights.
        unfreeze_blocks, head_epochs, epochs: see `fine_tune`. None for `head_epochs` solves each
            head on its own labels where there is no hidden layer.
        head_lr, base_lr, lr_decay, batch_size, patience, seed: see `fine_tune`.
        checkpoint, cache, verbose: see `fine_tune`.

    Returns:
        The history, with `score`, and for each task `NAME_loss`, `NAME_accuracy` or `NAME_r2`, and
        `NAME_weight` where it is learned; the same with `val_`. The model comes back compiled with
        stock losses and a stock optimizer, and saves as plain Keras.

    Raises:
        ValueError: for a task without any label, labels or weights that do not fit the tasks, and
            what `fine_tune` refuses.

    Example:
        >>> from tltk.tuning import build_multitask
        >>> body = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(1.0)])
        >>> model = build_multitask(body, {"big": ["no", "yes"], "sum": "regression"})
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> labels = {"big": np.where(x[:, 1] > 0, x[:, 0] > 0, -1), "sum": x.sum(axis=1)}
        >>> history = fine_tune_tasks(model, (x, labels), unfreeze_blocks=0, cache=False, verbose=0)
        >>> round(history.history["sum_r2"][-1], 2), history.history["big_accuracy"][-1] > 0.9
        (1.0, True)

    References:
        - Caruana, Multitask learning, 1997.
        - Kendall, Gal and Cipolla, Multi-task learning using uncertainty to weigh losses, 2018.
    """
    tasks = tasks_of(model)
    train = task_examples(model, train)
    val = None if val is None else task_examples(model, val, "validation")
    parts = label_parts(tasks, train.labels)
    learned = isinstance(loss_weights, str) and loss_weights == "uncertainty"
    start = _constant_answers(tasks, parts) if learned else _given_weights(tasks, loss_weights)
    spreads = {n: float(np.var(y)) or 1.0 for n, (_, y) in parts.items()}
    note_preparation(model, train)
    joined = joined_model(model, spreads, start, learned)
    history = fine_tune(
        joined,
        train,
        val,
        unfreeze_blocks=unfreeze_blocks,
        head_epochs=head_epochs,
        epochs=epochs,
        head_lr=head_lr,
        base_lr=base_lr,
        lr_decay=lr_decay,
        batch_size=batch_size,
        patience=patience,
        seed=seed,
        checkpoint=checkpoint,
        cache=cache,
        verbose=verbose,
    )
    unfreeze(model, unfreeze_blocks if epochs else 0)
    history.set_model(model)
    return history


def _constant_answers(tasks: dict[str, Task], parts) -> dict[str, float]:
    """The best s of each task for a model that knows no more than its labels' shares or mean."""
    found = {}
    for name, (_, labels) in parts.items():
        if tasks[name].kind == REGRESSION:
            loss = np.var(labels)
        else:
            shares = np.bincount(labels) / len(labels)
            loss = -np.sum(shares * np.log(np.maximum(shares, 1e-12)))
        found[name] = best_log_variance(max(float(loss), 1e-3), tasks[name].kind)
    return found


def _given_weights(tasks, weights) -> dict[str, float]:
    if isinstance(weights, str) and weights == "equal":
        return dict.fromkeys(tasks, 1.0)
    fits = isinstance(weights, Mapping) and set(weights) == set(tasks)
    if not fits or not all(np.isfinite(w) and w >= 0 for w in weights.values()):
        raise ValueError(
            'loss_weights is "equal", "uncertainty", or a weight of zero or more for each task. '
            f"Received: loss_weights={weights!r}. The tasks are {', '.join(tasks)}."
        )
    return {name: float(weight) for name, weight in weights.items()}
