"""Series from CSV files: on a regular grid of time, with what is missing known as missing."""

import contextlib
import csv
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tltk.inputs.time_grid import carry_forward, on_grid

MISSING = ("", "na", "n/a", "nan", "null", "none", "-", ".", "?")


class Series(NamedTuple):
    """One or many columns on a regular grid of time.

    values: (n, c) float64, one row per step; NaN where nothing is known.
    times: (n,) datetime64, or whole numbers where the file has no time stamps.
    columns: c names.
    filled: (n, c) booleans, True where a missing value was filled.
    """

    values: np.ndarray
    times: np.ndarray
    columns: tuple[str, ...]
    filled: np.ndarray


def series_file(
    path: str | Path,
    columns: str | Sequence[str] | None = None,
    time: str | None = None,
    step: str | None = None,
    max_gap: int = 0,
    time_format: str | None = None,
    delimiter: str | None = None,
) -> Series:
    """Read one or many series from a CSV file onto a regular grid of time.

    Rows are sorted by time. A step without a row, an empty cell and a word such as "NA" are
    missing. A missing stretch of at most `max_gap` steps takes the last value before it, so that
    no step knows its future; a longer one stays NaN, and `series_windows` leaves out the windows
    that touch it.

    Args:
        path: the file, UTF-8, with one line of column names.
        columns: the columns to read, a name or several; by default all but the time.
        time: the column of time stamps; None takes the rows as they come, one step each.
        step: the grid, such as "15min", "1h", "1D" or "1M" (s, min, h, D, W, M, Y): what falls
            into one step is averaged. By default the most frequent distance between rows; then
            two rows of one time, or a row off the grid, are an error.
        max_gap: the longest missing stretch to fill, in steps; 0 fills nothing.
        time_format: the time stamps' form for `datetime.strptime`; by default ISO 8601, with `-`
            or `/`. Stamps with a time zone become UTC.
        delimiter: what stands between cells; by default the most frequent of `, ; |` and tab in
            the first line.

    Returns:
        A `Series` of n steps and c columns.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a file without rows, one that is not UTF-8, a missing column (the wrong
            delimiter shows as one), rows of unequal length, cells that are neither numbers nor
            missing, time stamps that cannot be read, and a grid that does not fit.

    Example:
        >>> from tltk.inputs import bundle_folder
        >>> cities = series_file(bundle_folder() / "series" / "temperatures.csv", time="time")
        >>> cities.columns, cities.values.shape
        (('san_francisco', 'seattle'), (8760, 2))
        >>> int(np.isnan(cities.values).sum())  # an hour of March is in neither city's file
        2
    """
    names, rows = _read(Path(path), delimiter)
    columns = [columns] if isinstance(columns, str) else columns
    columns = [name for name in names if name != time] if columns is None else list(columns)
    for name in [*columns, *([] if time is None else [time])]:
        if names.count(name) != 1:
            raise ValueError(
                f"Each column must be there once. Received: {name!r}, and a file with the columns "
                f"{_short(', '.join(names))}. Check the name and the delimiter."
            )
    read = [_numbers(name, names.index(name), rows) for name in columns]
    values = np.stack(read, axis=1) if columns else np.empty((len(rows), 0))
    for name, column in zip(columns, values.T, strict=True):
        if np.isnan(column).all():
            raise ValueError(
                f"A column needs at least one number. Received: {name!r} without any. "
                "Leave it out with columns=…."
            )
    if time is None:
        times = np.arange(len(values))
    else:
        times = _stamps(names.index(time), rows, time_format)
        times, values = on_grid(times, values, step)
    values, filled = carry_forward(values, max_gap)
    return Series(values, times, tuple(columns), filled)


def _read(path, delimiter):
    if not path.is_file():
        raise FileNotFoundError(
            f"A series is read from a CSV file. Received: {path}, which is not a file. "
            "Check the path."
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(
            f"A CSV file must be text in UTF-8. Received: {path}, which is not. "
            "Save it again as UTF-8."
        ) from None
    header = lines[0] if lines else ""
    delimiter = delimiter or max(",;|\t", key=header.count)
    try:
        read = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise ValueError(
            f"A CSV file must have short cells, one row a line. Received: {path.name}, {error}. "
            "Check the delimiter and the quotes."
        ) from None
    rows = [(number, row) for number, row in enumerate(read, start=1) if row]
    if len(rows) < 2:
        raise ValueError(
            "A CSV file needs a line of column names and at least one row. "
            f"Received: {path.name} with {len(rows)} lines. Check its source."
        )
    names = [name.strip() for name in rows[0][1]]
    for number, row in rows[1:]:
        if len(row) != len(names):
            raise ValueError(
                f"Every row must have as many cells as there are column names, {len(names)}. "
                f"Received: {len(row)} in line {number}. Check that line and the delimiter "
                f"({delimiter!r})."
            )
    return names, rows[1:]


def _numbers(name, index, rows):
    numbers = np.full(len(rows), np.nan)
    for position, (line, row) in enumerate(rows):
        cell = row[index].strip()
        if cell.lower() in MISSING:
            continue
        with contextlib.suppress(ValueError):
            numbers[position] = float(cell)
        if not np.isfinite(numbers[position]):
            raise ValueError(
                f"A cell must hold a finite number with a decimal point, or be empty. Received: "
                f"{_short(cell)!r} in line {line}, column {name!r}. "
                "Correct it, or choose other columns."
            )
    return numbers


def _stamps(index, rows, time_format):
    def read(line, text):
        try:
            if time_format:
                found = datetime.datetime.strptime(text, time_format)
            else:
                found = datetime.datetime.fromisoformat(text.replace("/", "-"))
        except ValueError:
            raise ValueError(
                "Time stamps must be in ISO 8601 (2010-01-31 14:00), or in time_format. "
                f"Received: {_short(text)!r} in line {line}, time_format={time_format!r}. "
                'Pass their form, such as time_format="%d.%m.%Y %H:%M".'
            ) from None
        return found.astimezone(datetime.UTC).replace(tzinfo=None) if found.tzinfo else found

    return np.array([read(line, row[index].strip()) for line, row in rows], "datetime64[s]")


def _short(text):
    return text if len(text) <= 60 else f"{text[:57]}..."
