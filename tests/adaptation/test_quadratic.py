import numpy as np
import pytest
from scipy.optimize import linprog

from tltk.adaptation.quadratic import DenseMatrix, LowRankMatrix, _gap, solve_box_with_sum

quadprog = pytest.importorskip("quadprog")


def programme(seed, n=40, rank=None):
    random = np.random.default_rng(seed)
    factor = random.normal(size=(n, rank or n)) / np.sqrt(n)
    return factor, factor @ factor.T, random.normal(0.3, 1, n)


def by_active_set(matrix, linear, upper, total):
    """Goldfarb and Idnani's method, by another package."""
    n = len(linear)
    sides = np.vstack([np.eye(n), -np.eye(n), np.ones((1, n)), -np.ones((1, n))])
    bounds = np.r_[np.zeros(n), np.full(n, -upper), total[0], -total[1]]
    x = quadprog.solve_qp(matrix + 1e-10 * np.eye(n), linear, sides.T, bounds)[0]
    return x, x @ matrix @ x / 2 - linear @ x


@pytest.mark.parametrize("upper", [1.5, 1000.0])
@pytest.mark.parametrize("total", [(30, 50), (1, 79), (59, 59.5)])
@pytest.mark.parametrize("seed", [0, 1])
def test_solution_is_that_of_an_active_set_method(seed, upper, total):
    _, matrix, linear = programme(seed)
    found = solve_box_with_sum(DenseMatrix(matrix), linear, upper, total)
    x, objective = by_active_set(matrix, linear, upper, total)
    assert found.objective == pytest.approx(objective, rel=1e-5, abs=1e-5)
    assert np.linalg.norm(found.x - x) < 0.02 * np.linalg.norm(x)


@pytest.mark.parametrize("rank", [5, 30])
def test_low_rank_and_dense_agree(rank):
    factor, matrix, linear = programme(2, rank=rank)
    linear = factor @ factor.T @ np.abs(linear)
    dense = solve_box_with_sum(DenseMatrix(matrix), linear, 1000, (20, 60))
    thin = solve_box_with_sum(LowRankMatrix(factor), linear, 1000, (20, 60), 1e-6)
    assert thin.objective == pytest.approx(dense.objective, rel=1e-4)


def test_solution_keeps_every_bound_and_its_gap_is_small():
    _, matrix, linear = programme(3)
    found = solve_box_with_sum(DenseMatrix(matrix), 10 * linear, 2.0, (10, 41))
    assert found.x.min() >= 0
    assert found.x.max() <= 2
    assert 10 <= found.x.sum() <= 41
    assert 0 <= found.gap < 1e-5


@pytest.mark.parametrize("total", [(3, 5), (0, 60), (58, 59)])
def test_gap_is_that_of_the_linear_programme(total):
    """The smallest value of gradient'(s - x) over the bounds, by another solver."""
    random = np.random.default_rng(4)
    x, gradient = np.full(40, sum(total) / 80), random.normal(size=40)
    ones = np.ones((1, 40))
    best = linprog(gradient, np.vstack([ones, -ones]), [total[1], -total[0]], bounds=(0, 1.5))
    assert _gap(x, gradient, 1.5, total) == pytest.approx(gradient @ x - best.fun)


def test_gap_bounds_the_distance_to_the_optimum():
    _, matrix, linear = programme(5)
    rough = solve_box_with_sum(DenseMatrix(matrix), linear, 5.0, (20, 60), tolerance=0.1)
    fine = solve_box_with_sum(DenseMatrix(matrix), linear, 5.0, (20, 60))
    assert fine.objective - 1e-9 <= rough.objective <= fine.objective + rough.gap


def test_a_programme_that_is_not_convex_is_refused():
    with pytest.raises((ArithmeticError, np.linalg.LinAlgError)):
        solve_box_with_sum(DenseMatrix(-5 * np.eye(3)), np.ones(3), 10.0, (1, 20))
