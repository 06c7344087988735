"""The networks that `load_backbone` knows."""

from typing import NamedTuple


class Architecture(NamedTuple):
    """One row of the table.

    `keras_class` is the builder in `keras.applications`, or None where the network is our own;
    `pixels` the scaling that its ImageNet weights expect; `official` the name under which Keras
    publishes those weights, with `headless` as the ending of the variant without classifier;
    `minimum` the smallest side of a picture in pixels; `pretrained` whether ImageNet weights exist.
    """

    keras_class: str | None
    pixels: str
    official: str | None
    headless: str = "_notop"
    minimum: int = 32
    pretrained: bool = True


def kernels(name: str) -> str:
    return f"{name}_weights_tf_dim_ordering_tf_kernels"


ARCHITECTURES = {
    "mobilenet_v2": Architecture(None, "torch", None),
    "mobilenet_v2_keras": Architecture(
        "MobileNetV2", "tf", kernels("mobilenet_v2") + "_1.0_224", "_no_top"
    ),
    "vgg16": Architecture("VGG16", "caffe", kernels("vgg16")),
    "vgg19": Architecture("VGG19", "caffe", kernels("vgg19")),
    "inception_v3": Architecture("InceptionV3", "tf", kernels("inception_v3"), minimum=75),
    "xception": Architecture("Xception", "tf", kernels("xception"), minimum=71),
    "resnet18": Architecture(None, "torch", None),
    "small_cnn": Architecture(None, "tf", None, minimum=16, pretrained=False),
    "resnet50": Architecture("ResNet50", "caffe", kernels("resnet50")),
    "resnet101": Architecture("ResNet101", "caffe", kernels("resnet101")),
    "resnet152": Architecture("ResNet152", "caffe", kernels("resnet152")),
    "resnet50_v2": Architecture("ResNet50V2", "tf", kernels("resnet50v2")),
    "resnet101_v2": Architecture("ResNet101V2", "tf", kernels("resnet101v2")),
    "resnet152_v2": Architecture("ResNet152V2", "tf", kernels("resnet152v2")),
    "densenet121": Architecture("DenseNet121", "torch", kernels("densenet121")),
    "efficientnet_b0": Architecture("EfficientNetB0", "inside", "efficientnetb0"),
    "efficientnet_v2_b0": Architecture("EfficientNetV2B0", "inside", "efficientnetv2-b0"),
    "convnext_tiny": Architecture("ConvNeXtTiny", "inside", "convnext_tiny"),
}


def list_backbones() -> list[str]:
    """List the names that `load_backbone` accepts.

    Returns:
        The names, alphabetically.

    Example:
        >>> list_backbones()[:3]
        ['convnext_tiny', 'densenet121', 'efficientnet_b0']
    """
    return sorted(ARCHITECTURES)


def architecture(name: str) -> Architecture:
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise ValueError(
            "The backbone must be one of the known names. "
            f"Received: name={name!r}. Choose from {', '.join(list_backbones())}; "
            "any other keras.Model can be used in a backbone's place as it is."
        )
    return ARCHITECTURES[name]
