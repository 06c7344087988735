"""Networks of `keras.applications` as Keras builds them: they do not prepare their pixels."""

from __future__ import annotations

import re

import keras

from tltk._keras import as_functional, nodes_of

# Names that Keras gives them; EfficientNet, ConvNeXt and MobileNetV3 scale their pixels inside.
_BARE = re.compile(
    r"(vgg(16|19)|resnet(50|101|152)(v2)?|inception_v3|inception_resnet_v2|xception"
    r"|densenet(121|169|201)|mobilenet(v2)?_\d.*|nasnet.*)",
    re.IGNORECASE,
)
_PASSING = (
    keras.layers.InputLayer,
    keras.layers.ZeroPadding2D,
    keras.layers.Resizing,
    keras.layers.CenterCrop,
)


def bare_stock_network(model: keras.Model) -> str | None:
    """The name of a stock network that raw pixels would reach unprepared, or None.

    Args:
        model: a functional or sequential model; a stock network may be nested in it.

    Example:
        >>> stock = keras.applications.VGG16(weights=None, include_top=False)
        >>> bare_stock_network(stock)
        'vgg16'
        >>> pixels = keras.Input((64, 64, 3))
        >>> scaled = keras.applications.vgg16.preprocess_input(pixels)
        >>> bare_stock_network(keras.Model(pixels, stock(scaled)))
    """
    if as_functional(model) is None:
        return None
    for node in nodes_of(model):
        operation = node.operation
        if isinstance(operation, keras.Model):
            return bare_stock_network(operation)
        if not isinstance(operation, _PASSING):
            first_weights = isinstance(operation, keras.layers.Layer) and operation.weights
            is_known = _BARE.fullmatch(model.name) is not None
            return model.name if first_weights and is_known else None
    return None


def check_prepared(network: keras.Model) -> None:
    """Refuse a network of `keras.applications` that raw pixels would reach unprepared."""
    name = bare_stock_network(network)
    if name is not None:
        raise ValueError(
            "A backbone takes raw pixels from 0 to 255, so it contains its own preprocessing. "
            f"Received: {name!r} as keras.applications builds it, without any: its features would "
            "be wrong without a word. Use tltk.load_backbone (weights=PATH for your own file), or "
            "put preprocess_input of its module between a keras.Input and the network."
        )
