"""Logistic regressions on one large array, several at once, without a copy of it."""

import numpy as np

CHUNK = 4096
PASSES = 300


def column_scales(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations of the columns (d,); the deviation of a constant column is infinite."""
    mean = sum(chunk.sum(axis=0) for _, chunk in _chunks(rows)) / len(rows)
    squares = sum(((chunk - mean) ** 2).sum(axis=0) for _, chunk in _chunks(rows))
    deviation = np.sqrt(squares / len(rows))
    return mean, np.where(deviation > 1e-7 * np.maximum(np.abs(mean), 1e-30), deviation, np.inf)


def fit_logistic(
    rows: np.ndarray, labels: np.ndarray, shares: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit k logistic regressions that differ in the weights of the rows only.

    Each minimises sum_i share_i log(1 + exp(-s_i z_i)) + penalty |v|^2 / 2, with z_i = v'x_i + b,
    s_i = 2 label_i - 1 and x standardised. All are found by one L-BFGS, so that every pass over
    the rows serves all; a pass reads a few thousand rows at a time.

    Args:
        rows: (n, d).
        labels: 0 or 1, (n,).
        shares: weights (n, k).
        penalty: of the squared coefficients of standardised columns.

    Returns:
        Coefficients (d, k) and intercepts (k,), for the rows as they are.

    Example:
        >>> rows, labels = np.array([[-1.0], [0.0], [0.0], [1.0]]), np.array([0, 0, 1, 1])
        >>> weights, bias = fit_logistic(rows, labels, np.ones((4, 1)), 1.0)
        >>> bool(weights[0, 0] > 1), bool(abs(bias[0]) < 1e-3)
        (True, True)

    Reference:
        Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """
    from scipy.optimize import minimize

    mean, deviation = column_scales(rows)
    signs, (count, width, models) = 2.0 * labels - 1, (*rows.shape, shares.shape[1])

    def loss(flat):
        v = flat.reshape(width + 1, models)
        slopes = v[:-1] / deviation[:, None]
        bias = v[-1] - mean @ slopes
        value, turn, level = 0.0, np.zeros((width, models)), np.zeros(models)
        for part, chunk in _chunks(rows):
            margins = signs[part, None] * (chunk @ slopes + bias)
            value += np.sum(shares[part] * np.logaddexp(0, -margins))
            pulls = -shares[part] * signs[part, None] * _sigmoid(-margins)
            turn += chunk.T @ pulls
            level += pulls.sum(axis=0)
        turn = (turn - mean[:, None] * level) / deviation[:, None] + penalty * v[:-1]
        value += penalty * np.sum(v[:-1] ** 2) / 2
        return value / count, np.vstack([turn, level]).ravel() / count

    start = np.zeros((width + 1) * models)
    options = {"maxiter": PASSES, "gtol": 1e-6, "ftol": 1e-12}
    v = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    v = v.reshape(width + 1, models)
    slopes = v[:-1] / deviation[:, None]
    return slopes, v[-1] - mean @ slopes


def linear_answers(rows: np.ndarray, slopes: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """rows @ slopes + bias, (n, k), a few thousand rows at a time."""
    return np.concatenate([chunk @ slopes + bias for _, chunk in _chunks(rows)])


def calibrate(answers: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Platt's line: the slope, not below 0, and the intercept that turn answers into log odds."""
    spread = answers.std() or 1.0
    column, shares = (answers / spread)[:, None], np.ones((len(answers), 1))
    slopes, bias = fit_logistic(column, labels, shares, 1e-3)
    if slopes[0, 0] > 0:
        return float(slopes[0, 0] / spread), float(bias[0])
    odds = labels.sum() / (len(labels) - labels.sum())
    return 0.0, float(np.log(odds))


def _chunks(rows):
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        yield part, rows[part].astype("float64", copy=False)


def _sigmoid(x):
    from scipy.special import expit

    return expit(x)
