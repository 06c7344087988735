"""Several heads on one backbone: a model that answers several questions about one input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tltk._checks import (
    as_numbers,
    check_choice,
    check_count,
    check_number,
    check_share,
    refuse,
    shown,
    told_type,
)
from tltk._keras import as_functional, check_model, input_structure, nodes_of, operation_of
from tltk.inputs.examples import Data, Examples, examples_of
from tltk.tuning._checks import check_fits
from tltk.tuning._cutting import body_below
from tltk.tuning.features import frozen_outputs
from tltk.tuning.heads import check_backbone, compiled_frozen, pooled_features
from tltk.tuning.linear_head import STRENGTHS, solve_dense

REGRESSION = "regression"
OUTPUT = "head_output_"
ACTIVATION = {"classes": "softmax", REGRESSION: "linear"}
LOSS = {"classes": "sparse_categorical_crossentropy", REGRESSION: "mean_squared_error"}
METRIC = {"classes": "accuracy", REGRESSION: "mean_absolute_error"}


class Task(NamedTuple):
    """One question: its name, "classes" or "regression", and the number of its answers."""

    name: str
    kind: str
    units: int


def build_multitask(
    backbone: keras.Model,
    tasks: Mapping[str, Sequence[str] | int | str],
    pooling: str = "avg",
    dropout: float = 0.2,
    *,
    hidden: int = 0,
) -> keras.Model:
    """Put a head for each of several tasks on one frozen backbone.

    What the tasks share is what trains below their heads: the unfrozen blocks and the hidden
    layer. Without either each head is a probe of its own, and nothing passes between them.

    Args:
        backbone: a headless network, as for `build_classifier`; its layers are shared, not copied.
        tasks: for each task by name its class names, or their number, or "regression" for one
            number; a task with several labels at once is several tasks of yes or no.
        pooling: "avg" or "max", for features with space or time.
        dropout: the share of features dropped in training, before the heads.
        hidden: units of a layer that all heads share; 0 for none.

    Returns:
        A compiled model with the backbone frozen and named outputs: a dict of probabilities (b, k),
        or of numbers (b, 1), by task. Train it with `fine_tune_tasks`, where labels may be missing.

    Raises:
        ValueError: for a task that is not described as above, a name that Keras cannot take, and
            what `build_classifier` refuses.

    Example:
        >>> body = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
        >>> model = build_multitask(body, {"animal": ["cat", "dog"], "weight": "regression"})
        >>> {name: output.shape for name, output in model.output.items()}
        {'animal': (None, 2), 'weight': (None, 1)}

    Reference:
        Caruana, Multitask learning, 1997.
    """
    check_share("dropout", dropout)
    check_count("hidden", hidden, least=0)
    if not isinstance(tasks, Mapping):
        refuse("tasks must be a dict by name", f"tasks={shown(tasks)}", 'Pass {"animal": 2}, say')
    described = {name: _checked_task(name, answers) for name, answers in tasks.items()}
    if not described:
        raise ValueError(
            "A model of tasks needs at least one. Received: none. "
            'Pass tasks={"animal": ["cat", "dog"], "weight": "regression"}.'
        )
    check_backbone(backbone, pooling)
    features = pooled_features(backbone, pooling, name="head_pool")
    if hidden:
        features = keras.layers.Dense(hidden, "relu", name="head_hidden")(features)
    if dropout:
        features = keras.layers.Dropout(dropout, name="head_dropout")(features)
    kinds = {
        name: REGRESSION if names == REGRESSION else "classes" for name, names in described.items()
    }
    outputs = {
        name: keras.layers.Dense(
            1 if kinds[name] == REGRESSION else len(names),
            activation=ACTIVATION[kinds[name]],
            dtype="float32",
            name=OUTPUT + name,
        )(features)
        for name, names in described.items()
    }
    model = keras.Model(input_structure(backbone), outputs, name=f"{backbone.name}_tasks")
    losses = {name: LOSS[kind] for name, kind in kinds.items()}
    metrics = {name: [METRIC[kind]] for name, kind in kinds.items()}
    facts = {"tasks": described, "kind": "tasks", "backbone": backbone.name}
    return compiled_frozen(model, losses, metrics, **facts)


def tasks_of(model: keras.Model) -> dict[str, Task]:
    """The tasks of a model with named outputs, read from its graph alone.

    Args:
        model: what `build_multitask` made, also after plain Keras loaded it.

    Returns:
        A `Task` by name.

    Raises:
        ValueError: for a model without named outputs.

    Example:
        >>> body = keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(1.0)])
        >>> tasks_of(build_multitask(body, {"weight": "regression"}))
        {'weight': Task(name='weight', kind='regression', units=1)}
    """
    return {name: task_of_head(_head_of(tensor)) for name, tensor in task_outputs(model).items()}


def task_outputs(model: keras.Model) -> dict:
    """The output tensors of a model of tasks, by name."""
    check_model(model)
    outputs = getattr(as_functional(model), "output", None)
    if not isinstance(outputs, dict) or not all(
        getattr(_head_of(tensor), "name", "").startswith(OUTPUT) for tensor in outputs.values()
    ):
        raise ValueError(
            "A model of tasks has named outputs. "
            f"Received: {model.name!r}, which has not. Make it with build_multitask."
        )
    return dict(outputs)


def task_of_head(head: keras.layers.Layer) -> Task:
    """What a task's dense layer tells of it."""
    kind = REGRESSION if head.activation.__name__ == "linear" else "classes"
    return Task(head.name.removeprefix(OUTPUT), kind, head.units)


def _head_of(tensor):
    return operation_of(tensor)


def _checked_task(name, answers) -> list[str] | str:
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(
            "A task's name is a word without a slash, which Keras keeps for paths. "
            f"Received: {name!r} among the tasks. Choose another."
        )
    if isinstance(answers, str) and answers == REGRESSION:
        return REGRESSION
    names = answers
    if isinstance(answers, int) and not isinstance(answers, bool):
        names = list(map(str, range(answers)))
    names = list(names) if isinstance(names, list | tuple) else []
    fits = all(isinstance(each, str | int) for each in names)
    if len(names) < 2 or len(set(names)) < len(names) or not fits:
        raise ValueError(
            "A task is described by at least two different class names, by their number, or by "
            f'"regression". Received: {answers!r} for {name!r} among the tasks. For a single '
            'answer of yes or no use ["no", "yes"].'
        )
    return names


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
    measures: list[tuple[str, int | None]] = [("score", None)]
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


def task_examples(
    model: keras.Model, data: tuple[Data, Mapping[str, Any]], part: str = "training"
) -> Examples:
    """Inputs with the labels of a model's tasks side by side in one row.

    Args:
        model: a model of tasks.
        data: `(inputs, labels)`: inputs as an array, a dict of arrays or a split of ours, whose own
            labels are left aside; labels a dict of one array (n,) for each task, with -1 or NaN for
            the missing label of a class, NaN for a missing number.
        part: what the data is for, in errors.

    Returns:
        Examples whose labels (n, sum of units + number of tasks) hold one-hot rows and numbers,
        0 where missing, and then for each task how much the row counts: 0 where its label is
        missing, else n divided by the number of rows that have it, so that the mean over all rows
        is the mean over those.

    Raises:
        ValueError: for labels that do not fit the tasks, and a task without any label.

    Example:
        >>> from tltk.tuning import build_multitask
        >>> body = keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(1.0)])
        >>> model = build_multitask(body, {"big": ["no", "yes"]})
        >>> task_examples(model, (np.zeros((2, 4)), {"big": [1, -1]})).labels.tolist()
        [[0.0, 1.0, 2.0], [0.0, 0.0, 0.0]]
    """
    tasks = tasks_of(model)
    if not isinstance(data, tuple) or len(data) != 2 or not isinstance(data[1], dict):
        raise ValueError(
            "Tasks learn from a pair (inputs, labels), the labels a dict by task. "
            f"Received: {told_type(data)}. Pass (photos.train, {{task: labels}}), for example."
        )
    inputs, labels = data
    if set(labels) != set(tasks):
        raise ValueError(
            f"Labels are given for the model's tasks, {', '.join(tasks)}. "
            f"Received: labels for {', '.join(map(str, labels)) or 'none'}. "
            "Where a task has no label for a row, write -1 or NaN."
        )
    examples = examples_of(inputs)
    check_fits(model, examples)
    found = [_rows(task, labels[task.name], examples.count, part) for task in tasks.values()]
    values, counts = zip(*found, strict=True)
    joined = np.concatenate([*values, np.stack(counts, axis=1)], axis=1).astype("float32")
    return examples.replace(labels=joined)


def known_labels(task: Task, labels: Any, count: int, part: str = "training"):
    """A task's labels (n,) and which of them are known (n,), checked."""
    told = f"labels of {task.name!r}"
    advice = "Number the classes from 0; write -1 or NaN where there is none"
    given = as_numbers(
        told,
        np.squeeze(labels, axis=1) if np.ndim(labels) == 2 else labels,
        "(n,)",
        missing=True,
        advice=advice,
    )
    if len(given) != count:
        raise ValueError(
            "Every row has a label for each task, or a mark that it is missing. "
            f"Received: {len(given)} labels of {task.name!r} for {count} rows of {part} data. "
            "Write -1 or NaN where there is none."
        )
    known = ~np.isnan(given)
    if task.kind != REGRESSION:
        known &= given != -1
    if not known.any():
        raise ValueError(
            "A task needs at least one label. "
            f"Received: no {part} label at all for {task.name!r}. Leave the task out of the model, "
            "or label some rows."
        )
    seen = given[known]
    outside = (seen != np.floor(seen)) | (seen < 0) | (seen >= task.units)
    if task.kind != REGRESSION and outside.any():
        raise ValueError(
            f"The labels of {task.name!r} are class numbers from 0 to {task.units - 1}, or -1. "
            f"Received: {seen[outside][0]:g}. Build the model with all the classes of the task."
        )
    return given, known


def _rows(task, labels, count, part):
    given, known = known_labels(task, labels, count, part)
    counts = known * (count / known.sum())
    if task.kind == REGRESSION:
        return np.where(known, given, 0.0)[:, None], counts
    rows = np.zeros((count, task.units))
    rows[known, given[known].astype(int)] = 1.0
    return rows, counts


def label_parts(tasks: dict[str, Task], rows: np.ndarray) -> dict[str, tuple]:
    """Take joined labels apart: for each task the known rows' numbers, and their labels.

    Args:
        tasks: the tasks in the order of the columns.
        rows: the labels of `task_examples`.

    Returns:
        By task `(places (m,), labels (m,))`, class numbers as int64.

    Example:
        >>> rows = np.array([[0, 1, 2], [0, 0, 0]])
        >>> label_parts({"big": Task("big", "classes", 2)}, rows)["big"]
        (array([0]), array([1]))
    """
    parts, start = {}, 0
    for number, (name, task) in enumerate(tasks.items()):
        places = np.flatnonzero(rows[:, number - len(tasks)])
        own = rows[places, start : start + task.units]
        parts[name] = (places, own[:, 0] if task.kind == REGRESSION else own.argmax(axis=1))
        start += task.units
    return parts


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
