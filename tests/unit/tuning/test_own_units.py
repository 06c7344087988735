import textwrap

import keras
import numpy as np
import pytest

from tltk.backbones import series_encoder
from tltk.inputs import Scaling, scale_windows, series_windows
from tltk.tuning import build_classifier, load_model, metadata, save_model, unscale_forecaster


def forecaster_of(columns, horizon=3):
    keras.utils.set_random_seed(0)
    encoder = series_encoder((8, columns), 4, 2, last_step=True)
    return build_classifier(encoder, horizon, kind="regression")


@pytest.mark.parametrize("origin", ["mean", "last"])
@pytest.mark.parametrize("target", [0, 1])
def test_own_units_equal_scaling_by_hand(origin, target):
    random = np.random.default_rng(0)
    series = random.normal(size=(90, 2)) * [3, 50] + [20, 400]
    windows = series_windows(series, 8, 3, target=target, origin=origin)
    model = forecaster_of(2)
    whole = unscale_forecaster(model, windows.scaling)
    inputs, targets = windows.raw["test"]
    x, _ = scale_windows(inputs, targets, windows.scaling)
    zero = windows.scaling.mean[target] if origin == "mean" else inputs[:, -1, target, None]
    expected = model.predict(x, verbose=0) * windows.scaling.deviation[target] + zero
    np.testing.assert_allclose(whole.predict(inputs, verbose=0), expected, rtol=1e-4, atol=1e-3)
    assert metadata(whole)["kind"] == "regression"


def test_saved_forecasters_work_in_a_process_without_tltk(tmp_path, without_tltk):
    raw = np.linspace(40, 60, 16, dtype="float32").reshape(2, 8, 1)
    np.save(tmp_path / "raw.npy", raw)
    expected = {}
    for origin in ("mean", "last"):
        whole = unscale_forecaster(forecaster_of(1), Scaling(origin, (50.0,), (7.0,), 0))
        save_model(whole, tmp_path / f"{origin}.keras")
        expected[origin] = whole.predict(raw, verbose=0)
    script = """
        for origin in ("mean", "last"):
            model = keras.models.load_model(f"{origin}.keras")
            np.save(f"{origin}.npy", model.predict(np.load("raw.npy"), verbose=0))
        """
    without_tltk(textwrap.dedent(script), tmp_path)
    for origin, values in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{origin}.npy"), values, rtol=1e-5)
    facts = metadata(load_model(tmp_path / "last.keras"))
    assert facts["class_names"] == ["0", "1", "2"]


def test_another_number_of_columns_is_refused():
    with pytest.raises(ValueError, match="windows of 2 columns"):
        unscale_forecaster(forecaster_of(1), Scaling("mean", (0.0, 0.0), (1.0, 1.0), 0))
