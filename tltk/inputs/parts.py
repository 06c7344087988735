"""Which files of a folder train, validate and test."""

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tltk._checks import refuse, shown
from tltk.inputs.checks import composed
from tltk.inputs.copies import has_copies
from tltk.inputs.folders import Picture, listed
from tltk.inputs.splits import split_rows


def grouped(files: list[Picture], groups: Any, kind: str = "picture") -> list[Picture]:
    """Name each file's group: by a function of its path, a dict by name, or a sequence."""
    if groups is None:
        return files
    if not callable(groups) and (isinstance(groups, str) or not isinstance(groups, Iterable)):
        refuse(
            "groups must be a function of a path, a dict by name, or one group for each file",
            f"groups={shown(groups)}",
            "Pass lambda path: path.stem.split('_')[0], say",
        )
    if callable(groups):
        found = [groups(file.path) for file in files]
    elif isinstance(groups, Mapping):
        given = {composed(name): group for name, group in groups.items()}
        found = [given.get(file.name) for file in files]
    else:
        found = list(groups)
    lost = [file.name for file, group in zip(files, found, strict=False) if group is None]
    if len(found) != len(files) or lost:
        raise ValueError(
            f"Every {kind} needs a group. "
            f"Received: {len(found)} groups for {len(files)} {kind}s, none for "
            f"{listed(lost) or 'some'}. Name the group of each."
        )
    for file, group in zip(files, found, strict=True):
        if not isinstance(group, Hashable):
            refuse(
                "groups must be strings or numbers",
                f"groups with {shown(group)} for {file.name}",
                "Make each a string or a tuple",
            )
    return [file._replace(group=group) for file, group in zip(files, found, strict=True)]


def parts_of(
    files: list[Picture], folders: dict[str, Path], val: float, test: float, seed: int
) -> dict[str, list[Picture]]:
    """Keep existing parts and carve the others out of train, groups and copies on one side."""
    grouped = files[0].group is not None
    given = {part: [file for file in files if file.part == part] for part in folders}
    if grouped:
        _check_apart(given)
    pool, groups = given["train"], None
    if grouped:
        groups = [file.group for file in pool]
    elif has_copies(pool):
        groups = [file.digest for file in pool]
    rows = split_rows(
        [file.class_name for file in pool],
        val=0 if "val" in given else val,
        test=0 if "test" in given else test,
        groups=groups,
        seed=seed,
    )
    parts = {part: [pool[row] for row in some] for part, some in rows.items() if len(some)}
    for part in set(given) - {"train"}:
        order = np.random.default_rng(0).permutation(len(given[part]))
        parts[part] = [given[part][row] for row in order]
    return parts


def _check_apart(given):
    home = {}
    for part, some in given.items():
        for file in some:
            if home.setdefault(file.group, part) != part:
                raise ValueError(
                    "A group must be in one of the folders train, val and test only. "
                    f"Received: group {file.group!r} in {home[file.group]} and {part}. "
                    "Move its files together."
                )
