"""The contract of what adapts arrays: stacked rows, and a domain of 0 (source) or 1 (target)."""

import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from tltk._checks import as_numbers, check_rows, shown

SOURCE, TARGET = 0, 1
CHUNK = 4096
UNKNOWN = {"i": -1, "u": -1, "b": -1, "f": np.nan, "U": ""}


def stack_domains(source, target) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Stack the rows of two domains, source first, as every adapting method takes them.

    Labels that a domain does not bring stand as unknown: -1 for class numbers, NaN for floats and
    the empty string for names. No method of ours that does without target labels reads them.

    Args:
        source: features (n, d), or a pair (features, labels).
        target: features (m, d), or a pair (features, labels).

    Returns:
        `(X, y, domain)`: rows (n + m, d); labels (n + m,), None where neither brings any; and
        domains (n + m,), 0 for a source row and 1 for a target row.

    Raises:
        ValueError: for a domain without rows, features of different widths, values that are not
            finite numbers, labels of another length, or numbers on one side and names on the other.

    Example:
        >>> X, y, domain = stack_domains((np.zeros((2, 3)), [4, 5]), np.ones((1, 3)))
        >>> X.shape, y.tolist(), domain.tolist()
        ((3, 3), [4, 5, -1], [0, 0, 1])
    """
    rows, labels = _rows_and_labels(source, "source")
    more_rows, more_labels = _rows_and_labels(target, "target")
    if rows.shape[1] != more_rows.shape[1]:
        raise ValueError(
            "Both domains need the same features. Received: a source with "
            f"{rows.shape[1]} features and a target with {more_rows.shape[1]}. Take both from one "
            "network, or align different feature spaces first, by pairs."
        )
    domain = np.repeat(np.array([SOURCE, TARGET]), [len(rows), len(more_rows)])
    return np.concatenate([rows, more_rows]), _stacked_labels(labels, more_labels, domain), domain


def _rows_and_labels(side: Any, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    rows, labels = side if isinstance(side, tuple) and len(side) == 2 else (side, None)
    as_numbers(name, rows, advice="extract_features gives such an array")
    rows = np.asarray(rows)
    if labels is None:
        return rows, None
    masked, given = np.ma.isMaskedArray(labels), labels
    labels = np.asarray(labels)
    if masked or labels.shape[:1] != rows.shape[:1] or labels.dtype.kind not in "biufUO":
        raise ValueError(
            f"The {name} needs one label per row. Received: {name} with {len(rows)} rows, labels "
            f"{shown(given)}. Pass a pair (features, labels)."
        )
    return rows, labels.astype(str) if labels.dtype.kind == "O" else labels


def _stacked_labels(labels, more_labels, domain) -> np.ndarray | None:
    if labels is None and more_labels is None:
        return None
    known, counts = more_labels if labels is None else labels, np.bincount(domain)
    sides = [
        np.full((count, *known.shape[1:]), UNKNOWN[known.dtype.kind]) if side is None else side
        for side, count in zip((labels, more_labels), counts, strict=True)
    ]
    if len({side.dtype.kind == "U" for side in sides}) > 1:
        raise ValueError(
            "Labels are numbers in both domains, or names in both. Received: types "
            f"{sides[0].dtype} and {sides[1].dtype}. Use the same class names for both."
        )
    return np.concatenate(sides)


def checked_domain(domain: Any, count: int, both: bool = True) -> np.ndarray:
    """The domains of `count` rows as whole numbers 0 and 1; with `both`, neither may be absent.

    Args:
        domain: one number or boolean per row: 0 source, 1 target.
        count: how many rows there are.
        both: refuse a domain without rows, as in `fit`.

    Returns:
        An int array (count,).

    Raises:
        ValueError: for another length, other values than 0 and 1, NaN, or a domain without rows.

    Example:
        >>> checked_domain([False, True, 1.0], 3).tolist()
        [0, 1, 1]
    """
    check_rows("domain", domain)
    given, domain = domain, np.asarray(domain)
    if domain.shape != (count,):
        raise ValueError(
            f"domain holds one number for each row. Received: domain={shown(given)} for "
            f"{count} rows. stack_domains gives rows and their domain."
        )
    values = np.unique(domain)
    if domain.dtype.kind not in "fiub" or not np.isin(values, (SOURCE, TARGET)).all():
        told = ", ".join(map(repr, values[:5].tolist()))
        raise ValueError(
            f"domain is 0 for a source row and 1 for a target row. Received: domain with {told}. "
            "Number the two domains so; several sources are one source."
        )
    if both and len(values) < 2:
        empty = "target" if values[:1] == SOURCE else "source"
        raise ValueError(
            f"Both domains need at least one row. Received: domain of {count} rows, none of the "
            f"{empty}. Stack the rows of both; without a second domain leave out domain=."
        )
    return domain.astype(int)


def warn_without_domain(estimator: Any) -> None:
    """Say that an estimator fitted without `domain` does nothing."""
    warnings.warn(
        f"{type(estimator).__name__} adapts one domain to another. Received: domain=None. It "
        "changes nothing; pass domain=, 0 for source rows and 1 for target rows.",
        stacklevel=3,
    )


def forget(estimator: Any) -> None:
    """Delete what an estimator learned: the attributes whose names end in one underscore."""
    for name in [name for name in vars(estimator) if name.endswith("_") and name[0] != "_"]:
        delattr(estimator, name)


def chunks_of(rows: np.ndarray, domain: np.ndarray, wanted: int) -> Iterator[np.ndarray]:
    """The rows of one domain as float64, a few thousand at a time, so that no copy is large."""
    places = np.flatnonzero(domain == wanted)
    for start in range(0, len(places), CHUNK):
        yield rows[places[start : start + CHUNK]].astype("float64")


class DomainTransformer(TransformerMixin, BaseEstimator):
    """What moves features between domains: a base class that keeps the contract.

    A subclass has settings in `__init__`, `_learn(X, domain)`, which sets attributes that end in
    an underscore, and `_moved(rows, side)`, which moves float64 rows of one domain (side 0 or 1);
    `_width()` is the number of columns that this returns. `domain` is routed like `sample_weight`,
    and is asked for by default.

    Without `domain` at `fit` the transformer changes nothing, and warns. Without `domain` at
    `transform` the rows are the target's, as they are once a model is in use.
    """

    __metadata_request__fit: ClassVar = {"domain": True}
    __metadata_request__transform: ClassVar = {"domain": True}

    def fit(self, X, y=None, *, domain=None):
        """Learn how the domains differ.

        Args:
            X: stacked rows (n, d).
            y: not used.
            domain: 0 for a source row and 1 for a target row, (n,); None changes nothing.

        Returns:
            The transformer itself.

        Raises:
            ValueError: for rows that are not finite numbers, or a domain that does not fit them.
        """
        forget(self)
        check_rows("X", X)
        X = validate_data(self, X, dtype=("float64", "float32"), ensure_min_samples=2)
        self.adapts_ = domain is not None
        if domain is None:
            warn_without_domain(self)
        else:
            self._learn(X, checked_domain(domain, len(X)))
        return self

    def transform(self, X, *, domain=None):
        """Move rows to where both domains agree.

        Args:
            X: rows (n, d).
            domain: 0 for a source row and 1 for a target row, (n,); None takes all for the
                target's.

        Returns:
            Moved rows (n, k), of the type of X.

        Raises:
            ValueError: for rows of another width than those of `fit`.
        """
        check_is_fitted(self, "adapts_")
        check_rows("X", X)
        X = validate_data(self, X, dtype=("float64", "float32"), reset=False)
        if not self.adapts_:
            return X.copy()
        domain = np.full(len(X), TARGET) if domain is None else domain
        domain = checked_domain(domain, len(X), both=False)
        moved = np.empty((len(X), self._width()), X.dtype)
        for start in range(0, len(X), CHUNK):
            chunk = slice(start, start + CHUNK)
            for side in np.unique(domain[chunk]):
                places = start + np.flatnonzero(domain[chunk] == side)
                moved[places] = self._moved(X[places].astype("float64"), side)
        return moved

    def fit_transform(self, X, y=None, *, domain=None):
        """Learn how the domains differ, and move the same rows.

        Args:
            X: stacked rows (n, d).
            y: not used.
            domain: 0 for a source row and 1 for a target row, (n,); None changes nothing.

        Returns:
            Moved rows (n, k).
        """
        return self.fit(X, y, domain=domain).transform(X, domain=domain)

    def _learn(self, X, domain) -> None:
        raise NotImplementedError

    def _moved(self, rows, side) -> np.ndarray:
        raise NotImplementedError

    def _width(self) -> int:
        return self.n_features_in_


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
