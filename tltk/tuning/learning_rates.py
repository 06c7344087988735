"""Find a learning rate by trying them all in one short run."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np

from tltk._checks import check_count, check_number
from tltk._keras import Part, check_model, input_structure, output_structure
from tltk.inputs.examples import Data
from tltk.tuning._checks import check_each, checked_examples
from tltk.tuning._loop import ShuffledBatches
from tltk.tuning._optimizer import BlockwiseAdamW

CLOSE = 0.1


class LearningRates(NamedTuple):
    """The rates tried, the smoothed loss at each, and a suggestion."""

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float


def find_learning_rate(
    model: keras.Model,
    train: Data,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 60,
    batch_size: int = 32,
    seed: int = 0,
) -> LearningRates:
    """Raise the learning rate exponentially from step to step and watch the loss.

    The weights that train are the model's trainable ones, and they are put back afterwards. The
    suggestion is a tenth of the highest rate at which the smoothed loss was within a tenth of its
    lowest. The run ends early where the loss exceeds four times its lowest.

    Args:
        model: a compiled model, its blocks frozen and unfrozen as they will be trained.
        train: a split, a batched dataset of (x, y), or a pair of arrays (x, y).
        lowest: the first learning rate.
        highest: the last learning rate.
        steps: training steps in all.
        batch_size: examples a step.
        seed: decides the order of the examples.

    Returns:
        `rates` (n,), `losses` (n,) and `suggestion`.

    Raises:
        ValueError: where nothing in the model is trainable.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> x = np.linspace(-1, 1, 64)[:, None]
        >>> found = find_learning_rate(model, (x, 3 * x[:, 0]), steps=20)
        >>> 1e-6 < found.suggestion < 1
        True

    Reference:
        Smith, Cyclical learning rates for training neural networks, 2017.
    """
    check_model(model, functional=True)
    check_number("lowest", lowest, above=0)
    check_number("highest", highest, above=lowest, advice="Rates rise from lowest to highest")
    check_count("steps", steps, least=2)
    check_each(batch_size=batch_size, seed=seed)
    if not model.compiled:
        raise ValueError(
            "A learning rate is found for a model that has a loss. Received: a model that is not "
            "compiled. Call model.compile(loss=...) first."
        )
    if not model.trainable_weights:
        raise ValueError(
            "A learning rate is found for the weights that train. Received: a model in which "
            "none does. Call unfreeze(model, blocks) first."
        )
    train = checked_examples(model, train)
    kept = [variable.numpy() for variable in model.variables]
    trained = Part(input_structure(model), output_structure(model))
    rates = np.geomspace(lowest, highest, steps)
    ones = {id(weight): 1.0 for weight in trained.trainable_weights}
    trained.compile(optimizer=BlockwiseAdamW(ones, lowest), loss=model.loss)
    try:
        losses = _losses(trained, train, rates, batch_size, seed)
    finally:
        for variable, value in zip(model.variables, kept, strict=True):
            variable.assign(value)
    low = np.flatnonzero(losses <= losses.min() + CLOSE * abs(losses.min()))
    return LearningRates(rates[: len(losses)], losses, float(rates[low[-1]] / 10))


def _losses(model, examples, rates, batch_size, seed) -> np.ndarray:
    losses, average, lowest = [], 0.0, np.inf
    endless = _endless(examples, batch_size, seed)
    for step, rate in enumerate(rates):
        x, y = next(endless)
        model.optimizer.learning_rate = rate
        loss = float(model.train_on_batch(x, y))
        average = 0.9 * average + 0.1 * loss
        losses.append(average / (1 - 0.9 ** (step + 1)))
        lowest = min(lowest, losses[-1])
        if not np.isfinite(losses[-1]) or losses[-1] > 4 * lowest:
            break
    return np.asarray(losses)[np.isfinite(losses)]


def _endless(examples, batch_size, seed):
    batches = ShuffledBatches(examples, batch_size, seed)
    while True:
        for index in range(len(batches)):
            yield batches[index]
        batches.on_epoch_end()
