import numpy as np
import pytest

from tltk.inputs.time_grid import carry_forward, on_grid


@pytest.mark.parametrize("seed", range(20))
def test_dropped_rows_come_back_as_gaps(seed):
    random = np.random.default_rng(seed)
    times = np.datetime64("2020-02-27T05", "s") + np.arange(60) * np.timedelta64(900, "s")
    kept = np.concatenate([[0, 1, 2], 3 + np.flatnonzero(random.random(57) < 0.7)])
    shuffled = random.permutation(kept)
    grid, values = on_grid(times[shuffled], shuffled[:, None].astype(float))
    assert np.array_equal(grid, times[: kept[-1] + 1])
    expected = np.full(kept[-1] + 1, np.nan)
    expected[kept] = kept
    np.testing.assert_array_equal(values[:, 0], expected)


@pytest.mark.parametrize("seed", range(20))
def test_carrying_forward_equals_a_slow_loop(seed):
    random = np.random.default_rng(seed)
    column = np.where(random.random(40) < 0.4, np.nan, np.arange(40.0))
    filled, marked = carry_forward(column[:, None], max_gap=2)
    expected, row = column.copy(), 0
    while row < 40:
        end = row
        while end < 40 and np.isnan(column[end]):
            end += 1
        if 0 < end - row <= 2 and row > 0:
            expected[row:end] = column[row - 1]
        row = max(end, row + 1)
    np.testing.assert_array_equal(filled[:, 0], expected)
    assert np.array_equal(marked[:, 0], np.isnan(column) & ~np.isnan(expected))
