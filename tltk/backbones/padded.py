"""MobileNetV2 and ResNet18 padded as their originals: all round, where Keras pads one side.

Batch normalisation has the originals' epsilon and momentum too, so that their weights give the
originals' features. Layer names are those that Keras uses for the same networks.
"""

from keras import KerasTensor, layers

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
