"""The one training loop: whatever takes steps is fitted, shown and let go of here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np

from tltk._keras import forget_kernels, lent, synchronise
from tltk.inputs.examples import Examples
from tltk.tuning._cutting import NoCut, cut_frozen
from tltk.tuning._imbalance import evenly_drawn
from tltk.tuning.features import frozen_outputs

_OF_KERAS = set(vars(keras.utils.PyDataset()))


def train(
    trained: keras.Model,
    batches: keras.utils.PyDataset,
    *,
    shown: keras.Model,
    epochs: int,
    val: keras.utils.PyDataset | None = None,
    first_epoch: int = 0,
    epochs_before: int = 0,
    class_weight: dict | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    reporting: Sequence[keras.callbacks.Callback] = (),
    watching: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 0,
) -> list[dict[str, float]]:
    """Fit a private model on batches in their own order, and let go of the data when it ends.

    Args:
        trained: what is fitted; compiled, and sharing its layers with the model that is shown.
        batches: the training batches, in the order that they decide on themselves.
        shown: the model that a user's callbacks see.
        epochs: the number of the epoch after the last one.
        val: batches to report on after each epoch.
        first_epoch: the number of the first epoch, where a run goes on.
        epochs_before: epochs of earlier phases, which a user's callbacks have seen.
        class_weight: as in Keras.
        callbacks: a user's, which see `shown`, with the optimizer and the metrics of the training.
        reporting: our own, which add to what is noted; they come before the user's.
        watching: our own, which come after the user's.
        verbose: as in Keras.

    Returns:
        What Keras noted, one dict for each epoch that was trained.
    """
    given = [OnWholeModel(callbacks, shown, epochs_before)] if callbacks else []
    with lent(shown, trained, on=bool(callbacks)):
        run = trained.fit(
            batches,
            validation_data=val,
            initial_epoch=first_epoch,
            epochs=epochs,
            class_weight=class_weight,
            callbacks=[*reporting, *given, *watching],
            shuffle=False,
            verbose=verbose,
        )
    drop(batches, val)
    forget_kernels()
    rows = zip(*run.history.values(), strict=True)
    return [dict(zip(run.history, values, strict=True)) for values in rows]


def evaluate(model: keras.Model, batches: keras.utils.PyDataset) -> dict[str, float]:
    """What a compiled model scores on batches, which are let go of."""
    found = model.evaluate(batches, verbose=0, return_dict=True)
    drop(batches)
    return found


def drop(*data: keras.utils.PyDataset | None) -> None:
    """Take from batches what they hold, because Keras keeps those of every fit for good."""
    for batches in (each for each in data if each is not None):
        for name in set(vars(batches)) - _OF_KERAS:
            delattr(batches, name)


def history_of(model: keras.Model, records: list[dict]) -> keras.callbacks.History:
    """The history of a run from what was noted of each epoch; NaN where something was not.

    Example:
        >>> model = keras.Sequential([keras.layers.Dense(1)])
        >>> history_of(model, [{"loss": 1.0}, {"loss": 0.5, "val_loss": 2.0}]).history
        {'loss': [1.0, 0.5], 'val_loss': [nan, 2.0]}
    """
    history = keras.callbacks.History()
    history.set_model(model)
    names = list(dict.fromkeys(name for record in records for name in record))
    history.history = {n: [record.get(n, math.nan) for record in records] for n in names}
    history.epoch = list(range(len(records)))
    return history


def behind_cut(model: keras.Model, parts: list, cache: bool, batch_size: int, **how):
    """The part of a model that trains, and the parts of the data as they arrive there.

    Args:
        model: its layers frozen and unfrozen as they will be trained.
        parts: examples, or None.
        cache: whether the frozen part may run once, ahead of the training.
        batch_size: examples a step.
        how: `engine`, `precision` and `verbose` of `frozen_outputs`.
    """
    cut = cut_frozen(model) if cache else NoCut("pictures are augmented anew, or cache=False")
    if isinstance(cut, NoCut):
        if how.get("verbose"):
            print(f"The whole network runs in every epoch: {cut.reason}.")
        return model, parts
    settings = {"batch_size": batch_size, "suffix": cut.suffix, **how}
    return cut.suffix, [part and frozen_outputs(cut.prefix, part, **settings) for part in parts]


class OnWholeModel(keras.callbacks.CallbackList):
    """Run a user's callbacks on the whole model while a part of it, which shares it, is trained."""

    def __init__(self, callbacks, whole: keras.Model, epochs_before: int = 0):
        self._whole, self._before = whole, epochs_before
        whole.stop_training = False
        super().__init__(list(callbacks), model=whole)

    def set_model(self, model):
        self._trained = model
        if model is self._whole:
            super().set_model(model)

    def set_params(self, params):
        known = {**(params or {})}
        if "epochs" in known:
            known["epochs"] += self._before
        super().set_params(known)

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(self._before + epoch, logs)

    def on_train_batch_end(self, batch, logs=None):
        synchronise(self._trained)
        super().on_train_batch_end(batch, logs)
        self._heed()

    def on_epoch_end(self, epoch, logs=None):
        for callback in self.callbacks:  # on these logs, not a copy: what is added is noted
            callback.on_epoch_end(self._before + epoch, logs)
        self._heed()

    def _heed(self) -> None:
        if self._whole.stop_training:
            self._trained.stop_training = True


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
