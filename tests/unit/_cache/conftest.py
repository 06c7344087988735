import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def body():
    """A function that builds a small convolutional network, always the same."""

    def build():
        keras.utils.set_random_seed(3)
        return keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Conv2D(6, 3)])

    return build


@pytest.fixture(scope="session")
def pictures():
    """Sixty random pictures and their labels."""
    images = np.random.default_rng(0).integers(0, 255, (60, 12, 12, 3))
    return images.astype("uint8"), np.arange(60, dtype="int32") % 3
