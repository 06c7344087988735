import itertools

import numpy as np
import pandas as pd
import pytest

from tltk.inputs import (
    Scaling,
    cut_windows,
    learn_scaling,
    scale_windows,
    series_file,
    series_windows,
)
from tltk.inputs.examples import Splits

PARTS = ("train", "val", "test")


def steps_of(windows, part):
    """The steps that a part's windows touch, of a series that counts its steps."""
    inputs, targets = windows.raw[part]
    return set(inputs.ravel().astype(int)) | set(targets.ravel().astype(int))


@pytest.mark.parametrize(("length", "horizon", "stride"), [(5, 2, 1), (1, 1, 3), (12, 7, 2)])
@pytest.mark.parametrize(("val", "test"), [(0.2, 0.2), (0.33, 0.25)])
def test_no_step_is_in_two_parts_and_parts_follow_in_time(length, horizon, stride, val, test):
    windows = series_windows(np.arange(200.0), length, horizon, val=val, test=test, stride=stride)
    touched = {part: steps_of(windows, part) for part in PARTS}
    for earlier, later in itertools.pairwise(PARTS):
        assert max(touched[earlier]) < min(touched[later])


def test_windows_hold_the_past_and_targets_the_steps_ahead():
    windows = series_windows(np.arange(50.0), length=4, horizon=3)
    inputs, targets = windows.raw["train"]
    assert inputs.shape == (24, 4, 1)
    assert inputs[5, :, 0].tolist() == [5, 6, 7, 8]
    assert targets[5].tolist() == [9, 10, 11]
    assert windows.class_names == ("+1", "+2", "+3")
    assert windows.files["train"][5] == "9"


def test_batches_come_in_order_of_time_as_float32():
    windows = series_windows(np.arange(100.0), 4, 2, batch_size=10)
    x, y = (np.concatenate(each) for each in zip(*windows.train, strict=True))
    assert x.dtype == y.dtype == "float32"
    assert (np.diff(x[:, 0, 0]) > 0).all()
    assert len(x) == windows.train.count == len(windows.files["train"])


def test_scaling_knows_the_training_part_only():
    random = np.random.default_rng(0)
    series = random.normal(size=(100, 2)) * [3, 5] + [7, -2]
    changed = series.copy()
    changed[60:] = 1e4
    one, other = (series_windows(each, 4, 2, target=1) for each in (series, changed))
    assert one.scaling == other.scaling
    np.testing.assert_allclose(one.scaling.mean, series[:60].mean(axis=0))
    np.testing.assert_allclose(one.scaling.deviation, series[:60].std(axis=0))
    x, y = one.train.fetch(np.arange(3)), one.train.labels[:3]
    np.testing.assert_allclose(
        x[2], (series[2:6] - one.scaling.mean) / one.scaling.deviation, atol=1e-5
    )
    np.testing.assert_allclose(
        y[2], (series[6:8, 1] - one.scaling.mean[1]) / one.scaling.deviation[1], atol=1e-5
    )


def test_origin_last_makes_the_naive_forecast_zero_and_levels_irrelevant():
    random = np.random.default_rng(0)
    series = random.normal(size=80).cumsum()
    low, high = (series_windows(series + level, 4, 2, origin="last") for level in (0, 100))
    x = low.train.fetch(np.arange(5))
    assert (x[:, -1] == 0).all()
    inputs, targets = low.raw["train"]
    expected = (targets - inputs[:, -1]) / series[:48].std()
    np.testing.assert_allclose(low.train.labels, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(high.train.labels, low.train.labels, rtol=1e-3, atol=1e-4)


def test_windows_that_touch_a_gap_are_left_out():
    series = np.arange(40.0)
    series[10] = np.nan
    inputs, targets, starts = cut_windows(series, 3, 2)
    assert np.isfinite(inputs).all()
    assert np.isfinite(targets).all()
    assert sorted(set(range(36)) - set(starts.tolist())) == [6, 7, 8, 9, 10]


def test_a_gap_in_another_column_leaves_its_inputs_out_only():
    series = np.stack([np.arange(20.0), np.arange(20.0)], axis=1)
    series[10, 1] = np.nan
    _, _, starts = cut_windows(series, 3, 2, target=0)
    assert sorted(set(range(16)) - set(starts.tolist())) == [8, 9, 10]


def test_a_stretch_of_just_one_window_and_one_step_less():
    inputs, targets, starts = cut_windows(np.arange(5.0), 3, 2)
    assert (inputs.ravel().tolist(), targets.tolist(), starts.tolist()) == (
        [0, 1, 2],
        [[3, 4]],
        [0],
    )
    assert [len(each) for each in cut_windows(np.arange(4.0), 3, 2)] == [0, 0, 0]


@pytest.mark.parametrize(("length", "horizon"), [(10**12, 1), (1, 10**12)])
def test_windows_longer_than_any_memory_are_none(length, horizon):
    inputs, targets, starts = cut_windows(np.arange(9.0), length, horizon)
    assert (inputs.shape, targets.shape) == ((0, length, 1), (0, horizon))
    assert len(starts) == 0


def test_scaling_is_learned_with_names_and_without():
    values = np.array([[1.0, 10], [3, np.nan], [5, 30]])
    plain = learn_scaling(values, target=1)
    assert plain == Scaling("mean", (3.0, 20.0), (pytest.approx((8 / 3) ** 0.5), 10.0), 1)
    assert learn_scaling(values, "second", columns=("first", "second")) == plain


def test_parts_with_no_share_are_none():
    windows = series_windows(np.arange(30.0), 3, 1, val=0, test=0)
    assert windows.val is None
    assert windows.test is None
    assert windows.files["val"] == ()


def test_targets_by_name_and_times_from_a_file(tmp_path):
    path = tmp_path / "two.csv"
    rows = "".join(f"2020-01-{day:02},{day},{-day}\n" for day in range(1, 31))
    path.write_text(f"day,up,down\n{rows}")
    windows = series_windows(series_file(path, time="day"), 3, 1, target="down")
    assert windows.raw["train"][1][0] == -4
    assert windows.files["train"][0] == "2020-01-04 00:00:00"


def test_the_first_fields_are_those_of_splits():
    windows = series_windows(np.arange(30.0), 3, 1)
    assert windows._fields[:5] == Splits._fields


def test_scaling_two_columns_by_hand():
    scaling = Scaling("mean", (1.0, 10.0), (2.0, 5.0), target=1)
    x, y = scale_windows(np.array([[[3.0, 0.0]]]), np.array([[20.0]]), scaling)
    assert x.tolist() == [[[1.0, -2.0]]]
    assert y.tolist() == [[2.0]]


GOOD = np.arange(50.0)
BAD = {
    "too short": (GOOD[:9], {}, "Received: length=4, horizon=2, 5 steps for train"),
    "all gaps": (np.where(np.arange(50) % 4, GOOD, np.nan), {}, "without a missing value"),
    "all missing": (np.full(50, np.nan), {}, "0 known values"),
    "constant": (np.full(50, 3.3), {}, "must vary in its training part"),
    "constant in training": (np.maximum(GOOD, 35), {}, "must vary"),
    "one constant column": (np.stack([GOOD, GOOD * 0], axis=1), {}, "column '1'"),
    "infinity": (np.where(GOOD == 20, np.inf, GOOD), {}, r"series\[20\]=inf"),
    "empty": (np.zeros(0), {}, r"shape \(0,\)"),
    "three axes": (np.zeros((5, 2, 2)), {}, r"shape \(5, 2, 2\)"),
    "no such target": (GOOD, {"target": "b"}, "target='b'"),
    "target beyond": (GOOD, {"target": 1}, "target=1"),
    "no length": (GOOD, {"length": 0}, "length=0"),
    "half a horizon": (GOOD, {"horizon": 1.5}, "horizon=1.5"),
    "shares above one": (GOOD, {"val": 0.6, "test": 0.5}, "val=0.6, test=0.5"),
    "unknown origin": (GOOD, {"origin": "first"}, "origin='first'"),
}


@pytest.mark.parametrize(("series", "settings", "message"), BAD.values(), ids=BAD)
def test_bad_series_and_settings_are_refused(series, settings, message):
    with pytest.raises(ValueError, match=message):
        series_windows(series, **{"length": 4, "horizon": 2, **settings})


def test_a_dataframe_brings_names_and_times():
    days = pd.date_range("2024-01-01", periods=60)
    table = pd.DataFrame({"x": np.arange(60.0) % 7, "y": np.arange(60.0) % 5}, index=days)
    windows = series_windows(table, 5, 1, target="y")
    assert windows.scaling.target == 1
    assert windows.files["train"][0] == "2024-01-06 00:00:00"
    raw = windows.raw["train"][0]
    assert raw[0].tolist() == table.to_numpy()[:5].tolist()
    without = series_windows(table.drop(days[10]), 5, 1, target="y")
    assert len(without.files["train"]) == len(windows.files["train"]) - 6
    assert series_windows(table["x"], 5, 1).raw["test"][0].shape[2] == 1


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"length": -3}, "length must be a whole number of at least 1"),
        ({"horizon": "2"}, "horizon must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"target": 1.5}, "Received: target=1.5"),
        ({"target": None}, "Received: target=None"),
        ({"val": "a"}, "val='a'"),
        ({"test": None}, "test=None"),
    ],
)
def test_settings_that_make_no_windows(settings, match):
    with pytest.raises(ValueError, match=match):
        series_windows(np.arange(90.0), **{"length": 5, "horizon": 1, **settings})


@pytest.mark.parametrize("target", [-1, 1, 0.5, None])
def test_a_target_that_is_no_column(target):
    with pytest.raises(ValueError, match="must be one of the columns 0, or its number"):
        cut_windows(np.arange(9.0), 3, 1, target)


@pytest.mark.parametrize("sizes", [(-1, 1, 1), (3, 0, 1), (3, 1, -1)])
def test_windows_of_no_size(sizes):
    length, horizon, stride = sizes
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        cut_windows(np.arange(9.0), length, horizon, stride=stride)
