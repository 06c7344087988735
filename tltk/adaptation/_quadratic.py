"""Quadratic programmes of a box and a bounded sum, solved to a duality gap that is measured."""

from typing import NamedTuple

import numpy as np

STEPS = 100
SHORTENED = 0.995  # of the way to the nearest bound, so that the next step has room
REFINED = 3  # times, as the systems are ill-conditioned near the end
ROUNDING = 1e-13  # of an objective's two terms, which is what their sum is known to


class Solution(NamedTuple):
    """A solution x (n,), its objective, and by how much the optimum may lie below that."""

    x: np.ndarray
    objective: float
    gap: float


class DenseMatrix:
    """A positive semi-definite matrix P (n, n) as the solver uses it."""

    def __init__(self, matrix: np.ndarray):
        self.matrix = matrix
        self.roots = np.sqrt(matrix.diagonal().clip(0))

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        return self.matrix @ x

    def solver(self, diagonal: np.ndarray):
        """What solves (P + diag(diagonal)) x = r for x."""
        from scipy.linalg import cho_factor, cho_solve

        shifted = self.matrix.copy()
        shifted[np.diag_indices_from(shifted)] += diagonal
        factor = cho_factor(shifted, lower=True, overwrite_a=True, check_finite=False)
        return lambda r: cho_solve(factor, r, check_finite=False)


class LowRankMatrix:
    """The matrix P = F F', given by its factor F (n, k), k far below n."""

    def __init__(self, factor: np.ndarray):
        self.factor = factor
        self.roots = np.sqrt(np.einsum("ij,ij->i", factor, factor))

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        return self.factor @ (self.factor.T @ x)

    def solver(self, diagonal: np.ndarray):
        """As for `DenseMatrix`, by the Woodbury identity, a few thousand rows at a time."""
        from scipy.linalg import cho_factor, cho_solve

        inner, rows = np.eye(self.factor.shape[1]), 4096
        for start in range(0, len(diagonal), rows):
            part = self.factor[start : start + rows]
            inner += part.T @ (part / diagonal[start : start + rows, None])
        factor = cho_factor(inner, lower=True, check_finite=False)

        def solve(r):
            first = r / diagonal
            back = cho_solve(factor, self.factor.T @ first, check_finite=False)
            return first - self.factor @ back / diagonal

        return solve


def solve_box_with_sum(
    matrix: DenseMatrix | LowRankMatrix,
    linear: np.ndarray,
    upper: float,
    total: tuple[float, float],
    tolerance: float = 1e-8,
) -> Solution:
    """Minimise x'Px / 2 - linear'x subject to 0 <= x <= upper and total[0] <= sum(x) <= total[1].

    A primal-dual interior-point method with Mehrotra's predictor and corrector. x lies strictly
    inside all bounds at every step, so the duality gap, which is measured, bounds the error of the
    objective. The distances to the bounds are carried along, not found by subtracting, so that none
    rounds to 0. A step costs one Cholesky factorisation; some twenty are usual.

    Args:
        matrix: P, positive semi-definite, (n, n).
        linear: (n,).
        upper: the upper bound of every x, above the mean that `total` asks for.
        total: the bounds of the sum, total[0] < total[1].
        tolerance: the gap to reach, relative to the objective.

    Returns:
        A Solution.

    Raises:
        ValueError: for bounds with no room between them, or numbers that are not finite.
        ArithmeticError: where that gap is not reached.

    Example:
        >>> found = solve_box_with_sum(DenseMatrix(np.eye(2)), np.array([3.0, 0.5]), 2, (1, 3))
        >>> found.x.round(4).tolist()
        [2.0, 0.5]

    Reference:
        Mehrotra, On the implementation of a primal-dual interior point method, 1992.
    """
    low, high = max(total[0], 0), min(total[1], upper * len(linear))
    if not (low < high and np.isfinite(linear).all() and np.isfinite([upper, *total]).all()):
        raise ValueError(
            "A quadratic programme has finite numbers, and bounds with room between them. "
            f"Received: {len(linear)} numbers up to {upper}, with a sum from {total[0]} to "
            f"{total[1]}. Widen the bounds."
        )
    x = np.full(len(linear), (low + high) / 2 / len(linear))
    slacks = [x, upper - x, np.array([x.sum() - total[0]]), np.array([total[1] - x.sum()])]
    start = x @ abs(linear) + (x @ matrix.roots) ** 2 / 2  # the most its terms can add up to
    duals = [start / len(linear) / slack for slack in slacks]
    gap = objective = np.inf
    try:
        with np.errstate(all="ignore"):  # the gap tells, and is not a number where anything broke
            for _ in range(STEPS):
                x = slacks[0]
                gradient = matrix @ x - linear
                objective = (x @ gradient - x @ linear) / 2
                gap = _gap(gradient, slacks, upper, total)
                if not gap < np.inf:
                    break
                known = ROUNDING * (x @ abs(linear) + (x @ matrix.roots) ** 2 / 2)
                if gap <= max(tolerance * abs(objective), tolerance**2 * start, known):
                    return Solution(np.minimum(x, upper), float(objective), float(gap))
                slacks, duals = _step(matrix, slacks, duals, gradient)
    except np.linalg.LinAlgError:
        pass
    raise ArithmeticError(
        f"A quadratic programme must be solved to its tolerance, {tolerance:g} of the objective. "
        f"Received: a gap of {gap:.2g} at an objective of {objective:.2g}. Pass a matrix that is "
        "positive semi-definite, with numbers of the order of 1, or a higher tolerance."
    )


def _gap(gradient, slacks, upper, total) -> float:
    """How far below x the linear model of the objective falls inside the bounds.

    The objective is convex, so its optimum lies no farther below than that. It is computed from
    the linear model's dual, a sum without cancellation: for every bound the distance to it times
    the fall on the way. The sum's multiplier is the gradient of the last x that would be filled.
    """
    falling = np.count_nonzero(gradient < 0)
    wanted = np.clip(upper * falling, *total)
    last = min(int(wanted / upper), len(gradient) - 1)
    price = np.partition(gradient, last)[last] if wanted != upper * falling else 0.0
    rest = gradient - price
    falls = [np.maximum(rest, 0), np.maximum(-rest, 0), [max(price, 0)], [max(-price, 0)]]
    return float(sum(map(np.dot, falls, slacks)))


def _step(matrix, slacks, duals, gradient):
    """A predictor and a corrector: towards the optimum, then back to the middle of the bounds."""
    ratios = [dual / slack for dual, slack in zip(duals, slacks, strict=True)]
    diagonal, give = ratios[0] + ratios[1], float(1 / (ratios[2] + ratios[3])[0])
    solve = matrix.solver(diagonal)
    along = solve(np.ones_like(gradient))

    def bordered(rest, missing):
        """dx and p with (P + diag) dx + p = rest and sum(dx) - give p = missing."""
        dx = solve(rest)
        price = (dx.sum() - missing) / (give + along.sum())
        return dx - price * along, price

    def direction(aims):
        """Towards slack * dual = aim for every bound."""
        pushes = [aim / slack for aim, slack in zip(aims, slacks, strict=True)]
        rest = pushes[0] - pushes[1] + pushes[2] - pushes[3] - gradient
        dx, price = bordered(rest, 0)
        for _ in range(REFINED):
            more = bordered(rest - matrix @ dx - diagonal * dx - price, give * price - dx.sum())
            dx, price = dx + more[0], price + more[1]
        moves = [dx, -dx, np.array([give * price]), np.array([-give * price])]
        turns = [p - d - r * m for p, d, r, m in zip(pushes, duals, ratios, moves, strict=True)]
        return moves, turns

    middle = sum(map(np.dot, slacks, duals)) / (2 * len(gradient) + 2)
    moves, turns = direction([0.0] * 4)
    length = _longest([*slacks, *duals], [*moves, *turns])
    ahead = sum(map(np.dot, _moved(slacks, moves, length), _moved(duals, turns, length)))
    aim = middle * (ahead / sum(map(np.dot, slacks, duals))) ** 3
    moves, turns = direction([aim - m * t for m, t in zip(moves, turns, strict=True)])
    length = min(1.0, SHORTENED * _longest([*slacks, *duals], [*moves, *turns]))
    return _moved(slacks, moves, length), _moved(duals, turns, length)


def _moved(values, moves, length):
    return [value + length * move for value, move in zip(values, moves, strict=True)]


def _longest(values, moves) -> float:
    """The longest step, 1 at most before shortening, that keeps every value positive."""
    length = 1 / SHORTENED
    for value, move in zip(values, moves, strict=True):
        falls = move < 0
        if falls.any():
            length = min(length, float(np.min(-value[falls] / move[falls])))
    return length
