import math

import numpy as np
import pytest
from scipy import stats

from tltk.evaluation import label_efficiency, transfer_gains, transfer_verdict, verdicts

HELPED, HURT, NONE = "helped", "hurt", "cannot tell"
EQUAL = "no difference that matters"
CALLS = (HELPED, HURT)


@pytest.mark.parametrize(
    ("gaps", "verdict"),
    [
        ([0.05, 0.06, 0.04, 0.05, 0.05], HELPED),
        ([-0.05, -0.06, -0.04, -0.05, -0.05], HURT),
        ([0.30, -0.20, 0.25, -0.15, 0.20], NONE),  # wide
        ([0.005, 0.006, 0.005, 0.006, 0.005], EQUAL),  # clear, but within the margin
        ([0.001, -0.001, 0.002, 0.0, -0.002], EQUAL),
        ([0.008, 0.006, 0.010, 0.004, 0.012], NONE),  # excludes zero, and the margin is in it
        ([0.2], NONE),  # one pair has no interval
    ],
)
def test_a_call_needs_an_interval_without_zero_and_a_gap_above_the_margin(gaps, verdict):
    assert transfer_verdict(gaps) == verdict


def test_the_margin_is_exceeded_not_met():
    assert transfer_verdict([0.01] * 5) == EQUAL
    assert transfer_verdict([0.01] * 5, margin=0.009) == HELPED
    assert transfer_verdict([0.0] * 5, margin=0.0) == EQUAL


def test_an_interval_that_ends_at_zero_does_not_exclude_it(monkeypatch):
    monkeypatch.setattr(verdicts, "mean_interval", lambda *_: (0.05, 0.05))
    assert transfer_verdict([0.05] * 5) == NONE
    monkeypatch.setattr(verdicts, "mean_interval", lambda *_: (-0.05, 0.0499))
    assert transfer_verdict([-0.05] * 5) == HURT


def test_the_interval_is_that_of_the_paired_t_test():
    random = np.random.default_rng(0)
    for shift in np.linspace(-1, 1, 41):
        gaps = shift + random.normal(size=5)
        called = transfer_verdict(gaps, margin=0.0) in CALLS
        assert called == (stats.ttest_1samp(gaps, 0).pvalue < 0.02)


def test_a_placebo_is_called_in_two_percent_of_trials():
    gaps = np.random.default_rng(1).normal(size=(4000, 5))
    called = np.mean([transfer_verdict(each, margin=0.0) in CALLS for each in gaps])
    assert called == pytest.approx(0.02, abs=0.007)


def test_equality_is_two_one_sided_t_tests():
    random = np.random.default_rng(2)
    said = {True: 0, False: 0}
    for shift in np.linspace(-1, 1, 41):
        gaps = shift + random.normal(size=8)
        below = stats.ttest_1samp(gaps, 1.5, alternative="less").pvalue < 0.01
        above = stats.ttest_1samp(gaps, -1.5, alternative="greater").pvalue < 0.01
        assert (transfer_verdict(gaps, margin=1.5) == EQUAL) == (below and above)
        said[bool(below and above)] += 1
    assert min(said.values()) > 5


def test_an_effect_as_large_as_the_margin_is_called_equal_in_one_percent():
    gaps = 1 + 0.3 * np.random.default_rng(3).normal(size=(4000, 5))
    called = np.mean([transfer_verdict(each, margin=1.0) == EQUAL for each in gaps])
    assert called == pytest.approx(0.01, abs=0.005)


@pytest.mark.parametrize("margin", [-0.1, math.nan])
def test_a_margin_is_not_negative(margin):
    with pytest.raises(ValueError, match="number of at least 0. Received: margin="):
        transfer_verdict([0.1, 0.2], margin=margin)


def test_gains_are_start_slope_and_end_of_the_difference():
    labels, seeds = [5, 20, 80], np.array([[0.0], [0.02], [0.04]])
    ours = np.array([0.6, 0.7, 0.8]) + seeds  # 0.05 for each doubling
    theirs = np.array([0.2, 0.5, 0.8]) + 0 * seeds  # 0.15
    gains = transfer_gains(ours, theirs, labels, level=0.95)
    half = 4.303 * 0.02 / math.sqrt(3)
    assert gains["higher start"] == pytest.approx((0.42, half), rel=1e-3)
    assert gains["steeper slope"] == pytest.approx((-0.10, 0), abs=1e-9)
    assert gains["higher asymptote"] == pytest.approx((0.02, half), rel=1e-3)


def test_one_size_has_no_slope():
    assert list(transfer_gains(np.ones((2, 1)), np.ones((2, 1)), [5])) == [
        "higher start",
        "higher asymptote",
    ]


def test_worth_is_read_off_the_baseline_over_log_labels():
    wobble = np.array([[-0.001], [0.0], [0.001]])
    theirs = np.array([0.2, 0.4, 0.6]) + wobble  # 0.1 for each doubling
    ours = np.array([0.5, 0.6, 0.7]) + 0 * wobble
    rows = label_efficiency(ours, theirs, [10, 40, 160], level=0.95)
    assert rows[0]["factor"] == pytest.approx(8, rel=0.01)  # 3 doublings
    half = 4.303 * 0.001 / math.sqrt(3)
    assert rows[0]["low"] == pytest.approx(8 * 2 ** (-half / 0.1), rel=0.01)
    assert rows[0]["high"] == pytest.approx(8 * 2 ** (half / 0.1), rel=0.01)
    assert rows[0]["says"] == "8 times the labels, 95 % interval 7.9 to 8.1"
    assert rows[1]["factor"] == pytest.approx(4, rel=0.01)
    assert math.isinf(rows[1]["high"])
    assert rows[1]["says"].endswith("at least 3.9")
    assert (rows[2]["factor"], rows[2]["says"]) == (None, "more labels than the most measured")
    assert rows[2]["low"] == pytest.approx(1)


def test_hurt_is_worth_fewer_labels():
    theirs, ours = np.array([[0.4, 0.6], [0.4, 0.6]]), np.array([[0.3, 0.5], [0.3, 0.5]])
    few, many = label_efficiency(ours, theirs, [10, 40])
    assert (few["factor"], few["says"]) == (None, "fewer labels than the fewest measured")
    assert few["high"] == pytest.approx(1)
    assert many["factor"] == pytest.approx(0.5, rel=0.01)


def test_beyond_the_labels_measured_there_is_a_bound():
    row = label_efficiency(
        np.array([[0.9, 0.9]] * 2), np.array([[0.3, 0.6], [0.31, 0.6]]), [10, 40]
    )[0]
    assert (row["factor"], row["low"]) == (None, pytest.approx(4))
    assert row["says"] == "more than 4 times the labels, 98 % interval at least 4"


def test_one_seed_bounds_nothing():
    row = label_efficiency(np.array([[0.5, 0.7]]), np.array([[0.3, 0.7]]), [10, 40])[0]
    assert (row["low"], row["high"]) == (0.0, math.inf)
    assert row["says"].endswith("not bounded by the labels measured")


def test_a_factor_needs_a_curve():
    with pytest.raises(ValueError, match="at least two numbers of labels"):
        label_efficiency(np.ones((2, 1)), np.ones((2, 1)), [5])


def test_equal_curves_are_worth_just_their_labels():
    flat = np.full((2, 2), 0.5)
    row = label_efficiency(flat, flat, [10, 40])[0]
    assert (row["factor"], row["low"], row["high"]) == (1, 0, math.inf)
    rising = np.array([[0.5, 0.7]] * 2)
    few, many = label_efficiency(rising, rising, [10, 40])
    assert (few["factor"], few["low"], few["high"]) == (1, 0, 1)
    assert (many["factor"], many["low"], many["high"]) == (1, 1, math.inf)


@pytest.mark.parametrize("labels", [[0, 10], [-5, 10], [10, 10], [40, 10]])
def test_labels_are_above_zero_and_ascend(labels):
    curve = np.array([[0.2, 0.3]] * 2)
    for measure in (label_efficiency, transfer_gains):
        with pytest.raises(ValueError, match=r"above 0 and ascend. Received: labels=\["):
            measure(curve, curve, labels)


def test_runs_are_summarised_as_by_hand():
    """The small network is best without transfer at 10 labels, the one from scratch at 40."""
    curves = {
        "from scratch": [[0.20, 0.60], [0.22, 0.58]],
        "small network": [[0.30, 0.40], [0.34, 0.42]],
        "frozen": [[0.41, 0.50], [0.43, 0.48]],
    }
    rows = [
        {"method": name, "labels_per_class": size, "seed": seed, "accuracy": score}
        for name, curve in curves.items()
        for seed, scores in enumerate(curve)
        for size, score in zip((10, 40), scores, strict=True)
    ]
    rows = [row | {"val_accuracy": row["accuracy"] + 0.1} for row in rows]
    found = verdicts.summarise_runs(rows[::-1], margin=0.05, level=0.5)
    few, many = found.verdicts  # t of one degree of freedom at level .5 is 1
    assert (few["by"], many["by"]) == ("small network", "from scratch")
    assert few["accuracy"] == pytest.approx((0.42, 0.01))
    assert few["without transfer"] == pytest.approx((0.32, 0.02))
    assert few["gain"] == pytest.approx((0.10, 0.01))
    assert many["gain"] == pytest.approx((-0.10, 0))
    assert (few["verdict"], many["verdict"]) == (HELPED, HURT)
    assert [row["method"] for row in found.gains] == ["frozen"]
    assert found.gains[0]["higher start"] == pytest.approx((0.10, 0.01))
    assert found.gains[0]["steeper slope"] == pytest.approx((-0.10, 0.005))
    assert [row["labels"] for row in found.worth] == [10, 40]
    assert found.worth[0]["factor"] == pytest.approx(4 ** (0.10 / 0.27), rel=0.01)
    assert found.summary.splitlines() == [
        "Gains over the best without transfer, 2 seeds, 50 % intervals.",
        "frozen: helped (+10.0 points ± 1.0) with 10, hurt (-10.0 points ± 0.0) with 40 "
        f"labels per class. With 10 it is worth {found.worth[0]['says']}.",
    ]
