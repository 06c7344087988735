"""Long studies: a script runs once, its numbers are kept, and chapters show them as kept."""

from __future__ import annotations

import datetime
import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tltk._cache import code_digest, read_facts, whole_file, write_facts
from tltk.inputs.places import cache_folder, notebooks_folder


def kept_study(name: str) -> dict:
    """Read the stored result of a study that takes longer than a chapter may.

    Args:
        name: the study, such as "01_learning_curves".

    Returns:
        `about` (what was run, in a sentence), `script`, `date`, `machine`, `versions`, `seconds`
        and `rows`, a list of dicts.

    Raises:
        FileNotFoundError: for an unknown study; the message lists those there are.

    Example:
        >>> kept_study("none")
        Traceback (most recent call last):
        ...
        FileNotFoundError: A study is kept under its script's name. Received: 'none'. ...
    """
    folder = notebooks_folder() / "results"
    path = folder / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.json"))) or "(none yet)"
        raise FileNotFoundError(
            f"A study is kept under its script's name. Received: {name!r}. The studies are {known}."
        )
    return json.loads(path.read_text())


def keep_study(script: str | Path, about: str, rows: list[dict], seconds: float) -> Path:
    """Store the rows of a study next to the chapters, with what they were measured on.

    Args:
        script: the study's own file (`__file__`); its stem is the study's name.
        about: what was run, in a sentence.
        rows: the results, as JSON values.
        seconds: how long the study took.

    Returns:
        The file written.

    Example:
        >>> keep_study("01_curves.py", "Accuracy by labels.", [{"labels": 5}], 60.0)
        ... # doctest: +SKIP
    """
    import keras

    script = Path(script)
    path = notebooks_folder() / "results" / f"{script.stem}.json"
    path.parent.mkdir(exist_ok=True)
    facts = {
        "about": about,
        "script": f"studies/{script.name}",
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} CPU cores, {platform.machine()}",
        "versions": {"keras": keras.__version__, "backend": keras.backend.backend()},
        "seconds": round(seconds),
        "rows": rows,
    }
    with whole_file(path) as scratch:
        scratch.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    return path


def finished_part(
    script: str | Path, part: str, make: Callable[[], Iterable]
) -> tuple[list, float]:
    """Run a part of a study once, and take it from the cache folder ever after.

    The same call of a study that was interrupted so goes on behind its last finished part.

    Args:
        script: the study's own file (`__file__`).
        part: what the part is called; a part of another name is another one. One whose file is
            damaged is run again.
        make: a function without arguments that gives the rows, as JSON values.

    Returns:
        `(rows, seconds)`: the rows, and the processor time that they took.

    Example:
        >>> finished_part("07_voices.py", "seed 0", lambda: [{"accuracy": 0.8}])[0]
        ... # doctest: +SKIP
        [{'accuracy': 0.8}]
    """
    name = part.replace(" ", "_").replace(",", "")
    path = cache_folder() / Path(script).stem / f"{name}-{code_digest(part)[:12]}.json"
    kept = read_facts(path)
    if kept is None:
        began = time.process_time()
        kept = {"rows": list(make()), "seconds": time.process_time() - began}
        write_facts(path, kept)
        print(f"{part}: {kept['seconds']:.0f} s", flush=True)
        kept = read_facts(path)
    return kept["rows"], kept["seconds"]
