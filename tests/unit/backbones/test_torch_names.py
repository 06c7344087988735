import sys

import numpy as np
import pytest

from tltk.backbones import load_backbone
from tltk.backbones.weights import keras_layers

SHAPE = (32, 32, 3)
STATISTICS = ("weight", "bias", "running_mean", "running_var")


def torch_state(model, prefix=""):
    """Name ResNet18's weights as torchvision does, written out by hand."""
    names = {"conv1": "conv1_conv", "bn1": "conv1_bn"}
    for stage in range(1, 5):
        for block in range(2):
            ours, theirs = f"conv{stage + 1}_block{block + 1}", f"layer{stage}.{block}"
            for part in (1, 2):
                names[f"{theirs}.conv{part}"] = f"{ours}_{part}_conv"
                names[f"{theirs}.bn{part}"] = f"{ours}_{part}_bn"
            if stage > 1 and block == 0:
                names[f"{theirs}.downsample.0"] = f"{ours}_0_conv"
                names[f"{theirs}.downsample.1"] = f"{ours}_0_bn"
    state = {}
    for theirs, ours in names.items():
        arrays = model.get_layer(ours).get_weights()
        for kind, array in zip(STATISTICS, arrays, strict=False):
            axes = (3, 2, 0, 1) if array.ndim == 4 else (0,)
            state[f"{prefix}{theirs}.{kind}"] = np.ascontiguousarray(array.transpose(axes))
        if len(arrays) == 4:
            state[f"{prefix}{theirs}.num_batches_tracked"] = np.array(3)
    state[f"{prefix}fc.weight"] = np.zeros((10, 512), "float32")
    state[f"{prefix}fc.bias"] = np.zeros(10, "float32")
    return state


def save(state, path):
    from safetensors.numpy import save_file

    save_file(state, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.backbone."])
def test_resnet18_takes_a_torchvision_file(prefix, fresh, tmp_path):
    path = save(torch_state(fresh("resnet18"), prefix), tmp_path / "r18.safetensors")
    found = load_backbone("resnet18", weights=path, input_shape=SHAPE)
    for array, expected in zip(found.get_weights(), fresh("resnet18").get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_a_file_without_classifier_fits_too(fresh, tmp_path):
    state = {k: v for k, v in torch_state(fresh("resnet18")).items() if not k.startswith("fc.")}
    path = save(state, tmp_path / "r18.safetensors")
    load_backbone("resnet18", weights=path, input_shape=SHAPE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv1.weight": "stem.0.weight"}, "stem.0.weight is no name of torchvision's resnet18"),
        ({"layer1.0.conv1.weight": "blocks.0.weight"}, "it has no layer1.0.conv1.weight"),
        ({"layer4.1.bn2.bias": None}, "conv5_block2_2_bn has 3 arrays, not 4"),
        ({"layer2.0.downsample.0.weight": None}, "conv3_block1_0_conv has 0 arrays, not 1"),
    ],
)
def test_another_layout_is_refused(change, message, fresh, tmp_path):
    state = torch_state(fresh("resnet18"))
    for old, new in change.items():
        array = state.pop(old)
        if new:
            state[new] = array
    path = save(state, tmp_path / "r18.safetensors")
    with pytest.raises(ValueError, match=message):
        load_backbone("resnet18", weights=path, input_shape=SHAPE)


def test_a_deeper_resnet_is_refused(fresh, tmp_path):
    state = torch_state(fresh("resnet18"))
    state["layer1.2.conv1.weight"] = state["layer1.1.conv1.weight"]
    path = save(state, tmp_path / "r34.safetensors")
    with pytest.raises(ValueError, match="3 arrays that the network has no place for"):
        load_backbone("resnet18", weights=path, input_shape=SHAPE)


def test_other_networks_take_no_torch_weights():
    with pytest.raises(ValueError, match="understood for resnet18 and mobilenet_v2 only"):
        keras_layers({}, "vgg16")


def test_depthwise_kernels_keep_their_channel_axis():
    state = {
        "features.0.0.weight": np.zeros((32, 3, 3, 3)),
        "features.1.conv.0.0.weight": np.arange(2 * 9).reshape(2, 1, 3, 3),
        "features.2.conv.2.weight": np.zeros((24, 96, 1, 1)),
        "classifier.1.weight": np.zeros((5, 8)),
    }
    layers = keras_layers(state, "mobilenet_v2")
    depthwise = layers["expanded_conv_depthwise"][0]
    assert depthwise.shape == (3, 3, 2, 1)
    assert depthwise[0, 1, 1, 0] == 10
    assert layers["block_1_project"][0].shape == (1, 1, 96, 24)
    assert layers["predictions"][0].shape == (8, 5)
    assert next(iter(layers)) == "Conv1"


def test_without_safetensors_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "r18.safetensors").touch()
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match="pip install safetensors"):
        load_backbone("resnet18", weights=tmp_path / "r18.safetensors", input_shape=SHAPE)
