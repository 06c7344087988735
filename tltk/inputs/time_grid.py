"""From rows at any time to a regular grid, with gaps that stay gaps."""

import re

import numpy as np

UNITS = {"s": "s", "min": "m", "h": "h", "D": "D", "W": "W", "M": "M", "Y": "Y"}
ROWS_TO_STEPS = 100


def on_grid(
    times: np.ndarray, values: np.ndarray, step: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Sort rows by time and place each in its step of a regular grid.

    Args:
        times: (n,) datetime64[s], in any order.
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
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    if step is None:
        unit, count = _most_frequent_step(times)
        since = times[0]
    else:
        unit, count = _unit_and_count(step)
        number = int(times[0].astype(f"M8[{unit}]").astype(int))
        since = np.datetime64(number // count * count, unit)
    places = (times.astype(f"M8[{unit}]") - since.astype(f"M8[{unit}]")).astype(int)
    steps = places // count
    if step is None:
        _check_grid(times, places, count, f"{count} {unit}")
    if steps[-1] >= ROWS_TO_STEPS * len(times):
        raise ValueError(
            f"A grid needs a row in at least one of {ROWS_TO_STEPS} steps. Received: {len(times)} "
            f"rows and {steps[-1] + 1:,} steps from {times[0]} to {times[-1]}. "
            "Check the first and the last time stamp, or pass a longer step."
        )
    known = np.isfinite(values)
    sums, counts = (np.zeros((steps[-1] + 1, values.shape[1])) for _ in range(2))
    np.add.at(sums, steps, np.where(known, values, 0))
    np.add.at(counts, steps, known)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    first = since.astype(f"M8[{unit}]")
    grid = (first + np.arange(len(means)) * count).astype("M8[s]")
    return grid + (since.astype("M8[s]") - first.astype("M8[s]")), means


def _most_frequent_step(times):
    """The unit and number of units from row to row; months where all have one day of the month."""
    months = times.astype("M8[M]")
    unit = "M" if len(set(times - months)) == 1 and len(set(months)) > 1 else "s"
    distances = np.diff(np.unique(times.astype(f"M8[{unit}]"))).astype(int)
    if len(distances) == 0:
        return unit, 1
    found, counts = np.unique(distances, return_counts=True)
    return unit, int(found[np.argmax(counts)])


def _unit_and_count(step):
    match = re.fullmatch(rf"(\d*)\s*({'|'.join(UNITS)})", step)
    if not match or match[1] == "0":
        raise ValueError(
            f"A step is a number and one of {', '.join(UNITS)}. Received: step={step!r}. "
            'Pass "15min", "1h", "1D" or "1M", for instance.'
        )
    return UNITS[match[2]], int(match[1] or 1)


def _check_grid(times, places, count, step):
    twice = np.flatnonzero(np.diff(places) == 0)
    if len(twice):
        raise ValueError(
            f"Every time may have one row only. Received: {times[twice[0]]} twice or more. Remove "
            "the rows that repeat a time, or "
            'pass step= (such as "1h") to average what falls into one step.'
        )
    off = np.flatnonzero(places % count)
    if len(off):
        raise ValueError(
            f"Without step= the rows must lie on a regular grid. Received: {times[off[0]]}, which "
            f"is not a whole number of steps ({step}) after {times[0]}. "
            'Pass step= (such as "1h") to average what falls into one step.'
        )


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
