import math

import numpy as np
import pytest
from scipy import stats

from tltk.evaluation import mean_interval, paired_interval


def test_interval_is_that_of_the_printed_t_table():
    mean, half_width = mean_interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert half_width == pytest.approx(4.303 * 1 / math.sqrt(3), rel=1e-4)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_interval_equals_scipys(level):
    values = np.random.default_rng(0).normal(size=7)
    mean, half_width = mean_interval(values, level)
    low, high = stats.t.interval(level, 6, loc=values.mean(), scale=stats.sem(values))
    assert (mean - half_width, mean + half_width) == pytest.approx((low, high))


def test_one_run_has_a_mean_but_no_known_spread():
    mean, half_width = mean_interval([0.8])
    assert mean == 0.8
    assert math.isnan(half_width)


def test_paired_interval_excludes_zero_exactly_when_the_paired_test_is_significant():
    random = np.random.default_rng(1)
    for shift in (0.0, 0.3, 0.6, 1.2):
        b = random.normal(size=6) * 5
        a = b + shift + 0.5 * random.normal(size=6)
        gain, half_width = paired_interval(a, b)
        assert (abs(gain) > half_width) == (stats.ttest_rel(a, b).pvalue < 0.05)


def test_what_a_seed_does_to_both_methods_cancels():
    gain, half_width = paired_interval([0.9, 0.5, 0.7], [0.8, 0.4, 0.6])
    assert gain == pytest.approx(0.1)
    assert half_width == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], [0.1, float("nan")]])
def test_values_must_be_finite_numbers(values):
    with pytest.raises(ValueError, match="finite numbers"):
        mean_interval(values)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_level_lies_between_zero_and_one(level):
    with pytest.raises(ValueError, match=f"level={level}"):
        mean_interval([1.0, 2.0], level)


def test_pairs_must_match():
    with pytest.raises(ValueError, match="equal numbers"):
        paired_interval([1.0, 2.0], [1.0])
