import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tltk._cache import bundle_folder
from tltk.backbones import find_weights, load_backbone
from tltk.evaluation import predict
from tltk.inputs import read_image
from tltk.tuning import load_model, metadata

PLAIN = """
import sys
import keras
import numpy as np

model = keras.models.load_model(sys.argv[1])
base = keras.Model(model.input, model.layers[-3].output)
images = np.load(sys.argv[2])["images"]
np.savez(sys.argv[3], maps=base(images), answers=model(images))
assert "tltk" not in sys.modules
assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
assert {weight.dtype for weight in model.weights} == {"float32"}
"""
SEEN = {
    "animal/panda": "giant_panda",
    "animal/bison": "bison",
    "animal/komodo_dragon": "Komodo_dragon",
    "animal/dog": "German_shepherd",
    "animal/koala": "koala",
    "animal/scarlet_macaw": "macaw",
    "fish/fish_25": "goldfish",
    "hammer/hammer_07": "hammer",
    "household/bucket": "bucket",
}
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


def test_plain_keras_reads_the_bundled_file_and_answers_the_same(classifier, reference, tmp_path):
    path, kept = find_weights("mobilenet_v2", include_top=True), tmp_path / "plain.npz"
    command = [sys.executable, "-c", PLAIN, path, REFERENCE, kept]
    subprocess.run(command, check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""})
    backbone = load_backbone("mobilenet_v2", input_shape=(160, 160, 3))
    with np.load(kept) as plain:
        np.testing.assert_array_equal(plain["answers"], classifier(reference["images"]))
        np.testing.assert_array_equal(plain["maps"], backbone(reference["images"]))


def test_the_bundled_file_keeps_kernels_in_half_and_loads_them_exactly():
    path = find_weights("mobilenet_v2")
    model = keras.models.load_model(path)
    assert [layer.name for layer in model.layers[-3:]] == ["out_relu", "avg_pool", "predictions"]
    assert model.input_shape == (None, None, None, 3)
    with zipfile.ZipFile(path) as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights) as file:
        stored = {group["vars"].attrs["name"]: group["vars"] for group in file["layers"].values()}
        for layer in model.layers:
            for index, values in enumerate(layer.get_weights()):
                array = stored[layer.name][str(index)]
                assert array.dtype == ("float16" if values.ndim > 1 else "float32")
                np.testing.assert_array_equal(values, array[()].astype("float32"))


def test_the_bundled_classifier_names_what_it_sees():
    path = find_weights("mobilenet_v2", include_top=True)
    names = json.loads((bundle_folder() / "imagenet_labels.json").read_text())
    told = metadata(path)["class_names"]
    assert len(set(told)) == len(names) == 1000
    others = {number for number in range(1000) if told[number] != names[number]}
    assert others == {number for number in range(1000) if names[number] in names[:number]}
    photos = [bundle_folder() / "photos_small" / f"{file}.webp" for file in SEEN]
    assert [best[0][0] for best in predict(path, photos, top=1)] == list(SEEN.values())
    best = np.array(load_model(path)(np.stack([read_image(photo) for photo in photos])))
    assert [names[number] for number in best.argmax(axis=1)] == list(SEEN.values())


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
