"""The promises of fine-tuning, kept for sound: frozen, cached, resumed, saved, asked by a path."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

from tltk.backbones import layers_by_block, load_audio_backbone
from tltk.evaluation import predict, predict_split
from tltk.inputs import audio_folder
from tltk.tuning import (
    build_classifier,
    extract_features,
    fine_tune,
    fit_linear_head,
    save_model,
)

SECONDS = 0.8
SHORT = {"epochs": 2, "head_epochs": 1, "unfreeze_blocks": 1, "base_lr": 1e-2, "verbose": 0}
NETWORKS = ("speech_embedding", "small_cnn", "own")
LAST_BLOCK = {"speech_embedding": "block6", "small_cnn": "block4", "own": "block2"}
ASK = """
import json, sys
import numpy as np
import tltk
answers = {"path": tltk.predict(sys.argv[1], sys.argv[2])}
model = tltk.load_model(sys.argv[1])
answers["samples"] = tltk.predict(model, np.load(sys.argv[3]))
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Chirps that rise, fall, or stay, in noise: 0.6 to 1.5 s, at two rates."""
    root, random = tmp_path_factory.mktemp("words"), np.random.default_rng(0)
    for number in range(24):
        name, rate = ("rise", "fall", "stay")[number % 3], (16000, 22050)[number % 2]
        t = np.arange(round(rate * random.uniform(0.6, 1.5))) / rate
        slope = {"rise": 900, "fall": -900, "stay": 0}[name]
        phase = 2 * np.pi * (random.uniform(1400, 1800) * t + slope * t**2 / 2)
        clip = 0.3 * np.sin(phase) + 0.01 * random.normal(size=len(t))
        (root / name).mkdir(exist_ok=True)
        soundfile.write(root / name / f"{number:02}.wav", clip, rate)
    return root


@pytest.fixture(scope="module")
def splits(words):
    return audio_folder(words, seconds=SECONDS, batch_size=8)


def classifier(splits, name="speech_embedding"):
    keras.utils.set_random_seed(0)
    if name == "own":
        name = keras.Sequential(
            [
                keras.Input((24, 24, 1)),
                keras.layers.Conv2D(4, 3, strides=2, name="block1_conv"),
                keras.layers.BatchNormalization(name="block1_bn"),
                keras.layers.Conv2D(4, 3, strides=2, name="block2_conv"),
            ]
        )
    weights = "pretrained" if name == "speech_embedding" else None
    backbone = load_audio_backbone(name, seconds=SECONDS, weights=weights, image_size=32)
    return build_classifier(backbone, splits.class_names)


def curves(history):
    return {name: history.history[name] for name in ("phase", "loss", "val_loss")}


@pytest.mark.parametrize("name", NETWORKS)
def test_frozen_blocks_stay_bit_for_bit(splits, name):
    model = classifier(splits, name)
    before = {weight.path: weight.numpy() for weight in model.weights}
    fine_tune(model, splits.train, splits.val, **SHORT)
    moved = {
        block
        for block, layers in layers_by_block(model).items()
        for layer in layers
        for w in layer.weights
        if (w.numpy() != before[w.path]).any()
    }
    assert moved == {LAST_BLOCK[name], "head"}


@pytest.mark.parametrize("name", NETWORKS)
def test_cached_equals_uncached(splits, name):
    cached, plain = classifier(splits, name), classifier(splits, name)
    with_cache = fine_tune(cached, splits.train, splits.val, **SHORT)
    without = fine_tune(plain, splits.train, splits.val, **SHORT, cache=False)
    for curve in ("loss", "val_loss"):
        np.testing.assert_allclose(with_cache.history[curve], without.history[curve], rtol=1e-5)
    assert with_cache.history["phase"] == without.history["phase"]


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_an_interrupted_run_ends_as_an_uninterrupted_one(splits, tmp_path):
    expected = fine_tune(classifier(splits), splits.train, splits.val, **SHORT)
    model = classifier(splits)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(
            model, splits.train, splits.val, **SHORT, checkpoint=tmp_path, callbacks=[Interrupt()]
        )
    resumed = fine_tune(model, splits.train, splits.val, **SHORT, checkpoint=tmp_path)
    assert curves(resumed) == curves(expected)


def test_features_are_those_of_the_network(splits):
    backbone = load_audio_backbone(seconds=SECONDS)
    features, labels = extract_features(backbone, splits.test)
    waveforms = splits.test.fetch(np.arange(splits.test.count))
    expected = backbone(waveforms).numpy().mean(axis=1)
    np.testing.assert_allclose(features, expected, atol=1e-3)
    np.testing.assert_array_equal(labels, splits.test.labels)


@pytest.fixture(scope="module")
def fitted(splits):
    model = classifier(splits)
    fit_linear_head(model, splits.train, splits.val)
    return model


def test_chirps_are_told_apart(fitted, splits):
    answers = predict_split(fitted, splits.test)
    assert (answers.probabilities.argmax(axis=1) == answers.labels).mean() > 0.6


def test_a_path_a_list_and_samples_have_one_answer(fitted, words, splits):
    rates = {path: soundfile.info(path).samplerate for path in sorted(words.rglob("*.wav"))}
    paths = [path for path, rate in rates.items() if rate == 16000]
    as_list = predict(fitted, paths)
    one_by_one = [dict(predict(fitted, str(path))[0]) for path in paths[:3]]
    assert one_by_one == [pytest.approx(dict(answer), rel=1e-4) for answer in as_list[:3]]
    samples = [soundfile.read(path, dtype="float32")[0] for path in paths]
    integers = [soundfile.read(path, dtype="int16")[0] for path in paths]
    for given in (samples, integers):
        for answer, expected in zip(predict(fitted, given), as_list, strict=True):
            assert [name for name, _ in answer] == [name for name, _ in expected]
            np.testing.assert_allclose(dict(answer)["rise"], dict(expected)["rise"], atol=1e-4)
    assert predict(fitted, samples[0]) == predict(fitted, samples[:1])


def test_the_answer_to_a_clip_is_the_mean_of_its_windows(fitted, splits, words):
    everything = predict_split(fitted, splits.train)
    clips = np.array([name.split("@")[0] for name in everything.names])
    several = next(clip for clip in clips if (clips == clip).sum() > 1)
    expected = everything.probabilities[clips == several].mean(axis=0)
    answer = dict(predict(fitted, words / several)[0])
    np.testing.assert_allclose([answer[name] for name in splits.class_names], expected, atol=1e-4)


def test_a_saved_model_answers_in_another_process(fitted, words, tmp_path):
    path = words / "rise" / "00.wav"
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == 16000
    save_model(fitted, tmp_path / "words.keras")
    np.save(tmp_path / "clip.npy", samples)
    ran = subprocess.run(
        [sys.executable, "-c", ASK, tmp_path / "words.keras", path, tmp_path / "clip.npy"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    answers = json.loads(ran.stdout.splitlines()[-1])
    [expected] = predict(fitted, path)
    for found in answers.values():
        assert [name for name, _ in found[0]] == [name for name, _ in expected]
        np.testing.assert_allclose([p for _, p in found[0]], [p for _, p in expected], atol=1e-5)


def test_raw_integers_are_warned_about_and_floats_are_not(splits):
    model = classifier(splits)
    waveforms = splits.train.fetch(np.arange(6))
    labels = splits.train.labels[:6]
    extract_features(model, waveforms, labels, cache=False)
    for given in (waveforms * 32768, (waveforms * 32767).astype("int16")):
        with pytest.warns(UserWarning, match="Waveforms must lie between -1 and 1"):
            extract_features(model, given, labels, cache=False)


def test_windows_of_another_length_are_refused(splits):
    with pytest.raises(ValueError, match=r"Received: \(16000,\).*seconds and rate"):
        fine_tune(classifier(splits), (np.zeros((4, 16000), "float32"), [0, 1, 2, 0]))


def test_openvino_computes_the_same_features(splits):
    pytest.importorskip("openvino")
    backbone = load_audio_backbone(seconds=SECONDS)
    plain, _ = extract_features(backbone, splits.test, cache=False)
    fast, _ = extract_features(backbone, splits.test, cache=False, engine="openvino")
    np.testing.assert_allclose(fast, plain, rtol=1e-3, atol=1e-2)
