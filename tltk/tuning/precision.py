"""Mixed precision: bfloat16 for the arithmetic, float32 for the weights and the head."""

from __future__ import annotations

import contextlib

import keras

from tltk._keras import all_layers

MIXED = "mixed_bfloat16"


def in_mixed_precision(network: keras.Model) -> keras.Model:
    """A copy of a network that computes in bfloat16."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in _layers_in_float32(copy):
        layer.dtype_policy = MIXED
    return copy


@contextlib.contextmanager
def mixed_precision(model: keras.Model):
    """Let a model's layers, its head excepted, compute in bfloat16 for a while."""
    layers = _layers_in_float32(model)
    for layer in layers:
        layer.dtype_policy = MIXED
    try:
        yield
    finally:
        for layer in layers:
            layer.dtype_policy = "float32"


def _layers_in_float32(model: keras.Model) -> list:
    return [
        layer
        for layer in all_layers(model)
        if layer.dtype_policy.name == "float32" and not layer.name.startswith("head_")
    ]
