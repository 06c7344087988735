"""A domain classifier whose gradient is turned round: training it teaches the features to hide."""

from __future__ import annotations

import keras
from keras import ops

from tltk._checks import check_number


def reverse_gradient(x, scale):
    """Pass values on unchanged, and their gradient times -scale.

        r(x) = x,  dr/dx = -scale

    Args:
        x: a tensor or an array of any shape.
        scale: a number; 0 stops the gradient.

    Returns:
        A tensor of the same values.

    Example:
        >>> reverse_gradient([1.0, -2.0], 0.5).numpy().tolist()
        [1.0, -2.0]

    Reference:
        Ganin et al., Domain-adversarial training of neural networks, 2016.
    """
    x = ops.convert_to_tensor(x)
    scale = ops.cast(scale, x.dtype)
    return ops.stop_gradient((1 + scale) * x) - scale * x


def rising_strength(progress, steepness: float = 10.0):
    """The share of an adaptation's full strength at a time of the training, from 0 to almost 1.

        2 / (1 + exp(-steepness * progress)) - 1

    Early features are noise, and to align them would only disturb the classifier.

    Args:
        progress: from 0 at the first step to 1 at the last.
        steepness: how early it rises; 0 for full strength from the first step.

    Returns:
        A tensor of the shape of `progress`.

    Example:
        >>> [round(float(rising_strength(p)), 2) for p in (0.0, 0.1, 0.5, 1.0)]
        [0.0, 0.46, 0.99, 1.0]

    Reference:
        Ganin et al., Domain-adversarial training of neural networks, 2016 (section 5.2.2).
    """
    check_number("steepness", steepness, least=0, advice="10 is usual")
    progress = ops.convert_to_tensor(progress, "float32")
    if not steepness:
        return ops.ones_like(progress)
    return 2 / (1 + ops.exp(-steepness * progress)) - 1


class DomainClassifier(keras.layers.Layer):
    """Tell source from target by features whose gradient is reversed.

    The loss is the mean binary cross-entropy, with as much weight on either domain. The classifier
    descends it, the features below climb it.

    Args:
        units: width of the two hidden layers.
        seed: decides the first weights.
    """

    def __init__(self, units: int = 128, seed: int = 0):
        super().__init__(name="domain_classifier")
        first = [keras.initializers.GlorotUniform(3 * seed + number) for number in range(3)]
        self.hidden = [
            keras.layers.Dense(units, "relu", kernel_initializer=each) for each in first[:2]
        ]
        self.answer = keras.layers.Dense(1, kernel_initializer=first[2])

    def build(self, shape):
        for layer in self.hidden:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.answer.build(shape)

    def call(self, source, target, strength):
        return (self._surprise(source, strength, 1) + self._surprise(target, strength, -1)) / 2

    def _surprise(self, features, strength, sign):
        x = reverse_gradient(features, strength)
        for layer in self.hidden:
            x = layer(x)
        return ops.mean(ops.softplus(sign * self.answer(x)))
