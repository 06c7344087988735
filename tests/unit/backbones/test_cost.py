import keras
import pytest
from keras import layers

from tltk.backbones import load_backbone
from tltk.backbones._cost import largest_pass, multiply_adds


def test_multiply_adds_of_resnet50_are_those_of_the_paper():
    """He et al., 2015, table 1: 3.8 billion for one picture of 224 pixels."""
    network = load_backbone("resnet50", weights=None)
    assert multiply_adds(network.layers) == pytest.approx(3.8e9, rel=0.03)


def test_multiply_adds_of_mobilenet_v2_are_those_of_the_paper():
    """Sandler et al., 2018, table 4: 300 million for one picture of 224 pixels, classifier too."""
    network = load_backbone("mobilenet_v2", weights=None, include_top=True)
    assert multiply_adds(network.layers) == pytest.approx(3.0e8, rel=0.02)


def test_layers_by_hand():
    """Depthwise, grouped and plain convolutions, dense layers along a sequence, recurrence."""
    cases = [
        ((8, 8, 4), layers.DepthwiseConv2D(3, padding="same"), 8 * 8 * 9 * 4),
        ((8, 8, 4), layers.Conv2D(6, 3, groups=2, strides=2, padding="same"), 4 * 4 * 9 * 2 * 6),
        ((10, 5), layers.Dense(3), 10 * 5 * 3),
        ((10, 5), layers.LSTM(3), 10 * 4 * 3 * (5 + 3)),
        ((10, 5), layers.Bidirectional(layers.LSTM(3)), 2 * 10 * 4 * 3 * (5 + 3)),
        ((8, 8, 4), layers.BatchNormalization(), 0),
        ((10,), layers.Embedding(100, 5), 0),
    ]
    for shape, layer, expected in cases:
        model = keras.Sequential([keras.Input(shape), layer])
        assert multiply_adds(model.layers) == expected, layer.name


def test_nested_models_and_open_sides():
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, padding="same")])
    outer = keras.Sequential([keras.Input((4, 4, 3)), layers.Resizing(8, 8), inner])
    assert multiply_adds(outer.layers) == 8 * 8 * 9 * 3 * 4
    assert largest_pass(outer.layers) == 8 * 8 * (3 + 4)
    anywhere = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 3)])
    assert multiply_adds(anywhere.layers) == 9 * 3 * 4
