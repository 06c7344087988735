"""Series from CSV files and DataFrames: on a regular grid of time, gaps known as gaps."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tltk._checks import check_number
from tltk._paths import user_path
from tltk.inputs._tables import MISSING, check_column, check_distinct, read_rows

if TYPE_CHECKING:
    import pandas as pd

MISSING_WORDS = (*{word.lower() for word in MISSING}, "-", ".", "?")
STEPS = {
    "us": ("us", 1e-6),
    "ms": ("ms", 1e-3),
    "s": ("s", 1),
    "min": ("min", 60),
    "h": ("h", 3600),
    "D": ("D", 86400),
    "W": ("W-MON", 7 * 86400),
    "M": ("MS", 28 * 86400),
    "Y": ("YS", 365 * 86400),
}  # what pandas calls each, and its seconds
ROWS_TO_STEPS = 100
CODES = (-999, -9999, -99999, -999999)
EPOCHS = {range(9, 12): "s", range(12, 15): "ms", range(15, 18): "us", range(18, 20): "ns"}
_NUMBER = r"[-+]?\d+(\.\d*)?"
_CURES = {
    r"[-+]?[\d.]*\d,\d[\d,.]*": "Read the file with pandas and pass the DataFrame: "
    'pandas.read_csv(FILE, sep=";", decimal=",") where the comma stands before decimals, '
    'thousands="," where it parts thousands.',
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*": "Name the column of times as time=… of series_file; "
    "where date and clock are two columns, join them with pandas first, and pass the DataFrame.",
    r"(?i)true|false": "Write 1 and 0: frame[COLUMN].astype(int) in pandas.",
}
_SERIAL = r"[1-9]\d{4}(\.\d*)?"  # days since 1900, as Excel counts them


class Series(NamedTuple):
    """One or many columns on a regular grid of time.

    Attributes:
        values: (n, c) float64, one row per step; NaN where nothing is known.
        times: (n,) datetime64, or whole numbers where there are no time stamps.
        columns: c names.
        filled: (n, c) booleans, True where a missing value was filled.
    """

    values: np.ndarray
    times: np.ndarray
    columns: tuple[str, ...]
    filled: np.ndarray


def series_file(
    path: "str | Path | pd.DataFrame",
    columns: str | Sequence[str] | None = None,
    time: str | None = None,
    step: str | None = None,
    *,
    max_gap: int = 0,
    time_format: str | None = None,
    delimiter: str | None = None,
    quoting: str | int = "minimal",
    encoding: str = "utf-8-sig",
) -> Series:
    """Read one or many series from a CSV file or a DataFrame onto a regular grid of time.

    Rows are sorted by time. A step without a row, an empty cell and a word such as "NA" are
    missing. A missing stretch of at most `max_gap` steps takes the last value before it, so that
    no step knows its future; a longer one stays NaN, and `series_windows` leaves out the windows
    that touch it.

    Args:
        path: the file, `~` allowed, perhaps packed as .gz or .xz, with one line of column names; or
            a DataFrame (or Series) of pandas, whose index is the time where it holds time stamps.
        columns: the columns to read, a name or several; by default all but the time.
        time: the column of time stamps; None takes the rows as they come, one step each.
        step: the grid, such as "10ms", "15min", "1h", "1D" or "1M" (us, ms, s, min, h, D, W, M, Y;
            weeks begin on Monday): what falls into one step is averaged. By default the most
            frequent distance between rows; then two rows of one time, or a row off the grid, are an
            error.
        max_gap: the longest missing stretch to fill, in steps; 0 fills nothing.
        time_format: the time stamps' form for `datetime.strptime`; by default ISO 8601, with `-`
            or `/`, or seconds, milli-, micro- or nanoseconds since 1970, told by their size.
            Stamps with a time zone become UTC. All stamps of a column are of one kind.
        delimiter: what stands between cells; by default the most frequent of `, ; |` and tab in
            the first line.
        quoting: as for `text_file`.
        encoding: of the file.

    Returns:
        A `Series` of n steps and c columns; times are in seconds, or finer where the stamps are.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a file without rows, one in another encoding, a missing column (the wrong
            delimiter shows as one), rows of unequal length, cells that are neither numbers nor
            missing, time stamps that cannot be read or are of two kinds, and a grid that does not
            fit.

    Example:
        >>> from tltk.inputs import bundle_folder
        >>> cities = series_file(bundle_folder() / "series" / "temperatures.csv", time="time")
        >>> cities.columns, cities.values.shape
        (('san_francisco', 'seattle'), (8760, 2))
        >>> int(np.isnan(cities.values).sum())  # an hour of March is in neither city's file
        2
    """
    check_number("max_gap", max_gap, least=0, whole=True)
    is_file = isinstance(path, str | Path)
    frame = _read(Path(path), delimiter, quoting, encoding) if is_file else frame_of(path)
    row = "line" if is_file else "row"
    names = list(frame.columns)
    if time is not None:
        check_column("time", time)
    if columns is None:
        columns = [name for name in names if name != time]
    else:
        wanted: Any = columns
        columns = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
        check_distinct([*columns, *([] if time is None else [time])], "columns and time")
    for name in [*columns, *([] if time is None else [time])]:
        if names.count(name) != 1:
            raise ValueError(
                f"Each column must be there once. Received: {name!r} as column or time, in a table "
                f"with the columns {_short(', '.join(names))}. Check the name and the delimiter."
            )
    if not columns:
        raise ValueError(
            f"A series needs a column of numbers. Received: {_short(', '.join(names))}, and "
            f"time={time!r}. Name one with columns=…."
        )
    values = np.stack([_numbers(frame[name], row) for name in columns], axis=1)
    stamps = _stamps_of_index(frame) if time is None else _stamps(frame[time], time_format, row)
    times = np.arange(len(values))
    if stamps is not None:
        times, values = on_grid(stamps, values, step)
    values, filled = carry_forward(values, max_gap)
    return Series(values, times, tuple(columns), filled)


def frame_of(data: Any) -> "pd.DataFrame":
    """A DataFrame or Series of pandas as a DataFrame whose columns have strings for names."""
    import pandas as pd

    if isinstance(data, pd.Series):
        data = data.to_frame("0" if data.name is None else data.name)
    if not isinstance(data, pd.DataFrame) or not len(data):
        received = "one without rows" if isinstance(data, pd.DataFrame) else type(data).__name__
        raise ValueError(
            "A series is read from a CSV file or a pandas.DataFrame with rows. "
            f"Received: {received}. Check its source."
        )
    return data.set_axis([str(name) for name in data.columns], axis=1)


def on_grid(
    times: np.ndarray, values: np.ndarray, step: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sort rows by time and place each in its step of a regular grid.

    Args:
        times: (n,) datetime64, in any order.
        values: (n, c), NaN where a value is missing.
        step: the grid, such as "1h"; None for the most frequent distance between rows.

    Returns:
        Times (m,) of the grid and values (m, c): the mean of a step's rows, NaN where it has none.

    Raises:
        ValueError: for an unknown step, a grid that hardly any row fills, and without `step` for
            two rows of one time or a row off the grid.

    Example:
        >>> times = np.array(["2010-01-01T02", "2010-01-01T00", "2010-01-01T03"], "M8[s]")
        >>> on_grid(times, np.array([[3.0], [1.0], [4.0]]))[1].ravel().tolist()
        [1.0, nan, 3.0, 4.0]
    """
    import pandas as pd

    frame = pd.DataFrame(values, index=pd.DatetimeIndex(times)).sort_index(kind="stable")
    if step is None:
        distance = _most_frequent_step(frame.index)
        _check_steps(frame.index, distance)
        grid = pd.date_range(frame.index[0], frame.index[-1], freq=distance)
        _check_grid(frame.index, grid)
        means = frame.reindex(grid)
    else:
        count, (alias, seconds) = _count_and_unit(step)
        _check_steps(frame.index, pd.Timedelta(seconds=count * seconds))
        origin = "epoch" if seconds < STEPS["W"][1] else "start_day"
        bins = frame.resample(f"{count}{alias}", closed="left", label="left", origin=origin)
        means = bins.mean()
    return _coarsest(means.index.to_numpy()), means.to_numpy()


def carry_forward(values: np.ndarray, max_gap: int) -> tuple[np.ndarray, np.ndarray]:
    """Carry the last value over missing stretches of at most `max_gap` steps.

    Args:
        values: (n, c), NaN where a value is missing.
        max_gap: the longest stretch to fill, in steps.

    Returns:
        The values, and (n, c) booleans that are True where one was filled.

    Example:
        >>> carry_forward(np.array([[1.0], [np.nan], [2.0]]), 1)[0].ravel().tolist()
        [1.0, 1.0, 2.0]
    """
    missing = np.isnan(values)
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(missing, -1, rows), axis=0)
    following = np.where(missing, len(values), rows)[::-1]
    following = np.minimum.accumulate(following, axis=0)[::-1]
    filled = missing & (last >= 0) & (following - last - 1 <= max_gap)
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(filled, carried, values), filled


def _read(path, delimiter, quoting, encoding):
    """All cells of a file as strings, each row under the number of its first line."""
    import pandas as pd

    path = user_path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"A series is read from a CSV file. Received: {path}, which is "
            f"{'a folder' if path.is_dir() else 'not a file'}. Check the path."
        )
    table = list(read_rows(path, delimiter, quoting, encoding))
    if len(table) < 2:
        raise ValueError(
            "A CSV file needs a line of column names and at least one row. "
            f"Received: {path.name} with {len(table)} lines. Check its source."
        )
    header, *rows = table
    for row in rows:
        if len(row.cells) < len(header.cells):
            raise ValueError(
                f"Every row must have as many cells as there are column names, "
                f"{len(header.cells)}. Received: {len(row.cells)} in line {row.first}. "
                "Check that line and the delimiter."
            )
    lines = pd.Index([row.first for row in rows])
    return pd.DataFrame([row.cells for row in rows], index=lines, columns=header.cells, dtype=str)


def _numbers(column, row):
    """A column's numbers; the first cell that is neither one nor missing is refused."""
    import pandas as pd

    if column.dtype.kind in "mM" or isinstance(column.dtype, pd.DatetimeTZDtype):
        raise ValueError(
            f"A column must hold numbers. Received: {column.name!r} with times. "
            "Name it as time=… of series_file, make it the index, or leave it out."
        )
    if column.dtype.kind in "iufb" and not pd.api.types.is_extension_array_dtype(column.dtype):
        numbers = column.to_numpy("float64")
        bad = np.isinf(numbers)
    else:
        cells = column.astype("object")
        cells = cells.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
        missing = cells.isna() | cells.map(str).str.lower().isin(MISSING_WORDS)
        numbers = pd.to_numeric(cells.where(~missing, np.nan), errors="coerce")
        numbers = numbers.to_numpy("float64", na_value=np.nan)
        bad = ~missing.to_numpy() & ~np.isfinite(numbers)
    if bad.any():
        first = int(np.argmax(bad))
        cell = str(column.iloc[first]).strip()
        cures = (cure for form, cure in _CURES.items() if re.fullmatch(form, cell))
        raise ValueError(
            "A cell must hold a finite number with a decimal point, or be empty. Received: "
            f"{_short(cell)!r} in {row} {column.index[first]}, column {column.name!r}. "
            + next(cures, "Correct it, or choose other columns with columns=… of series_file.")
        )
    if np.isnan(numbers).all():
        raise ValueError(
            f"A column needs at least one number. Received: {column.name!r} without any. "
            "Leave it out with columns=…."
        )
    _warn_of_codes(numbers, column.name)
    return numbers


def _warn_of_codes(numbers, name):
    for code in CODES:
        others = numbers[~np.isnan(numbers) & (numbers != code)]
        if (numbers == code).any() and (others > code / 10).all():
            warnings.warn(
                "A missing value is an empty cell or a word such as NA. "
                f"Received: {code} among larger numbers in column {name!r}, which often stands for "
                f"one that is missing. Where it does, read the file with pandas, replace({code}, "
                "numpy.nan), and pass the DataFrame.",
                stacklevel=4,
            )


def _stamps_of_index(frame):
    import pandas as pd

    index = frame.index
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if not isinstance(index, pd.DatetimeIndex):
        return None
    if index.hasnans:
        raise ValueError(
            "Every row needs a time stamp. Received: an index with NaT. Drop such rows."
        )
    return _in_utc(index)


def _stamps(column, time_format, row):
    """The time stamps of a column, which must all be of one kind, as datetime64 in UTC."""
    import pandas as pd

    if column.dtype.kind in "mM" or isinstance(column.dtype, pd.DatetimeTZDtype):
        return _stamps_of_index(column.to_frame().set_axis(pd.DatetimeIndex(column)))
    cells = column.astype(str).str.strip()
    if time_format is None and cells.str.fullmatch(_NUMBER).all():
        digits = cells.str.extract(r"(\d+)")[0].str.len()
        units = digits.map({length: unit for some, unit in EPOCHS.items() for length in some})
        if units.notna().all():
            odd = units != units.mode()[0]
            _check_stamps(~odd, cells, row, time_format, "of another size than the others")
            return _since_1970(cells, units.iloc[0])
    form = "ISO8601" if time_format is None else time_format
    cells = cells.str.replace("/", "-") if time_format is None else cells
    try:
        stamps = pd.to_datetime(cells, format=form, errors="coerce", utc=True)
    except (ValueError, OverflowError, TypeError) as error:
        raise ValueError(
            "time_format is a form for datetime.strptime. "
            f"Received: time_format={time_format!r}: {error}. "
            'Pass "%d.%m.%Y %H:%M", say.'
        ) from None
    _check_stamps(stamps.notna(), column, row, time_format, "")
    if time_format is None:
        zoned = cells.str.contains(r":.*(?:Z|[-+]\d\d:?(?:\d\d)?)$", case=False)
        common = zoned.mode()[0]
        _check_stamps(
            zoned == common, column, row, time_format,
            f"{'without' if common else 'with'} a time zone, unlike the others",
        )  # fmt: skip
    return _in_utc(pd.DatetimeIndex(stamps))


def _check_stamps(good, cells, row, time_format, how):
    if good.all():
        return
    first = int(np.argmin(good.to_numpy()))
    raise ValueError(
        "Time stamps must be in ISO 8601 (2010-01-31 14:00), seconds since 1970, or in "
        f"time_format, all alike. Received: {_short(str(cells.iloc[first]).strip())!r} in {row} "
        f"{cells.index[first]}{how and ', '}{how}, time_format={time_format!r}. "
        + _cure_of_stamps(cells[~good].astype(str).str.strip(), len(cells))
    )


def _cure_of_stamps(bad, count):
    if bad.str.fullmatch(_SERIAL).all():
        return (
            "Days as Excel counts them become times in pandas: pandas.to_datetime(frame[COLUMN], "
            'unit="D", origin="1899-12-30"); pass the DataFrame.'
        )
    form = 'ass their form, such as time_format="%d.%m.%Y %H:%M".'
    return f"P{form}" if len(bad) == count else f"Correct or remove what is no time, or p{form}"


def _since_1970(cells, unit):
    """Epochs as datetime64: whole ones exactly, those with fractions to the microsecond."""
    if not cells.str.contains(".", regex=False).any():
        return cells.astype("int64").to_numpy().astype(f"M8[{unit}]")
    scale = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}[unit]
    return np.round(cells.astype("float64").to_numpy() * scale).astype("int64").astype("M8[us]")


def _in_utc(index):
    return (index if index.tz is None else index.tz_convert("UTC").tz_localize(None)).to_numpy()


def _most_frequent_step(times):
    """The most frequent distance; months where all are of one day, or their last."""
    import pandas as pd

    periods = times.to_period("M")
    if len(set(periods)) > 1:
        one_day = len(set(times - periods.to_timestamp())) == 1
        if one_day or (times.is_month_end.all() and (times == times.normalize()).all()):
            months = np.diff(np.unique(periods.year * 12 + periods.month))
            found, counts = np.unique(months, return_counts=True)
            count = int(found[np.argmax(counts)])
            return pd.offsets.MonthEnd(count) if not one_day else pd.DateOffset(months=count)
    distances = np.diff(np.unique(times.to_numpy()))
    if not len(distances):
        return pd.Timedelta(seconds=1)
    found, counts = np.unique(distances, return_counts=True)
    return pd.Timedelta(found[np.argmax(counts)])


def _count_and_unit(step):
    match = re.fullmatch(rf"(\d{{0,9}})\s*({'|'.join(STEPS)})", str(step))
    if not match or (match[1] and int(match[1]) == 0):
        raise ValueError(
            f"A step is a number and one of {', '.join(STEPS)}. Received: step={step!r}. "
            'Pass "15min", "1h", "1D" or "1M", for instance.'
        )
    return int(match[1] or 1), STEPS[match[2]]


def _check_steps(times, distance):
    import pandas as pd

    seconds = distance.total_seconds() if isinstance(distance, pd.Timedelta) else 28 * 86400
    first, last = times[0].to_numpy(), times[-1].to_numpy()
    span = last.astype("M8[s]").astype("int64") - first.astype("M8[s]").astype("int64")
    steps = int(span / seconds)
    if steps >= ROWS_TO_STEPS * len(times):
        raise ValueError(
            f"A grid needs a row in at least one of {ROWS_TO_STEPS} steps. Received: {len(times)} "
            f"rows and {steps + 1:,} steps from {_written(first)} to {_written(last)}. "
            "Check the first and the last time stamp, or pass a longer step."
        )


def _check_grid(times, grid):
    twice = times[times.duplicated()]
    if len(twice):
        raise ValueError(
            f"Every time may have one row only. Received: {_written(twice[0])} twice or more. "
            "Remove the rows that repeat a time; take series that stand below each other apart "
            "with pandas, and pass each DataFrame; or "
            'pass step= (such as "1h") to average what falls into one step.'
        )
    off = times[~times.isin(grid)]
    if len(off):
        raise ValueError(
            f"Without step= the rows must lie on a regular grid. Received: {_written(off[0])}, "
            f"which is not a whole number of steps after {_written(times[0])}. "
            'Pass step= (such as "1h") to average what falls into one step.'
        )


def _coarsest(times):
    """The times in the coarsest unit, from seconds on, that holds all of them."""
    units = ("s", "ms", "us")
    exact = (unit for unit in units if (times.astype(f"M8[{unit}]") == times).all())
    return times.astype(f"M8[{next(exact, 'ns')}]")


def _written(time):
    return _coarsest(np.array([time], "M8"))[0]


def _short(text):
    return text if len(text) <= 60 else f"{text[:57]}..."
