"""Many small tasks, each drawn by a number: rows to learn from, rows to be tested on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tltk._checks import as_numbers, check_number, refuse, shown

TO_LEARN, TO_TEST = 0, 1


def task_numbers(seed: int, count: int, purpose: int) -> list[int]:
    """Whole numbers that say which tasks there are; of one seed, those to test on are others."""
    return np.random.default_rng([seed, purpose]).integers(2**62, size=count).tolist()


def stacked_tasks(tasks: Callable[[int], tuple], numbers: Sequence[int]) -> tuple:
    """Make several tasks and stack them.

    Args:
        tasks: a function of a whole number to (x, y, query x, query y).
        numbers: the whole numbers.

    Returns:
        Four arrays with the tasks along their first axis.

    Raises:
        ValueError: where a task is not four arrays, rows and labels differ in number, or tasks
            differ in shape.

    Example:
        >>> def task(number):
        ...     return np.ones((2, 3)), np.zeros(2), np.ones((4, 3)), np.zeros(4)
        >>> [part.shape for part in stacked_tasks(task, range(5))]
        [(5, 2, 3), (5, 2), (5, 4, 3), (5, 4)]
    """
    if not callable(tasks):
        advice = "It returns (x, y, query x, query y)"
        refuse("tasks must be a function of a number", f"tasks={shown(tasks)}", advice)
    made = [checked_task(tasks(number)) for number in numbers]
    shapes = {tuple(part.shape for part in task) for task in made}
    if len(shapes) > 1:
        raise ValueError(
            "All tasks must have one shape, so that they can be learned side by side. Received: "
            f"{' and '.join(map(str, sorted(shapes)[:2]))}. Give each as many ways and shots."
        )
    return tuple(np.stack(part) for part in zip(*made, strict=True))


def check_rates(lr, shapes: Sequence[tuple], name: str = "lr") -> None:
    """Refuse a learning rate that is not positive, or arrays that do not fit the weights."""
    if lr is None or np.isscalar(lr):
        advice = "Start with 0.01, and less where the loss grows"
        check_number(name, lr, above=0, advice=advice)
        return
    given = [np.shape(rate) for rate in lr]
    if given != list(shapes):
        raise ValueError(
            f"There must be a learning rate for each weight that moves, of shapes {list(shapes)}. "
            f"Received: {name} of shapes {given}. "
            "Pass what maml learned with the same inner_layers."
        )


def checked_task(task) -> tuple:
    """The four arrays of a task, with as many labels as rows."""
    parts = tuple(map(np.asarray, task)) if isinstance(task, tuple | list) else ()
    rows = [len(part) if part.ndim else 0 for part in parts]
    alike = len(parts) == 4 and parts[0].shape[1:] == parts[2].shape[1:]
    if not alike or rows[::2] != rows[1::2] or not all(rows):
        raise ValueError(
            "A task is (x, y, query x, query y), with rows of one shape and a label for each. "
            f"Received: tasks of {[part.shape for part in parts] or type(task).__name__}. "
            "Return four arrays."
        )
    for part in parts:
        as_numbers("each array of tasks", part, "", advice="Return four arrays of numbers")
    return parts
