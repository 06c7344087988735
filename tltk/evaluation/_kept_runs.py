"""The finished runs of a comparison: each model and its facts, kept until the test."""

from __future__ import annotations

import contextlib
import hmac
import secrets
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import keras

from tltk._cache import (
    cache_folder,
    code_digest,
    file_digest,
    locked,
    read_facts,
    whole_file,
    write_facts,
    writing,
)
from tltk._paths import user_path
from tltk.backbones.hub import known_networks

CURE = "Free some space or pass another folder as checkpoint=; the same call goes on here."


class Run(NamedTuple):
    """One run: which method, how many labels per class, which seed."""

    method: str
    labels: int
    seed: int


class KeptRuns:
    """A folder of finished runs, each written whole or not at all.

    A run counts as finished once its facts are written, which happens after its model. They hold
    the exact run, what it depends on and the digest of the model's file, under a checksum: a run
    that is damaged is not used. Without a folder the runs live in a temporary one. One process at
    a time works on a folder; another waits for it.

    Args:
        folder: where they are kept, or None.
        fingerprint: what all runs depend on, by name, as texts.
        methods: what the runs of each method depend on, by the method's name.

    Raises:
        ValueError: for a folder whose runs depend on something else.
        OSError: for a folder that cannot be written.
    """

    def __init__(
        self,
        folder: str | Path | None,
        fingerprint: dict[str, str],
        methods: dict[str, str],
    ):
        self._stack = contextlib.ExitStack()
        if not folder:
            folder = self._stack.enter_context(
                tempfile.TemporaryDirectory(prefix="tltk_comparison_")
            )
        self.folder = user_path(folder, "checkpoint")
        self._fingerprint, self._methods = fingerprint, methods
        with writing("Runs", self.folder, CURE):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._stack.enter_context(locked(self.folder / "comparison", self._say_that_it_waits))
        self._kept: dict[Run, dict] = {}
        try:
            self._read_all()
        except BaseException:
            self.close()
            raise

    def facts(self, run: Run) -> dict | None:
        """What was noted of a finished run, or None."""
        kept = self._kept.get(run)
        return kept and kept["facts"]

    def all_facts(self, methods: Iterable[str], piece: tuple[int, int]) -> list[dict | None]:
        """The facts of every method on one (seed, labels)."""
        return [self.facts(Run(method, piece[1], piece[0])) for method in methods]

    def keep(self, run: Run, model: keras.Model, facts: dict) -> None:
        """Write a run down as finished."""
        with writing("Runs", self.folder, CURE):
            with whole_file(self._path(run, ".keras"), alone=True) as scratch:
                model.save(scratch)
            digest = file_digest(self._path(run, ".keras"))
            kept = {
                "run": list(run),
                "facts": facts,
                "depends on": self._expected(run),
                "model": digest,
                "seal": _seal(digest),
            }
            write_facts(self._path(run, ".json"), kept)
        self._kept[run] = kept

    def model(self, run: Run) -> keras.Model:
        """The trained model of a finished run.

        What this user wrote is loaded as it was, layers that run code of their own included;
        anything else in safe mode.
        """
        path, kept = self._path(run, ".keras"), self._kept[run]
        if file_digest(path) != kept["model"]:
            raise OSError(
                "A kept model must stay as it was written until it is tested. "
                f"Received: {path}, changed by another program. Call again to train it again."
            )
        with known_networks():
            return keras.models.load_model(path, safe_mode=not _is_ours(kept))

    def close(self) -> None:
        """Let other processes work on the folder, and remove a temporary one."""
        self._stack.close()

    def _path(self, run, ending) -> Path:
        letters = (letter if letter.isalnum() else "_" for letter in run.method[:40])
        digest = code_digest(run.method, run.labels, run.seed)[:12]
        return self.folder / f"{''.join(letters)}-{run.labels}-{run.seed}-{digest}{ending}"

    def _expected(self, run) -> dict[str, str]:
        method = self._methods.get(run.method, "")
        return self._fingerprint | {f"method {run.method}": method}

    def _read_all(self) -> None:
        damaged = []
        for path in sorted(self.folder.glob("*-*-*-*.json")):
            kept = read_facts(path)
            try:
                run = Run(*kept["run"])
                whole = self._path(run, ".json").name == path.name
                whole = whole and file_digest(self._path(run, ".keras")) == kept["model"]
            except (OSError, LookupError, TypeError):
                whole = False
            if whole:
                self._check(run, kept["depends on"])
                self._kept[run] = kept
            else:
                damaged.append(path.stem)
        if damaged:
            warnings.warn(
                "A kept run must be as it was written. Received damaged or incomplete ones in "
                f"{self.folder}: {', '.join(damaged)}. They are trained again.",
                stacklevel=4,
            )

    def _check(self, run, before) -> None:
        if not self._fingerprint:
            return
        expected = self._expected(run)
        if run.method not in self._methods:
            expected.popitem()
        changed = [name for name, value in expected.items() if before.get(name) != value]
        if changed:
            raise ValueError(
                "A checkpoint continues the comparison that wrote it, with the same arguments and "
                f"data. Received: {self.folder}, written with another {', '.join(changed)}. "
                "Choose another folder, or delete this one to start afresh."
            )

    def _say_that_it_waits(self) -> None:
        warnings.warn(
            "One process at a time works on a checkpoint. Received: "
            f"{self.folder}, in use by another. Waiting for it to end.",
            stacklevel=5,
        )


def _seal(digest: str) -> str:
    """What only this user can write under a file's digest, as the secret is theirs."""
    path = cache_folder() / "secret"
    try:
        if not path.exists():
            with whole_file(path, private=True) as scratch:
                scratch.write_bytes(secrets.token_bytes(32))
        return hmac.digest(path.read_bytes(), digest.encode(), "sha256").hex()
    except OSError:
        return ""


def _is_ours(kept) -> bool:
    seal = _seal(kept["model"])
    return bool(seal) and hmac.compare_digest(seal, str(kept["seal"]))
