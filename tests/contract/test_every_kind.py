"""A process that is killed in the middle of training goes on, for texts, sound and series.

Run as a script, this file is the process that is killed: KIND FOLDER.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile

import tltk
from tltk.backbones.text import WordVectors

SETTINGS = {"epochs": 3, "head_epochs": 1, "unfreeze_blocks": 1, "base_lr": 1e-2, "verbose": 0}
VECTORS = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


def text(folder):
    rows = [f"{w} film {i},{w in ('good', 'fine')}" for i in range(12) for w in ("good", "dull")]
    Path(folder, "reviews.csv").write_text("\n".join(["text,label", *rows]))
    reviews = tltk.text_file(Path(folder, "reviews.csv"), batch_size=8)
    words = WordVectors(("good", "fine", "dull", "film"), VECTORS)
    return tltk.load_text_backbone(words, "cnn", length=4, units=4), reviews


def audio(folder):
    random = np.random.default_rng(0)
    for number in range(16):
        file = Path(folder, "clips", "low" if number % 2 else "high", f"{number}.wav")
        file.parent.mkdir(parents=True, exist_ok=True)
        wave = np.sin((0.1 if number % 2 else 0.5) * np.arange(3000)) / 4
        soundfile.write(file, wave + random.normal(0, 0.01, 3000), 8000)
    clips = tltk.audio_folder(Path(folder, "clips"), seconds=0.25, rate=8000, batch_size=8)
    network = keras.Sequential([keras.Input((24, 24, 1)), keras.layers.Conv2D(3, 3, strides=4)])
    return tltk.load_audio_backbone(network, 0.25, 8000), clips


def series(folder):
    hours = np.arange(120)
    wave = np.sin(hours / 4) + 0.1 * np.random.default_rng(0).normal(size=120)
    Path(folder, "tide.csv").write_text("\n".join(["level", *map(repr, map(float, wave))]))
    windows = tltk.series_windows(tltk.series_file(Path(folder, "tide.csv")), 12, 3)
    return tltk.backbones.series_encoder((12, 1), filters=4, blocks=2, last_step=True), windows


KINDS = {"text": text, "audio": audio, "series": series}


class Kill(keras.callbacks.Callback):
    """In the second epoch of the second phase, without a word."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def train(kind, folder, **settings):
    keras.utils.set_random_seed(0)
    backbone, splits = KINDS[kind](folder)
    labels = {"kind": "regression"} if kind == "series" else {}
    model = tltk.build_classifier(backbone, splits.class_names, **labels)
    return model, tltk.fine_tune(model, splits.train, splits.val, **SETTINGS, **settings).history


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Where each kind's killed process has left its data and its checkpoint."""
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in KINDS}
    places = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    running = [
        subprocess.Popen(
            [sys.executable, __file__, kind, str(folder)],
            env=places | {"TLTK_CACHE": str(folder / "cache")},
            stderr=subprocess.PIPE,
        )
        for kind, folder in folders.items()
    ]
    for process in running:
        assert process.wait() == -signal.SIGKILL, process.stderr.read().decode()
        process.stderr.close()
    return folders


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_ends_as_an_uninterrupted_one(killed, kind):
    whole, expected = train(kind, killed[kind])
    resumed, history = train(kind, killed[kind], checkpoint=killed[kind] / "kept")
    assert history["phase"] == expected["phase"]
    for curve in ("loss", "val_loss"):
        np.testing.assert_allclose(history[curve], expected[curve], rtol=1e-5)
    for one, other in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_the_finished_epochs_are_not_trained_again(killed):
    class Count(keras.callbacks.Callback):
        epochs = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.epochs += 1

    counts = []
    for kept in ("kept", "fresh"):
        count = Count()
        train("series", killed["series"], checkpoint=killed["series"] / kept, callbacks=[count])
        counts.append(count.epochs)
    assert counts[0] < counts[1] == 4


if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2], checkpoint=Path(sys.argv[2], "kept"), callbacks=[Kill()])
