"""Two tables of mixed columns, stacked as the adapting methods take them."""

from typing import Any

import numpy as np

from tltk.adaptation.domains import stack_domains


def stack_tables(source: Any, target: Any) -> tuple[Any, np.ndarray | None, np.ndarray]:
    """Stack two data frames with the same columns, source first, for a pipeline to encode.

    The target's columns are put into the source's order. Names must be the same, and so must the
    kind of each column, numbers or not: a column that means something else in the other domain is
    no table to learn from.

    Args:
        source: a pandas DataFrame (n rows), or a pair (frame, labels).
        target: a DataFrame (m rows), or a pair (frame, labels).

    Returns:
        `(X, y, domain)` as `stack_domains` gives them, X a DataFrame (n + m rows) numbered from 0.

    Raises:
        ValueError: for columns that only one domain has, a column of another kind, a column twice,
            a domain without rows, or labels of another length.

    Example:
        >>> import pandas
        >>> old = pandas.DataFrame({"age": [30, 40], "city": ["Rome", "Oslo"]})
        >>> new = pandas.DataFrame({"city": ["Rome"], "age": [35]})
        >>> X, y, domain = stack_tables((old, [0, 1]), new)
        >>> X["age"].tolist(), y.tolist(), domain.tolist()
        ([30, 40, 35], [0, 1, -1], [0, 0, 1])
    """
    import pandas

    (first, labels), (second, more_labels) = _frame(source, "source"), _frame(target, "target")
    missing = [list(a.columns.difference(b.columns)) for a, b in ((first, second), (second, first))]
    if missing[0] or missing[1]:
        raise ValueError(
            "Both tables need the same columns. Received: only in the source "
            f"{missing[0]}, only in the target {missing[1]}. Rename the columns that mean the same, drop the others."
        )
    second = second[list(first.columns)]
    other = [name for name in first.columns if _kind(first[name]) != _kind(second[name])]
    if other:
        told = ", ".join(f"{n!r} ({first[n].dtype} and {second[n].dtype})" for n in other)
        raise ValueError(
            f"A column is numbers in both tables, or in neither. Received: {told}. "
            "Convert one of the two."
        )
    places = [np.zeros((len(each), 1)) for each in (first, second)]
    sides = [
        each if known is None else (each, known)
        for each, known in zip(places, (labels, more_labels), strict=True)
    ]
    _, y, domain = stack_domains(*sides)
    return pandas.concat([first, second], ignore_index=True), y, domain


def _frame(side, name):
    frame, labels = side if isinstance(side, tuple) and len(side) == 2 else (side, None)
    if not hasattr(frame, "columns") or not hasattr(frame, "dtypes"):
        raise ValueError(
            f"The {name} must be a pandas DataFrame. Received: {type(frame).__name__}. "
            "Arrays of numbers go to stack_domains."
        )
    twice = list(frame.columns[frame.columns.duplicated()])
    if twice:
        raise ValueError(
            f"The {name}'s columns must have different names. Received: {twice} more than once. "
            "Rename them."
        )
    return frame, labels


def _kind(column) -> str:
    return "number" if getattr(column.dtype, "kind", "O") in "fiub" else "other"
