"""Train one small model many times, from weights of one's choice, compiled only once."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from tltk._checks import check_count
from tltk._keras import Part, check_model, input_structure, output_structure, reseed
from tltk.tuning._optimizer import Adam
from tltk.tuning.freezing import unfreeze

STEPS_AT_ONCE = 16


def compiled_trainer(model: keras.Model, batch_size: int = 32) -> Callable[..., None]:
    """Compile a small model once, to train all of it again and again from any weights.

    To compile a network takes longer than to train a small one on a few hundred windows. Where
    the same network learns from many small parts of data (dates, machines, seeds), `fine_tune`
    would compile it for each of them. Here each run begins with the weights given and a fresh
    Adam, and runs all epochs without a pause. Nothing is kept of other runs.

    Args:
        model: a compiled functional model, such as `build_classifier` makes. It trains in place,
            all of it unfrozen; to compile it anew or to fine-tune it in between does no harm.
        batch_size: examples a step, or all there are where there are fewer.

    Returns:
        A function `train(weights, x, y, epochs, rate, seed=0, sample_weight=None)`: weights as
        `model.get_weights()` gives them, arrays x (n, ...), or several inputs in a list or dict,
        and y (n, ...), the number of epochs, the learning rate, what decides the order and
        dropout, and weights of the examples. It leaves the trained weights in the model.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(loss="mean_squared_error")
        >>> train, x = compiled_trainer(model), np.ones((4, 1))
        >>> train([np.zeros((1, 1)), np.zeros(1)], x, 3 * x, epochs=1, rate=0.5)
        >>> [round(float(weight.item()), 3) for weight in model.get_weights()]
        [0.5, 0.5]
    """
    check_model(model, functional=True)
    check_count("batch_size", batch_size)
    unfreeze(model, "all")
    trained = Part(input_structure(model), output_structure(model))
    trained.compile(Adam(), model.loss, steps_per_execution=STEPS_AT_ONCE)
    trained.optimizer.build(model.trainable_variables)
    fresh = [variable.numpy() for variable in trained.optimizer.variables]

    def train(weights, x, y, epochs: int, rate: float, seed: int = 0, sample_weight=None) -> None:
        unfreeze(model, "all")
        model.set_weights(weights)
        for variable, value in zip(trained.optimizer.variables, fresh, strict=True):
            variable.assign(value)
        reseed(seed, model)
        trained.optimizer.learning_rate.assign(rate)
        random = np.random.default_rng(seed)
        rows = np.concatenate([random.permutation(len(y)) for _ in range(epochs)])
        size = min(batch_size, len(y))
        x, y, sample_weight = keras.tree.map_structure(
            lambda leaf: leaf if leaf is None else leaf[rows], (x, y, sample_weight)
        )
        trained.fit(x, y, batch_size=size, sample_weight=sample_weight, shuffle=False, verbose=0)

    return train
