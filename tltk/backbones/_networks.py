"""Build any network of the table with fresh weights: raw pixels in, one flat model out."""

import re
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, layers

from tltk._keras import check_channels_last
from tltk.backbones.registry import architecture

EPSILON = 1e-5
MOMENTUM = 0.9


def mobilenet_v2(pixels: KerasTensor, include_top: bool = False) -> KerasTensor:
    """Apply MobileNetV2 (Sandler et al. 2018) to normalised pictures (b, h, w, 3)."""
    x = padded(layers.Conv2D, pixels, "Conv1", filters=32, kernel_size=3, strides=2)
    x = normalised(x, "bn_Conv1", "Conv1_relu")
    x = inverted_residual(x, "expanded_conv", expansion=1, filters=16, strides=1)
    block = 0
    stages = ((24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
    for filters, repeats, strides in stages:
        for repeat in range(repeats):
            block += 1
            first = strides if repeat == 0 else 1
            x = inverted_residual(x, f"block_{block}", expansion=6, filters=filters, strides=first)
    x = layers.Conv2D(1280, 1, use_bias=False, name="Conv_1")(x)
    x = normalised(x, "Conv_1_bn", "out_relu")
    return with_top(x) if include_top else x


def inverted_residual(
    inputs: KerasTensor, name: str, expansion: int, filters: int, strides: int
) -> KerasTensor:
    channels = inputs.shape[-1]
    x = inputs
    if expansion > 1:
        x = layers.Conv2D(expansion * channels, 1, use_bias=False, name=f"{name}_expand")(x)
        x = normalised(x, f"{name}_expand_BN", f"{name}_expand_relu")
    x = padded(
        layers.DepthwiseConv2D,
        x,
        f"{name}_depthwise",
        pad_name=f"{name}_pad",
        kernel_size=3,
        strides=strides,
    )
    x = normalised(x, f"{name}_depthwise_BN", f"{name}_depthwise_relu")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = batch_norm(f"{name}_project_BN")(x)
    if strides == 1 and channels == filters:
        return layers.Add(name=f"{name}_add")([inputs, x])
    return x


def resnet18(pixels: KerasTensor, include_top: bool = False) -> KerasTensor:
    """Apply ResNet18 (He et al. 2016) to normalised pictures (b, h, w, 3)."""
    x = padded(
        layers.Conv2D, pixels, "conv1_conv", "conv1_pad", filters=64, kernel_size=7, strides=2
    )
    x = layers.ReLU(name="conv1_relu")(batch_norm("conv1_bn")(x))
    x = padded(layers.MaxPooling2D, x, "pool1_pool", "pool1_pad", pool_size=3, strides=2)
    for stage, filters in enumerate((64, 128, 256, 512), start=2):
        for block in (1, 2):
            strides = 2 if stage > 2 and block == 1 else 1
            x = basic_block(x, f"conv{stage}_block{block}", filters, strides)
    return with_top(x) if include_top else x


def basic_block(inputs: KerasTensor, name: str, filters: int, strides: int) -> KerasTensor:
    shortcut = inputs
    if strides > 1:
        shortcut = layers.Conv2D(
            filters, 1, strides=strides, use_bias=False, name=f"{name}_0_conv"
        )(shortcut)
        shortcut = batch_norm(f"{name}_0_bn")(shortcut)
    x = padded(
        layers.Conv2D,
        inputs,
        f"{name}_1_conv",
        f"{name}_1_pad",
        filters=filters,
        kernel_size=3,
        strides=strides,
    )
    x = layers.ReLU(name=f"{name}_1_relu")(batch_norm(f"{name}_1_bn")(x))
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(x)
    x = batch_norm(f"{name}_2_bn")(x)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_out")(x)


def padded(
    layer: type, x: KerasTensor, name: str, pad_name: str | None = None, **arguments
) -> KerasTensor:
    """Apply a convolution or pooling that sees the same border of zeros on every side."""
    size = arguments.get("kernel_size") or arguments["pool_size"]
    if layer is not layers.MaxPooling2D:
        arguments["use_bias"] = False
    if arguments["strides"] == 1:
        return layer(padding="same", name=name, **arguments)(x)
    x = layers.ZeroPadding2D(size // 2, name=pad_name or f"{name}_pad")(x)
    return layer(padding="valid", name=name, **arguments)(x)


def batch_norm(name: str) -> layers.BatchNormalization:
    return layers.BatchNormalization(epsilon=EPSILON, momentum=MOMENTUM, name=name)


def normalised(x: KerasTensor, norm_name: str, relu_name: str) -> KerasTensor:
    return layers.ReLU(6.0, name=relu_name)(batch_norm(norm_name)(x))


def with_top(x: KerasTensor) -> KerasTensor:
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.Dense(1000, activation="softmax", name="predictions")(x)


FILTERS = (32, 64, 128, 256)


def small_cnn(pixels: KerasTensor, include_top: bool = False) -> KerasTensor:
    """Apply four blocks of one convolution each to scaled pictures (b, h, w, 3)."""
    x = pixels
    for number, filters in enumerate(FILTERS, start=1):
        block = f"block{number}"
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{block}_conv")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{block}_bn")(x)
        x = layers.ReLU(name=f"{block}_relu")(x)
        if number < len(FILTERS):
            x = layers.MaxPooling2D(name=f"{block}_pool")(x)
    return x


# ConvNeXt's last normalisation is named with the classifier and unnamed without it.
NAMED_LATER = {"layer_normalization": "convnext_tiny_head_layernorm"}


def kind_of(class_name: str) -> str:
    """Write a layer's class as Keras does in automatic names.

    Example:
        >>> kind_of("AveragePooling2D")
        'average_pooling2d'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", class_name).lower()


def steady_names(names: list[str], kinds: list[str]) -> list[str]:
    """Let automatic names such as `conv2d_94` count from zero, as in a process's first build.

    Args:
        names: layer names of one network.
        kinds: the `kind_of` each layer; a name is automatic if it is its kind with a number.

    Returns:
        The names in the same order, automatic ones renumbered.

    Example:
        >>> steady_names(["conv2d_4", "conv2d_5", "block1_conv1"], ["conv2d"] * 3)
        ['conv2d', 'conv2d_1', 'block1_conv1']
    """
    numbers = [automatic_number(name, kind) for name, kind in zip(names, kinds, strict=True)]
    first: dict[str, int] = {}
    for kind, number in zip(kinds, numbers, strict=True):
        if number is not None:
            first[kind] = min(number, first.get(kind, number))
    return [
        name if number is None else numbered(kind, number - first[kind])
        for name, kind, number in zip(names, kinds, numbers, strict=True)
    ]


def automatic_number(name: str, kind: str) -> int | None:
    match = re.fullmatch(rf"{re.escape(kind)}(?:_(\d+))?", name)
    return int(match[1] or 0) if match else None


def numbered(kind: str, number: int) -> str:
    name = f"{kind}_{number}" if number else kind
    return NAMED_LATER.get(name, name)


IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225])
OURS = {
    "mobilenet_v2": mobilenet_v2,
    "resnet18": resnet18,
    "small_cnn": small_cnn,
}
CAFFE_MEAN_BGR = [103.939, 116.779, 123.68]


def build_network(
    name: str, input_shape: int | tuple[int | None, int | None, int], include_top: bool = False
) -> keras.Model:
    """Build one network with fresh weights.

    Args:
        name: one of `list_backbones()`.
        input_shape: (height, width, 3) of the pictures in pixels, or one number for a square.
        include_top: whether the 1000-class ImageNet classifier follows.

    Returns:
        A functional model without nested models: float pictures (b, h, w, 3), 0 to 255, in;
        feature map (b, h', w', c), or with the top probabilities (b, 1000), out.

    Raises:
        ValueError: for an unknown name or a picture size that the network does not allow.

    Example:
        >>> build_network("mobilenet_v2", (64, 64, 3)).output_shape
        (None, 2, 2, 1280)
    """
    check_channels_last()
    row = architecture(name)
    input_shape = checked_input_shape(name, input_shape, row.minimum)
    inputs = keras.Input(input_shape, name="pixels")
    scaled = scale_pixels(inputs, row.pixels)
    if row.keras_class is None:
        return keras.Model(inputs, OURS[name](scaled, include_top), name=name)
    stock = getattr(keras.applications, row.keras_class)(
        include_top=include_top,
        weights=None,
        input_tensor=scaled,
        input_shape=input_shape,
    )
    return flatten(stock, name)


def checked_input_shape(name: str, input_shape: Any, minimum: int) -> tuple:
    """Turn one number into the shape of a square, and refuse what the network does not allow."""
    shape = tuple(input_shape) if np.ndim(input_shape) else (input_shape, input_shape, 3)
    whole = all(isinstance(side, (int, np.integer)) for side in shape if side is not None)
    sides = [side for side in shape[:2] if side is not None]
    if not whole or len(shape) != 3 or shape[2] != 3 or any(side < minimum for side in sides):
        raise ValueError(
            f"{name} takes RGB pictures of at least {minimum} x {minimum} pixels. "
            f"Received: input_shape={input_shape!r}. "
            f"Pass input_shape=(height, width, 3), or one number, with sides of {minimum} or more."
        )
    return shape


def scale_pixels(pixels: keras.KerasTensor, mode: str) -> keras.KerasTensor:
    """Scale raw RGB pixels as the network's ImageNet weights expect them.

    `torch` subtracts the ImageNet mean and divides by the deviation, `tf` maps to [-1, 1],
    `caffe` turns RGB into BGR and subtracts the mean; `inside` networks scale by themselves.
    """
    if mode == "inside":
        return pixels
    if mode == "caffe":
        pixels, scale, offset = pixels[..., ::-1], 1.0, [-mean for mean in CAFFE_MEAN_BGR]
    elif mode == "tf":
        scale, offset = 1 / 127.5, -1.0
    else:
        scale = (1 / (255 * IMAGENET_DEVIATION)).tolist()
        offset = (-IMAGENET_MEAN / IMAGENET_DEVIATION).tolist()
    return keras.layers.Rescaling(scale, offset, name="preprocessing")(pixels)


def flatten(stock: keras.Model, name: str) -> keras.Model:
    """Copy a stock network so that it is flat, named alike in every build, and scales pixels.

    Nested Sequential parts are put in line, automatic layer names count from zero, and an input
    normalisation that waits for values from a weight file gets ImageNet's.
    """
    old_names = [layer.name for layer in stock.layers]
    kinds = [kind_of(type(layer).__name__) for layer in stock.layers]
    names = dict(zip(old_names, steady_names(old_names, kinds), strict=True))

    def copy(operation):
        if isinstance(operation, keras.Sequential):
            return [copy(layer) for layer in operation.layers]
        config = operation.get_config()
        if isinstance(operation, keras.layers.Layer):
            config["name"] = names.get(operation.name, operation.name)
        if isinstance(operation, keras.layers.Normalization) and config["mean"] is None:
            config |= {"mean": IMAGENET_MEAN, "variance": IMAGENET_DEVIATION**2}
        return type(operation).from_config(config)

    def call(operations, *args, **kwargs):
        if not isinstance(operations, list):
            return operations(*args, **kwargs)
        for layer in operations:
            args = [layer(*args)]
        return args[0]

    flat = keras.models.clone_model(stock, clone_function=copy, call_function=call)
    return keras.Model(flat.inputs[0], flat.outputs[0], name=name)
