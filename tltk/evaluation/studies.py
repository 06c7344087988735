"""Long studies: a script runs once, its numbers are kept, and chapters show them as kept."""

from __future__ import annotations

import ast
import datetime
import functools
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tltk._cache import (
    cache_folder,
    code_digest,
    made_folder,
    notebooks_folder,
    read_facts,
    write_facts,
    write_text,
)
from tltk._checks import check_text, refuse, shown
from tltk._paths import existing_file

PACKAGE = Path(__file__).parents[1]


def kept_study(name: str) -> dict:
    """Read the stored result of a study that takes longer than a chapter may.

    Args:
        name: the study, such as "01_learning_curves".

    Returns:
        `about` (what was run, in a sentence), `script`, `date`, `machine`, `versions`, `code` (the
        digest of the code that ran; studies of version 0.1 have none), `seconds` and `rows`, a list
        of dicts.

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
    if not isinstance(name, str) or Path(name).name != name or not path.exists():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.json"))) or "(none yet)"
        raise FileNotFoundError(
            f"A study is kept under its script's name. Received: name={name!r}. "
            f"The studies are {known}."
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
        "code": study_digest(script),
        "seconds": round(seconds),
        "rows": rows,
    }
    write_text(path, json.dumps(facts, indent=1) + "\n")
    return path


def study_digest(script: str | Path) -> str:
    """Give a digest of a study's script and of all code of this package that it imports.

    Imports are followed from file to file, those inside functions too; a name that an `__init__`
    only passes on counts as an import of the file that defines it. The text of the files is read
    and nothing is run. Docstrings and blank lines do not count. Data, weights and other packages
    are not covered.

    Args:
        script: the study's own file.

    Returns:
        Sixteen hexadecimal digits; equal digits mean that the same code would run.

    Example:
        >>> study_digest("notebooks/studies/01_learning_curves.py")  # doctest: +SKIP
        '3f6c0e5b1f0f4c57'
    """
    _nodes(_source_of(script))
    texts = sorted(_code(file.read_text(encoding="utf-8")) for file in _files_behind(script))
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def study_state(name: str) -> str:
    """Say whether a kept study was run with the code that is here.

    Args:
        name: the study, as in `kept_study`.

    Returns:
        "current", "stale: code changed since" or, for a result without a digest, "kept from version
        0.1, not run with the present code".

    Example:
        >>> study_state("01_learning_curves")  # doctest: +SKIP
        'current'
    """
    kept = kept_study(name)
    if "code" not in kept:
        return "kept from version 0.1, not run with the present code"
    same = kept["code"] == study_digest(notebooks_folder() / kept["script"])
    return "current" if same else "stale: code changed since"


def study_folder(script: str | Path) -> Path:
    """Give the folder of the cache for a study's finished parts, another one once its code changed.

    So a study that goes on after an interruption never mixes rows of two versions of the code.

    Args:
        script: the study's own file (`__file__`).

    Returns:
        The folder, made where there is none.

    Example:
        >>> study_folder("notebooks/studies/01_learning_curves.py").name  # doctest: +SKIP
        '01_learning_curves-3f6c0e5b1f0f4c57'
    """
    script = existing_file(script, "script")
    return made_folder(cache_folder() / f"{script.stem}-{study_digest(script)}")


def _source_of(script: str | Path) -> str:
    """The text of a script, which must be one."""
    path = existing_file(script, "script")
    try:
        text = path.read_text(encoding="utf-8")
        ast.parse(text)
    except (UnicodeDecodeError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"A script is a file of Python. Received: script={str(script)!r} ({error}). "
            "Pass the study's own __file__."
        ) from error
    return text


def _files_behind(script: str | Path) -> set[Path]:
    """A script and the files of this package that it imports, and those that these import."""
    files, new = set(), {Path(script)}
    while new:
        files |= new
        new = {found for file in new for found in _imported(file)} - files
    return files


@functools.cache
def _nodes(text: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(text)))


def _imported(file: Path) -> Iterator[Path]:
    """The files of this package that a file imports from, or whose names it uses as `tltk.name`."""
    for node in _nodes(file.read_text(encoding="utf-8")):
        match node:
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "tltk":
                yield from (_defining(module, each.name) for each in node.names)
            case ast.Import():
                paths = [each.name.rpartition(".") for each in node.names]
                inside = [path for path in paths if path[0].split(".")[0] == "tltk"]
                yield from (_defining(above, name) for above, _, name in inside)
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id="tltk"), attr=area), attr=name
            ):
                yield _defining(f"tltk.{area}", name)
            case ast.Attribute(value=ast.Name(id="tltk"), attr=name) if not (
                PACKAGE / name
            ).is_dir():
                yield _defining("tltk", name)


def _defining(module: str, name: str) -> Path:
    """The file that defines a name of a module, behind every `__init__` that passes it on.

    What a lazy `__init__` passes on stands in the `.pyi` beside it.
    """
    path = PACKAGE.parent.joinpath(*module.split("."))
    for file in (path / f"{name}.py", path / name / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    doors = [path / f"__init__{suffix}" for suffix in (".py", ".pyi")]
    texts = [door.read_text(encoding="utf-8") for door in doors if door.is_file()]
    for node in (node for text in texts for node in _nodes(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                if name == (each.asname or each.name):
                    return _defining(node.module, each.name)
    return path / "__init__.py"


def _code(text: str) -> str:
    """A file without its docstrings and blank lines."""
    lines = text.splitlines()
    for node in _nodes(text):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            for line in range(first.lineno, (first.end_lineno or first.lineno) + 1):
                lines[line - 1] = ""
    return "\n".join(line for line in lines if line.strip())


def finished_parts(
    script: str | Path, parts: Iterable[tuple[str, Callable[[], Iterable]]]
) -> tuple[list, float]:
    """Run each part of a study once, and take it from the cache folder ever after.

    The same call of a study that was interrupted so goes on behind its last finished part.

    Args:
        script: the study's own file (`__file__`).
        parts: pairs of a name and a function without arguments that gives the part's rows, as
            JSON values. A part of another name is another one; one whose file is damaged is run
            again.

    Returns:
        `(rows, seconds)`: the rows of all parts in their order, and the processor time that they
        took.

    Raises:
        ValueError: for a name that is no text or comes twice, and for what is no function.

    Example:
        >>> finished_parts("07_voices.py", [("seed 0", lambda: [{"accuracy": 0.8}])])[0]
        ... # doctest: +SKIP
        [{'accuracy': 0.8}]
    """
    folder, rows, seconds = study_folder(script), [], 0.0
    for part, make in _checked(parts):
        kept = _finished(folder, part, make)
        rows += kept["rows"]
        seconds += kept["seconds"]
    return rows, seconds


def _checked(parts) -> list[tuple[str, Callable]]:
    """The parts as a list, all of them right before the first one runs."""
    pairs = list(parts) if isinstance(parts, Iterable) and not isinstance(parts, str) else [parts]
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and callable(pair[1])):
            refuse(
                "A part of a study is a pair of its name and a function without arguments",
                f"{shown(pair)} in parts",
                'Pass [("seed 0", lambda: rows)]',
            )
        check_text("a name in parts", pair[0])
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        refuse("Each part of a study has its own name", f"parts with {twice} twice", "Rename one")
    return pairs


def _finished(folder: Path, part: str, make: Callable[[], Iterable]) -> dict:
    """The rows and the seconds of a part, from its file where there is one."""
    name = part.replace(" ", "_").replace(",", "")
    path = folder / f"{name}-{code_digest(part)[:12]}.json"
    kept = read_facts(path)
    if kept is None:
        began = time.process_time()
        kept = {"rows": list(make()), "seconds": time.process_time() - began}
        write_facts(path, kept)
        print(f"{part}: {kept['seconds']:.0f} s", flush=True)
        kept = read_facts(path)
    return kept
