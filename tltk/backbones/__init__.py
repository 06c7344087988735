"""Pretrained networks: raw pixels in, features out, and their blocks by name."""

from tltk.backbones.blocks import block_names, layers_by_block
from tltk.backbones.load import load_backbone
from tltk.backbones.lookup import find_weights
from tltk.backbones.series import series_encoder
from tltk.backbones.table import list_backbones

__all__ = [
    "block_names",
    "find_weights",
    "layers_by_block",
    "list_backbones",
    "load_backbone",
    "series_encoder",
]
