"""Load a pretrained network: raw pixels in, feature map out."""

from __future__ import annotations

import re
from pathlib import Path

import keras

from tltk._checks import check_flag, check_number, refuse
from tltk._keras import as_functional, nodes_of
from tltk.backbones._kerashub import PREFIX, kerashub_backbone
from tltk.backbones._networks import build_network, checked_input_shape
from tltk.backbones.blocks import layers_by_block
from tltk.backbones.registry import architecture
from tltk.backbones.weights import load_weights, obtain_weights


def load_backbone(
    name: str,
    weights: str | Path | None = "imagenet",
    input_shape: int | tuple[int | None, int | None, int] = (224, 224, 3),
    copy_blocks: int | None = None,
    *,
    include_top: bool = False,
) -> keras.Model:
    """Load a network of the table, or an image transformer of KerasHub, ready to be reused.

    The network contains its own preprocessing: feed raw RGB pixels from 0 to 255, as uint8 or
    float. It is one flat functional model of stock Keras layers and reloads in plain Keras; one of
    KerasHub reloads where KerasHub is installed.

    Args:
        name: one of `list_backbones()`. `mobilenet_v2` comes with tltk and needs no network; it
            pads as its original does. `mobilenet_v2_keras` is Keras's variant. `small_cnn` is to
            be trained from scratch, with `weights=None`. Or "kerashub:" and a preset of KerasHub,
            an address (`hf://USER/NAME`) or a folder, of a ViT, DINOv2, DINOv3, or of a CLIP or
            SigLIP, whose image tower is taken; it needs the extra `keras-hub`. Each transformer
            layer is a block.
        weights: "imagenet" (looked for in the bundle, in `$TLTK_HOME/models`, in Keras's cache,
            then downloaded), None for fresh weights, or the path of a `.weights.h5`, `.h5` or
            `.keras` file; `resnet18` and `mobilenet_v2` take torchvision's `.safetensors` too. With
            "kerashub:" the default stands for the preset's own weights, whatever they saw.
        input_shape: (height, width, 3) of the pictures in pixels, or one number for the sides of
            a square; a side of None is left open. Most transformers read one size alone.
        copy_blocks: how many of the first blocks (see `block_names`, the stem is one) take the
            pretrained weights; the others start fresh. None copies all, 0 only the structure.
        include_top: whether the 1000-class ImageNet classifier follows.

    Returns:
        A `keras.Model` called `name`: pictures (b, h, w, 3) in, feature map (b, h', w', c) out,
        or probabilities (b, 1000) with the top. A transformer gives the features (b, d) of its
        class token, SigLIP those of its pooling layer.

    Raises:
        ValueError: for an unknown name, a size that the network does not allow, a weight file of
            another architecture, ImageNet weights of `small_cnn`, or a number of blocks that does
            not exist; for a preset that cannot be had, or is no image transformer.
        ImportError: for "kerashub:" without KerasHub.
        FileNotFoundError: if the weights are nowhere.

    Example:
        >>> backbone = load_backbone("mobilenet_v2", input_shape=160)
        >>> backbone.output_shape
        (None, 5, 5, 1280)
    """
    if isinstance(name, str) and name.startswith(PREFIX):
        return _of_kerashub(name, weights, input_shape, copy_blocks, include_top)
    check_pretrained(name, None if copy_blocks == 0 else weights, include_top)
    model = build_network(name, input_shape, include_top)
    fresh = fresh_layers(model, copy_blocks, weights)
    if weights is None or copy_blocks == 0:
        return model
    before = [layer.get_weights() for layer in fresh]
    load_weights(model, obtain_weights(name, include_top) if weights == "imagenet" else weights)
    for layer, values in zip(fresh, before, strict=True):
        layer.set_weights(values)
    return model


def _of_kerashub(name, weights, input_shape, copy_blocks, include_top) -> keras.Model:
    if include_top or weights not in ("imagenet", None):
        refuse(
            "A network of KerasHub comes without a classifier, with its own weights or fresh ones",
            f"weights={weights!r}, include_top={include_top!r}",
            'Pass include_top=False and weights="imagenet" or None',
        )
    preset, shape = name.removeprefix(PREFIX), checked_input_shape(name, input_shape, 1)
    model = kerashub_backbone(preset, weights is not None and copy_blocks != 0, shape)
    if copy_blocks:
        fresh = kerashub_backbone(preset, False, shape)
        pairs = [fresh_layers(each, copy_blocks, weights) for each in (model, fresh)]
        for layer, new in zip(*pairs, strict=True):
            layer.set_weights(new.get_weights())
    return model


def check_pretrained(name: str, weights: str | Path | None, include_top: bool) -> None:
    """Refuse what ImageNet left behind of a network that never saw it."""
    check_flag("include_top", include_top)
    if (weights == "imagenet" or include_top) and not architecture(name).pretrained:
        raise ValueError(
            f"{name} has no ImageNet weights and no classifier: it is to be trained from scratch. "
            f"Received: weights={weights!r}, include_top={include_top}. "
            "Pass weights=None (or the path of weights of your own) and include_top=False."
        )


def fresh_layers(
    model: keras.Model, copy_blocks: int | None, weights: str | Path | None
) -> list[keras.layers.Layer]:
    """List the layers behind the first `copy_blocks` blocks."""
    if copy_blocks is None:
        return []
    blocks = layers_by_block(model)
    check_number("copy_blocks", copy_blocks, least=0, whole=True)
    if not 0 <= copy_blocks <= len(blocks) or (copy_blocks and weights is None):
        raise ValueError(
            f"{model.name} has {len(blocks)} blocks to copy from pretrained weights. "
            f"Received: copy_blocks={copy_blocks}, weights={weights!r}. "
            f"Choose a number from 0 to {len(blocks)} and weights to copy: {', '.join(blocks)}."
        )
    return [layer for members in list(blocks.values())[copy_blocks:] for layer in members]


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
