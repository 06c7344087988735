"""Every test: no network, no classroom folder, its own cache, no window, quiet TensorFlow."""

import gc
import os
import socket
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["MPLBACKEND"] = "Agg"
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # more wait for each other where cores are busy
os.environ["OMP_NUM_THREADS"] = "1"  # the same for scikit-learn: a t-SNE took 90 s instead of 10

import numpy as np
import pytest


def pytest_collection_finish():
    """What is imported stays, so that no search for garbage goes through it again: it took 1 s."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def no_graphs():
    """For the few steps of a test building and compiling graphs takes longer than the steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def pytest_itemcollected(item):
    if "no_graphs" in item.fixturenames:  # TensorFlow says that readers of data keep theirs
        item.add_marker(pytest.mark.filterwarnings("ignore:Even though the:UserWarning"))


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def closed_world(monkeypatch, session_cache):
    monkeypatch.delenv("TLTK_HOME", raising=False)
    monkeypatch.setenv("TLTK_CACHE", str(session_cache))
    connect = socket.socket.connect

    def connect_on_this_machine(self, address):
        is_remote = isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1")
        if is_remote:
            raise OSError(f"Tests use no network. Received: {address}.")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_on_this_machine)


@pytest.fixture(autouse=True, scope="module")
def forget_networks():
    """Keras holds every network of a process in memory until it is told to let go."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()


@pytest.fixture(scope="session")
def colour_folder(tmp_path_factory):
    """A folder of 12 small pictures per class: reddish, greenish, bluish noise."""
    from PIL import Image

    root, random = tmp_path_factory.mktemp("colours"), np.random.default_rng(0)
    for channel, name in enumerate(["red", "green", "blue"]):
        folder = root / name
        folder.mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 120, (40, 40, 3), dtype="uint8")
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return root
