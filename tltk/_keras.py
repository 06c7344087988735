"""The one file that touches private Keras: graphs, inner layers, random states, optimizers.

Everything here has a canary in `tests/test_keras.py`: when a new Keras breaks one, this file is
the only one to mend.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tltk._checks import refuse, shown


def as_functional(model: keras.Model):
    """The functional graph of a model, or None where there is none."""
    functional = getattr(model, "_functional", model)
    return functional if hasattr(functional, "_nodes_by_depth") else None


def check_model(model, name: str = "model", functional: bool = False) -> None:
    """Refuse anything but a Keras model; with `functional`, one that is a graph of layers."""
    if of_keras_2(type(model)):
        advice = (
            "Make it with keras.layers of Keras 3 (unset TF_USE_LEGACY_KERAS where that is set), "
            "and pour its weights in: new.set_weights(old.get_weights())"
        )
        received = f"{name}={shown(model)}, an object of Keras 2"
        refuse(f"{name} must be a keras.Model of Keras 3", received, advice)
    if not isinstance(model, keras.Model):
        advice = "Load a network with load_backbone, or a file with load_model"
        refuse(f"{name} must be a keras.Model", f"{name}={shown(model)}", advice)
    if functional and as_functional(model) is None:
        advice = "Make it with keras.Model(inputs, outputs) or keras.Sequential, and an Input"
        refuse(f"{name} must be a functional model", f"{name}={shown(model)}", advice)


def of_keras_2(kind: type) -> bool:
    """Whether a class is one of Keras 2 (the package tf_keras), or made from one."""
    modules = ("tf_keras", "keras_preprocessing", "keras.src.legacy")
    return any(each.__module__.startswith(modules) for each in kind.__mro__)


def check_channels_last(model: keras.Model | None = None) -> None:
    """Refuse to build layers where the channels come first: by Keras's setting, or in a model."""
    advice = (
        'Call keras.config.set_image_data_format("channels_last") before, and write it into '
        "keras.json where that says otherwise"
    )
    rule = "Networks take inputs with the channels last, such as (height, width, 3)"
    if keras.config.image_data_format() != "channels_last":
        refuse(rule, "Keras's setting image_data_format='channels_first'", advice)
    for layer in [] if model is None else all_layers(model):
        if getattr(layer, "data_format", None) == "channels_first":
            advice = 'Make it with data_format="channels_last"'
            refuse(rule, f"a network whose layer {layer.name!r} has them first", advice)


def check_on_tensorflow(what: str) -> None:
    """Refuse what TensorFlow alone can compute where Keras runs on another backend."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        advice = "Set KERAS_BACKEND=tensorflow in the environment before Keras is imported"
        refuse(f"{what} need Keras's TensorFlow backend", f"the backend {backend}", advice)


def nodes_of(model: keras.Model) -> list:
    """The calls of a functional or sequential model's graph, from input to output."""
    depths = as_functional(model)._nodes_by_depth
    return [node for depth in sorted(depths, reverse=True) for node in depths[depth]]


def input_structure(model: keras.Model):
    """The inputs of a model as it expects them: one tensor, or its own list or dict of several."""
    inputs = model.inputs
    return inputs[0] if len(inputs) == 1 else as_functional(model)._inputs_struct


def output_structure(model: keras.Model):
    """The outputs of a model as it gives them: one tensor, or its own list or dict of several."""
    outputs = model.outputs
    return outputs[0] if len(outputs) == 1 else as_functional(model)._outputs_struct


class Part(keras.Model):
    """What a functional model computes between some of its tensors, with its very layers.

    It trains in place of the model, or of a part of it. Unlike `keras.Model(inputs, outputs)` it
    notes nothing on the layers, and it calls those whose `trainable` is False as in inference: in
    training too, a frozen layer's dropout, noise and batch statistics stand still, whatever is
    inside it. (In a functional model `fit` overrides a `training=False` of the graph.)

    Args:
        inputs: symbolic tensors of the model: one, or a list or dict of several.
        outputs: symbolic tensors that follow from them, in the same forms.
        changes: a layer that changes the inputs in training, such as an augmentation.
    """

    def __init__(self, inputs, outputs, changes: keras.layers.Layer | None = None):
        super().__init__(autocast=False)
        self._functional = _function(inputs, outputs)
        self._changes = changes
        self._shared = [op for op in self._functional.operations if _is_layer(op)]
        self.output_names = [operation_of(tensor).name for tensor in self.outputs]
        self.built = True

    @property
    def inputs(self) -> list:
        return self._functional.inputs

    @property
    def outputs(self) -> list:
        return self._functional.outputs

    @property
    def layers(self) -> list:
        return list(self._shared)

    def call(self, inputs, training=None, mask=None):
        structure = self._functional._inputs_struct
        if isinstance(inputs, dict) and not isinstance(structure, dict):
            inputs = [inputs[tensor.name] for tensor in self.inputs]
        leaves = [
            keras.ops.convert_to_tensor(leaf, tensor.dtype)
            for leaf, tensor in zip(keras.tree.flatten(inputs), self.inputs, strict=True)
        ]
        if self._changes is not None:
            leaves = keras.tree.flatten(self._changes(leaves[0], training=training))
        outputs = self._functional._run_through_graph(
            leaves, operation_fn=lambda operation: _as_frozen(operation, training)
        )
        return outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs


def _function(inputs, outputs):
    """`keras.Function`, which begins at inner tensors of a graph from Keras 3.14 on alone.

    Before, one is made from the very inputs of the graph, and what lies before the inner tensors
    is taken out.
    """
    if tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 14):
        return keras.Function(inputs, outputs)
    flat = keras.tree.flatten(inputs)
    roots = [t for node in _nodes_behind(outputs) if node.is_input for t in node.outputs]
    function = keras.Function([*dict.fromkeys(roots)], outputs)
    nodes = _nodes_behind(outputs, {id(tensor) for tensor in flat})
    function._nodes_by_depth = {
        depth: [node for node in some if node in nodes]
        for depth, some in function._nodes_by_depth.items()
    }
    kept = {id(node.operation) for node in nodes}
    function._operations = [each for each in function._operations if id(each) in kept]
    function._inputs, function._inputs_struct = flat, inputs
    return function


def _nodes_behind(tensors, stop=frozenset()) -> dict:
    """The calls that lead to tensors, back to the inputs of the graph or to tensors to stop at."""
    nodes, waiting = {}, keras.tree.flatten(tensors)
    while waiting:
        tensor = waiting.pop()
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if id(tensor) not in stop and node not in nodes:
            nodes[node] = True
            waiting += node.input_tensors
    return nodes


def _as_frozen(operation, training):
    """A call of an operation: in training only where it trains."""
    if not _is_layer(operation):
        return operation
    training = training and operation.trainable

    def call(*args, **kwargs):
        return operation(*args, **kwargs | {"training": training})

    return call


def _is_layer(operation) -> bool:
    return isinstance(operation, keras.layers.Layer)


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


def reseed(seed: int, *layers: keras.layers.Layer | None) -> list[keras.Variable]:
    """Set all random states of layers, and of the layers inside them, from one seed; return them.

    The n-th state of all becomes (seed, n).
    """
    states = [state for layer in layers if layer is not None for state in random_states(layer)]
    for index, state in enumerate(states):
        state.assign(np.array([seed, index], "uint32"))
    return states


def draws_at_random(layer: keras.layers.Layer) -> bool:
    """Whether a layer itself, not one inside it, has a random generator."""
    return bool(layer._seed_generators)


def compiled_with(model: keras.Model) -> dict:
    """What a model was compiled with, the very objects: `loss`, `metrics` and so on."""
    return dict(model._compile_config.config)


@contextlib.contextmanager
def lent(model: keras.Model, trained: keras.Model, on: bool = True) -> Iterator[None]:
    """Let a model show the optimizer and the metrics of another that trains in its place.

    Callbacks then read and set what counts. All is as before afterwards; `on=False` does nothing.
    """
    from keras.src.utils.tracking import DotNotTrackScope

    if not on:
        yield
        return
    names = ("optimizer", "_compile_metrics", "_loss_tracker")
    own = {name: getattr(model, name, None) for name in names}
    with DotNotTrackScope():
        for name in names:
            setattr(model, name, getattr(trained, name))
    retrace(model)
    try:
        yield
    finally:
        retrace(model)
        with DotNotTrackScope():
            for name, value in own.items():
                setattr(model, name, value)


def synchronise(model: keras.Model) -> None:
    """Put the state of a training on JAX into the model's variables, for callbacks to read."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()


def obey_flags(model: keras.Model) -> None:
    """Let a compiled model train what its layers' flags say now, as compiling it anew would.

    Its loss, its metrics and its optimizer stay the same objects; the optimizer keeps its settings,
    its iterations and its state of every weight that still trains.
    """
    retrace(model)
    model._compiled_trainable_state = {each: each.trainable for each in all_layers(model)}
    if model.optimizer is not None:
        refit_optimizer(model.optimizer, model.trainable_variables)


def refit_optimizer(optimizer: keras.optimizers.Optimizer, variables: list) -> None:
    """Build an optimizer anew in place for other variables; what it knows of the old ones stays.

    Optimizers inside it (loss scaling, one for each group of layers) are built anew with it.
    """
    before = optimizer._trainable_variables
    if not optimizer.built or list(map(id, before)) == list(map(id, variables)):
        return
    family = [each for each in _inner_optimizers(optimizer) if each.built]
    known = [(each, each._trainable_variables, _slots(each)) for each in family]
    for each in family:
        each.built, each._trainable_variables_indices = False, {}
    optimizer.build(variables)
    for each, trained, slots in known:
        for name, old in slots.items():
            new = getattr(each, name)
            if new is old:
                continue
            if isinstance(old, keras.Variable):
                pairs = [(old, new)]
            else:
                places = {id(variable): i for i, variable in enumerate(trained)}
                rows = [places.get(id(variable)) for variable in each._trainable_variables]
                pairs = [(old[row], new[i]) for i, row in enumerate(rows) if row is not None]
            for was, now in pairs:
                if was is not None and now is not None and was.shape == now.shape:
                    now.assign(was.numpy())
            for was in keras.tree.flatten(old):
                if was is not None:
                    each._untrack_variable(was)
        _renew_list_of_variables(each)


def _renew_list_of_variables(optimizer) -> None:
    """A new list in place of one from which variables were taken, as TensorFlow exports no such."""
    variables = list(optimizer._variables)
    if keras.backend.backend() == "tensorflow":
        from tensorflow.__internal__ import tracking

        variables = tracking.wrap(variables)
        optimizer._track_trackable(variables, "_variables", overwrite=True)
    optimizer.__dict__["_variables"] = variables
    is_variable, _ = optimizer._tracker.config["variables"]
    optimizer._tracker.config["variables"] = is_variable, variables


def _slots(optimizer) -> dict:
    """An optimizer's own variables: one alone, or a list with one for each weight, by attribute."""
    count = len(optimizer._trainable_variables)
    found = {}
    for name, value in vars(optimizer).items():
        if isinstance(value, keras.Variable):
            found[name] = value
        elif name not in ("_variables", "_trainable_variables") and isinstance(value, list):
            known = [each for each in value if isinstance(each, keras.Variable)]
            if known and len(value) == count:
                found[name] = list(value)
    return found


def _inner_optimizers(optimizer) -> list:
    """An optimizer with all that it holds, each once."""
    found, waiting = {}, [optimizer]
    while waiting:
        each = waiting.pop()
        if id(each) not in found:
            found[id(each)] = each
            held = keras.tree.flatten(list(vars(each).values()))
            waiting += [one for one in held if isinstance(one, keras.optimizers.Optimizer)]
    return list(found.values())


def optimized_variable(optimizer: keras.optimizers.Optimizer, variable) -> keras.Variable:
    """The model's own variable behind what an optimizer's `update_step` is given."""
    return optimizer._trainable_variables[optimizer._get_variable_index(variable)]


def forget_kernels() -> None:
    """Free what TensorFlow keeps of every function that it ever traced, a quarter MB each.

    Functions that are still in use find what they need again.
    """
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.eager import context

        context.context().clear_kernel_cache()


class OneReplica:
    """For an optimizer that trains on one replica: it sums no gradients over replicas.

    TensorFlow keeps the graph of every training in which they were summed for good, some 5 MB.
    """

    _distribution_strategy: Any  # of the optimizer that this is mixed into

    def _all_reduce_sum_gradients(self, grads_and_vars):
        if self._distribution_strategy.num_replicas_in_sync == 1:
            return grads_and_vars
        return super()._all_reduce_sum_gradients(grads_and_vars)  # type: ignore[misc]  # Keras has it


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
