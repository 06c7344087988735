"""Pictures, sounds, tables and series on the JAX backend, in a process of their own.

Run as a script, this file is that process: FOLDER. What it saves must answer in TensorFlow as it
did there, and what TensorFlow saved must answer there as it does here.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest

import tltk

pytestmark = [
    pytest.mark.jax,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX: pip install jax"),
]
TUNED = {"epochs": 3, "unfreeze_blocks": 1, "base_lr": 1e-2, "verbose": 0}


def pictures(folder):
    from PIL import Image

    numbers = np.random.default_rng(0)
    for number in range(30):
        file = Path(folder, "photos", "red" if number % 2 else "blue", f"{number:02}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = numbers.integers(0, 120, (20, 20, 3), dtype="uint8")
        pixels[..., 0 if number % 2 else 2] += 120
        Image.fromarray(pixels).save(file)
    photos = tltk.image_folder(file.parents[1], image_size=16, batch_size=8)
    return tltk.load_backbone("small_cnn", weights=None, input_shape=16), photos


def sounds(folder):
    import soundfile

    numbers = np.random.default_rng(0)
    for number in range(20):
        file = Path(folder, "clips", "low" if number % 2 else "high", f"{number:02}.wav")
        file.parent.mkdir(parents=True, exist_ok=True)
        wave = np.sin((0.1 if number % 2 else 0.5) * np.arange(2000)) / 4
        soundfile.write(file, wave + numbers.normal(0, 0.01, 2000), 8000)
    clips = tltk.audio_folder(file.parents[1], seconds=0.25, rate=8000, batch_size=8)
    return tltk.load_audio_backbone("small_cnn", 0.25, 8000, None, image_size=24), clips


def tables(folder):
    from tltk.backbones import table_encoder
    from tltk.inputs import examples_of, splits_of

    numbers = np.random.default_rng(0)
    rows, labels = numbers.normal(size=(60, 3)).astype("float32"), np.arange(60) % 2
    rows[:, 1] += 3 * labels
    parts = {name: examples_of((rows[i::3], labels[i::3])) for i, name in enumerate(PARTS)}
    scaled = table_encoder(rows)
    hidden = keras.layers.Dense(8, "relu", name="block1_dense")(scaled.output)
    return keras.Model(scaled.input, hidden), splits_of(parts, ("low", "high"), batch_size=8)


def series(folder):
    wave = np.sin(np.arange(160) / 4) + 0.1 * np.random.default_rng(0).normal(size=160)
    windows = tltk.series_windows(wave, 12, 3, batch_size=8)
    return tltk.backbones.series_encoder((12, 1), filters=4, blocks=2, last_step=True), windows


PARTS = ("train", "val", "test")
KINDS = {"pictures": pictures, "sounds": sounds, "tables": tables, "series": series}


def started(kind, folder):
    keras.utils.set_random_seed(0)
    backbone, splits = KINDS[kind](folder)
    labels = {"kind": "regression"} if kind == "series" else {}
    return tltk.build_classifier(backbone, splits.class_names, **labels), backbone, splits


def work(kind, folder):
    """All that a user does with one kind of data; what came of it."""
    model, backbone, splits = started(kind, folder)
    given = tltk.load_model(folder / f"tensorflow_{kind}.keras")
    found = {"given": given.predict(splits.test, verbose=0).tolist()}
    features, labels = tltk.extract_features(backbone, splits.train)
    found["features"] = [list(features.shape), bool(np.array_equal(labels, splits.train.labels))]
    tltk.fit_linear_head(model, splits.train, splits.val)
    start = model.get_weights()
    history = tltk.fine_tune(model, splits.train, splits.val, **TUNED).history
    found["history"] = {name: history[name] for name in ("phase", "loss", "val_loss")}
    if kind == "tables":  # the network runs in every epoch, which JAX is slow to prepare
        model.set_weights(start)
        uncached = tltk.fine_tune(model, splits.train, splits.val, **TUNED, cache=False).history
        found["uncached"] = {name: uncached[name] for name in ("phase", "loss", "val_loss")}
    found["evaluated"] = model.evaluate(splits.test, verbose=0, return_dict=True)
    model.fit(splits.train, validation_data=splits.val, epochs=1, verbose=0)
    model.save(folder / f"jax_{kind}.keras")
    found["answers"] = model.predict(splits.test, verbose=0).tolist()
    found["asked"] = tltk.predict_split(model, splits.test).probabilities.tolist()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("jax")


@pytest.fixture(scope="module")
def found(folder):
    for kind in KINDS:
        started(kind, folder)[0].save(folder / f"tensorflow_{kind}.keras")
    places = {"PYTHONPATH": str(Path(__file__).parents[2]), "TLTK_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, __file__, str(folder)],
        env=os.environ | places | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "found.json").read_text())


def test_it_was_jax_and_data_is_read_without_tensorflow(found):
    assert found["backend"] == "jax"
    assert not found["tensorflow"]


@pytest.mark.parametrize("kind", KINDS)
def test_files_go_from_backend_to_backend(found, folder, kind):
    splits = KINDS[kind](folder)[1]
    ours = keras.models.load_model(folder / f"tensorflow_{kind}.keras")
    expected = ours.predict(splits.test, verbose=0)
    np.testing.assert_allclose(found[kind]["given"], expected, rtol=1e-4, atol=1e-5)
    theirs = keras.models.load_model(folder / f"jax_{kind}.keras")
    answers = theirs.predict(splits.test, verbose=0)
    np.testing.assert_allclose(found[kind]["answers"], answers, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[kind]["asked"], answers, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_training_on_kept_features_learns(found, kind):
    assert found[kind]["history"]["phase"] == ["head", *["fine-tune"] * 3]
    assert found[kind]["features"][1]
    if kind == "series":
        assert found[kind]["evaluated"]["loss"] < 0.5  # of the variance, which is 1
    else:
        assert found[kind]["evaluated"]["accuracy"] > 0.9


def test_training_on_kept_features_equals_plain_training(found):
    history, uncached = found["tables"]["history"], found["tables"]["uncached"]
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history[name], uncached[name], rtol=1e-4, atol=1e-6)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    batches = [KINDS[kind](place)[1].train[0] for kind in KINDS]
    results = {"backend": keras.backend.backend(), "tensorflow": "tensorflow" in sys.modules}
    results |= {kind: work(kind, place) for kind in KINDS}
    (place / "found.json").write_text(json.dumps(results))
