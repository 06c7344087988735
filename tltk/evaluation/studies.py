"""Long studies: a script runs once, its numbers are kept, and chapters show them as kept."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path

from tltk.inputs.places import notebooks_folder


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
    path.write_text(json.dumps(facts, indent=1) + "\n")
    return path
