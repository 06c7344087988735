"""How far two batches of features lie apart, as losses: pure functions of `keras.ops`."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from tltk._checks import check_number

BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)


def coral_loss(source, target):
    """Measure how far the covariances of two batches lie apart.

        |Cs - Ct|^2 / (4 d^2), with n - 1 in the denominator of each covariance

    Args:
        source: features (n, d), n of at least 2.
        target: features (m, d), m of at least 2.

    Returns:
        A scalar tensor.

    Raises:
        ValueError: for batches of different widths.

    Example:
        >>> a = ops.convert_to_tensor([[0.0], [2.0]])
        >>> round(float(coral_loss(a, 2 * a)), 4)  # variances 2 and 8
        9.0

    Reference:
        Sun and Saenko, Deep CORAL, 2016.
    """
    _check(source, target)
    difference = _covariance(source) - _covariance(target)
    return ops.sum(difference**2) / (4 * source.shape[-1] ** 2)


def mmd_loss(
    source,
    target,
    kernel: str = "gaussian",
    bandwidths: Sequence[float] = BANDWIDTHS,
    *,
    unbiased: bool = False,
):
    """Measure the squared distance of the mean embeddings of two batches.

        mean k(s, s') + mean k(t, t') - 2 mean k(s, t)

    with k(x, y) = x'y ("linear": the squared distance of the means), or the mean over the
    bandwidths b of `exp(-|x - y|^2 / (2 b m))`, where m is the mean squared distance of different
    rows of both batches, taken as a constant by the gradient.

    Args:
        source: features (n, d).
        target: features (m, d).
        kernel: "gaussian" or "linear".
        bandwidths: factors of m, for "gaussian".
        unbiased: leave out the pairs of a row with itself, so that 0 is expected of two batches
            of one domain; it can then be negative.

    Returns:
        A scalar tensor.

    Raises:
        ValueError: for batches of different widths, or another kernel.

    Example:
        >>> a = ops.convert_to_tensor([[0.0, 0.0], [2.0, 0.0]])
        >>> round(float(mmd_loss(a, a + 3, kernel="linear")), 4)
        18.0
        >>> bool(abs(mmd_loss(a, a)) < 1e-6)
        True

    References:
        - Gretton et al., A kernel two-sample test, 2012.
        - Long et al., Learning transferable features with deep adaptation networks, 2015.
    """
    _check(source, target)
    if kernel not in ("gaussian", "linear"):
        raise ValueError(
            f'The kernel is "gaussian" or "linear". Received: kernel={kernel!r}. Choose either.'
        )
    rows, count = ops.concatenate([source, target]), ops.shape(source)[0]
    rows = rows - ops.stop_gradient(ops.mean(rows, axis=0))
    products = rows @ ops.transpose(rows)
    values = products if kernel == "linear" else _gaussian(products, bandwidths)
    source_own = _mean_within(values[:count, :count], unbiased)
    target_own = _mean_within(values[count:, count:], unbiased)
    return source_own + target_own - 2 * ops.mean(values[:count, count:])


def _gaussian(products, bandwidths):
    lengths = ops.diagonal(products)
    squares = ops.maximum(lengths[:, None] + lengths[None, :] - 2 * products, 0)
    count = ops.cast(ops.shape(squares)[0], squares.dtype)
    middle = ops.stop_gradient(ops.sum(squares) / (count * (count - 1)))
    middle = ops.maximum(middle, 1e-12)
    return sum(ops.exp(-squares / (2 * b * middle)) for b in bandwidths) / len(bandwidths)


def _mean_within(block, unbiased):
    if not unbiased:
        return ops.mean(block)
    count = ops.cast(ops.shape(block)[0], block.dtype)
    return (ops.sum(block) - ops.sum(ops.diagonal(block))) / (count * (count - 1))


def _covariance(rows):
    rows = rows - ops.mean(rows, axis=0, keepdims=True)
    count = ops.cast(ops.shape(rows)[0], rows.dtype)
    return ops.transpose(rows) @ rows / (count - 1)


def _check(source, target) -> None:
    if len(source.shape) != 2 or len(target.shape) != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(
            "Both batches hold rows of the same features. Received: shapes "
            f"{tuple(source.shape)} and {tuple(target.shape)}. Pool or flatten them first."
        )


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
    descends it, the features below climb it. How often it is right is kept as a metric of Keras,
    `domain_accuracy`.

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
        self.accuracy = keras.metrics.Mean(name="domain_accuracy")

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
        x = sign * self.answer(x)
        self.accuracy.update_state(x < 0)
        return ops.mean(ops.softplus(x))
