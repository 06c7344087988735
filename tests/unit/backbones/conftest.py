"""Networks are built once for all tests of this folder."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest

from tltk.backbones import load_backbone
from tltk.backbones.registry import ARCHITECTURES

PREPROCESSING = {
    "mobilenet_v2_keras": keras.applications.mobilenet_v2,
    "vgg16": keras.applications.vgg16,
    "inception_v3": keras.applications.inception_v3,
    "xception": keras.applications.xception,
    "resnet50": keras.applications.resnet,
    "resnet50_v2": keras.applications.resnet_v2,
    "densenet121": keras.applications.densenet,
    "efficientnet_v2_b0": keras.applications.efficientnet_v2,
    "convnext_tiny": keras.applications.convnext,
}


class Pair(NamedTuple):
    """A network of Keras's own with random weights, and ours loaded from its weight file."""

    stock: keras.Model
    path: Path
    ours: keras.Model


def shape_of(name):
    side = ARCHITECTURES[name].minimum
    return (side, side, 3)


def pictures_for(name, count=2):
    generator = np.random.default_rng(7)
    return generator.integers(0, 256, (count, *shape_of(name)), dtype="uint8")


def stir(model):
    """Move biases and batch statistics off their equal starting values."""
    generator = np.random.default_rng(11)
    for variable in model.weights:
        if len(variable.shape) == 1:
            variable.assign(variable + generator.uniform(0, 0.2, variable.shape))


def build_stock(name, **settings):
    build = getattr(keras.applications, ARCHITECTURES[name].keras_class)
    stock = build(weights=None, input_shape=shape_of(name), **settings)
    stir(stock)
    return stock


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")

    @cache
    def make(name):
        stock = build_stock(name, include_top=False)
        path = folder / f"{name}_notop.weights.h5"
        stock.save_weights(path)
        return Pair(stock, path, load_backbone(name, weights=path, input_shape=shape_of(name)))

    return make


@pytest.fixture(scope="session")
def fresh():
    @cache
    def make(name):
        model = load_backbone(name, weights=None, input_shape=shape_of(name))
        stir(model)
        return model

    return make


@pytest.fixture(scope="session")
def backbone(pair, fresh):
    """Any network of the table with random weights; tests must not change it."""

    def make(name):
        return pair(name).ours if name in PREPROCESSING else fresh(name)

    return make


@pytest.fixture(scope="session")
def photos():
    return pictures_for


@pytest.fixture(scope="session")
def stock_network():
    return build_stock


@pytest.fixture
def no_places(tmp_path, monkeypatch):
    """An empty classroom folder and Keras cache; the bundle stays."""
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for folder in ("home", "keras"):
        (tmp_path / folder / "models").mkdir(parents=True)
    return tmp_path
