"""Pretrained networks: raw pixels, strings or samples in, features out, and their blocks."""

from tltk.backbones.audio import LogMel, load_audio_backbone
from tltk.backbones.blocks import block_names, layers_by_block
from tltk.backbones.hub import load_hub_backbone
from tltk.backbones.images import load_backbone
from tltk.backbones.registry import list_backbones
from tltk.backbones.series import series_encoder
from tltk.backbones.tables import table_encoder
from tltk.backbones.text import (
    TextNormalization,
    load_text_backbone,
    load_word_vectors,
    unknown_share,
)
from tltk.backbones.weights import find_weights

__all__ = [
    "LogMel",
    "TextNormalization",
    "block_names",
    "find_weights",
    "layers_by_block",
    "list_backbones",
    "load_audio_backbone",
    "load_backbone",
    "load_hub_backbone",
    "load_text_backbone",
    "load_word_vectors",
    "series_encoder",
    "table_encoder",
    "unknown_share",
]
