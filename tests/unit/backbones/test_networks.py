import keras
import numpy as np
import pytest

from tltk.backbones import load_backbone
from tltk.backbones._networks import build_network

STOCK = [
    "mobilenet_v2_keras",
    "vgg16",
    "inception_v3",
    "xception",
    "resnet50",
    "resnet50_v2",
    "densenet121",
    "efficientnet_v2_b0",
    "convnext_tiny",
]
FAMILIES = [*STOCK, "efficientnet_b0", "mobilenet_v2", "resnet18"]
RELOADED = ["mobilenet_v2", "vgg16", "resnet18", "inception_v3", "efficientnet_b0", "convnext_tiny"]
CHANNELS = {"vgg19": 512, "resnet101": 2048}


def close(found, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-5)


@pytest.mark.parametrize("name", STOCK)
def test_raw_pixels_give_what_keras_gives_after_its_preprocessing(name, pair, photos):
    stock, _, ours = pair(name)
    module = getattr(keras.applications, stock_module(name))
    expected = stock(module.preprocess_input(photos(name).astype("float32")))
    close(np.array(ours(photos(name))), np.array(expected))


def stock_module(name):
    modules = {"resnet50": "resnet", "resnet50_v2": "resnet_v2", "densenet121": "densenet"}
    modules |= {"mobilenet_v2_keras": "mobilenet_v2", "efficientnet_v2_b0": "efficientnet_v2"}
    modules |= {"convnext_tiny": "convnext"}
    return modules.get(name, name)


def test_efficientnet_scales_by_imagenet_mean_and_deviation(tmp_path, stock_network, photos):
    stock = stock_network("efficientnet_b0", include_top=False)
    stock.get_layer(index=2).set_weights([np.zeros(3), np.ones(3), np.array(0)])
    stock.save_weights(tmp_path / "b0.weights.h5")
    ours = load_backbone(
        "efficientnet_b0", weights=tmp_path / "b0.weights.h5", input_shape=(32, 32, 3)
    )
    pixels = photos("efficientnet_b0").astype("float32") / 255
    scaled = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    close(np.array(ours(photos("efficientnet_b0"))), np.array(stock(255 * scaled)))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_backbone_is_one_flat_model_of_stock_layers(name, backbone):
    model = backbone(name)
    assert model.name == name
    assert isinstance(model.layers[0], keras.layers.InputLayer)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    assert len(model.output.shape) == 4


@pytest.mark.parametrize("name", FAMILIES)
def test_bytes_and_floats_give_the_same_features(name, backbone, photos):
    model, pictures = backbone(name), photos(name, count=1)
    np.testing.assert_array_equal(model(pictures), model(pictures.astype("float32")))


def test_predict_takes_bytes_too(fresh, photos):
    model, pictures = fresh("mobilenet_v2"), photos("mobilenet_v2")
    whole = model.predict(pictures, verbose=0)
    np.testing.assert_array_equal(whole, model.predict(pictures.astype("float64"), verbose=0))


@pytest.mark.parametrize(("name", "channels"), CHANNELS.items())
def test_the_larger_relatives_build(name, channels):
    model = build_network(name, (32, 32, 3))
    assert (model.name, model.output.shape[-1]) == (name, channels)


@pytest.mark.parametrize("name", ["inception_v3", "xception"])
def test_layer_names_do_not_depend_on_what_was_built_before(name, backbone):
    keras.layers.Conv2D(1, 1)
    again = build_network(name, backbone(name).input_shape[1:])
    assert [layer.name for layer in again.layers] == [layer.name for layer in backbone(name).layers]


def test_one_number_is_the_side_of_a_square():
    assert load_backbone("small_cnn", None, 48).input_shape == (None, 48, 48, 3)
    assert load_backbone("small_cnn", None, np.int64(48)).input_shape == (None, 48, 48, 3)


def test_pictures_of_any_size_are_allowed():
    model = build_network("mobilenet_v2", (None, None, 3))
    assert model.compute_output_shape((1, 96, 64, 3)) == (1, 3, 2, 1280)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mobilenet_v2", (31, 64, 3)),
        ("vgg16", (32, 31, 3)),
        ("inception_v3", (74, 75, 3)),
        ("xception", (70, 71, 3)),
        ("resnet18", (32, 32, 1)),
        ("resnet18", (32, 32)),
        ("resnet18", 31),
        ("resnet18", 32.0),
        ("resnet18", "32"),
    ],
)
def test_a_size_that_the_network_does_not_allow_is_refused(name, shape):
    with pytest.raises(ValueError, match=rf"{name} takes RGB pictures of at least .*Received: "):
        load_backbone(name, weights=None, input_shape=shape)


def test_an_unknown_name_lists_the_valid_ones():
    with pytest.raises(ValueError, match=r"name='resnet51'. Choose from convnext_tiny, .*xception"):
        load_backbone("resnet51", weights=None)


def test_saved_networks_reload_in_a_process_without_tltk(tmp_path, backbone, photos, without_tltk):
    expected = {}
    for name in RELOADED:
        backbone(name).save(tmp_path / f"{name}.keras")
        np.save(tmp_path / f"{name}_pixels.npy", photos(name))
        expected[name] = np.array(backbone(name)(photos(name)))
    script = f"""
for name in {RELOADED}:
    model = keras.models.load_model(f"{{name}}.keras")
    np.save(f"{{name}}_again.npy", model(np.load(f"{{name}}_pixels.npy")))
"""
    without_tltk(script, tmp_path)
    for name in RELOADED:
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}_again.npy"), expected[name])
