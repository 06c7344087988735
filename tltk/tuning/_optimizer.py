"""One optimizer with a learning rate for each block."""

from __future__ import annotations

from functools import lru_cache

import keras

from tltk._keras import OneReplica, optimized_variable
from tltk.backbones import layers_by_block
from tltk.tuning.freezing import has_kernels


class Adam(OneReplica, keras.optimizers.Adam):
    """Keras's Adam, which leaves nothing behind when the training is over."""


class BlockwiseAdamW(Adam):
    """Adam with decoupled weight decay whose step is scaled for each weight by its own factor.

    Scaling gradients would do nothing under Adam, which divides by their size; here the learning
    rate itself is scaled inside the step. Weight decay spares biases and normalisation. It is
    private to training: what is saved meanwhile holds the model's own optimizer.

    Args:
        factors: the rate of each weight, by `id`, where `learning_rate` is 1.
        learning_rate: a number, or a Keras schedule.
        weight_decay: decoupled decay.
        peak: the rate that is shown, and set, where `learning_rate` is 1.
        own: the optimizer of the model in whose place another is trained, for its file.
    """

    def __init__(self, factors, learning_rate, weight_decay=0.0, peak=1.0, own=None):
        super().__init__(learning_rate)
        self._factors, self._peak, self._own = factors, peak, own
        self._decay = weight_decay
        if own is not None:  # an .h5 file names the class of the optimizer that it finds
            self.__class__ = _in_the_name_of(keras.saving.get_registered_name(type(own)))

    @property
    def learning_rate(self):
        return super().learning_rate * self._peak

    @learning_rate.setter
    def learning_rate(self, value):
        Adam.learning_rate.fset(self, value / self._peak)

    def save_own_variables(self, store):
        if self._own is None:
            super().save_own_variables(store)
        else:
            self._own.save_own_variables(store)

    def get_config(self):
        return super().get_config() if self._own is None else self._own.get_config()

    def update_step(self, gradient, variable, learning_rate):
        known, unit = optimized_variable(self, variable), super().learning_rate
        rate = keras.ops.cast(unit, variable.dtype) * self._factors[id(known)]
        if self._decay and len(variable.shape) > 1:
            self.assign_sub(variable, variable * (rate * self._decay))
        super().update_step(gradient, variable, rate)


@lru_cache
def _in_the_name_of(name: str) -> type:
    return type(name, (BlockwiseAdamW,), {})


def rate_factors(model: keras.Model, base: float, decay: float, head: float) -> dict[int, float]:
    """The learning rate of every trainable weight, falling with depth from the last block.

    The head learns at `head`, the last block at `base`, the one before at `base * decay`,
    and so on towards the input.

    Args:
        model: a model whose blocks are frozen and unfrozen as they will be trained.
        base: learning rate of the last block.
        decay: factor from one block to the block before it, 1 for equal rates.
        head: learning rate of the head.

    Returns:
        A learning rate for each trainable weight, by `id`.
    """
    rates, rate = {}, base
    for block, layers in reversed(layers_by_block(model).items()):
        weights = [weight for layer in layers for weight in layer.trainable_weights]
        rates.update({id(weight): head if block == "head" else rate for weight in weights})
        if block != "head" and has_kernels(layers):
            rate *= decay
    return rates


def scheduled_rate(peak: float, steps: int, warmup: float):
    """A learning rate that rises linearly over a share of the steps, then falls along a cosine.

    Args:
        peak: the highest learning rate.
        steps: the number of steps of the whole phase.
        warmup: share of the steps, 0 to 1, spent rising from zero.

    Returns:
        A Keras learning-rate schedule.
    """
    rising = int(warmup * steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if rising else peak,
        decay_steps=max(1, steps - rising),
        warmup_target=peak if rising else None,
        warmup_steps=rising,
    )
