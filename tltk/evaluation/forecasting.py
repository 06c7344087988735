"""Forecasts that cost nothing, and an error measured in their size."""

import numpy as np

from tltk._checks import as_numbers, check_number


def naive_forecast(inputs: np.ndarray, horizon: int, target: int = 0) -> np.ndarray:
    """Forecast that nothing changes: the last value, for every step ahead.

    Args:
        inputs: windows (n, length, c) in any unit.
        horizon: steps ahead.
        target: the number of the column to forecast.

    Returns:
        Forecasts (n, horizon).

    Raises:
        ValueError: for windows of another shape.

    Example:
        >>> naive_forecast(np.array([[[1.0], [3.0]]]), horizon=3).tolist()
        [[3.0, 3.0, 3.0]]
    """
    return seasonal_naive_forecast(inputs, horizon, 1, target)


def seasonal_naive_forecast(
    inputs: np.ndarray, horizon: int, period: int, target: int = 0
) -> np.ndarray:
    """Forecast what was one season ago: y(t + h) = y(t + h - k * period), with the smallest k.

    Args:
        inputs: windows (n, length, c) of at least one period, in any unit.
        horizon: steps ahead.
        period: steps in a season, such as 24 for days in hours or 12 for years in months.
        target: the number of the column to forecast.

    Returns:
        Forecasts (n, horizon).

    Raises:
        ValueError: for windows of another shape, or shorter than a period.

    Example:
        >>> window = np.array([[[1.0], [2.0], [3.0]]])
        >>> seasonal_naive_forecast(window, horizon=4, period=3).tolist()
        [[1.0, 2.0, 3.0, 1.0]]
    """
    check_number("horizon", horizon, least=1, whole=True, advice="Count the steps ahead")
    check_number("period", period, least=1, whole=True, advice="24 is a day in hours")
    inputs = as_numbers("inputs", inputs, "(n, length, c)", missing=True)
    columns = inputs.shape[2]
    check_number(
        "target", target, least=-columns, below=columns, whole=True, advice="0 is the first"
    )
    if inputs.shape[1] < period:
        raise ValueError(
            f"Windows must have shape (n, length, c) and hold a period of {period} steps. "
            f"Received: inputs of shape {inputs.shape}, period={period}. "
            "Use longer windows, or a shorter period."
        )
    return inputs[:, inputs.shape[1] - period + np.arange(horizon) % period, target]


def mase(truth: np.ndarray, forecasts: np.ndarray, history: np.ndarray, period: int = 1) -> float:
    """Measure forecasts by the mean absolute scaled error.

        MASE = mean |y - forecast| / mean |y(t) - y(t - period)| over the history

    Below 1, forecasts are better than the (seasonal) naive one-step forecast was on the history.

    Args:
        truth: what came, any shape.
        forecasts: the same shape, in the same units.
        history: the training part of the series (n,), NaN where a value is missing.
        period: 1 to scale by the naive forecast, or the steps of a season.

    Returns:
        The error, a number without unit.

    Raises:
        ValueError: for shapes that differ, values that are missing, or a history that is too short
            or does not change.

    Example:
        >>> mase(np.array([4.0, 6.0]), np.array([5.0, 5.0]), history=np.array([1.0, 3.0, 5.0]))
        0.5

    Reference:
        Hyndman and Koehler, Another look at measures of forecast accuracy, 2006.
    """
    truth, forecasts = as_numbers("truth", truth, ""), as_numbers("forecasts", forecasts, "")
    if truth.shape != forecasts.shape:
        raise ValueError(
            "Truth and forecasts must have one shape. "
            f"Received: truth of shape {truth.shape}, forecasts of shape {forecasts.shape}. "
            "Forecast as many steps as came."
        )
    errors = np.abs(truth - forecasts)
    check_number("period", period, least=1, whole=True, advice="1 scales by the last value")
    history = as_numbers("history", history, "(n,)", missing=True)
    changes = np.abs(history[period:] - history[:-period])
    changes = changes[np.isfinite(changes)]
    if not changes.size or not changes.any():
        raise ValueError(
            "The history must be a series (n,) that is longer than a period and changes. "
            f"Received: shape {history.shape}, {changes.size} changes, period={period}. "
            "Pass the training part of the target column."
        )
    return float(errors.mean() / changes.mean())
