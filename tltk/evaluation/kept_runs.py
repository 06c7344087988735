"""The finished runs of a comparison: each model and its facts, kept until the test."""

from __future__ import annotations

import hashlib
import inspect
import json
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras

from tltk.backbones.hub import known_networks


class Run(NamedTuple):
    """One run: which method, how many labels per class, which seed."""

    method: str
    labels: int
    seed: int


class KeptRuns:
    """A folder of finished runs, each written whole or not at all.

    A run counts as finished once its facts are written, which happens after its model. Without a
    folder the runs live in a temporary one.
    """

    def __init__(self, folder: str | Path | None, fingerprint: dict[str, str]):
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="tltk_comparison_")
        self.folder = Path(folder or self._temporary.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check(fingerprint)

    def facts(self, run: Run) -> dict | None:
        """What was noted of a finished run, or None."""
        path = self._path(run, ".json")
        return json.loads(path.read_text()) if path.exists() else None

    def all_facts(self, methods: Iterable[str], piece: tuple[int, int]) -> list[dict | None]:
        """The facts of every method on one (seed, labels)."""
        return [self.facts(Run(method, piece[1], piece[0])) for method in methods]

    def keep(self, run: Run, model: keras.Model, facts: dict) -> None:
        """Write a run down as finished."""
        new = self._path(run, ".new.keras")
        model.save(new)
        new.replace(self._path(run, ".keras"))
        _write(self._path(run, ".json"), facts)

    def model(self, run: Run) -> keras.Model:
        """The trained model of a finished run."""
        with known_networks():
            return keras.models.load_model(self._path(run, ".keras"))

    def close(self) -> None:
        """Remove a temporary folder."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def _path(self, run, ending) -> Path:
        name = f"{run.method.replace(' ', '_')}-{run.labels}-{run.seed}"
        safe = "".join(letter if letter.isalnum() or letter in "_-" else "~" for letter in name)
        return self.folder / f"{safe}{ending}"

    def _check(self, fingerprint) -> None:
        path = self.folder / "comparison.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        changed = [name for name, value in fingerprint.items() if before.get(name, value) != value]
        if changed:
            raise ValueError(
                "A checkpoint continues the comparison that wrote it, with the same arguments and "
                f"data. Received: {self.folder}, written with another {', '.join(changed)}. "
                "Choose another folder, or delete this one to start afresh."
            )
        _write(path, before | fingerprint)


def source_digest(function: Callable) -> str:
    """Tell one function from another by its source, or by its name where there is no source."""
    bound = ""
    if isinstance(function, partial):
        bound, function = repr((function.args, function.keywords)), function.func
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = getattr(function, "__qualname__", type(function).__qualname__)
    return hashlib.sha256((text + bound).encode()).hexdigest()[:16]


def _write(path, facts) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(facts, indent=1))
    new.replace(path)
