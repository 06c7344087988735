"""Pretraining without targets: reconstruct what was hidden."""

from __future__ import annotations

import math

import keras
import numpy as np

from tltk._checks import check_count, check_number
from tltk._keras import check_model
from tltk.inputs.examples import examples_of
from tltk.tuning.checks import check_each, check_fits
from tltk.tuning.freezing import unfreeze
from tltk.tuning.loop import history_of, train
from tltk.tuning.optimizer import Adam


def pretrain_masked(
    encoder: keras.Model,
    data,
    share: float = 0.3,
    stretch: int = 6,
    epochs: int = 10,
    lr: float = 1e-3,
    batch_size: int = 32,
    seed: int = 0,
    verbose: int = 0,
) -> keras.callbacks.History:
    """Train an encoder to reconstruct stretches of its windows that were set to zero.

    Each epoch hides other stretches. A dense layer reads the hidden values from the encoder's
    features; it is thrown away afterwards. Only hidden steps count in the loss.

    Args:
        encoder: from windows (b, length, c) to a sequence (b, length, d), such as
            `series_encoder(..., causal=False)`; all of it trains.
        data: scaled windows: a split, or an array (n, length, c). Targets are not used.
        share: the share of steps to hide, above 0 and below 1.
        stretch: steps that are hidden together; fewer than the encoder sees to either side.
        epochs: passes over the windows.
        lr: learning rate of Adam.
        batch_size: windows a step.
        seed: decides what is hidden, and the order.
        verbose: as in Keras.

    Returns:
        The history; its loss is the mean squared error of the hidden steps.

    Raises:
        ValueError: for an encoder that gives no sequence as long as its input, or a share that
            hides nothing or everything.

    Example:
        >>> from tltk import series_encoder
        >>> encoder = series_encoder((12, 1), filters=4, blocks=1, causal=False)
        >>> history = pretrain_masked(encoder, np.ones((8, 12, 1), "float32"), epochs=2)
        >>> len(history.history["loss"])
        2

    Reference:
        Zerveas et al., A transformer-based framework for multivariate time series representation
        learning, 2021 (hiding stretches rather than single steps).
    """
    check_model(encoder, "encoder", functional=True)
    examples = examples_of(data)
    check_fits(encoder, examples)
    check_number("share", share, above=0, below=1, advice="Use 0.3")
    check_count("epochs", epochs)
    check_each(stretch=stretch, lr=lr, batch_size=batch_size, seed=seed)
    windows = examples.arrays()[0].astype("float32")
    if len(encoder.output_shape) != 3 or encoder.output_shape[1] != encoder.input_shape[1]:
        raise ValueError(
            "Reconstruction needs features of every step, (b, length, d). Received: an encoder "
            f"from {encoder.input_shape} to {encoder.output_shape}. "
            "Build it with last_step=False and without pooling over time."
        )
    random = np.random.default_rng(seed)
    unfreeze(encoder, "all", train_batch_norm=True)
    guess = keras.layers.Dense(
        windows.shape[-1],
        kernel_initializer=keras.initializers.GlorotUniform(seed),
        name="head_reconstruction",
    )(encoder.outputs[0])
    model = keras.Model(encoder.inputs, guess)
    model.compile(optimizer=Adam(lr), loss="mean_squared_error")
    batches = _Hidden(windows, share, stretch, batch_size, random)
    return history_of(encoder, train(model, batches, shown=encoder, epochs=epochs, verbose=verbose))


class _Hidden(keras.utils.PyDataset):
    """Windows with stretches set to zero, and the windows whole; others in every epoch."""

    def __init__(self, windows, share, stretch, batch_size, random):
        super().__init__()
        self._windows, self._batch_size, self._random = windows, batch_size, random
        self._share, self._stretch = share, stretch
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._windows) // self._batch_size)

    def __getitem__(self, index):
        part = slice(index * self._batch_size, (index + 1) * self._batch_size)
        whole, hidden = self._windows[self._order[part]], self._drawn[part]
        weights = hidden.astype("float32") / max(float(self._drawn.mean()), 1e-9)
        return np.where(hidden[..., None], np.float32(0), whole), whole, weights

    def on_epoch_end(self) -> None:
        self._order = self._random.permutation(len(self._windows))
        shape = self._windows.shape[:2]
        self._drawn = hidden_steps(shape, self._share, self._stretch, self._random)


def hidden_steps(
    shape: tuple[int, int], share: float, stretch: int, random: np.random.Generator
) -> np.ndarray:
    """Draw which steps to hide, in whole stretches.

    Args:
        shape: (n, length).
        share: the share of stretches to hide; of every window at least one is hidden.
        stretch: steps in a stretch.
        random: where the draw comes from.

    Returns:
        Booleans (n, length).

    Example:
        >>> int(hidden_steps((1, 6), 0.5, 3, np.random.default_rng(0)).sum())
        3
    """
    count, length = shape
    pieces = math.ceil(length / stretch)
    chosen = max(1, round(share * pieces))
    ranks = random.random((count, pieces)).argsort(axis=1)
    return np.repeat(ranks < chosen, stretch, axis=1)[:, :length]
