import keras
import pytest

from tltk.backbones import list_backbones
from tltk.backbones.registry import ARCHITECTURES, architecture

ISSUE = "vgg16 vgg19 inception_v3 resnet50 resnet101 resnet152 resnet50_v2 resnet101_v2"
ISSUE += " resnet152_v2 mobilenet_v2 mobilenet_v2_keras efficientnet_b0 efficientnet_v2_b0"
ISSUE += " convnext_tiny xception densenet121 resnet18 small_cnn"


def test_the_table_has_the_promised_networks():
    assert list_backbones() == sorted(ISSUE.split())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_keras_has_the_builder(name):
    builder = ARCHITECTURES[name].keras_class
    assert builder is None or callable(getattr(keras.applications, builder))


def test_an_unknown_name_says_what_else_may_serve():
    with pytest.raises(ValueError, match=r"Received: name='alexnet'.*any other keras.Model"):
        architecture("alexnet")
