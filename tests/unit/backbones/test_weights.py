import zipfile

import h5py
import keras
import numpy as np
import pytest

from tltk._cache import bundle_folder
from tltk.backbones import load_backbone
from tltk.backbones._networks import build_network
from tltk.backbones.weights import listed, load_weights

SHAPE = (32, 32, 3)


def assert_same_weights(model, expected):
    for found, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)


def without_weights(name):
    return build_network(name, SHAPE)


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_our_own_files_come_back_exactly(ending, fresh, tmp_path):
    path = tmp_path / f"mine{ending}"
    (fresh("resnet18").save_weights if ending == ".weights.h5" else fresh("resnet18").save)(path)
    assert_same_weights(
        load_backbone("resnet18", weights=path, input_shape=SHAPE), fresh("resnet18")
    )


def test_a_saved_classifier_gives_its_backbone(fresh, tmp_path):
    backbone = fresh("resnet18")
    x = keras.layers.GlobalAveragePooling2D(name="head_pool")(backbone.output)
    model = keras.Model(backbone.input, keras.layers.Dense(3, name="head_output")(x))
    model.compile("adam", "mse")
    model.save(tmp_path / "photos.keras")
    again = load_backbone("resnet18", weights=str(tmp_path / "photos.keras"), input_shape=SHAPE)
    assert_same_weights(again, backbone)


@pytest.mark.parametrize("name", ["mobilenet_v2_keras", "convnext_tiny"])
def test_the_older_format_fits_although_it_names_layers_freely(name, pair, tmp_path):
    pair(name).stock.save(tmp_path / "older.h5")
    again = load_backbone(name, weights=tmp_path / "older.h5", input_shape=SHAPE)
    assert_same_weights(again, pair(name).ours)


@pytest.mark.parametrize("name", ["mobilenet_v2_keras", "mobilenet_v2"])
def test_a_network_inside_another_is_found_in_the_older_format(name, pair, fresh, tmp_path):
    padded = name == "mobilenet_v2"
    ours = fresh(name) if padded else pair(name).ours
    pooled = keras.layers.GlobalAveragePooling2D()
    outer = [keras.Input(SHAPE), ours if padded else pair(name).stock, pooled]
    keras.Sequential([*outer, keras.layers.Dense(2)]).save(tmp_path / "older.h5")
    again = load_backbone(name, weights=tmp_path / "older.h5", input_shape=SHAPE)
    assert_same_weights(again, ours)
    other = {"mobilenet_v2_keras": "mobilenet_v2", "mobilenet_v2": "mobilenet_v2_keras"}[name]
    with pytest.raises(ValueError, match=f"holds the weights of {name}, which pads differently"):
        load_backbone(other, weights=tmp_path / "older.h5", input_shape=SHAPE)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
@pytest.mark.parametrize("name", ["mobilenet_v2_keras", "vgg16"])
def test_a_file_with_classifier_fits_a_network_without(name, ending, stock_network, tmp_path):
    stock, path = stock_network(name, include_top=True, classes=5), tmp_path / f"top{ending}"
    (stock.save_weights if ending == ".weights.h5" else stock.save)(path)
    backbone = load_backbone(name, weights=path, input_shape=SHAPE)
    for layer in backbone.layers:
        if layer.weights:
            expected = stock.get_layer(layer.name).get_weights()
            for found, wanted in zip(layer.get_weights(), expected, strict=True):
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
def test_stock_mobilenet_does_not_fit_ours(ending, pair, tmp_path):
    stock, path = pair("mobilenet_v2_keras").stock, tmp_path / f"stock{ending}"
    (stock.save_weights if ending == ".weights.h5" else stock.save)(path)
    with pytest.raises(ValueError, match="weights of mobilenet_v2_keras, which pads differently"):
        load_backbone("mobilenet_v2", weights=path, input_shape=SHAPE)


def test_our_mobilenet_does_not_fit_the_stock_network(fresh, tmp_path):
    fresh("mobilenet_v2").save_weights(tmp_path / "ours.weights.h5")
    for path in (bundle_folder() / "mobilenet_v2.keras", tmp_path / "ours.weights.h5"):
        with pytest.raises(ValueError, match="weights of mobilenet_v2, which pads differently"):
            load_backbone("mobilenet_v2_keras", weights=path, input_shape=SHAPE)


def test_the_bundled_file_of_earlier_versions_is_still_read(tmp_path):
    """Its groups were numbered, and an empty `Conv1_pad` marked it."""
    bundled = load_backbone("mobilenet_v2", input_shape=SHAPE)
    path = tmp_path / "mobilenet_v2.weights.h5"
    with h5py.File(path, "w") as file:
        for number, layer in enumerate(bundled.layers):
            if layer.weights or layer.name == "Conv1_pad":
                group = file.create_group(f"layers/{number}/vars")
                group.attrs["name"] = layer.name
                for index, values in enumerate(layer.get_weights()):
                    kept = "float16" if values.ndim > 1 else "float32"
                    group.create_dataset(str(index), data=values.astype(kept))
    again = load_backbone("mobilenet_v2", weights=path, input_shape=SHAPE)
    assert_same_weights(again, bundled)
    with h5py.File(path, "a") as file:
        marks = [key for key, layer in file["layers"].items() if not len(layer["vars"])]
        del file["layers"][marks[0]]
    with pytest.raises(ValueError, match="weights of mobilenet_v2_keras, which pads differently"):
        load_backbone("mobilenet_v2", weights=path, input_shape=SHAPE)


def test_another_architecture_is_refused_and_nothing_is_changed(pair):
    model = without_weights("resnet18")
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"belong to the network's architecture. Received: .*for res"
    ):
        load_weights(model, pair("resnet50").path)
    for found, wanted in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_deeper_relative_is_refused(tmp_path):
    deeper = keras.applications.VGG19(weights=None, include_top=False, input_shape=SHAPE)
    deeper.save_weights(tmp_path / "deeper.weights.h5")
    with pytest.raises(ValueError, match="arrays that the network has no place for"):
        load_backbone("vgg16", weights=tmp_path / "deeper.weights.h5", input_shape=SHAPE)


def test_a_shallower_relative_is_refused(pair, tmp_path):
    pair("vgg16").stock.save(tmp_path / "shallower.h5")
    with pytest.raises(ValueError, match="it has 26 arrays, the network 32"):
        load_backbone("vgg19", weights=tmp_path / "shallower.h5", input_shape=SHAPE)


def test_other_shapes_are_refused(fresh, tmp_path):
    narrow = keras.Sequential([keras.Input((8, 8, 3))])
    narrow.add(keras.layers.Conv2D(4, 3, name="block1_conv1"))
    fresh("resnet18").save_weights(tmp_path / "good.weights.h5")
    with h5py.File(tmp_path / "good.weights.h5", "a") as file:
        del file["layers/conv2d/vars/0"]
        file["layers/conv2d/vars/0"] = np.zeros((3, 3, 3, 64))
    with pytest.raises(
        ValueError, match=r"\(3, 3, 3, 64\) where conv1_conv/kernel is \(7, 7, 3, 64"
    ):
        load_backbone("resnet18", weights=tmp_path / "good.weights.h5", input_shape=SHAPE)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r"Received: weights='nowhere.h5'"):
        load_backbone("resnet18", weights="nowhere.h5", input_shape=SHAPE)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras", ".safetensors"])
def test_a_file_that_holds_no_weights_is_refused(ending, tmp_path):
    path = tmp_path / f"text{ending}"
    path.write_text("these are not weights")
    with pytest.raises(ValueError, match=r"it is not a readable .*file"):
        load_backbone("resnet18", weights=path, input_shape=SHAPE)


def test_a_file_without_layer_names_is_refused(fresh, tmp_path):
    fresh("resnet18").save_weights(tmp_path / "unnamed.weights.h5")
    with h5py.File(tmp_path / "unnamed.weights.h5", "a") as file:
        del file["layers/conv2d/vars"].attrs["name"]
    with pytest.raises(ValueError, match="does not tell its layers' names"):
        load_backbone("resnet18", weights=tmp_path / "unnamed.weights.h5", input_shape=SHAPE)


def test_long_lists_of_names_are_put_together(tmp_path):
    with h5py.File(tmp_path / "names.h5", "w") as file:
        file.attrs["layer_names0"] = [b"a", b"b"]
        file.attrs["layer_names1"] = [b"c"]
        file.attrs["weight_names"] = [b"d"]
        assert listed(file, "layer_names") == ["a", "b", "c"]
        assert listed(file, "weight_names") == ["d"]


@pytest.mark.parametrize("count", [2**31, 2**60])
def test_arrays_that_declare_far_more_than_the_file_has_are_refused(count, tmp_path):
    path = tmp_path / "mine.weights.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/conv2d/vars")
        group.attrs["name"] = "Conv1"
        group.create_dataset("0", (count,), "f4", chunks=(2**20,), compression="gzip")
    assert path.stat().st_size < 2**14
    with pytest.raises(ValueError, match=f"Received: .* declares {4 * count:,} bytes .*Delete it"):
        load_weights(without_weights("small_cnn"), path)


def test_weights_that_unpack_to_far_more_than_the_file_are_refused(tmp_path):
    path = tmp_path / "mine.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(2**25))
    with pytest.raises(ValueError, match=r"Received: .* it declares 33,554,432 bytes"):
        load_weights(without_weights("small_cnn"), path)
