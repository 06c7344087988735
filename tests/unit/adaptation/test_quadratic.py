import numpy as np
import pytest
from scipy.optimize import linprog

from tltk.adaptation import _quadratic
from tltk.adaptation._quadratic import (
    SHORTENED,
    DenseMatrix,
    LowRankMatrix,
    _gap,
    _longest,
    _step,
    solve_box_with_sum,
)

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


def gap_by_sorting(matrix, linear, x, upper, total):
    """The gap by its definition: the linear programme's optimum is filled from the lowest up."""
    gradient = matrix @ x - linear
    wanted = np.clip(upper * np.count_nonzero(gradient < 0), *total)
    filled = np.clip(wanted - upper * np.arange(len(x)), 0, upper)
    return gradient @ x - np.sort(gradient) @ filled


def hard_programme(seed):
    """Rows of unequal length, twice the same, of any rank and scale; bounds that leave no room."""
    random = np.random.default_rng(seed)
    n, rank = random.integers(2, 40), random.integers(1, 40)
    lengths = np.exp(random.choice([0, 1, 3]) * random.normal(size=(n, 1)))
    factor = random.normal(size=(n, rank)) / np.sqrt(n) * lengths
    if seed % 3 == 0:
        factor[n // 2 :] = factor[: n - n // 2]
    linear = random.normal(size=n) * random.choice([0.01, 1, 100])
    linear = np.round(linear) if seed % 4 == 0 else linear
    upper, slack = random.choice([1.001, 1.5, 10, 1000]), random.choice([1e-9, 1e-4, 0.3, 1, 5])
    return factor, linear, upper, np.array([n * max(1 - slack, 0), n * (1 + slack)])


@pytest.mark.parametrize("form", ["dense", "low rank"])
@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e10])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_hard_programmes_end_at_the_gap_asked_for(form, scale, size):
    """x in units of `size`, the objective in units of `scale`: neither may matter."""
    for seed in range(12):
        factor, linear, upper, total = hard_programme(seed)
        matrix = factor @ factor.T
        scaled = factor * np.sqrt(scale) / size
        given = DenseMatrix(scaled @ scaled.T) if form == "dense" else LowRankMatrix(scaled)
        found = solve_box_with_sum(given, linear * scale / size, upper * size, total * size)
        x, n = found.x / size, len(linear)
        largest = (x @ np.sqrt(matrix.diagonal())) ** 2 / 2 + x @ abs(linear)
        objective = x @ matrix @ x / 2 - linear @ x
        assert x.min() >= 0
        assert x.max() <= upper * (1 + 1e-15)
        assert total[0] - 1e-11 * n <= x.sum() <= total[1] + 1e-11 * n
        assert found.objective / scale == pytest.approx(objective, abs=1e-9 * largest)
        gap = gap_by_sorting(matrix, linear, x, upper, total)
        assert found.gap / scale == pytest.approx(gap, abs=1e-9 * largest)
        assert found.gap / scale <= max(1e-8 * abs(found.objective / scale), 1e-12 * largest)


@pytest.mark.parametrize("seed", range(20))
def test_hard_programmes_are_solved_as_by_an_active_set_method(seed):
    factor, linear, upper, total = hard_programme(seed)
    total = total if total[1] - total[0] > 1e-6 else total * [1 - 1e-4, 1 + 1e-4]
    matrix, n = factor @ factor.T, len(linear)
    found = solve_box_with_sum(DenseMatrix(matrix), linear, upper, total)
    ridge = matrix + 1e-11 * np.trace(matrix) * np.eye(n)
    try:
        x, objective = by_active_set(ridge, linear, upper, total)
    except ValueError:  # the other method finds no way in where bounds almost meet
        pytest.skip("quadprog calls it infeasible")
    largest = (x @ np.sqrt(matrix.diagonal())) ** 2 / 2 + x @ abs(linear)
    outside = max(-x.min(), x.max() - upper, total[0] - x.sum(), x.sum() - total[1])
    room = 1e-8 * largest + outside * abs(linear).max() * n
    assert found.objective <= objective + room
    assert objective >= found.objective - found.gap - room


@pytest.mark.parametrize("upper", [10, 1000])
@pytest.mark.parametrize("seed", [0, 2])
def test_many_rows_of_low_rank_reach_the_gap_too(seed, upper):
    """Five thousand distances to bounds, of which some shrink below rounding."""
    factor, linear = programme(seed, 5000, 50)[0], np.random.default_rng(seed).normal(size=5000)
    found = solve_box_with_sum(LowRankMatrix(factor), linear, upper, (4500, 5500))
    x = found.x
    assert found.gap <= 1e-8 * abs(found.objective)
    gradient = factor @ (factor.T @ x) - linear
    wanted = np.clip(upper * np.count_nonzero(gradient < 0), 4500, 5500)
    filled = np.clip(wanted - upper * np.arange(5000), 0, upper)
    assert gradient @ x - np.sort(gradient) @ filled <= 2e-8 * abs(found.objective)


@pytest.mark.parametrize("total", [(3, 5), (0, 60), (58, 59)])
def test_gap_is_that_of_the_linear_programme(total):
    """The smallest value of gradient'(s - x) over the bounds, by another solver."""
    random = np.random.default_rng(4)
    x, gradient = np.full(40, sum(total) / 80), random.normal(size=40)
    slacks = [x, 1.5 - x, np.array([x.sum() - total[0]]), np.array([total[1] - x.sum()])]
    ones = np.ones((1, 40))
    best = linprog(gradient, np.vstack([ones, -ones]), [total[1], -total[0]], bounds=(0, 1.5))
    assert _gap(gradient, slacks, 1.5, total) == pytest.approx(gradient @ x - best.fun)


def test_a_step_is_mehrotras_on_the_whole_system_of_newton():
    """All unknowns at once, dx and the four duals, by a dense solver in place of elimination."""
    random = np.random.default_rng(7)
    _, matrix, linear = programme(7, n=6)
    x, n, ones = random.uniform(0.2, 1.2, 6), 6, np.ones((1, 6))
    slacks = [x, 1.5 - x, np.array([x.sum() - 0.5]), np.array([8 - x.sum()])]
    duals = [random.uniform(0.1, 2, len(each)) for each in slacks]
    signs = np.vstack([np.eye(n), -np.eye(n), ones, -ones])  # how the slacks move with x
    slack, dual = np.concatenate(slacks), np.concatenate(duals)
    gradient = matrix @ x - linear
    system = np.block([[matrix, -signs.T], [np.diag(dual) @ signs, np.diag(slack)]])

    def newton(aims):
        right = np.r_[signs.T @ dual - gradient, aims - slack * dual]
        found = np.linalg.solve(system, right)
        return signs @ found[:n], found[n:]

    def longest(moves):
        values, moves = np.r_[slack, dual], np.concatenate(moves)
        return min([1 / 0.995, *(-values[moves < 0] / moves[moves < 0])])

    moves = newton(0.0)
    length, middle = longest(moves), slack @ dual / (2 * n + 2)
    ahead = (slack + length * moves[0]) @ (dual + length * moves[1]) / (slack @ dual)
    moves = newton(middle * ahead**3 - moves[0] * moves[1])
    length = min(1.0, 0.995 * longest(moves))
    found = _step(DenseMatrix(matrix), slacks, duals, gradient)
    for ours, before, move in zip(found, (slack, dual), moves, strict=True):
        np.testing.assert_allclose(np.concatenate(ours), before + length * move, rtol=1e-9)


def test_the_longest_step_ends_at_the_nearest_bound():
    assert _longest([np.array([1.0, 3])], [np.array([-2.0, -1])]) == 0.5
    assert _longest([np.array([1.0]), np.array([2.0])], [np.array([5.0]), np.array([-8.0])]) == 0.25
    for moves in ([0.0, 1.0], [-0.1, 1.0]):
        assert _longest([np.ones(2)], [np.array(moves)]) * SHORTENED == pytest.approx(1)


@pytest.mark.parametrize("form", ["dense", "low rank"])
def test_some_twenty_factorisations_are_enough(monkeypatch, form):
    kind = DenseMatrix if form == "dense" else LowRankMatrix
    solver, steps = kind.solver, []
    monkeypatch.setattr(kind, "solver", lambda *each: steps.append(1) or solver(*each))
    for seed in range(5):
        factor, matrix, linear = programme(seed, n=200)
        given = kind(matrix if form == "dense" else factor)
        solve_box_with_sum(given, linear, 1000.0, (100, 300))
    assert len(steps) / 5 < 12


def test_a_programme_of_nothing_is_solved_from_the_start():
    found = solve_box_with_sum(DenseMatrix(np.zeros((3, 3))), np.zeros(3), 2.0, (1, 3))
    assert (found.objective, found.gap) == (0, 0)


def test_numbers_that_overflow_are_no_solution():
    with pytest.raises(ArithmeticError, match="Received: a gap of inf"):
        solve_box_with_sum(DenseMatrix(np.eye(3)), np.full(3, 1e308), 1e5, (1, 2e5))


def test_no_tolerance_ends_at_the_rounding_of_the_objectives_terms(monkeypatch):
    """Of x'Px / 2 and linear'x, whatever rounding is allowed; P's diagonal bounds the first."""
    _, matrix, linear = programme(8)
    gaps = []
    for rounding in np.geomspace(1e-12, 1e-2, 60):
        monkeypatch.setattr(_quadratic, "ROUNDING", rounding)
        found = solve_box_with_sum(DenseMatrix(matrix), linear, 5.0, (20, 60), 0.0)
        terms = found.x @ abs(linear) + (found.x @ np.sqrt(matrix.diagonal())) ** 2 / 2
        gaps.append(found.gap / terms / rounding)
    assert max(gaps) <= 1
    assert max(gaps) > 0.6  # and not much sooner


def test_gap_bounds_the_distance_to_the_optimum():
    _, matrix, linear = programme(5)
    rough = solve_box_with_sum(DenseMatrix(matrix), linear, 5.0, (20, 60), tolerance=0.1)
    fine = solve_box_with_sum(DenseMatrix(matrix), linear, 5.0, (20, 60))
    assert fine.objective - 1e-9 <= rough.objective <= fine.objective + rough.gap


@pytest.mark.parametrize("factor", [-5, -1e-3])
def test_a_programme_that_is_not_convex_is_refused(factor):
    with pytest.raises(ArithmeticError, match="solved to its tolerance, 1e-08.*Received: a gap of"):
        solve_box_with_sum(DenseMatrix(factor * np.eye(3)), np.ones(3), 10.0, (1, 20))


def test_a_gap_that_numbers_cannot_reach_is_an_error():
    _, matrix, linear = programme(6)
    with pytest.raises(ArithmeticError, match="tolerance, 0 of the objective"):
        solve_box_with_sum(DenseMatrix(1e300 * matrix), 1e-300 * linear, 2.0, (20, 60), 0.0)


@pytest.mark.parametrize(
    ("upper", "total"),
    [(1.0, (3, 4)), (2.0, (2, 2)), (2.0, (3, 1)), (0.0, (0, 1)), (np.inf, (1, 2)), (1.0, (-2, -1))],
)
def test_bounds_without_room_are_refused(upper, total):
    with pytest.raises(ValueError, match="bounds with room between them. Received: 3 numbers"):
        solve_box_with_sum(DenseMatrix(np.eye(3)), np.ones(3), upper, total)


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite numbers"):
        solve_box_with_sum(DenseMatrix(np.eye(3)), np.array([1, np.nan, 1]), 1.0, (1, 2))
