"""Batches in an order that depends on nothing but the seed, the phase and the epoch."""

from __future__ import annotations

import keras
import numpy as np

from tltk.inputs.examples import Examples
from tltk.tuning.imbalance import evenly_drawn


class ShuffledBatches(keras.utils.PyDataset):
    """Random access to examples, reordered for each epoch as a function of (seed, phase, epoch).

    Where there are augmented views of the examples, the epochs take them in turn. `evenly` draws
    equally many of each class.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        seed=None,
        phase=0,
        epoch=0,
        views=(),
        evenly=False,
    ):
        super().__init__(workers=examples.workers)
        self._views, self._batch_size = views or [examples], batch_size
        self._seed, self._phase, self._epoch, self._evenly = seed, phase, epoch, evenly
        self._reorder()

    def __len__(self) -> int:
        return -(-self._examples.count // self._batch_size)

    def __getitem__(self, index: int):
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._examples.served(rows)

    def relabel(self, labels) -> None:
        """Give the same rows other labels, before an epoch."""
        self._views = [view.replace(labels=labels) for view in self._views]
        self._examples = self._views[self._epoch % len(self._views)]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._reorder()

    def _reorder(self) -> None:
        self._examples = self._views[self._epoch % len(self._views)]
        self._order = np.arange(self._examples.count)
        if self._seed is not None:
            random = np.random.default_rng([self._seed, self._phase, self._epoch])
            labels = self._examples.labels
            draw = evenly_drawn(labels, random) if self._evenly else random.permutation(self._order)
            self._order = draw
