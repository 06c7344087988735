"""The oracle is the original network's answer to three signals of two seconds."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tltk.backbones import block_names, load_audio_backbone, load_backbone
from tltk.backbones.audio import sample_rate
from tltk.inputs import bundle_folder

REFERENCE = Path(__file__).parent / "speech_embedding_reference.npz"


@pytest.fixture(scope="module")
def speech():
    return load_audio_backbone(seconds=2.0)


def test_the_original_embedding_is_met_from_samples_to_features(speech):
    with np.load(REFERENCE) as reference:
        found = speech.predict(reference["waveforms"], verbose=0)
        assert found.shape == (3, 16, 96)
        np.testing.assert_allclose(found[:, 0], reference["embeddings"], rtol=0, atol=1e-3)


def test_a_feature_sees_76_frames_and_the_next_begins_8_later():
    for frames, positions in ((76, 1), (83, 1), (84, 2), (97, 3), (99, 3), (100, 4)):
        seconds = (512 + 160 * (frames - 1)) / 16000
        model = load_audio_backbone(seconds=seconds, weights=None)
        assert model.output_shape == (None, positions, 96)


def test_blocks_have_names_and_layers_are_keras_own_but_for_the_front(speech):
    assert block_names(speech) == [f"block{number}" for number in range(1, 7)]
    foreign = [x.name for x in speech.layers if not type(x).__module__.startswith("keras")]
    assert foreign == ["log_mel"]
    assert speech.count_params() == 328_224


def test_fresh_weights_differ_and_are_drawn_by_the_seed(speech):
    values = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        values.append(load_audio_backbone(seconds=2.0, weights=None).get_weights()[0])
    np.testing.assert_array_equal(*values)
    assert not np.allclose(values[0], speech.get_weights()[0])


def test_weights_of_a_file(speech, tmp_path):
    path = tmp_path / "mine.weights.h5"
    speech.save_weights(path)
    again = load_audio_backbone(seconds=1.0, weights=path)
    for one, other in zip(speech.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_of_another_network_are_refused():
    other = bundle_folder() / "mobilenet_v2.keras"
    with pytest.raises(ValueError, match="must belong to the network's architecture"):
        load_audio_backbone(weights=other)
    with pytest.raises(FileNotFoundError, match="weights='none.h5'"):
        load_audio_backbone(weights="none.h5")


def test_the_bundled_file_holds_float32_by_layer_name(speech):
    names = {layer.name for layer in speech.layers if layer.weights}
    with h5py.File(bundle_folder() / "speech_embedding.weights.h5") as file:
        groups = [group["vars"] for group in file["layers"].values()]
        assert {group.attrs["name"] for group in groups} == names
        assert {array.dtype.name for group in groups for array in group.values()} == {"float32"}


@pytest.mark.parametrize("settings", [{"rate": 8000}, {"seconds": 0.78}])
def test_what_the_speech_embedding_does_not_take(settings):
    with pytest.raises(ValueError, match="16000 samples a second and at least 0.782 seconds"):
        load_audio_backbone(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0}, "rate must be a whole number of at least 1. Received: rate=0"),
        ({"rate": 8000.0}, "rate must be a whole number of at least 1. Received: rate=8000.0"),
        ({"seconds": 0}, "seconds must be a finite number above 0. Received: seconds=0"),
    ],
)
def test_windows_that_are_none(settings, message):
    with pytest.raises(ValueError, match=message):
        load_audio_backbone(**settings)


def test_an_unknown_name():
    with pytest.raises(ValueError, match="one of the known names. Received: name='yamnet'"):
        load_audio_backbone("yamnet")


def test_a_spectrogram_is_a_picture_with_time_to_the_right_and_low_tones_below():
    seen = keras.Sequential([keras.Input((64, 96, 3)), keras.layers.Rescaling(1.0)])
    model = load_audio_backbone(seen, seconds=1.0)
    t = np.arange(16000) / 16000
    low_then_high = np.where(t < 0.5, np.sin(2 * np.pi * 200 * t), np.sin(2 * np.pi * 6000 * t))
    [picture] = model.predict(0.5 * low_then_high[None].astype("float32"), verbose=0)
    assert picture.shape == (64, 96, 3)
    np.testing.assert_array_equal(picture[..., 0], picture[..., 2])
    assert picture.min() >= 0
    assert 250 < picture.max() <= 255
    first, second = picture[:, 20, 0].argmax(), picture[:, 75, 0].argmax()
    assert first > 48
    assert second < 16


def test_loudness_does_not_change_the_picture():
    seen = keras.Sequential([keras.Input((32, 32, 1)), keras.layers.Rescaling(1.0)])
    model = load_audio_backbone(seen, seconds=0.5)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 8000)).astype("float32")
    loud, soft = model.predict(np.concatenate([noise, noise / 16]), verbose=0)
    np.testing.assert_allclose(loud, soft, atol=0.01)


def test_a_network_of_the_table_gets_its_own_preprocessing_and_weights():
    model = load_audio_backbone("mobilenet_v2", image_size=64)
    own = load_backbone("mobilenet_v2", input_shape=64)
    assert block_names(model) == block_names(own)
    for one, other in zip(model.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 16000)).astype("float32")
    resized = keras.Model(model.input, model.get_layer("log_mel_resized").output)
    grey = resized.predict(waveform, verbose=0)
    expected = own.predict(np.repeat(grey, 3, axis=-1), verbose=0)
    np.testing.assert_allclose(model.predict(waveform, verbose=0), expected, atol=1e-4)


def test_a_network_that_takes_no_pictures():
    series = keras.Sequential([keras.Input((30, 1)), keras.layers.Conv1D(2, 3)])
    with pytest.raises(ValueError, match=r"one input \(b, h, w, c\).*\(None, 30, 1\)"):
        load_audio_backbone(series)


def test_an_open_size_takes_image_size():
    seen = keras.Sequential([keras.Input((None, 20, 1)), keras.layers.Rescaling(1.0)])
    assert load_audio_backbone(seen, 0.5, image_size=48).output_shape == (None, 48, 20, 1)


def test_a_small_network_from_scratch_at_another_rate():
    model = load_audio_backbone("small_cnn", 0.5, 8000, weights=None, image_size=(48, 64))
    assert (model.input_shape, model.output_shape) == ((None, 4000), (None, 6, 8, 256))
    assert sample_rate(model) == 8000
    with pytest.raises(ValueError, match="small_cnn has no ImageNet weights"):
        load_audio_backbone("small_cnn")


def test_networks_that_are_not_for_sound_have_no_rate(speech):
    assert sample_rate(speech) == 16000
    dropout = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5)])
    assert sample_rate(dropout) is None
