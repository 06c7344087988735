from pathlib import Path

import keras
import numpy as np
import pytest

from tltk.backbones import load_backbone

REFERENCE = Path(__file__).parent / "mobilenet_v2_reference.npz"


@pytest.fixture(scope="module")
def classifier():
    return load_backbone("mobilenet_v2", input_shape=(160, 160, 3), include_top=True)


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as arrays:
        return dict(arrays)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def test_mobilenet_v2_gives_the_original_features_and_logits(classifier, reference):
    maps = keras.Model(classifier.input, classifier.get_layer("out_relu").output)
    pooled = np.array(maps(reference["images"])).mean((1, 2))
    kernel, bias = classifier.get_layer("predictions").get_weights()
    assert relative(pooled, reference["pooled"].astype("float32")) < 0.006
    assert relative(pooled @ kernel + bias, reference["logits"].astype("float32")) < 0.006


def test_mobilenet_v2_classifies_as_the_original(classifier, reference):
    logits = reference["logits"].astype("float64")
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(classifier(reference["images"]), expected, atol=0.015)


def test_the_bundled_backbone_is_the_classifier_without_its_top(classifier, reference):
    backbone = load_backbone("mobilenet_v2", input_shape=(160, 160, 3))
    maps = keras.Model(classifier.input, classifier.get_layer("out_relu").output)
    np.testing.assert_array_equal(backbone(reference["images"]), maps(reference["images"]))


@pytest.mark.parametrize(
    ("network", "layer", "pad", "size"),
    [
        ("mobilenet_v2", "Conv1", "Conv1_pad", 3),
        ("resnet18", "conv1_conv", "conv1_pad", 7),
        ("resnet18", "conv3_block1_1_conv", "conv3_block1_1_pad", 3),
    ],
)
def test_strided_convolutions_see_zeros_on_every_side(network, layer, pad, size, fresh):
    model = fresh(network)
    probe = keras.Model(
        model.get_layer(pad).input,
        model.get_layer(layer)(model.get_layer(pad)(model.get_layer(pad).input)),
    )
    side, channels = model.get_layer(pad).input.shape[1], model.get_layer(pad).input.shape[-1]
    pixels = np.random.default_rng(0).normal(size=(side, side, channels)).astype("float32")
    found = np.array(probe(pixels[None]))[0]
    border = size // 2
    framed = np.pad(pixels, ((border, border), (border, border), (0, 0)))
    kernel = model.get_layer(layer).get_weights()[0]
    assert found.shape[0] == side // 2
    for row, column in ((0, 0), (0, side // 2 - 1), (side // 2 - 1, 1)):
        patch = framed[2 * row : 2 * row + size, 2 * column : 2 * column + size]
        expected = np.einsum("hwi,hwio->o", patch, kernel)
        np.testing.assert_allclose(found[row, column], expected, atol=1e-4)


@pytest.mark.parametrize("network", ["mobilenet_v2", "resnet18"])
def test_batch_norm_has_the_originals_epsilon(network, fresh):
    norms = [x for x in fresh(network).layers if isinstance(x, keras.layers.BatchNormalization)]
    assert {norm.epsilon for norm in norms} == {1e-5}


def test_resnet18_has_the_published_number_of_weights(fresh):
    trainable = sum(int(np.prod(v.shape)) for v in fresh("resnet18").trainable_weights)
    assert trainable == 11_689_512 - 513_000
