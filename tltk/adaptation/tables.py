"""Two tables of mixed columns, stacked as the adapting methods take them."""

from typing import Any

import numpy as np

from tltk._checks import shown
from tltk.adaptation.domains import stack_domains


def stack_tables(source: Any, target: Any) -> tuple[Any, np.ndarray | None, np.ndarray]:
    """Stack two tables with the same columns, source first, for a pipeline to encode.

    The target's columns are put into the source's order. Names must be the same, and so must the
    kind of each column, numbers or not: a column that means something else in the other domain
    teaches nothing. Arrays have no names; their columns are numbered.

    Args:
        source: a pandas DataFrame or an array of objects, n rows, or a pair (table, labels).
        target: the same, m rows.

    Returns:
        `(X, y, domain)` as `stack_domains` gives them, X a table (n + m rows) as given.

    Raises:
        ValueError: for columns that only one domain has, a column of another kind, a column twice,
            a frame and an array, a domain without rows, or labels of another length.

    Example:
        >>> old = np.array([[30, "Rome"], [40, "Oslo"]], dtype=object)
        >>> new = np.array([[35, "Rome"]], dtype=object)
        >>> X, y, domain = stack_tables((old, [0, 1]), new)
        >>> X[:, 0].tolist(), y.tolist(), domain.tolist()
        ([30, 40, 35], [0, 1, -1], [0, 0, 1])
        >>> stack_tables(old, new[:, :1])
        Traceback (most recent call last):
        ...
        ValueError: Both tables need the same columns. Received: only in the source [1], ...
    """
    (first, labels), (second, more_labels) = _table(source, "source"), _table(target, "target")
    if hasattr(first, "iloc") != hasattr(second, "iloc"):
        raise ValueError(
            "Both tables are data frames, or both are arrays. Received: "
            f"{type(first).__name__} and {type(second).__name__}. Convert one of the two."
        )
    columns, others = _columns(first), _columns(second)
    if set(columns) != set(others):
        raise ValueError(
            "Both tables need the same columns. Received: only in the source "
            f"{[name for name in columns if name not in others]}, only in the target "
            f"{[name for name in others if name not in columns]}. "
            "Rename the columns that mean the same, drop the others."
        )
    for name, table in (("source", first), ("target", second)):
        if len(table) == 0:
            raise ValueError(
                f"Both tables need at least one row. Received: a {name} without. Check the file."
            )
    pairs = [(name, _kind(first, name), _kind(second, name)) for name in columns]
    unlike = [f"{name!r} ({one}, then {other})" for name, one, other in pairs if one != other]
    if unlike:
        raise ValueError(
            f"A column is numbers in both tables, or in neither. Received: {', '.join(unlike)}. "
            "Convert one of the two."
        )
    numbered = [
        np.zeros((len(table), 1)) if known is None else (np.zeros((len(table), 1)), known)
        for table, known in ((first, labels), (second, more_labels))
    ]
    _, y, domain = stack_domains(*numbered)
    return _joined(first, second, columns), y, domain


def _table(side, name):
    table, labels = side if isinstance(side, tuple) and len(side) == 2 else (side, None)
    table = table if hasattr(table, "iloc") else np.asarray(table, dtype=object)
    if table.ndim != 2:
        raise ValueError(
            f"The {name} must be a table of rows and columns. Received: {shown(side)}. "
            "Pass a pandas DataFrame or an array of objects (n, k)."
        )
    columns = _columns(table)
    twice = sorted({str(each) for each in columns if columns.count(each) > 1})
    if twice:
        raise ValueError(
            f"The {name}'s columns must have different names. Received: {', '.join(twice)} more "
            "than once. Rename them."
        )
    return table, labels


def _columns(table) -> list:
    return list(table.columns) if hasattr(table, "iloc") else list(range(table.shape[1]))


def _kind(table, name) -> str:
    """Whether a column holds numbers, missing ones (None, NaN) left aside."""
    values = np.asarray(table[name] if hasattr(table, "iloc") else table[:, name], dtype=object)
    numbers = [isinstance(v, (int, float, np.number)) for v in values if v is not None and v == v]
    return "numbers" if all(numbers) else "other values"


def _joined(first, second, columns):
    if not hasattr(first, "iloc"):
        return np.concatenate([first, second])
    import pandas

    return pandas.concat([first, second[columns]], ignore_index=True)
