"""Episodes: small tasks of a few classes, with examples to learn from and to be tested on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tltk._checks import as_classes, as_numbers, as_rows, check_number, check_seed, refuse, shown
from tltk.inputs._arrays import is_dataset, refuse_iterators

if TYPE_CHECKING:
    from tltk.inputs.examples import Data


class Episode(NamedTuple):
    """One task: `support` (n_way * n_shot, ...) to learn from, `query` (q, ...) to be tested on.

    Both stand class by class. Labels are numbers from 0 to n_way - 1, and `classes` (n_way,) says
    what they stand for. `episode[:4]` is a task as `maml` and `adaptation_curve` take it.
    """

    support: np.ndarray
    support_labels: np.ndarray
    query: np.ndarray
    query_labels: np.ndarray
    classes: np.ndarray


def sample_episode(
    data: Data,
    labels: Sequence | np.ndarray | None = None,
    n_way: int = 5,
    n_shot: int = 1,
    *,
    n_query: int | Sequence[int] = 15,
    seed: int | Sequence[int] = 0,
) -> Episode:
    """Draw a task: some classes, and of each some examples to learn from and some to be tested on.

    Args:
        data: an array (n, ...) of features, pictures or anything, or a split of ours.
        labels: the class of each row (n,), numbers or names; None for the split's own.
        n_way: classes of the task.
        n_shot: examples of each to learn from.
        n_query: examples of each to be tested on, or one number for each class; classes come in
            random order, so that (27, 12, 12, 12, 12) gives any class the most.
        seed: decides the classes and the examples; one number, or several that make one seed.

    Returns:
        An `Episode`; no row is on both sides.

    Raises:
        ValueError: for more ways than classes, a class with fewer examples than shots and queries,
            NaN or infinity, or labels that do not fit the rows.

    Example:
        >>> rows, names = np.arange(12.0).reshape(6, 2), ["a", "a", "b", "b", "c", "c"]
        >>> episode = sample_episode(rows, names, n_way=2, n_shot=1, n_query=1)
        >>> episode.support.shape, episode.support_labels.tolist(), len(set(episode.classes))
        ((2, 2), [0, 1], 2)

    Reference:
        Vinyals et al., Matching networks for one shot learning, 2016.
    """
    for each in seed if isinstance(seed, list | tuple) else [seed]:
        check_seed("seed", each)
    fetch, labels = rows_and_labels(data, labels)
    drawer = EpisodeDrawer(labels, n_way, n_shot, n_query)
    support, query = drawer.draw(seed)
    classes = labels[support[::n_shot]]
    return Episode(
        fetch(support), drawer.support_labels, fetch(query), drawer.query_labels, classes
    )


class EpisodeDrawer:
    """Draws the row numbers of episodes, all of one form.

    Args:
        labels: the class of each row (n,).
        n_way, n_shot, n_query: as for `sample_episode`.
    """

    def __init__(self, labels: np.ndarray, n_way: int, n_shot: int, n_query: int | Sequence[int]):
        check_number("n_way", n_way, least=1, whole=True, advice="5 are usual")
        check_number("n_shot", n_shot, least=1, whole=True, advice="1 or 5 are usual")
        self._queries = _queries_of_each(n_query, n_way)
        classes, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
        most = n_shot + max(self._queries)
        if n_way > len(classes):
            raise ValueError(
                "There must be as many classes as ways. "
                f"Received: n_way={n_way}, and {len(classes)} classes. Ask for fewer ways."
            )
        if counts.min() < most:
            scarce = int(np.argmin(counts))
            raise ValueError(
                f"Every class needs n_shot + n_query examples, {most} here. "
                f"Received: n_shot={n_shot}, n_query={most - n_shot}, class "
                f"{classes[scarce]!s} with {counts[scarce]}. Ask for fewer, or leave the class out."
            )
        self._rows = np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])
        self._n_way, self._n_shot = n_way, n_shot
        self.support_labels = np.repeat(np.arange(n_way), n_shot)
        self.query_labels = np.repeat(np.arange(n_way), self._queries)

    def draw(self, seed: int | Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """The row numbers to learn from (n_way * n_shot,) and to be tested on (q,)."""
        random = np.random.default_rng(seed)
        chosen = random.choice(len(self._rows), self._n_way, replace=False)
        support, query = [], []
        for number, count in zip(chosen, self._queries, strict=True):
            rows = random.choice(self._rows[number], self._n_shot + count, replace=False)
            support.append(rows[: self._n_shot])
            query.append(rows[self._n_shot :])
        return np.concatenate(support), np.concatenate(query)


def split_classes(
    labels: Sequence | np.ndarray,
    test: float | int | Sequence | np.ndarray = 0.5,
    val: float | int | Sequence | np.ndarray = 0,
    groups: Sequence | np.ndarray | None = None,
    *,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Split rows by their class, so that nothing tested on is of a class that was trained on.

    Args:
        labels: the class of each row (n,), numbers or names.
        test: the share of the classes to test on, their number, or the classes themselves.
        val: the same for validation; 0 for none.
        groups: what each row's class belongs to, such as its alphabet or language (n,): groups are
            then split in place of classes, and `test` and `val` speak of them.
        seed: decides which classes go where.

    Returns:
        The row numbers of "train", "val" and "test", in the order of the rows.

    Raises:
        ValueError: where no class is left to train or to test on, a class is asked for twice or is
            not there, or has rows in two groups.

    Example:
        >>> rows = split_classes(["a", "a", "b", "c", "c", "d"], test=["b", "d"])
        >>> {part: some.tolist() for part, some in rows.items()}
        {'train': [0, 1, 3, 4], 'val': [], 'test': [2, 5]}
    """
    labels = as_classes("labels", labels)
    check_seed("seed", seed)
    units = labels if groups is None else _groups_of_classes(groups, labels)
    known = np.unique(units)
    order = np.random.default_rng(seed).permutation(known)
    tested, order = _chosen("test", test, known, order)
    validated, order = _chosen("val", val, known, order)
    if not len(tested) or not len(order):
        raise ValueError(
            "There must be classes to train and to test on. Received: "
            f"test={test!r}, val={val!r} of {len(known)}. Leave some for each part."
        )
    parts = {"train": order, "val": validated, "test": tested}
    return {part: np.flatnonzero(np.isin(units, some)) for part, some in parts.items()}


def rows_and_labels(data: Any, labels: Any):
    """A function of row numbers to rows, and the label of each row (n,)."""
    if labels is None or is_dataset(data):
        from tltk.inputs.examples import examples_of

        examples = examples_of(data)
        labels = examples.labels if labels is None else labels
        if labels is None:
            raise ValueError(
                "An episode needs labels. Received: labels=None, and data without any. "
                "Pass labels=, one a row."
            )
        return examples.fetch, as_classes("labels", labels, examples.count)
    refuse_iterators(data)
    data = as_rows("data", data)
    labels = as_classes("labels", labels, len(data))
    return lambda rows: data[rows], labels


def _queries_of_each(n_query, n_way) -> list[int]:
    each = [n_query] * n_way if np.ndim(n_query) == 0 else list(n_query)
    for count in each:
        check_number("n_query", count, least=1, whole=True, advice="15 are usual")
    if len(each) != n_way:
        raise ValueError(
            f"n_query is one number, or one for each of the {n_way} ways. "
            f"Received: n_query={each}. Pass as many as there are ways."
        )
    return each


def _groups_of_classes(groups, labels) -> np.ndarray:
    groups = np.asarray(groups)
    if groups.shape != labels.shape:
        raise ValueError(
            f"There is one group for each row ({len(labels)},). Received: groups={shown(groups)}. "
            "Pass the group of each row's class."
        )
    for each in np.unique(labels):
        found = np.unique(groups[labels == each])
        if len(found) > 1:
            raise ValueError(
                f"All rows of a class are in one group. Received: class {each!s} in "
                f"{', '.join(map(str, found[:3]))}. Number the classes of each group by themselves."
            )
    return groups


def _chosen(name, wanted, known, order) -> tuple[np.ndarray, np.ndarray]:
    """The classes that were asked for, and those that are left."""
    if np.ndim(wanted):
        wanted = np.asarray(wanted)
        if not np.isin(wanted, order).all() or len(np.unique(wanted)) < len(wanted):
            raise ValueError(
                f"{name} names classes that are there, each in one part once. Received: "
                f"{name}={wanted.tolist()}. Those there are: {', '.join(map(str, known))}."
            )
        return wanted, order[~np.isin(order, wanted)]
    check_number(name, wanted, least=0, advice="Pass a share, a number, or the classes")
    count = wanted if isinstance(wanted, int | np.integer) else round(wanted * len(known))
    if not 0 <= count < len(known) or (wanted and not count):
        raise ValueError(
            f"{name} is a share of the classes below 1, their number, or a list of them. Received: "
            f"{name}={wanted!r} of {len(known)} classes. Leave some to train on."
        )
    return order[:count], order[count:]


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
