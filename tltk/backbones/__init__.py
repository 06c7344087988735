"""Pretrained networks: raw pixels, strings or samples in, features out, and their blocks."""

from tltk.backbones.audio import load_audio_backbone, sample_rate
from tltk.backbones.blocks import block_names, layers_by_block
from tltk.backbones.hub import HubLayer, load_hub_backbone
from tltk.backbones.load import load_backbone
from tltk.backbones.log_mel import LogMel
from tltk.backbones.lookup import find_weights
from tltk.backbones.series import series_encoder
from tltk.backbones.table import list_backbones
from tltk.backbones.table_encoder import table_encoder
from tltk.backbones.text_normalization import TextNormalization
from tltk.backbones.words import (
    WordVectors,
    load_text_backbone,
    load_word_vectors,
    unknown_share,
)

__all__ = [
    "HubLayer",
    "LogMel",
    "TextNormalization",
    "WordVectors",
    "block_names",
    "find_weights",
    "layers_by_block",
    "list_backbones",
    "load_audio_backbone",
    "load_backbone",
    "load_hub_backbone",
    "load_text_backbone",
    "load_word_vectors",
    "sample_rate",
    "series_encoder",
    "table_encoder",
    "unknown_share",
]
