import math

import numpy as np
import pytest
from scipy import stats

from tltk.evaluation import (
    mean_interval,
    paired_interval,
    rank_agreement,
    share_interval,
    statistics,
)

OUTCOMES = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]


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


def test_tau_by_hand():
    """Three candidates, the two worst exchanged: pairs weigh 1 + 1/2, 1 + 1/3 and 1/2 + 1/3."""
    expected = (3 / 2 + 4 / 3 - 5 / 6) / (3 / 2 + 4 / 3 + 5 / 6)
    scores = np.array([3.0, 1.0, 2.0])
    assert stats.weightedtau(scores, [3.0, 2.0, 1.0], rank=None).statistic == pytest.approx(
        expected
    )
    tau, low, high = rank_agreement([3, 1, 2], [3, 2, 1])
    assert tau == pytest.approx(stats.weightedtau([3, 1, 2], [3, 2, 1]).statistic)
    assert low <= tau <= high


def test_mistakes_among_the_best_weigh_most():
    best, worst = list(OUTCOMES), list(OUTCOMES)
    best[:2], worst[-2:] = best[1::-1], worst[:-3:-1]
    taus = [rank_agreement(scores, OUTCOMES)[0] for scores in (best, worst)]
    assert taus[0] < taus[1] < 1
    assert stats.kendalltau(best, OUTCOMES).statistic == stats.kendalltau(worst, OUTCOMES).statistic


def test_intervals_widen_with_the_level_and_narrow_with_candidates(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 300)
    rng = np.random.default_rng(0)

    def width(count, level=0.95):
        outcomes = rng.normal(size=count)
        _, low, high = rank_agreement(outcomes + rng.normal(size=count), outcomes, level)
        return high - low

    assert np.mean([width(40) for _ in range(3)]) < np.mean([width(8) for _ in range(3)])
    scores = np.array(OUTCOMES)[[1, 0, 2, 4, 3, 5]]
    narrow, wide = (rank_agreement(scores, OUTCOMES, level) for level in (0.5, 0.95))
    assert wide[1] <= narrow[1] <= narrow[2] <= wide[2]


def test_runs_that_disagree_widen_the_interval():
    outcomes = np.array(OUTCOMES)
    alike = np.stack([outcomes] * 3, axis=1)
    assert rank_agreement(alike, alike) == pytest.approx((1, 1, 1))
    unlike = outcomes[:, None] + np.array([[0, 0.3, -0.3]] + [[0, 0, 0]] * 4 + [[0, -0.6, 0.6]])
    tau, low, high = rank_agreement(alike, unlike)
    assert tau == pytest.approx(1)
    assert low < 0.9 < high


def test_no_order_no_agreement():
    assert np.isnan(rank_agreement([1, 1, 1], [1, 2, 3])).all()


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"scores must be finite .* scores\[2\]=nan"):
        rank_agreement([1, 2, np.nan], [1, 2, 3])
    for scores in ([1, 2], [1, 2, 3, 4], [[1], [2], [3]]):
        with pytest.raises(ValueError, match="three candidates or more"):
            rank_agreement(scores, [1, 2, 3][: len(scores)])


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_share_interval_is_that_of_newcombes_table(right, count, low, high):
    """Newcombe, Two-sided confidence intervals for the single proportion (1998), table I."""
    assert share_interval(right, count) == pytest.approx((low, high), abs=5e-5)


def test_a_share_at_its_ends_keeps_a_width():
    low, high = share_interval(52, 52)
    assert 0.9 < low < high == 1


def test_the_ends_of_a_share_are_those_that_the_test_just_allows():
    low, high = share_interval(30, 50, level=0.9)
    quantile = stats.norm.ppf(0.95)
    for end in (low, high):
        assert abs(0.6 - end) == pytest.approx(quantile * math.sqrt(end * (1 - end) / 50))


def test_no_more_are_right_than_there_are():
    with pytest.raises(ValueError, match="right must be"):
        share_interval(5, 4)
