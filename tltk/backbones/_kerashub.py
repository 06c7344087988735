"""Image transformers of KerasHub as backbones: raw pixels in, one layer of the graph a block.

What KerasHub calls one encoder is taken apart here, so that its transformer layers are layers of
the model itself: they freeze, cut and cache like the blocks of any network.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import keras

from tltk._checks import refuse
from tltk._extras import require

PREFIX = "kerashub:"


def kerashub_backbone(
    preset: str, pretrained: bool, shape: tuple[int | None, int | None, int]
) -> keras.Model:
    """Load a preset or a folder: pixels (b, h, w, 3) in, the class token's features (b, d) out."""
    require("keras-hub", "keras_hub")
    from keras_hub.layers import ImageConverter
    from keras_hub.models import Backbone

    if not preset:
        refuse(
            f"{PREFIX} is followed by a preset or a folder",
            f"name={PREFIX!r}",
            f"Pass {PREFIX}dinov2_small or the path of a folder",
        )
    whole = _loaded(Backbone, preset, load_weights=False)
    tower = getattr(whole, "vision_encoder", whole)
    kind = type(tower).__name__
    if kind not in _CHAINS:
        refuse(
            f"An image backbone of KerasHub is one of {', '.join(sorted(_CHAINS))}",
            f"{preset!r}, a {kind}",
            "Any other Keras network can be used in a backbone's place as it is, behind its own "
            "preprocessing",
        )
    own, more = tuple(tower.image_shape), {}
    if own != tuple(shape):
        if kind not in _ANY_SQUARE or None in shape or shape[0] != shape[1]:
            squares = ", and other squares" if kind in _ANY_SQUARE else ""
            refuse(
                f"{preset} reads {own[0]} x {own[1]} pixels{squares}",
                f"input_shape={shape}",
                f"Pass input_shape={own[0] if own[0] == own[1] else own}",
            )
        more = {"image_shape": tuple(shape)}
    converter = _loaded(ImageConverter, preset)
    if pretrained or more:
        whole = _loaded(Backbone, preset, load_weights=pretrained, **more)
        tower = getattr(whole, "vision_encoder", whole)
    pixels = keras.Input(shape, name="pixels")
    scale, offset = (
        default if value is None else value
        for value, default in ((converter.scale, 1.0), (converter.offset, 0.0))
    )
    prepared = keras.layers.Rescaling(scale, offset, name="preprocessing")(pixels)
    name = Path(preset).name.replace("@", "_")
    return keras.Model(pixels, _features(tower, prepared), name=name)


def _loaded(kind, preset: str, **how):
    """KerasHub's from_preset, whose errors name neither the rule nor the cure."""
    try:
        return kind.from_preset(preset, **how)
    except Exception as error:
        folder = Path(preset).expanduser()
        if folder.is_dir():
            rule, advice = (
                "A folder holds a KerasHub preset (config.json, model.weights.h5, "
                "image_converter.json) or a model in Hugging Face format",
                "Write one with save_to_preset of the backbone and of its image converter",
            )
        else:
            rule, advice = (
                "A preset is one of KerasHub's names, an address such as hf://USER/NAME that can "
                "be reached, or an existing folder",
                "See https://keras.io/keras_hub/presets; without internet copy a preset's folder",
            )
        told = f"{type(error).__name__}: {(str(error).strip() or '-').splitlines()[0][:200]}"
        raise ValueError(f"{rule}. Received: {preset!r} ({told}). {advice}.") from error


def _vit(tower) -> list:
    encoder = tower.get_layer("vit_encoder")
    first = tower.get_layer("vit_patching_and_embedding")
    return [first, encoder.dropout, *encoder.encoder_layers, encoder.layer_norm]


def _dino(tower) -> list:
    return [tower.embeddings, *tower.encoder.layers, tower.layernorm]


def _clip(tower) -> list:
    return [tower.embedding, tower.pre_layer_norm, *tower.encoder_layers, tower.layer_norm]


def _siglip(tower) -> list:
    return [tower.embedding, *tower.encoder_layers, tower.post_layer_norm, tower.head]


_CHAINS = {
    "ViTBackbone": _vit,
    "DINOV2Backbone": _dino,
    "DINOV3Backbone": _dino,
    "CLIPVisionEncoder": _clip,
    "SigLIPVisionEncoder": _siglip,
}
_ANY_SQUARE = ("DINOV2Backbone", "DINOV3Backbone")


def _features(tower, x):
    """The tower's layers in their order, then the class token, or what pools in its place."""
    where: dict[str, Any] = {}
    if hasattr(tower, "rope_embedding"):
        where = {
            "position_embeddings": tower.rope_embedding(x),
            "num_prefix_tokens": 1 + tower.num_register_tokens,
        }
    for layer in map(_restorable, _CHAINS[type(tower).__name__](tower)):
        x = layer(x, **where) if where and layer in tower.encoder.layers else layer(x)
    return x if len(x.shape) == 2 else x[:, 0]


def _restorable(layer):
    """The layer, of a class whose configuration its own constructor takes.

    KerasHub 0.32 writes derived sizes into the configuration of ViT's layers, which their
    constructors refuse. The subclass leaves them out and has the original's name and module, so
    that the file names KerasHub's own class.
    """
    kind = type(layer)
    known = set(inspect.signature(kind.__init__).parameters)
    general = set(inspect.signature(keras.layers.Layer.__init__).parameters)
    if set(layer.get_config()) <= known | general:
        return layer

    def get_config(self):
        config = kind.get_config(self)
        return {key: value for key, value in config.items() if key in known | general}

    members = {"get_config": get_config, "__module__": kind.__module__}
    layer.__class__ = type(kind.__name__, (kind,), members)
    return layer
