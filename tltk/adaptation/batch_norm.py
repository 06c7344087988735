"""Adaptive batch normalisation: the statistics of another domain in a trained network."""

from __future__ import annotations

import keras
import numpy as np

from tltk._checks import check_count
from tltk._keras import all_layers, as_functional, check_model, input_structure, nodes_of
from tltk.inputs.examples import as_network_input, examples_of
from tltk.tuning.checks import check_fits


def adapt_batch_norm(model: keras.Model, target, batch_size: int = 64) -> int:
    """Set the moving statistics of every batch normalisation to those of a target domain.

        mean_c = E[x_c],  variance_c = E[(x_c - mean_c)^2], over rows and positions of the target

    From the input to the output, each layer gets the mean and variance of all that reaches it, when
    the layers before it have theirs already. So the result is exact and depends neither on the
    order of the rows nor on the batch size. No label is needed and no weight is trained.

    Args:
        model: a functional or sequential model, changed in place; copy it first to keep the
            source's statistics (`keras.models.clone_model` and `set_weights`).
        target: rows of the target domain; labels, if there are any, are not looked at.
        batch_size: rows a step.

    Returns:
        The number of layers adapted. The network up to each of them runs once over the data, so
        the time grows with the square of their number.

    Raises:
        ValueError: for a model without batch normalisation, or with one inside a nested model.

    Example:
        >>> norm = keras.layers.BatchNormalization()
        >>> model = keras.Sequential([keras.Input((1,)), norm])
        >>> adapt_batch_norm(model, np.array([[1.0], [3.0]]))
        1
        >>> norm.moving_mean.numpy().tolist(), norm.moving_variance.numpy().tolist()
        ([2.0], [1.0])

    Reference:
        Li et al., Revisiting batch normalization for practical domain adaptation, 2016.
    """
    check_model(model)
    check_count("batch_size", batch_size)
    functional, examples = as_functional(model), examples_of(target)
    if functional is not None:
        check_fits(functional, examples)
    places = [] if functional is None else _places(functional)
    _check(model, places)
    for layer, tensor in places:
        network = keras.Model(input_structure(functional), tensor)
        mean, variance = _moments(network, layer.axis, examples, batch_size)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
    return len(places)


def _places(model) -> list:
    """Every batch normalisation with the tensor that reaches it, from input to output."""
    return [
        (node.operation, node.input_tensors[0])
        for node in nodes_of(model)
        if isinstance(node.operation, keras.layers.BatchNormalization)
    ]


def _moments(network, axis, examples, batch_size):
    """Mean and variance of a network's outputs along all axes but one, merged batch by batch."""
    run = keras.Model(network.inputs, network.outputs[0])
    count, mean, squares = 0, 0.0, 0.0
    for start in range(0, examples.count, batch_size):
        rows = np.arange(start, min(start + batch_size, examples.count))
        values = run.predict_on_batch(as_network_input(examples.fetch(rows)))
        values = np.moveaxis(np.asarray(values, "float64"), axis, -1)
        values = values.reshape(-1, values.shape[-1])
        part, total = values.mean(axis=0), count + len(values)
        shift = part - mean
        squares = squares + ((values - part) ** 2).sum(axis=0)
        squares = squares + shift**2 * (count * len(values) / total)
        mean, count = mean + shift * (len(values) / total), total
    return mean, squares / count


def _check(model, places) -> None:
    inner = [x for x in all_layers(model) if isinstance(x, keras.layers.BatchNormalization)]
    if not inner:
        raise ValueError(
            "Adaptive batch normalisation needs a network that has some. "
            f"Received: {model.name!r}, which has none. Use adapt_domains."
        )
    hidden = {layer.name for layer in inner} - {layer.name for layer, _ in places}
    if hidden or len(places) > len(inner):
        raise ValueError(
            "Each batch normalisation must stand once in the model's own graph. "
            f"Received: {', '.join(sorted(hidden)) or 'a layer used twice'} in {model.name!r}. "
            "Build the model flat, as load_backbone and build_classifier do."
        )
