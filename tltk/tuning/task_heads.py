"""The heads of several tasks solved rather than trained, each on the rows that have its label."""

from __future__ import annotations

import keras
import numpy as np

from tltk._keras import nodes_of, operation_of
from tltk.inputs.examples import Examples
from tltk.tuning.cutting import body_below
from tltk.tuning.features import frozen_outputs
from tltk.tuning.multitask import OUTPUT, REGRESSION, Task, task_of_head
from tltk.tuning.probe import STRENGTHS, solve_dense
from tltk.tuning.task_labels import label_parts
from tltk.tuning.task_losses import JOINED, WEIGHTS


def has_task_heads(model: keras.Model) -> bool:
    """Whether a joined model's heads are one dense layer each, so that they can be solved."""
    if model.layers[-1].name != JOINED:
        return False
    named = [
        layer.name for layer in model.layers if layer.name.startswith("head_") and layer.weights
    ]
    return all(name.startswith(OUTPUT) or name == WEIGHTS for name in named)


def solve_task_heads(
    model: keras.Model, train: Examples, val: Examples | None, **settings
) -> dict[str, float]:
    """Solve each task's dense layer by regularised regression; see `fit_linear_head`.

    Args:
        model: a joined model, or the part of it behind a cut.
        train: examples as they arrive there, with joined labels.
        val: the same, for choosing the strengths; None for cross-validation.
        settings: `batch_size` and `cache`, see `frozen_outputs`.

    Returns:
        The chosen strength C of each task.
    """
    tasks = _joined_tasks(model)
    parts = [part for part in (train, val) if part is not None]
    labels = [label_parts(tasks, part.labels) for part in parts]
    features, chosen = {}, {}
    for name, task in tasks.items():
        head = model.get_layer(OUTPUT + name)
        body = body_below(model, head)
        key = id(body.outputs[0])
        if key not in features:
            found = [frozen_outputs(body, part, **settings) for part in parts]
            features[key] = [np.asarray(each.fetch(slice(None))) for each in found]
        pairs = [
            (x[own[name][0]], own[name][1]) for x, own in zip(features[key], labels, strict=True)
        ]
        _check_classes(task, pairs[0][1])
        held = pairs[1] if len(pairs) > 1 else None
        chosen[name] = solve_dense(head, *pairs[0], held, STRENGTHS)
    return chosen


def _joined_tasks(model) -> dict[str, Task]:
    """The tasks in the order in which a joined model, or the end of one, sets them side by side."""
    [node] = [n for n in nodes_of(model) if n.operation is model.layers[-1]]
    heads = [operation_of(tensor) for tensor in node.input_tensors[:-1]]
    tasks = [task_of_head(head) for head in heads]
    return {task.name: task for task in tasks}


def _check_classes(task, labels) -> None:
    missing = sorted(set(range(task.units)) - set(labels.tolist()))
    if task.kind != REGRESSION and missing:
        raise ValueError(
            "A head is solved where every class has a training example. Received: none of class "
            f"number {', '.join(map(str, missing))} of {task.name!r}. Pass head_epochs=10, to "
            "train the heads by steps, or add examples."
        )
