import numpy as np
import pytest

from tltk.evaluation import mase, naive_forecast, seasonal_naive_forecast


def test_naive_repeats_the_last_value_of_the_target():
    windows = np.array([[[1.0, 10.0], [2.0, 20.0]], [[3.0, 30.0], [4.0, 40.0]]])
    assert naive_forecast(windows, 2).tolist() == [[2, 2], [4, 4]]
    assert naive_forecast(windows, 2, target=1).tolist() == [[20, 20], [40, 40]]


@pytest.mark.parametrize("period", [1, 2, 5, 7, 9])
@pytest.mark.parametrize("horizon", [1, 4, 12])
def test_seasonal_naive_takes_the_latest_known_value_of_the_season(period, horizon):
    windows = np.random.default_rng(0).normal(size=(3, 9, 1))
    found = seasonal_naive_forecast(windows, horizon, period)
    for ahead in range(1, horizon + 1):
        at = 8 + ahead
        while at > 8:
            at -= period
        assert np.array_equal(found[:, ahead - 1], windows[:, at, 0])


def test_seasonal_naive_is_exact_on_a_season():
    series = np.tile([3.0, 1.0, 4.0, 1.0, 5.0], 6)
    assert seasonal_naive_forecast(series[None, :20, None], 10, 5)[0].tolist() == list(series[20:])


def test_mase_by_hand():
    history = np.array([1.0, 2.0, 4.0, 7.0])
    truth, forecasts = np.array([[10.0, 12.0]]), np.array([[9.0, 15.0]])
    assert mase(truth, forecasts, history) == pytest.approx(2.0 / 2.0)
    assert mase(truth, forecasts, history, period=2) == pytest.approx(2.0 / 4.0)


def test_mase_of_the_naive_forecast_on_its_own_history_is_one():
    history = np.random.default_rng(0).normal(size=50).cumsum()
    assert mase(history[1:], history[:-1], history) == pytest.approx(1)
    assert mase(history[7:], history[:-7], history, period=7) == pytest.approx(1)


def test_mase_has_no_unit_and_passes_over_gaps_in_the_history():
    history = np.array([1.0, 2.0, np.nan, 4.0, 7.0])
    truth, forecasts = np.array([10.0]), np.array([9.0])
    assert mase(truth, forecasts, history) == pytest.approx(1 / 2)
    scaled = [1.8 * each + 32 for each in (truth, forecasts, history)]
    assert mase(*scaled) == pytest.approx(1 / 2)


GOOD = np.arange(5.0)
BAD = {
    "shapes": ((GOOD, GOOD[:4], GOOD), {}, r"truth of shape \(5,\), forecasts of shape \(4,\)"),
    "empty": (
        (GOOD[:0], GOOD[:0], GOOD),
        {},
        r"at least one. Received: truth=.* \(0,\)",
    ),
    "missing": ((GOOD, GOOD * np.nan, GOOD), {}, r"forecasts\[0\]=nan, 5 not finite"),
    "constant": ((GOOD, GOOD, GOOD * 0), {}, "4 changes"),
    "too short": ((GOOD, GOOD, GOOD), {"period": 5}, "0 changes, period=5"),
    "no series": ((GOOD, GOOD, GOOD[:, None]), {}, r"shape \(5, 1\)"),
    "no period": ((GOOD, GOOD, GOOD), {"period": 0}, "period=0"),
}


@pytest.mark.parametrize(("arrays", "settings", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_scaled_is_refused(arrays, settings, message):
    with pytest.raises(ValueError, match=message):
        mase(*arrays, **settings)


def test_windows_that_hold_no_season_are_refused():
    with pytest.raises(ValueError, match="hold a period of 4 steps"):
        seasonal_naive_forecast(np.zeros((2, 3, 1)), 2, 4)
    with pytest.raises(ValueError, match=r"inputs must be .* \(n, length, c\).* of shape \(2, 9\)"):
        seasonal_naive_forecast(np.zeros((2, 9)), 2, 4)
