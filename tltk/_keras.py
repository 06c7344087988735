"""The one file that touches private Keras: graphs, inner layers, random states, optimizers.

Everything here has a canary in `tests/test_keras.py`: when a new Keras breaks one, this file is
the only one to mend.
"""

from __future__ import annotations

import keras

from tltk._checks import refuse, shown


def as_functional(model: keras.Model):
    """The functional graph of a model, or None where there is none."""
    functional = getattr(model, "_functional", model)
    return functional if hasattr(functional, "_nodes_by_depth") else None


def check_model(model, name: str = "model", functional: bool = False) -> None:
    """Refuse anything but a Keras model; with `functional`, one that is a graph of layers."""
    if not isinstance(model, keras.Model):
        advice = "Load a network with load_backbone, or a file with load_model"
        refuse(f"{name} must be a keras.Model", f"{name}={shown(model)}", advice)
    if functional and as_functional(model) is None:
        advice = "Make it with keras.Model(inputs, outputs) or keras.Sequential, and an Input"
        refuse(f"{name} must be a functional model", f"{name}={shown(model)}", advice)


def nodes_of(model: keras.Model) -> list:
    """The calls of a functional or sequential model's graph, from input to output."""
    depths = as_functional(model)._nodes_by_depth
    return [node for depth in sorted(depths, reverse=True) for node in depths[depth]]


def input_structure(model: keras.Model):
    """The inputs of a model as it expects them: one tensor, or its own list or dict of several."""
    inputs = model.inputs
    return inputs[0] if len(inputs) == 1 else as_functional(model).input


def output_structure(model: keras.Model):
    """The outputs of a model as it gives them: one tensor, or its own list or dict of several."""
    outputs = model.outputs
    return outputs[0] if len(outputs) == 1 else as_functional(model).output


def operation_of(tensor):
    """The layer or operation that made a symbolic tensor."""
    return tensor._keras_history.operation


def all_layers(layer: keras.layers.Layer, itself: bool = True) -> list:
    """A layer or model with all layers inside it, at any depth."""
    return list(layer._flatten_layers(include_self=itself))


def inner_layers(layer: keras.layers.Layer) -> list:
    """The layers directly inside a layer, in the order in which they were given to it."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def random_states(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The states of all random generators of a layer and the layers inside it, each once."""
    generators = [each for inner in all_layers(layer) for each in inner._seed_generators]
    return list({id(each): each.state for each in generators}.values())


def draws_at_random(layer: keras.layers.Layer) -> bool:
    """Whether a layer itself, not one inside it, has a random generator."""
    return bool(layer._seed_generators)


def user_metrics(model: keras.Model):
    """The metrics a model was compiled with, as they were given."""
    return getattr(model._compile_metrics, "_user_metrics", None)


def optimized_variable(optimizer: keras.optimizers.Optimizer, variable) -> keras.Variable:
    """The model's own variable behind what an optimizer's `update_step` is given."""
    return optimizer._trainable_variables[optimizer._get_variable_index(variable)]


def retrace(model: keras.Model) -> None:
    """Let a model trace its functions anew, because what its layers compute has changed."""
    model.train_function = model.test_function = model.predict_function = None


def track_variable(layer: keras.layers.Layer, variable: keras.Variable) -> None:
    """Make a variable a weight of a layer."""
    layer._track_variable(variable)


def untrack_variable(layer: keras.layers.Layer, variable: keras.Variable) -> None:
    """Make a variable no longer a weight of a layer."""
    layer._untrack_variable(variable)


def in_safe_mode() -> bool | None:
    """Whether a file is being loaded in safe mode; None where no file is being loaded."""
    from keras.src.saving import serialization_lib

    return serialization_lib.in_safe_mode()
