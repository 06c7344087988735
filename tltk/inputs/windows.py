"""Windows of a series: the past in, the steps ahead out, split by time."""

from typing import Any, NamedTuple

import numpy as np

from tltk._checks import as_names, as_numbers, check_choice, check_count, refuse, shown
from tltk.inputs.examples import Examples, examples_of
from tltk.inputs.series import Series, series_file
from tltk.inputs.splits import part_shares

ORIGINS = ("mean", "last")


class Scaling(NamedTuple):
    """How windows are scaled, learned on training values only.

    Attributes:
        origin: "mean" measures values from the training mean, "last" from their window's last
            value.
        mean, deviation: one number per column, in the series' own units.
        target: the number of the column to forecast.
    """

    origin: str
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    target: int


class SeriesWindows(NamedTuple):
    """Windows split by time: the fields of `Splits`, the scaling, and the windows unscaled.

    Attributes:
        train, val, test: examples of scaled inputs (b, length, c) and targets (b, horizon).
        class_names: the names of the outputs, the steps ahead from "+1" to "+horizon".
        files: the names of the windows: for each part the time of each window's first step
            ahead.
        scaling: what `unscale_forecaster` needs to turn forecasts back.
        raw: for each part the arrays (inputs, targets) in the series' own units.
    """

    train: Examples
    val: Examples | Any
    test: Examples | Any
    class_names: tuple[str, ...]
    files: dict[str, tuple[str, ...]]
    scaling: Scaling
    raw: dict[str, tuple[np.ndarray, np.ndarray]]


def series_windows(
    series: Series | np.ndarray,
    length: int,
    horizon: int,
    target: str | int = 0,
    *,
    val: float = 0.2,
    test: float = 0.2,
    stride: int = 1,
    origin: str = "mean",
    batch_size: int = 32,
) -> SeriesWindows:
    """Cut a series into windows of the past and the steps ahead, split by time.

    The series is cut into train, val and test in the order of time, and windows are cut inside
    each part, so that no window has inputs or targets on both sides of a border. Windows that
    touch a missing value are left out. Scaling is learned on the training part only.

    Args:
        series: from `series_file`; a DataFrame or Series of pandas, which keeps its names and
            its times, where its index holds time stamps; or an array (n,) or (n, c), NaN where a
            value is missing.
        length: steps of the past that a window holds.
        horizon: steps ahead to forecast.
        target: the column to forecast, by name or number.
        val: share of the steps for validation, from 0 up to 1; 0 leaves the part out.
        test: share of the steps for testing, the last ones; `val + test` is below 1.
        stride: steps from a window to the next.
        origin: where scaled values have their zero: "mean", the training mean of each column; or
            "last", each window's own last value, so that an output of 0 is the naive forecast and
            the level of the series does not matter.
        batch_size: windows in a batch.

    Returns:
        `SeriesWindows`, which `fine_tune`, `extract_features` and the others take part by part
        like any split: float32 inputs (b, length, c), float32 targets (b, horizon).

    Raises:
        ValueError: for infinite values, a part too short for one window, no window without
            missing values, a column that is constant in the training part, or a target, share or
            origin that does not exist.

    Example:
        >>> windows = series_windows(np.sin(np.arange(100.0)), length=8, horizon=2)
        >>> [len(windows.files[part]) for part in ("train", "val", "test")]
        [51, 11, 11]
        >>> bool(windows.raw["test"][0][0, 0, 0] == np.float32(np.sin(80.0)))
        True
    """
    sizes = {"length": length, "horizon": horizon, "stride": stride, "batch_size": batch_size}
    for name, value in sizes.items():
        check_count(name, value)
    values, times, columns = _parts_of(series)
    target = _number_of(target, columns)
    rows = _rows_by_time(len(values), val, test)
    scaling = learn_scaling(values[rows["train"]], target, origin, columns)
    raw: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    files: dict[str, tuple[str, ...]] = {}
    served: dict[str, Any] = {}
    for part, some in rows.items():
        if some.stop == some.start:
            files[part], served[part] = (), None
            continue
        inputs, targets, starts = cut_windows(values[some], length, horizon, target, stride=stride)
        if not len(starts):
            raise ValueError(
                f"Every part needs a window of length + horizon = {length + horizon} steps without "
                f"a missing value. Received: length={length}, horizon={horizon}, "
                f"{some.stop - some.start} steps for {part}, "
                f"{int(np.isnan(values[some]).any(axis=1).sum())} of them with missing values. "
                "Use a longer series, shorter windows, other shares, or series_file(max_gap=…)."
            )
        raw[part] = inputs, targets
        files[part] = _names_of(times[some][starts + length])
        served[part] = examples_of(scale_windows(inputs, targets, scaling)).batched(batch_size)
    ahead = tuple(f"+{step}" for step in range(1, horizon + 1))
    return SeriesWindows(served["train"], served["val"], served["test"], ahead, files, scaling, raw)


def cut_windows(
    values: np.ndarray, length: int, horizon: int, target: int = 0, *, stride: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut all windows without missing values out of a stretch of a series.

    Args:
        values: (n,) or (n, c), NaN where a value is missing.
        length: steps of the past.
        horizon: steps ahead.
        target: the number of the column to forecast.
        stride: steps from a window to the next.

    Returns:
        Inputs (m, length, c) and targets (m, horizon) as float32, and the row (m,) at which each
        window starts; m may be 0.

    Example:
        >>> inputs, targets, starts = cut_windows(np.arange(6.0), length=3, horizon=2)
        >>> inputs[..., 0].tolist(), targets.tolist()
        ([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]], [[3.0, 4.0], [4.0, 5.0]])
    """
    for name, value in {"length": length, "horizon": horizon, "stride": stride}.items():
        check_count(name, value)
    values = _columns_of("values", values).astype("float32")
    target = _number_of(target, tuple(map(str, range(values.shape[1]))))
    if length + horizon > len(values):
        none = np.empty((0, length, values.shape[1]), "float32")
        return none, np.empty((0, horizon), "float32"), np.arange(0)
    starts = np.arange(0, len(values) - length - horizon + 1, stride)
    inputs = values[starts[:, None] + np.arange(length)]
    targets = values[starts[:, None] + length + np.arange(horizon), target]
    whole = np.isfinite(inputs).all(axis=(1, 2)) & np.isfinite(targets).all(axis=1)
    return inputs[whole], targets[whole], starts[whole]


def learn_scaling(
    values: np.ndarray, target: int = 0, origin: str = "mean", columns: tuple[str, ...] = ()
) -> Scaling:
    """Measure the mean and standard deviation of each column of a training part.

    Args:
        values: (n, c) or (n,), NaN where a value is missing.
        target: the number of the column to forecast.
        origin: "mean" or "last", see `series_windows`.
        columns: names for error messages.

    Returns:
        The scaling.

    Raises:
        ValueError: for a column that is constant or missing, or an unknown origin.

    Example:
        >>> learn_scaling(np.array([1.0, 3.0])).deviation
        (1.0,)
    """
    check_choice("origin", origin, ORIGINS, 'Use "last" where the level wanders')
    values = _columns_of("values", values)
    names = as_names("columns", columns, values.shape[1]) if len(columns) else ()
    target = _number_of(target, names or tuple(map(str, range(values.shape[1]))))
    for number, column in enumerate(values.T):
        known = column[np.isfinite(column)]
        if not len(known) or np.ptp(known) <= 1e-9 * np.abs(known).max():
            name = names[number] if names else number
            raise ValueError(
                "A series must vary in its training part. Received: column "
                f"{name!r} with {len(known)} known values, all alike. "
                "Leave it out, or train on a longer part."
            )
    mean, deviation = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    return Scaling(origin, tuple(mean.tolist()), tuple(deviation.tolist()), target)


def scale_windows(
    inputs: np.ndarray, targets: np.ndarray, scaling: Scaling
) -> tuple[np.ndarray, np.ndarray]:
    """Scale windows in own units.

    Args:
        inputs: (n, length, c).
        targets: (n, horizon).
        scaling: what `learn_scaling` or `series_windows` gave.

    Returns:
        Scaled inputs and targets of the same shapes, float32.

    Example:
        >>> scaling = Scaling("last", (0.0,), (2.0,), 0)
        >>> x, y = scale_windows(np.array([[[1.0], [3.0]]]), np.array([[5.0]]), scaling)
        >>> x.ravel().tolist(), y.tolist()
        ([-1.0, 0.0], [[1.0]])
    """
    check_scaling(scaling)
    inputs = as_numbers("inputs", inputs, "(n, length, c)", missing=True)
    targets = as_numbers("targets", targets, "(n, horizon)", missing=True)
    target, deviation = scaling.target, np.array(scaling.deviation)
    zero = np.array(scaling.mean) if scaling.origin == "mean" else inputs[:, -1:]
    y = targets - (zero[target] if scaling.origin == "mean" else inputs[:, -1, target, None])
    return (
        np.asarray((inputs - zero) / deviation, dtype="float32"),
        np.asarray(y / deviation[target], dtype="float32"),
    )


def check_scaling(scaling: Scaling) -> None:
    """Refuse anything but a `Scaling`."""
    if not isinstance(scaling, Scaling):
        refuse(
            "scaling must be a Scaling",
            f"scaling={shown(scaling)}",
            "Take series_windows(…).scaling, or learn_scaling's",
        )


def _columns_of(name, values):
    """Numbers (n,) or (n, c), NaN where one is missing, as columns."""
    advice = "Set what is missing to NaN; series_file reads it from a table"
    values = as_numbers(name, values, "", missing=True, advice=advice)
    return as_numbers(name, values.reshape(-1, 1) if values.ndim == 1 else values, missing=True)


def _parts_of(series):
    if hasattr(series, "iloc"):
        series = series_file(series)
    if isinstance(series, Series):
        values, times, columns = series[:3]
    else:
        values = _columns_of("series", series)
        times, columns = np.arange(len(values)), tuple(map(str, range(values.shape[1])))
    return values, times, columns


def _names_of(times):
    times = times.astype("M8[us]") if times.dtype == "M8[ns]" else times
    return tuple(map(str, times.tolist()))


def _number_of(target, columns):
    names = dict(zip(columns, range(len(columns)), strict=True))
    number = names.get(target, target) if isinstance(target, str) else target
    whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
    if not whole or not 0 <= number < len(columns):
        raise ValueError(
            f"The target must be one of the columns {', '.join(columns)}, or its number. "
            f"Received: target={target!r}. Pass one of them."
        )
    return number


def _rows_by_time(count, val, test):
    train = part_shares(val, test)["train"]
    first, second = round(count * train), round(count * (1 - test))
    return {
        "train": slice(0, first), "val": slice(first, second), "test": slice(second, count),
    }  # fmt: skip
