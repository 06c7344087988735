"""The course of one training run: best weights, early stopping, and a checkpoint to resume from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tltk._cache import code_digest, content_digest, locked, network_digest, whole_file, writing
from tltk._keras import compiled_with
from tltk._paths import user_path
from tltk.inputs.examples import Examples
from tltk.tuning import _loop as loop

_ROWS_AT_ONCE = 256


class Checkpoint:
    """The state of a run in one file, written whole or not at all.

    It holds the weights that train, the best of them, the optimizer, the random state, the phase,
    the epoch, early stopping and the history, a fingerprint of arguments and data, and a checksum
    of all that.
    """

    def __init__(self, folder, fingerprint: dict | None = None, found=(), drawn=()):
        self.path = user_path(folder, "checkpoint") / "fine_tune.npz" if folder else None
        self._fingerprint, self._weights = fingerprint or {}, [*found, *drawn]
        self._first = _values(self._weights) if self.path else []
        self._judged = self._first[: len(found)] if _are_new(drawn) else self._first
        self._start = _checksum(self._judged)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes out while a run lasts; an interrupted one leaves what was written.

        The model then has the weights of the last checkpoint, so that the same call goes on.
        """
        if self.path is None:
            yield
            return
        with contextlib.ExitStack() as stack:
            with self._writing():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    stack.enter_context(locked(self.path))
                except TimeoutError:
                    raise RuntimeError(
                        "A checkpoint serves one run at a time. Received: "
                        f"{self.path.parent}, in which another process is training. Wait until it "
                        "has ended, or choose another folder."
                    ) from None
            self._check_start()
            try:
                yield
            except BaseException:
                written = _numbered(self.read()[1], "now") or self._first
                _assign(self._weights, written[: len(self._weights)])
                raise

    def read(self) -> tuple[dict, dict]:
        """The facts and the arrays last written, or two empty dicts."""
        if self.path is None or not self.path.exists():
            return {}, {}
        try:
            with open(self.path, "rb") as file, np.load(file) as archive:
                arrays = {name: archive[name] for name in archive.files}
            text, checksum = (str(arrays.pop(name)) for name in ("facts", "checksum"))
            whole = checksum == _checksum([text, *arrays.values()])
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            whole, reason = False, type(error).__name__
        else:
            reason = "its checksum is another"
        if not whole:
            raise ValueError(
                f"A checkpoint is read as it was written. Received: {self.path}, which is damaged "
                f"({reason}). Delete this file to start afresh, or put back a copy of it."
            )
        facts = json.loads(text)
        before = facts["fingerprint"]
        self._refuse([k for k, v in self._fingerprint.items() if before.get(k) != v])
        return facts, arrays

    def write(self, facts: dict, arrays: dict) -> None:
        """Replace what was written."""
        if self.path is None:
            return
        text = json.dumps({**facts, "start": self._start, "fingerprint": self._fingerprint})
        checksum = _checksum([text, *arrays.values()])
        with self._writing(arrays), whole_file(self.path, alone=True) as scratch:
            np.savez(scratch, facts=text, checksum=checksum, **arrays)

    def _writing(self, arrays=()):
        need = sum(arrays[name].nbytes for name in arrays) / 1e6
        cure = (
            f"It takes {need:,.1f} MB. Free some space or choose another folder, and call again; "
            "what was written before stays whole."
        )
        return writing("Checkpoints", self.path or "", cure)

    def _check_start(self) -> None:
        """Go on from the weights that the run began with, or those it last wrote, and no others."""
        facts, arrays = self.read()
        if not facts:
            return
        written = _checksum(_numbered(arrays, "now")[: len(self._judged)])
        if self._start not in (facts["start"], written):
            self._refuse(["start weights"])
        self._start = facts["start"]

    def _refuse(self, changed) -> None:
        if changed:
            raise ValueError(
                "A checkpoint continues the run that wrote it, with the same arguments and data. "
                f"Received: {self.path}, written with another {', '.join(changed)}. "
                "Choose another folder, or delete this one to start afresh."
            )


def fingerprint(model: keras.Model, settings: dict, train, val, moving) -> dict[str, str]:
    """What a run depends on beside the weights that it moves, as a digest of each part of it."""
    compiled = compiled_with(model)
    judged = ("loss", "loss_weights", "metrics", "weighted_metrics")
    moved = set(map(id, moving))
    frozen = [weight.numpy() for weight in model.weights if id(weight) not in moved]
    described = {
        "arguments": repr(settings),
        "network": network_digest(model, weights=False),
        "loss or metrics": [code_digest(*keras.tree.flatten(compiled[name])) for name in judged],
        "frozen weights": frozen,
    }
    for name, examples in (("training data", train), ("validation data", val)):
        described[name] = examples and (_content(examples), examples.count, examples.labels)
    return {name: _checksum(value) for name, value in described.items()}


def _content(examples: Examples) -> str:
    """The digest of the inputs, from all rows where they bring none."""
    if examples.digest:
        return examples.digest
    chunks = range(0, examples.count, _ROWS_AT_ONCE)
    rows = (np.arange(start, min(start + _ROWS_AT_ONCE, examples.count)) for start in chunks)
    return _checksum([content_digest(examples.fetch(each)) for each in rows])


def _are_new(weights) -> bool:
    """Whether a head, or adapters, have never learned, so that what was drawn decides nothing yet.

    Biases and the second factors of adapters are still zeros then, and scales ones.
    """
    told = [w.numpy() for w in weights if len(w.shape) == 1 or w.name.endswith("_b")]
    return bool(told) and all((each == 0).all() or (each == 1).all() for each in told)


def _checksum(value) -> str:
    """Of texts and bytes alone: an archive gives bfloat16 back as a type without a name, which
    `code_digest` would take for another array.
    """
    digest = hashlib.sha256()
    for leaf in keras.tree.flatten(value):
        of_numbers = isinstance(leaf, np.ndarray) and leaf.dtype != object
        digest.update(repr((leaf.shape, leaf.itemsize)).encode() if of_numbers else b"")
        digest.update(leaf.tobytes() if of_numbers else repr(leaf).encode())
    return digest.hexdigest()[:16]


class Course(keras.callbacks.Callback):
    """Follow one phase: time its epochs, keep the best weights, stop early, write checkpoints."""

    def __init__(self, phase, records, variables, checkpoint, patience):
        super().__init__()
        self._phase, self._records, self._variables = phase, records, variables
        self._checkpoint, self._patience = checkpoint, patience
        self._best: dict[str, Any] = {"score": None, "epoch": 0}
        self._best_values, self._optimizer = [], []
        self.epoch, self._begun, self.stopped, self.finished = 0, False, False, False
        self._take_up(*checkpoint.read())

    def follow(self, model, train, val, *, epochs, **how) -> None:
        """Fit from where the phase stands to its end, and leave the best weights."""
        model.optimizer.build(model.trainable_variables)
        if self._optimizer:
            _assign(model.optimizer.variables, self._optimizer)
        self.set_model(model)
        if not self._begun:
            if val is not None:
                self._consider(model.evaluate(val, verbose=0, return_dict=True), 0)
            self._write()
        if not self.stopped:
            loop.train(
                model,
                train,
                val=val,
                first_epoch=self.epoch,
                epochs=epochs,
                watching=[self],
                **how,
            )
        self._finish()

    def solved(self, record, seconds) -> None:
        """Take note of a phase that was solved in one step."""
        self._note(record, seconds)
        self.epoch = 1
        self._finish()

    def _consider(self, validation, epoch) -> None:
        """Keep the weights as they are now if they are the best so far on validation."""
        decisive = ("score", "balanced_accuracy", "accuracy")
        known = [float(validation[name]) for name in decisive if name in validation]
        score = [*known[:1], -float(validation["loss"])]
        if self._best["score"] is None or score > self._best["score"]:
            self._best = {"score": score, "epoch": epoch}
            self._best_values = _values(self._variables)

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.epoch = epoch + 1
        self._note(logs, time.perf_counter() - self._began)
        validation = {n[4:]: value for n, value in logs.items() if n.startswith("val_")}
        if validation:
            self._consider(validation, self.epoch)
            self.stopped = self.epoch - self._best["epoch"] >= self._patience
        self.stopped |= bool(self.model.stop_training)
        self.model.stop_training = self.stopped
        self._write()

    def _note(self, logs, seconds) -> None:
        entries = {name: float(value) for name, value in logs.items()}
        more = {"phase": self._phase, "seconds": seconds, "kept": 0.0}
        self._records.append({**entries, **more})

    def _mark(self, epoch) -> None:
        """Note whose weights the model has; epoch 0 means those it had before this phase."""
        own = [record for record in self._records if record["phase"] == self._phase]
        if epoch:
            for record in self._records:
                record["kept"] = 0.0
            own[epoch - 1]["kept"] = 1.0

    def _finish(self) -> None:
        if self._best_values:
            _assign(self._variables, self._best_values)
        self._mark(self._best["epoch"] if self._best_values else self.epoch)
        self.finished = True
        self._write()

    def _write(self) -> None:
        if self._checkpoint.path is None:
            return
        optimizer = self.model.optimizer.variables if self.model is not None else []
        groups = {"now": _values(self._variables), "best": self._best_values}
        groups["optimizer"] = [] if self.finished else _values(optimizer)
        arrays = {f"{k}_{i}": each for k, group in groups.items() for i, each in enumerate(group)}
        facts = {name: getattr(self, name) for name in ("epoch", "stopped", "finished")}
        facts |= {"phase": self._phase, "best": self._best, "records": self._records}
        before = dict.fromkeys(record["phase"] for record in self._records)
        facts["before"] = [phase for phase in before if phase != self._phase]
        self._checkpoint.write(facts, arrays)

    def _take_up(self, facts, arrays) -> None:
        """Go on where a checkpoint left off, if it was written in this phase or a later one."""
        if not facts or (facts["phase"] != self._phase and self._phase not in facts["before"]):
            return
        self._records[:] = facts["records"]
        _assign(self._variables, _numbered(arrays, "now"))
        if facts["phase"] != self._phase:
            self.finished = True
            return
        self._begun = True
        self.epoch, self.stopped, self.finished = (
            facts[name] for name in ("epoch", "stopped", "finished")
        )
        self._best, self._best_values = facts["best"], _numbered(arrays, "best")
        self._optimizer = _numbered(arrays, "optimizer")


def _numbered(arrays, prefix) -> list:
    count = sum(name.startswith(prefix + "_") for name in arrays)
    return [arrays[f"{prefix}_{index}"] for index in range(count)]


def _values(variables) -> list:
    return [np.asarray(variable.numpy()) for variable in variables]


def _assign(variables, values) -> None:
    for variable, value in zip(variables, values, strict=True):
        of_file = value.dtype.kind == "V"  # as which numpy reads bfloat16
        variable.assign(value.view(variable.numpy().dtype) if of_file else value)
