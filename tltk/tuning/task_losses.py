"""One loss over several tasks, exact where labels are missing, and what each task weighs in it.

The tasks' outputs stand side by side in one row, followed by a column for each task: in the labels
it says how much the row counts for the task (0 where its label is missing), in the outputs what the
task weighs.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tltk._checks import check_choice, check_number
from tltk._keras import input_structure
from tltk.tuning.multitask import REGRESSION, task_outputs, tasks_of

JOINED, WEIGHTS = "head_joined", "head_loss_weights"
LEAST = 1e-30  # a probability whose logarithm float32 still differentiates
SCALE = {"classes": 1.0, REGRESSION: 0.5}  # c in the loss of a task, c L exp(-s) + s / 2
FASTER = 100.0  # how much faster than the head's weights s moves


def best_log_variance(loss: float, kind: str = "classes") -> float:
    """The s at which uncertainty weighting comes to rest for a task whose loss is fixed.

    The weighted loss of a task is c L exp(-s) + s / 2, with c = 1 for classes and 1/2 for
    regression; s is the logarithm of the task's noise variance. Its minimum over s lies at
    s = log(2 c L), where the task weighs c exp(-s) = 1 / (2 L): the larger its loss, the less it
    counts, and what is minimised in the end is half the sum of the logarithms of all losses.

    Args:
        loss: the task's loss L, above 0: cross-entropy in nats, or the mean squared error.
        kind: "classes" or "regression".

    Returns:
        s, a number without unit.

    Raises:
        ValueError: for a loss that is not above 0.

    Example:
        >>> best_log_variance(0.5), best_log_variance(1.0, "regression")
        (0.0, 0.0)

    Reference:
        Kendall, Gal and Cipolla, Multi-task learning using uncertainty to weigh losses, 2018.
    """
    check_choice("kind", kind, SCALE)
    advice = "A task that is solved already weighs without bound"
    check_number("loss", loss, above=0, advice=advice)
    return float(np.log(2 * SCALE[kind] * loss))


def joined_model(
    model: keras.Model, spreads: dict[str, float], start: dict[str, float], learned: bool
) -> keras.Model:
    """The same network with one output, compiled with the loss and the measures of all tasks.

    Args:
        model: a model of tasks; its layers are shared, so training the one trains the other.
        spreads: the variance of each regression task's training labels, by task.
        start: by task its weight, or where it is learned the s to start at.
        learned: whether the tasks' weights are learned from their uncertainty.

    Returns:
        A model of outputs (b, sum of units + number of tasks).
    """
    tasks, outputs = tasks_of(model), task_outputs(model)
    weigh = LossWeights([start[name] for name in tasks], learned, name=WEIGHTS)
    tensors = [outputs[name] for name in tasks]
    row = keras.layers.Concatenate(dtype="float32", name=JOINED)([*tensors, weigh(tensors[0])])
    joined = keras.Model(input_structure(model), row, name=model.name)
    columns = [[*task, spreads.get(task.name, 1.0)] for task in tasks.values()]
    measures = [("score", None)]
    for number, task in enumerate(tasks.values()):
        better = "r2" if task.kind == REGRESSION else "accuracy"
        measures += [(f"{task.name}_loss", number), (f"{task.name}_{better}", number)]
        measures += [(f"{task.name}_weight", number)] if learned else []
    joined.compile(
        "adam",
        loss=TasksLoss(columns, learned),
        metrics=[TaskMeasure(name, columns, number) for name, number in measures],
        run_eagerly=model.run_eagerly,
    )
    return joined


class LossWeights(keras.layers.Layer):
    """One number for each task, learned or fixed, repeated for each row; private to training."""

    def __init__(self, start, learned, **settings):
        super().__init__(dtype="float32", **settings)
        self.start, self.learned = list(start), learned

    def build(self, shape):
        start = np.array(self.start) / (FASTER if self.learned else 1.0)
        self.numbers = self.add_weight(
            shape=start.shape, initializer="zeros", trainable=self.learned, name="numbers"
        )
        self.numbers.assign(start)

    def call(self, rows):
        numbers = self.numbers * (FASTER if self.learned else 1.0)
        return ops.broadcast_to(numbers, (ops.shape(rows)[0], len(self.start)))

    def compute_output_shape(self, shape):
        return (shape[0], len(self.start))

    def get_config(self):
        return {**super().get_config(), "start": self.start, "learned": self.learned}


class TasksLoss(keras.losses.Loss):
    """The weighted sum of the tasks' losses, each the mean over the rows that have its label."""

    def __init__(self, columns, learned, name="tasks_loss", **settings):
        super().__init__(name=name, **settings)
        self.columns, self.learned = columns, learned

    def call(self, y_true, y_pred):
        total = 0.0
        for number, (_, kind, *_) in enumerate(self.columns):
            loss, counts, weight = row_losses(self.columns, number, y_true, y_pred)
            if self.learned:
                loss = ops.exp(-weight) * SCALE[kind] * loss + weight / 2
                total = total + counts * loss
            else:
                total = total + counts * weight * loss
        return total

    def get_config(self):
        return {**super().get_config(), "columns": self.columns, "learned": self.learned}


class TaskMeasure(keras.metrics.Mean):
    """The loss, score or weight of one task, or the mean score of all, over the labels there are.

    The score of a task is its accuracy, or one less the share of the variance that it leaves.
    """

    def __init__(self, name, columns, number, **settings):
        super().__init__(name=name, **settings)
        self.columns, self.number = columns, number

    def update_state(self, y_true, y_pred, sample_weight=None):
        given = (self.columns, self.number, y_true, y_pred)
        if self.number is None:
            numbers = range(len(self.columns))
            scores = [row_scores(self.columns, each, y_true, y_pred) for each in numbers]
            values = sum(scores) / len(scores)
        elif self.name.endswith("_weight"):
            values = SCALE[self.columns[self.number][1]] * ops.exp(-own_columns(*given)[1])
        elif self.name.endswith("_loss"):
            loss, counts, _ = row_losses(*given)
            values = counts * loss
        else:
            values = row_scores(*given)
        return super().update_state(values)

    def get_config(self):
        return {**super().get_config(), "columns": self.columns, "number": self.number}


def row_losses(columns, number, y_true, y_pred):
    """The loss of each row for a task, how much the row counts for it, and what the task weighs."""
    true, given = _answers(columns, number, y_true), _answers(columns, number, y_pred)
    if columns[number][1] == REGRESSION:
        loss = ops.square(true - given)[:, 0]
    else:
        loss = -ops.log(ops.maximum(ops.sum(true * given, -1), LEAST))
    return loss, *own_columns(columns, number, y_true, y_pred)


def row_scores(columns, number, y_true, y_pred):
    """The score of each row for a task, times how much the row counts for it."""
    _, kind, _, spread = columns[number]
    if kind == REGRESSION:
        loss, counts, _ = row_losses(columns, number, y_true, y_pred)
        return counts * (1 - loss / spread)
    true, given = _answers(columns, number, y_true), _answers(columns, number, y_pred)
    right = ops.equal(ops.argmax(true, -1), ops.argmax(given, -1))
    return own_columns(columns, number, y_true, y_pred)[0] * ops.cast(right, "float32")


def own_columns(columns, number, y_true, y_pred):
    """How much each row counts for a task, and what the task weighs."""
    place = number - len(columns)
    return y_true[:, place], y_pred[:, place]


def _answers(columns, number, rows):
    start = sum(units for _, _, units, _ in columns[:number])
    return rows[:, start : start + columns[number][2]]
