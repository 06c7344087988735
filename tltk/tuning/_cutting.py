"""Cut a network in two where its frozen part ends."""

from __future__ import annotations

from typing import NamedTuple

import keras

from tltk._keras import (
    Part,
    all_layers,
    as_functional,
    input_structure,
    nodes_of,
    output_structure,
)
from tltk.tuning.freezing import is_noisy

MOST_TENSORS = 4


class Cut(NamedTuple):
    """The two halves of a network: `suffix(prefix(x)) == model(x)`."""

    prefix: keras.Model
    suffix: keras.Model


class NoCut(NamedTuple):
    """Why a network cannot be cut, or why a cut would save nothing."""

    reason: str


def cut_frozen(model: keras.Model) -> Cut | NoCut:
    """Cut a model just before its first layer that trains, or is random and not frozen.

    Everything a frozen layer computes is the same in every epoch, weightless layers such as
    pooling included, and dropout whose `trainable` is False, so the first half (`prefix`) needs to
    run only once over the data. A mask that the second half needs is one more tensor of the cut.
    Both halves share their layers with the model: training the suffix trains the model.

    Args:
        model: a functional or sequential model whose layers are frozen as they will be trained.

    Returns:
        A `Cut`, or a `NoCut` that says why there is none.

    Example:
        >>> second = keras.layers.Dense(3, name="second")
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5), second])
        >>> model.layers[0].trainable = False
        >>> [layer.name for layer in cut_frozen(model).suffix.layers][-1]
        'second'
    """
    functional = as_functional(model)
    if functional is None:
        return NoCut("the model is not a functional or sequential Keras model")
    fixed, crossing = {id(tensor) for tensor in model.inputs}, {}
    for node in nodes_of(functional):
        inputs = node.input_tensors
        if all(id(tensor) in fixed for tensor in inputs) and _is_fixed(node.operation):
            fixed.update(id(tensor) for tensor in node.outputs)
        else:
            crossing.update({id(tensor): tensor for tensor in inputs if id(tensor) in fixed})
    crossing.update({id(t): t for t in functional.outputs if id(t) in fixed})
    return _cut_at(model, list(crossing.values()))


def body_below(model: keras.Model, layer: keras.layers.Layer) -> keras.Model:
    """The part of a functional model that computes a layer's input."""
    functional = as_functional(model)
    [tensor] = [n.input_tensors[0] for n in nodes_of(functional) if n.operation is layer]
    return _from_inputs(model, tensor)


def _from_inputs(model, outputs) -> keras.Model:
    """A model from the same inputs that shares the layers; a plain one has plain ones."""
    made = Part if isinstance(model, Part) else keras.Model
    return made(input_structure(model), outputs)


def _cut_at(model, tensors) -> Cut | NoCut:
    if not tensors:
        return NoCut("nothing at the start of the model is frozen")
    if len(tensors) > MOST_TENSORS:
        return NoCut(f"{len(tensors)} tensors cross from the frozen to the trained part")
    if any(tensor.dtype == "string" for tensor in tensors):
        return NoCut("texts, not numbers, cross from the frozen to the trained part")
    if any(tensor.shape[0] != model.inputs[0].shape[0] for tensor in tensors):
        return NoCut("a tensor that is no row for each example crosses to the trained part")
    raw = {id(tensor) for tensor in model.inputs}
    outputs = [keras.layers.Identity()(t) if id(t) in raw else t for t in tensors]
    prefix = _from_inputs(model, outputs if len(outputs) > 1 else outputs[0])
    takes_texts = any(tensor.dtype == "string" for tensor in model.inputs)
    if not prefix.weights and not takes_texts:
        return NoCut("the frozen part holds no weights, so there is nothing to save")
    if any(_hides_mask(layer) for layer in prefix.layers):
        return NoCut(
            "a mask made inside a nested model crosses from the frozen to the trained part"
        )
    suffix = Part(tensors if len(tensors) > 1 else tensors[0], output_structure(model))
    return Cut(prefix, suffix)


def _is_fixed(operation) -> bool:
    if not isinstance(operation, keras.layers.Layer):
        return True
    moving_statistics = any(
        isinstance(inner, keras.layers.BatchNormalization) and inner.trainable
        for inner in all_layers(operation)
    )
    noisy = operation.trainable and is_noisy(operation)
    return not (operation.trainable_weights or moving_statistics or noisy)


def _hides_mask(layer) -> bool:
    """Whether a layer's inner layers make a mask, which the graph around it does not show.

    A layer that gives one vector for each example has no time left to mask.
    """
    return len(getattr(layer.output, "shape", ())) != 2 and any(
        getattr(inner, "mask_zero", False) or isinstance(inner, keras.layers.Masking)
        for inner in all_layers(layer, itself=False)
    )
