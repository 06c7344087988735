"""L2-SP: trained weights are pulled back to where they started."""

from __future__ import annotations

import keras

from tltk.backbones import layers_by_block


class TowardsStart(keras.regularizers.Regularizer):
    """What a weight costs that moves away from its start.

        strength / 2 * sum((w - start)^2), and what it cost before

    Args:
        strength: how much.
        start: where to, of the weight's shape, or 0.
        other: the weight's own regulariser, or None.

    Example:
        >>> import numpy as np
        >>> float(TowardsStart(0.5, np.array([1.0, 2.0]))(np.array([1.0, 4.0])))
        1.0

    Reference:
        Li, Grandvalet and Davoine, Explicit inductive bias for transfer learning with convolutional
        networks, 2018.
    """

    def __init__(self, strength, start=0.0, other=None):
        self.strength, self.start, self.other = strength, start, other

    def __call__(self, weight):
        pull = 0.5 * self.strength * keras.ops.sum(keras.ops.square(weight - self.start))
        return pull if self.other is None else pull + self.other(weight)


def pull_to_start(model: keras.Model, strength: float) -> list[keras.Variable]:
    """Let each trainable weight of a body cost its way from here, and each of the head its size.

    Args:
        model: a model whose blocks are unfrozen as they will be trained. Models that share its
            weights pay the same.
        strength: alpha; 0 for nothing.

    Returns:
        The starts, which a checkpoint must keep.
    """
    starts = []
    for block, layers in layers_by_block(model).items():
        for weight in (weight for layer in layers for weight in layer.trainable_weights):
            start = 0.0
            if strength and block != "head":
                start = keras.Variable(weight.numpy(), trainable=False, dtype=weight.dtype)
                starts.append(start)
            if strength:
                weight.regularizer = TowardsStart(strength, start, weight.regularizer)
    return starts


def let_go(model: keras.Model) -> None:
    """Give each weight its own regulariser back."""
    for weight in model.weights:
        if isinstance(weight.regularizer, TowardsStart):
            weight.regularizer = weight.regularizer.other
