import re

import keras
import pytest

from tltk.backbones._networks import kind_of, steady_names


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(1, 1),
        keras.layers.BatchNormalization(),
        keras.layers.AveragePooling2D(2),
        keras.layers.ZeroPadding2D(),
        keras.layers.LayerNormalization(),
    ],
)
def test_kinds_are_what_keras_calls_layers_by_itself(layer):
    assert re.fullmatch(kind_of(type(layer).__name__) + r"(_\d+)?", layer.name)


def test_automatic_names_count_from_zero_and_others_stay():
    names = ["add_7", "conv2d_12", "block1_conv2d", "add_8", "conv2d_14"]
    kinds = ["add", "conv2d", "conv2d", "add", "conv2d"]
    steady = ["add", "conv2d", "block1_conv2d", "add_1", "conv2d_2"]
    assert steady_names(names, kinds) == steady
    assert steady_names(steady, kinds) == steady
