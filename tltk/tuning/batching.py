"""Batches in an order that depends on nothing but the seed, the phase and the epoch."""

from __future__ import annotations

import os

import keras
import numpy as np

from tltk.inputs.examples import Examples, as_network_input


class ShuffledBatches(keras.utils.PyDataset):
    """Random access to examples, reordered for each epoch as a function of (seed, phase, epoch).

    Where there are augmented views of the examples, the epochs take them in turn.
    """

    def __init__(self, examples: Examples, batch_size: int, seed=None, phase=0, epoch=0, views=()):
        reads_pictures = examples.names is not None
        super().__init__(workers=(os.cpu_count() or 1) + 1 if reads_pictures else 1)
        self._views, self._batch_size = views or [examples], batch_size
        self._seed, self._phase, self._epoch = seed, phase, epoch
        self._reorder()

    def __len__(self) -> int:
        return -(-self._examples.count // self._batch_size)

    def __getitem__(self, index: int):
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return as_network_input(self._examples.fetch(rows)), self._examples.labels[rows]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._reorder()

    def _reorder(self) -> None:
        self._examples = self._views[self._epoch % len(self._views)]
        self._order = np.arange(self._examples.count)
        if self._seed is not None:
            key = [self._seed, self._phase, self._epoch]
            self._order = np.random.default_rng(key).permutation(self._order)
