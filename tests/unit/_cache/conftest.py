import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

SCRIPT = """
import json
from tests.unit._cache.test_code_digest import code_digest, pairs_that_differ
from tests.unit._cache.test_network_digest import keras, network_digest, pairs
keras.layers.Dense(1), keras.layers.Dense(1)  # so that names count on
code = [code_digest(one) for one, _ in pairs_that_differ().values()]
networks = [network_digest(build(0)) for build in pairs().values()]
print(json.dumps({"code": code, "networks": networks}))
"""


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


@pytest.fixture(scope="session")
def digests_elsewhere():
    """What another process, with another seed of hashes, finds for the same things."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True, text=True, check=True, timeout=600,
        cwd=Path(__file__).parents[3], env=os.environ | {"PYTHONHASHSEED": "7"},
    )  # fmt: skip
    return json.loads(done.stdout.strip().splitlines()[-1])
