"""Labels of several tasks, some of them missing, beside the inputs they belong to."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tltk._checks import as_numbers, told_type
from tltk.inputs.examples import Examples, examples_of
from tltk.tuning.checks import check_fits
from tltk.tuning.multitask import REGRESSION, Task, tasks_of


def task_examples(model: keras.Model, data: Any, part: str = "training") -> Examples:
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
