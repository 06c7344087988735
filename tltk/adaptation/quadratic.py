"""Quadratic programmes of a box and a bounded sum, solved to a duality gap that is measured."""

from typing import NamedTuple

import numpy as np

STEPS = 100
SHORTENED = 0.995  # of the way to the nearest bound, so that the next step has room


class Solution(NamedTuple):
    """A solution x (n,), its objective, and by how much the optimum may lie below that."""

    x: np.ndarray
    objective: float
    gap: float


class DenseMatrix:
    """A positive semi-definite matrix P (n, n) as the solver uses it."""

    def __init__(self, matrix: np.ndarray):
        self.matrix = matrix

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        return self.matrix @ x

    def solver(self, diagonal: np.ndarray, constant: float):
        """What solves (P + diag(diagonal) + constant 1 1') x = r for x."""
        from scipy.linalg import cho_factor, cho_solve

        shifted = self.matrix + constant
        shifted[np.diag_indices_from(shifted)] += diagonal
        factor = cho_factor(shifted, lower=True, overwrite_a=True, check_finite=False)
        return lambda r: cho_solve(factor, r, check_finite=False)


class LowRankMatrix:
    """The matrix P = F F', given by its factor F (n, k), k far below n."""

    def __init__(self, factor: np.ndarray):
        self.factor = factor

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        return self.factor @ (self.factor.T @ x)

    def solver(self, diagonal: np.ndarray, constant: float):
        """As for `DenseMatrix`, by the Woodbury identity, a few thousand rows at a time."""
        from scipy.linalg import cho_factor, cho_solve

        width, rows = self.factor.shape[1] + 1, 4096
        inner, root = np.eye(width), np.sqrt(constant)
        for start in range(0, len(diagonal), rows):
            part = self._with_ones(slice(start, start + rows), root)
            inner += part.T @ (part / diagonal[start : start + rows, None])
        factor = cho_factor(inner, lower=True, check_finite=False)

        def solve(r):
            first = r / diagonal
            raised = np.append(self.factor.T @ first, root * first.sum())
            back = cho_solve(factor, raised, check_finite=False)
            return first - (self.factor @ back[:-1] + root * back[-1]) / diagonal

        return solve

    def _with_ones(self, rows, root):
        part = self.factor[rows]
        return np.hstack([part, np.full((len(part), 1), root)])


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
    objective. A step costs one Cholesky factorisation; some twenty are usual.

    Args:
        matrix: P, positive semi-definite, (n, n).
        linear: (n,).
        upper: the upper bound of every x, above the mean that `total` asks for.
        total: the bounds of the sum, total[0] < total[1].
        tolerance: stop at this gap, relative to the objective.

    Returns:
        A Solution.

    Raises:
        ArithmeticError: where the gap stays above a thousand times the tolerance.

    Example:
        >>> found = solve_box_with_sum(DenseMatrix(np.eye(2)), np.array([3.0, 0.5]), 2, (1, 3))
        >>> found.x.round(4).tolist()
        [2.0, 0.5]

    Reference:
        Mehrotra, On the implementation of a primal-dual interior point method, 1992.
    """
    x = np.full(len(linear), _start(len(linear), upper, total))
    duals = [np.ones_like(x), np.ones_like(x), np.ones(1), np.ones(1)]
    best = Solution(x, np.inf, np.inf)
    for _ in range(STEPS):
        gradient = matrix @ x - linear
        objective, gap = (x @ gradient - x @ linear) / 2, _gap(x, gradient, upper, total)
        if gap < best.gap:
            best = Solution(x, float(objective), float(gap))
        if gap <= tolerance * max(1.0, abs(objective)):
            return best
        x, duals = _step(matrix, x, duals, gradient, upper, total)
    if best.gap > 1e3 * tolerance * max(1.0, abs(best.objective)):
        raise ArithmeticError(
            "A quadratic programme must be solved to its tolerance. Received: a gap of "
            f"{best.gap:.2g} at an objective of {best.objective:.2g} after {STEPS} steps. "
            "Standardise the features, or choose a smaller bandwidth."
        )
    return best


def _start(n, upper, total) -> float:
    """One value for all, inside every bound."""
    low, high = total[0] / n, min(total[1] / n, upper)
    return 1.0 if low < 1 < high else (low + high) / 2


def _gap(x, gradient, upper, total) -> float:
    """How far below x the linear model of the objective falls inside the bounds.

    The objective is convex, so its optimum lies no farther below than that.
    """
    order = np.argsort(gradient)
    wanted = np.clip(upper * np.count_nonzero(gradient < 0), *total)
    filled = np.clip(wanted - upper * np.arange(len(x)), 0, upper)
    return gradient @ x - gradient[order] @ filled


def _step(matrix, x, duals, gradient, upper, total):
    """A predictor and a corrector: towards the optimum, then back to the middle of the bounds."""
    slacks = _slacks(x, upper, total)
    ratios = [dual / slack for dual, slack in zip(duals, slacks, strict=True)]
    solve = matrix.solver(ratios[0] + ratios[1], float((ratios[2] + ratios[3])[0]))

    def direction(aims):
        """Towards slack * dual = aim for every bound."""
        pushes = [aim / slack for aim, slack in zip(aims, slacks, strict=True)]
        dx = solve(pushes[0] - pushes[1] + pushes[2] - pushes[3] - gradient)
        moves = _moves(dx)
        new = [p - d - r * m for p, d, r, m in zip(pushes, duals, ratios, moves, strict=True)]
        return dx, moves, new

    count = 2 * len(x) + 2
    middle = sum(map(np.dot, slacks, duals)) / count
    _, moves, turns = direction([0.0] * 4)
    length = _longest(slacks, moves, duals, turns)
    ahead = [
        (s + length * m) @ (d + length * t)
        for s, m, d, t in zip(slacks, moves, duals, turns, strict=True)
    ]
    aim = middle * (sum(ahead) / count / middle) ** 3
    dx, moves, turns = direction([aim - m * t for m, t in zip(moves, turns, strict=True)])
    length = min(1.0, SHORTENED * _longest(slacks, moves, duals, turns))
    return x + length * dx, [d + length * t for d, t in zip(duals, turns, strict=True)]


def _slacks(x, upper, total):
    return [x, upper - x, np.array([x.sum() - total[0]]), np.array([total[1] - x.sum()])]


def _moves(dx):
    return [dx, -dx, np.array([dx.sum()]), np.array([-dx.sum()])]


def _longest(slacks, moves, duals, turns) -> float:
    """The longest step, 1 at most before shortening, that keeps every slack and dual positive."""
    length = 1 / SHORTENED
    for value, move in [*zip(slacks, moves, strict=True), *zip(duals, turns, strict=True)]:
        falls = move < 0
        if falls.any():
            length = min(length, float(np.min(-value[falls] / move[falls])))
    return length
