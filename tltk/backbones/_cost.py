"""What one forward pass costs: multiply-adds and numbers held, counted from the layers."""

import math
from collections.abc import Iterable

import keras


def multiply_adds(layers: Iterable[keras.layers.Layer]) -> int:
    """Count the multiply-adds of one example: each kernel once for every output position.

    Args:
        layers: built layers, nested models among them; sides of None (pictures of any size) count
            as one position. Word tables are looked up and count nothing; layers that recur run
            once for every step of their input.

    Returns:
        The multiply-adds of all kernels; whatever has none (additions, pooling) counts nothing.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
        >>> multiply_adds(model.layers)  # 3 x 3 x 3 x 4 weights at 6 x 6 places
        3888
    """
    return sum(map(_of_layer, layers))


def largest_pass(layers: Iterable[keras.layers.Layer]) -> int:
    """Count the numbers of one example in the input and output of the largest layer.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
        >>> largest_pass(model.layers)  # 8 x 8 x 3 in, 6 x 6 x 4 out
        336
    """
    return max((_numbers_of(layer) for layer in layers), default=0)


def _of_layer(layer) -> int:
    if isinstance(layer, keras.Model):
        return multiply_adds(layer.layers)
    if isinstance(layer, keras.layers.Embedding):
        return 0
    kernels = [weight.shape for weight in layer.weights if len(weight.shape) > 1]
    if not kernels:
        return 0
    recurs = isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional))
    places = layer.input.shape[1:2] if recurs else layer.output.shape[1:-1]
    return sum(map(math.prod, kernels)) * _positions(places)


def _numbers_of(layer) -> int:
    if isinstance(layer, keras.Model):
        return largest_pass(layer.layers)
    tensors = keras.tree.flatten((layer.input, layer.output))
    return sum(_positions(tensor.shape[1:]) for tensor in tensors)


def _positions(shape) -> int:
    return math.prod(side or 1 for side in shape)
