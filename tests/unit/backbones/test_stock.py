"""Networks of keras.applications reach a head only with their preprocessing."""

import keras
import numpy as np
import pytest

from tltk.backbones import load_backbone
from tltk.backbones.images import bare_stock_network
from tltk.tuning import build_classifier, extract_features

applications = keras.applications


@pytest.mark.parametrize(
    ("build", "module"),
    [
        (applications.MobileNetV2, applications.mobilenet_v2),
        (applications.MobileNet, applications.mobilenet),
        (applications.VGG16, applications.vgg16),
        (applications.ResNet50V2, applications.resnet_v2),
        (applications.Xception, applications.xception),
    ],
)
def test_a_stock_network_counts_as_bare_until_its_pixels_are_prepared(build, module):
    stock = build(weights=None, include_top=False, input_shape=(96, 96, 3))
    assert bare_stock_network(stock) == stock.name
    assert bare_stock_network(keras.Sequential([keras.Input((96, 96, 3)), stock])) == stock.name
    pixels = keras.Input((96, 96, 3))
    prepared = keras.Model(pixels, stock(module.preprocess_input(pixels)))
    assert bare_stock_network(prepared) is None


@pytest.mark.parametrize("build", [applications.EfficientNetB0, applications.MobileNetV3Small])
def test_those_that_prepare_their_pixels_pass(build):
    assert bare_stock_network(build(weights=None, include_top=False)) is None


def test_ours_and_other_networks_pass():
    assert bare_stock_network(load_backbone("mobilenet_v2_keras", weights=None)) is None
    assert bare_stock_network(load_backbone("vgg16", weights=None, input_shape=32)) is None
    assert bare_stock_network(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])) is None


def test_heads_and_features_refuse_it():
    stock = applications.MobileNetV2(weights=None, include_top=False, input_shape=(32, 32, 3))
    with pytest.raises(ValueError, match="raw pixels .*Received: 'mobilenetv2.*load_backbone"):
        build_classifier(stock, 2)
    with pytest.raises(ValueError, match="preprocess_input"):
        extract_features(stock, np.zeros((2, 32, 32, 3), "uint8"), cache=False)


def test_an_old_head_is_told():
    body = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(10, "softmax", name="top")]
    )
    with pytest.warns(UserWarning, match="old head. Received: .*'top' gives 10 values of softmax"):
        build_classifier(body, 2)
