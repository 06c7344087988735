"""Byte-identical files, which make a test too easy where they are on both sides."""

import warnings
from collections import defaultdict

from tltk.inputs.folders import Picture, listed


def has_copies(pictures: list[Picture]) -> bool:
    """Whether any content occurs twice."""
    return len({picture.digest for picture in pictures}) < len(pictures)


def warn_of_copies(pictures: list[Picture], kind: str = "picture") -> None:
    """Name byte-identical files in one warning, and what is wrong with them."""
    if not has_copies(pictures):
        return
    alike = defaultdict(list)
    for picture in pictures:
        alike[picture.digest].append(picture)
    copies = [some for some in alike.values() if len(some) > 1]
    findings = {
        "Of two classes, so that one label is wrong": _unequal(copies, "class_name"),
        "In two of the folders train, val and test, remove one": _unequal(copies, "part"),
        "In two groups, which may come on two sides": _unequal(copies, "group"),
    }
    grouped = pictures[0].group is not None
    one_side = "" if grouped else " Within one folder they stay on one side, as one group."
    count = f"1 {kind}" if len(copies) == 1 else f"{len(copies)} {kind}s"
    warnings.warn(
        f"Every {kind} should be there once. "
        f"Received: {sum(map(len, copies))} byte-identical files of {count}: "
        f"{_named(copies)}.{one_side}"
        + "".join(f" {what}: {_named(some)}." for what, some in findings.items() if some),
        stacklevel=3,
    )


def _unequal(copies, field):
    return [some for some in copies if len({getattr(picture, field) for picture in some}) > 1]


def _named(copies):
    return listed([" = ".join(picture.name for picture in some[:4]) for some in copies], 3)
