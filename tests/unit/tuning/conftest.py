import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def body():
    """A function that builds a small convolutional backbone of three blocks, always the same."""

    def build(seed=3, dropout=0.2):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((12, 12, 3))
        x = keras.layers.Rescaling(1 / 255)(inputs)
        for block in (1, 2, 3):
            x = keras.layers.Conv2D(6, 3, padding="same", name=f"block{block}_conv")(x)
            x = keras.layers.BatchNormalization(name=f"block{block}_bn")(x)
            x = keras.layers.ReLU(name=f"block{block}_relu")(x)
            x = keras.layers.Dropout(dropout, name=f"block{block}_dropout")(x)
        return keras.Model(inputs, x, name="tiny")

    return build


@pytest.fixture(scope="session")
def pictures():
    """Sixty random pictures of three classes that differ in brightness, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(60, dtype="int32") % 3
    images = rng.integers(0, 90, (60, 12, 12, 3)) + 70 * labels[:, None, None, None]
    return images.astype("uint8"), labels
