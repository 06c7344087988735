"""Translate PyTorch weights, named as in torchvision (and timm's resnet18), to Keras layers."""

import re
from pathlib import Path

import numpy as np

ARRAYS = ("weight", "bias", "running_mean", "running_var")
FIRST_KEY = {"resnet18": "layer1.0.conv1.weight", "mobilenet_v2": "features.0.0.weight"}
RESNET_ENDS = {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}
MOBILENET_ENDS = {
    "features.0.0": "Conv1",
    "features.0.1": "bn_Conv1",
    "features.18.0": "Conv_1",
    "features.18.1": "Conv_1_bn",
    "classifier.1": "predictions",
}
FIRST_BLOCK = {"0.0": "depthwise", "0.1": "depthwise_BN", "1": "project", "2": "project_BN"}
OTHER_BLOCKS = {
    "0.0": "expand",
    "0.1": "expand_BN",
    "1.0": "depthwise",
    "1.1": "depthwise_BN",
    "2": "project",
    "3": "project_BN",
}


class DamagedFile(ValueError):
    """A weight file that cannot be read, whatever network it is for."""


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Read every array of a `.safetensors` file by name."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise ImportError(
            f"A .safetensors file needs the safetensors package. Received: {path}. "
            "Run pip install safetensors."
        ) from error
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DamagedFile(f"it is not a readable safetensors file ({error})") from error


def keras_layers(state: dict[str, np.ndarray], network: str) -> dict[str, list[np.ndarray]]:
    """Sort a PyTorch state dict into Keras layers.

    Args:
        state: array by PyTorch name; all names may share a prefix such as `module.`.
        network: `mobilenet_v2` or `resnet18`.

    Returns:
        Keras layer name to its arrays, in Keras's order and axes.

    Raises:
        ValueError: if the names are not torchvision's.

    Example:
        >>> list(keras_layers({"module.layer1.0.conv1.weight": np.zeros((4, 3, 3, 3))}, "resnet18"))
        ['conv2_block1_1_conv']
    """
    if network not in FIRST_KEY:
        raise ValueError(f"PyTorch weights are understood for {' and '.join(FIRST_KEY)} only")
    anchor = next((key for key in state if key.endswith(FIRST_KEY[network])), None)
    if anchor is None:
        raise ValueError(f"it has no {FIRST_KEY[network]}, as torchvision's {network} has")
    prefix = anchor.removesuffix(FIRST_KEY[network])
    translate = resnet_layer if network == "resnet18" else mobilenet_layer
    layers = {}
    for key in state:
        module, _, kind = key.rpartition(".")
        layer = translate(module.removeprefix(prefix))
        if kind == "num_batches_tracked":
            continue
        if layer is None or kind not in ARRAYS:
            raise ValueError(f"{key} is no name of torchvision's {network}")
        layers.setdefault(layer, {})[kind] = keras_axes(layer, state[key])
    return {
        layer: [arrays[kind] for kind in ARRAYS if kind in arrays]
        for layer, arrays in layers.items()
    }


def resnet_layer(module: str) -> str | None:
    match = re.fullmatch(r"layer(\d)\.(\d)\.(?:(conv|bn)(\d)|downsample\.([01]))", module)
    if not match:
        return RESNET_ENDS.get(module)
    kind, number = (match[3], match[4]) if match[3] else (("conv", "bn")[int(match[5])], 0)
    return f"conv{int(match[1]) + 1}_block{int(match[2]) + 1}_{number}_{kind}"


def mobilenet_layer(module: str) -> str | None:
    match = re.fullmatch(r"features\.(\d+)\.conv\.(.+)", module)
    if not match:
        return MOBILENET_ENDS.get(module)
    number = int(match[1]) - 1
    block, parts = (f"block_{number}", OTHER_BLOCKS) if number else ("expanded_conv", FIRST_BLOCK)
    return f"{block}_{parts[match[2]]}" if match[2] in parts else None


def keras_axes(layer: str, array: np.ndarray) -> np.ndarray:
    """Turn kernels from PyTorch's axes (out, in, h, w) to Keras's; leave vectors alone."""
    if array.ndim == 4:
        return array.transpose((2, 3, 0, 1) if layer.endswith("depthwise") else (2, 3, 1, 0))
    return array.T
