import numpy as np
import pytest

from tltk.datasets import make_vibration_windows
from tltk.datasets.made_series import CONDITIONS, INNER_ORDER, OUTER_ORDER, RATE, RESONANCE, SHAFT
from tltk.inputs import split_rows


def one_recording(condition, load=0.0, noise=0.05, seed=0):
    made = make_vibration_windows(
        load, recordings=1, windows=1, length=16384, noise=noise, seed=seed
    )
    return made.windows[CONDITIONS.index(condition), :, 0]


def spectrum(signal):
    power = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) ** 2
    return np.fft.rfftfreq(len(signal), 1 / RATE), power


def envelope_peak(signal, low, high):
    """The strongest frequency of the envelope around the resonance."""
    frequencies = np.fft.fftfreq(len(signal), 1 / RATE)
    band = np.where((frequencies > 800) & (frequencies < 1400), 2 * np.fft.fft(signal), 0)
    envelope = np.abs(np.fft.ifft(band))
    frequencies, power = spectrum(envelope - envelope.mean())
    some = (frequencies > low) & (frequencies < high)
    return frequencies[some][np.argmax(power[some])]


def test_shapes_labels_and_groups():
    made = make_vibration_windows(recordings=3, windows=2, length=100)
    assert made.windows.shape == (24, 100, 1)
    assert made.windows.dtype == "float32"
    assert np.bincount(made.labels).tolist() == [6, 6, 6, 6]
    assert np.bincount(made.groups).tolist() == [2] * 12
    assert all(len(set(made.labels[made.groups == group])) == 1 for group in range(12))


def test_recordings_stay_on_one_side_of_a_split():
    made = make_vibration_windows(recordings=4, windows=3, length=16)
    rows = split_rows(made.labels, 0.25, 0.25, groups=made.groups)
    held = [set(made.groups[some].tolist()) for some in rows.values()]
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]


def test_the_same_seed_gives_the_same_recordings():
    one, same, other = (make_vibration_windows(length=32, seed=seed).windows for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, make_vibration_windows(load=1, length=32).windows)


@pytest.mark.parametrize("load", [0.0, 3.0])
def test_imbalance_shows_at_the_speed_of_the_shaft(load):
    frequencies, power = spectrum(one_recording("imbalance", load))
    assert frequencies[np.argmax(power)] == pytest.approx(SHAFT - 1.2 * load, rel=0.02)


@pytest.mark.parametrize(
    ("condition", "order"), [("inner race", INNER_ORDER), ("outer race", OUTER_ORDER)]
)
@pytest.mark.parametrize("seed", range(3))
def test_races_show_at_their_frequency_in_the_envelope(condition, order, seed):
    expected = order * SHAFT
    found = envelope_peak(one_recording(condition, seed=seed), 0.8 * expected, 1.2 * expected)
    assert found == pytest.approx(expected, rel=0.02)


def test_impulses_ring_at_the_resonance_and_healthy_machines_do_not():
    for condition, rings in [("healthy", False), ("outer race", True)]:
        frequencies, power = spectrum(one_recording(condition))
        near = power[np.abs(frequencies - RESONANCE) < 100].sum()
        assert (near > power[frequencies > 1600].sum()) == rings


def test_load_makes_faults_stronger():
    def strength(load):
        signals = [one_recording("outer race", load, seed=seed) for seed in range(8)]
        return np.mean([signal.std() for signal in signals])

    assert strength(3.0) > 1.3 * strength(0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"load": -1}, "load=-1"),
        ({"noise": -0.1}, "noise=-0.1"),
        ({"recordings": 0}, "recordings=0"),
        ({"length": 2.5}, "length=2.5"),
    ],
)
def test_impossible_machines_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make_vibration_windows(**settings)
