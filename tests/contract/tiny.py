"""Small models, data and files that the tables of calls share."""

import tempfile
from pathlib import Path

import keras
import numpy as np

from tltk.backbones.text import WordVectors
from tltk.inputs import Splits, examples_of
from tltk.tuning import build_classifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype("float32")
Y = np.arange(24) % 3
NAMES = ["a", "b", "c"]
PICTURES = RNG.integers(0, 256, (12, 8, 8, 3)).astype("uint8")
TWO = np.arange(12) % 2
WAVES = RNG.normal(size=(12, 16, 2)).astype("float32")
WORDS = WordVectors(("good", "bad", "cat"), np.eye(3, dtype="float32"))
SPLITS = Splits(
    *[examples_of((X[8 * n :][:8], Y[8 * n :][:8])) for n in range(3)], tuple(NAMES), {}
)


def body():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, "relu", name="block1_dense")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, "relu", name="block2_dense")(hidden))


def picture_body():
    inputs = keras.Input((8, 8, 3))
    raw = keras.layers.Rescaling(1 / 255)(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(2, 3, name="block1_conv")(raw))


def normalized_body():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(4, name="block1_dense")(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization(name="block1_bn")(hidden))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


class Endless:
    """What can be iterated for ever."""

    def __iter__(self):
        while True:
            yield X[:4], Y[:4]


class Numbered:
    """Rows by number, as of another library, without a length."""

    def __getitem__(self, number):
        return X[number % 24], Y[number % 24]


BODY, CLASSIFIER = body(), build_classifier(body(), NAMES)
PICTURE_CLASSIFIER = build_classifier(picture_body(), ["no", "yes"])

_HELD = tempfile.TemporaryDirectory()
FOLDER = Path(_HELD.name)


def written_files() -> Path:
    """A folder of pictures, one of sounds, one of texts, tables, a model and what is none."""
    import soundfile
    from PIL import Image

    for number in range(12):
        name = "ab"[number % 2]
        for kind in ("photos", "sounds", "texts"):
            (FOLDER / kind / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(PICTURES[number]).save(FOLDER / f"photos/{name}/{number}.png")
        tone = np.sin(np.arange(2000) * (number + 1) / 20) / 2
        soundfile.write(FOLDER / f"sounds/{name}/{number}.wav", tone, 8000)
        (FOLDER / f"texts/{name}/{number}.txt").write_text(f"film number {number}")
    rows = [f"film {n},{'ab'[n % 2]},d{n // 2},{n}" for n in range(24)]
    (FOLDER / "films.csv").write_text("\n".join(["text,label,doc,size", *rows]) + "\n")
    stamps = [f"2020-01-{1 + n // 24:02} {n % 24:02}:00,{n},{n * n % 7}" for n in range(96)]
    (FOLDER / "load.csv").write_text("\n".join(["time,load,heat", *stamps]) + "\n")
    (FOLDER / "words.txt").write_text("good 0.1 0.2\nbad 0.3 -0.1\n")
    (FOLDER / "study.py").write_text("import tltk\n")
    (FOLDER / "empty").mkdir()
    BODY.save_weights(FOLDER / "body.weights.h5")
    CLASSIFIER.save(FOLDER / "classifier.keras")
    return FOLDER


written_files()
PHOTO = FOLDER / "photos" / "a" / "0.png"
SOUND = FOLDER / "sounds" / "a" / "0.wav"
