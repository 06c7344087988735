"""The promises of fine-tuning, kept for series: frozen, cached, resumed, saved."""

import keras
import numpy as np
import pytest

from tltk.backbones import series_encoder
from tltk.datasets import make_vibration_windows
from tltk.inputs import series_windows, split_rows
from tltk.tuning import build_classifier, extract_features, fine_tune, fit_linear_head

SHORT = {"epochs": 2, "head_epochs": 1, "unfreeze_blocks": 1, "base_lr": 1e-2, "verbose": 0}


@pytest.fixture(scope="module")
def windows():
    random = np.random.default_rng(0)
    return series_windows(np.sin(np.arange(160) / 4) + 0.1 * random.normal(size=160), 12, 3)


def forecaster(windows, kind="conv"):
    keras.utils.set_random_seed(0)
    encoder = series_encoder((12, 1), filters=4, blocks=2, kind=kind, last_step=True)
    return build_classifier(encoder, windows.class_names, kind="regression")


def curves(history):
    return {name: history.history[name] for name in ("phase", "loss", "val_loss")}


@pytest.mark.parametrize("kind", ["conv", "gru"])
def test_frozen_blocks_stay_bit_for_bit(windows, kind):
    model = forecaster(windows, kind)
    before = {weight.path: weight.numpy() for weight in model.weights}
    fine_tune(model, windows.train, windows.val, **SHORT)
    moved = {w.path.split("/")[0] for w in model.weights if (w.numpy() != before[w.path]).any()}
    assert moved == {f"block2_{kind}", "head_output"}


@pytest.mark.parametrize("head_epochs", [None, 1])
def test_cached_equals_uncached(windows, head_epochs):
    settings = SHORT | {"head_epochs": head_epochs}
    cached, plain = forecaster(windows), forecaster(windows)
    with_cache = fine_tune(cached, windows.train, windows.val, **settings)
    without = fine_tune(plain, windows.train, windows.val, **settings, cache=False)
    assert curves(with_cache) == curves(without)
    for one, other in zip(cached.weights, plain.weights, strict=True):
        assert np.array_equal(one, other)


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_an_interrupted_run_ends_as_an_uninterrupted_one(windows, tmp_path):
    expected = fine_tune(forecaster(windows), windows.train, windows.val, **SHORT)
    model = forecaster(windows)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(
            model, windows.train, windows.val, **SHORT, checkpoint=tmp_path,
            callbacks=[Interrupt()],
        )  # fmt: skip
    resumed = fine_tune(model, windows.train, windows.val, **SHORT, checkpoint=tmp_path)
    assert curves(resumed) == curves(expected)


def test_features_are_those_of_the_network(windows):
    encoder = series_encoder((12, 1), filters=4, blocks=2)
    features, labels = extract_features(encoder, windows.test)
    inputs = windows.test.fetch(np.arange(windows.test.count))
    np.testing.assert_allclose(features, encoder(inputs).numpy().mean(axis=1), atol=1e-5)
    assert np.array_equal(labels, windows.test.labels)


def test_recordings_can_be_told_apart():
    made = make_vibration_windows(recordings=3, windows=4, length=128, noise=0.3)
    rows = split_rows(made.labels, val=0, test=0.34, groups=made.groups)
    train, test = (
        (made.windows[rows[part]], made.labels[rows[part]]) for part in ("train", "test")
    )
    keras.utils.set_random_seed(0)
    encoder = series_encoder((128, 1), filters=8, blocks=3, causal=False)
    model = build_classifier(encoder, made.class_names, pooling="max")
    fit_linear_head(model, train)
    assert (model.predict(test[0], verbose=0).argmax(axis=1) == test[1]).mean() > 0.5
