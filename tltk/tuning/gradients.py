"""Gradients that can be differentiated again: the one place of its kind that holds a tape.

`keras.ops` computes but does not differentiate, and Keras's own training differentiates once. A
training step within a training step needs the gradient as a tensor, so it is made here and nowhere
else; what calls it is `keras.ops` again.
"""

from __future__ import annotations

from collections.abc import Callable


def value_and_gradient(function: Callable, values) -> tuple:
    """The value of a scalar function of several tensors, and its gradient by each of them.

    The gradient is itself made of operations that can be differentiated, so the function may call
    `value_and_gradient` in turn.

    Args:
        function: from a list of tensors to a scalar tensor.
        values: the tensors, or numbers, at which the gradient is taken.

    Returns:
        (value, gradients): a scalar tensor, and a list of tensors shaped as `values`, zero where
        the function does not depend on one.

    Example:
        >>> slope = lambda values: value_and_gradient(lambda v: v[0] ** 3, values)[1][0]
        >>> value, [second] = value_and_gradient(slope, [2.0])  # 3 x^2 and 6 x
        >>> float(value), float(second)
        (12.0, 12.0)
    """
    import tensorflow as tf

    values = [tf.convert_to_tensor(value) for value in values]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        value = function(values)
    return value, tape.gradient(value, values, unconnected_gradients="zero")
