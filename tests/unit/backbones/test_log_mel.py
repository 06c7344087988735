"""The oracles are a slow spectrogram in float64, and the arrays of the original front end."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tltk.backbones import LogMel

REFERENCE = Path(__file__).parent / "speech_embedding_reference.npz"


def noise(samples=2000, count=3, seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, samples)) * [[0.3], [0.02], [0.1]][:count]).astype("float32")


def slow_log_mel(waveform, rate, bands, low, high, window, hop, floor):
    """Sum over samples for every frame and frequency, and over frequencies for every band."""
    length, step = round(window * rate), round(hop * rate)
    fft = 1 << (length - 1).bit_length()
    offset = (fft - length) // 2
    weights = np.sin(np.pi * np.arange(length) / length) ** 2
    frames = 1 + (len(waveform) - fft) // step
    turns = np.arange(fft // 2 + 1)[:, None] * (offset + np.arange(length)) / fft
    waves = np.exp(-2j * np.pi * turns)
    cuts = [waveform[f * step + offset : f * step + offset + length] for f in range(frames)]
    power = np.array([np.abs(waves @ (32768.0 * weights * cut)) ** 2 for cut in cuts])
    grid = np.concatenate([np.arange(0, 1000, 1.0), np.geomspace(1000, 8000, 100_000)])
    mels = np.where(
        grid < 1000, grid / (200 / 3), 15 + np.log(np.maximum(grid, 1) / 1000) * 27 / np.log(6.4)
    )
    ends = np.interp([low, high], grid, mels)
    edges = np.interp(np.linspace(*ends, bands + 2), mels, grid)
    hertz = np.arange(fft // 2 + 1) * rate / fft
    spectrum = np.zeros((frames, bands))
    for band in range(bands):
        triangle = np.interp(hertz, edges[band : band + 3], [0, 1, 0], left=0, right=0)
        spectrum[:, band] = power @ (triangle / ((edges[band + 2] - edges[band]) / 2))
    decibels = 10 * np.log10(np.maximum(spectrum, 1e-10))
    return np.maximum(decibels, decibels.max() - floor)


@pytest.mark.parametrize(
    ("rate", "bands", "low", "high", "window", "hop", "floor"),
    [
        (16000, 32, 60.0, 3800.0, 0.025, 0.01, 80.0),
        (8000, 20, 0.0, 4000.0, 0.032, 0.016, 40.0),
        (22050, 64, 30.0, 8000.0, 0.02, 0.01, 80.0),
    ],
)
def test_values_are_those_of_the_formula(rate, bands, low, high, window, hop, floor):
    settings = (rate, bands, low, high, window, hop, floor)
    names = ("rate", "bands", "low", "high", "window", "hop", "floor")
    found = LogMel(**dict(zip(names, settings, strict=True)))(noise())
    for waveform, spectrogram in zip(noise(), found, strict=True):
        expected = slow_log_mel(waveform.astype("float64"), *settings)
        np.testing.assert_allclose(spectrogram, expected, atol=2e-3)


def test_the_original_front_end_is_met():
    with np.load(REFERENCE) as reference:
        found = LogMel()(reference["waveforms"])
        np.testing.assert_allclose(found, reference["mel"], atol=5e-3)


def test_the_maximum_is_that_of_the_example_alone():
    together = LogMel()(noise())
    alone = [LogMel()(waveform[None])[0] for waveform in noise()]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_relative_decibels_end_at_zero_and_at_the_floor():
    tone = np.sin(2 * np.pi * 440 * np.arange(4000) / 16000)[None]
    found = LogMel(floor=60.0, relative=True)(tone).numpy()
    assert (found.max(), found.min()) == (0, -60)
    absolute = LogMel(floor=60.0)(tone).numpy()
    np.testing.assert_allclose(found, absolute - absolute.max(), atol=1e-4)


def test_silence_is_finite():
    for relative in (False, True):
        assert np.isfinite(LogMel(relative=relative)(np.zeros((1, 800)))).all()


def test_it_reloads_in_safe_mode_and_ignores_mixed_precision(tmp_path):
    inputs = keras.Input((800,))
    model = keras.Model(inputs, LogMel(bands=12, relative=True, dtype="mixed_bfloat16")(inputs))
    model.save(tmp_path / "front.keras")
    again = keras.models.load_model(tmp_path / "front.keras")
    expected = LogMel(bands=12, relative=True)(noise(800)).numpy()
    np.testing.assert_allclose(again.predict(noise(800), verbose=0), expected, atol=1e-4)
    assert again.layers[-1].get_config()["bands"] == 12


def test_frames_are_announced_as_they_come():
    for samples in (512, 671, 672, 1000):
        inputs = keras.Input((samples,))
        outputs = LogMel()(inputs)
        assert outputs.shape == (None, *LogMel()(np.zeros((1, samples))).shape[1:])
    assert LogMel()(keras.Input((None,))).shape == (None, None, 32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"high": 9000.0}, "between 0 and half the rate.*Received: rate=16000"),
        ({"low": 5000.0}, "between 0 and half the rate.*Received: rate=16000"),
        ({"bands": 0}, "bands must be a whole number of at least 1. Received: bands=0"),
        ({"hop": 0}, "hop must be a finite number above 0. Received: hop=0"),
    ],
)
def test_filters_that_cannot_be(settings, message):
    with pytest.raises(ValueError, match=message):
        LogMel(**settings)


def test_bands_without_a_frequency():
    with pytest.raises(ValueError, match="Every band must hold a frequency.*bands=200"):
        LogMel(bands=200)


@pytest.mark.parametrize("shape", [(400,), (800, 2)])
def test_waveforms_that_cannot_be(shape):
    with pytest.raises(ValueError, match=r"shape \(b, samples\), with at least 512 samples"):
        LogMel()(keras.Input(shape))
