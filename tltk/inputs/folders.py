"""A folder of pictures or recordings: what is in it, and which files are whole."""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import NamedTuple

import keras

from tltk.inputs.decoding import decode, in_parallel, read_bytes
from tltk.inputs.digests import remembered_digests, sha256_of

_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp")
_OTHER_SUFFIXES = (".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2")
_BEGINNING = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP", re.DOTALL)
_NAMES_OF_PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation", "dev"),
    "test": ("test", "testing"),
}
_PARTS = {name: part for part, names in _NAMES_OF_PARTS.items() for name in names}
_VAL_OR_TEST = ("eval", "evaluation")
_MANY = 2000


class Kind(NamedTuple):
    """What the files of a folder are.

    `name` and `formats` are for errors, `accepts(path)` tells whether a file is one of them, and
    `digest(path)` reads it whole, raising ValueError or OSError where that cannot be done.
    """

    name: str
    formats: str
    accepts: Callable[[Path], bool]
    digest: Callable[[Path], str]


class Picture(NamedTuple):
    """One picture or recording of a folder; `name` is its path below the folder."""

    path: Path
    name: str
    part: str
    class_name: str
    group: Hashable = None
    digest: str = ""


def part_folders(root: Path) -> dict[str, Path]:
    """Find existing train, val and test folders; without them the whole folder is train."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"The path must be a folder. Received: {root}, which is "
            f"{'a file' if root.exists() else 'not there'}. Check the spelling."
        )
    found = [name for name in _visible_folders(root) if name.lower() in (*_PARTS, *_VAL_OR_TEST)]
    parts = {name: _PARTS[name.lower()] for name in found if name.lower() in _PARTS}
    evaluation = "val" if "test" in parts.values() else "test"
    folders = {parts.get(name, evaluation): root / name for name in found}
    if "train" not in folders or not _visible_folders(folders["train"]):
        _check_layout(root)
        return {"train": root}
    if len(folders) < len(found):
        raise ValueError(
            "A folder may hold one training, one validation and one test folder. "
            f"Received: {', '.join(found)} in {root}. Keep one of each."
        )
    return {part: folders[part] for part in ("train", "val", "test") if part in folders}


def class_names_of(folders: dict[str, Path]) -> tuple[str, ...]:
    """List the classes in alphabetical order, which all parts must share."""
    names = {part: _visible_folders(folder) for part, folder in folders.items()}
    train = folders["train"]
    if len(names["train"]) < 2:
        files = sum(entry.is_file() for entry in train.iterdir())
        raise ValueError(
            "The folder must hold one subfolder per class, at least two. "
            f"Received: {train} with {', '.join(names['train']) or 'no subfolder'} and {files} "
            "files. Sort them into one subfolder per class, or pass the folder that holds "
            "these."
        )
    for part, some in names.items():
        if some != names["train"]:
            raise ValueError(
                "Existing train, val and test folders must hold the same classes. "
                f"Received: {part} without {sorted(set(names['train']) - set(some))} and with "
                f"{sorted(set(some) - set(names['train']))} beside those of train. "
                "Rename, add or remove subfolders."
            )
    return tuple(names["train"])


def files_of_class(folder: Path, kind: Kind) -> list[Path]:
    """List a class's files in alphabetical order, hidden ones left out."""
    return sorted(
        file
        for file in folder.rglob("*")
        if not any(step.startswith(".") for step in file.relative_to(folder).parts)
        and kind.accepts(file)
    )


def warn_of_strays(places: Iterable[Path], kind: Kind) -> None:
    """Warn of files that lie beside the class folders, and so have no class."""
    strays = [
        str(file)
        for place in places
        for file in sorted(place.iterdir())
        if not file.name.startswith(".") and kind.accepts(file)
    ]
    if strays:
        warnings.warn(
            f"{kind.name.capitalize()}s must lie in a class's subfolder. "
            f"Received: {len(strays)} beside the class folders, left out: {listed(strays)}. "
            "Move or remove them.",
            stacklevel=3,
        )


def whole_files(
    pictures: list[Picture], root: Path, kind: Kind, on_error: str, verify: bool = False
) -> list[Picture]:
    """Keep the files that can be decoded, with their digest, and name the others.

    Each is decoded once, and not again where its digest is remembered, unless `verify` is set.
    """
    paths = {picture.name: picture.path for picture in pictures}
    errors = {}

    def read(names):
        bar = keras.utils.Progbar(len(names)) if len(names) > _MANY else None
        found = in_parallel(
            lambda path: _digest_or_error(kind, path),
            map(paths.get, names),
            progress=bar and (lambda: bar.add(1)),
        )
        found = dict(zip(names, found, strict=True))
        errors.update((name, error) for name, (_, error) in found.items() if error is not None)
        return {name: digest for name, (digest, _) in found.items() if digest is not None}

    digests = remembered_digests(root, paths, read, verify)
    if errors and on_error == "raise":
        raise next(iter(errors.values()))
    if errors:
        warnings.warn(
            f"{len(errors)} of {len(pictures)} {kind.name}s cannot be read and are left out: "
            f"{', '.join(errors)}. The first: {next(iter(errors.values()))}",
            stacklevel=3,
        )
    return [
        picture._replace(digest=digests[picture.name])
        for picture in pictures
        if picture.name in digests
    ]


def check_complete(
    pictures: list[Picture], folders: dict[str, Path], class_names: tuple[str, ...], kind: Kind
) -> None:
    """Refuse a part in which a class has no file."""
    counts = Counter((picture.part, picture.class_name) for picture in pictures)
    for part, folder in folders.items():
        empty = [name for name in class_names if counts[part, name] == 0]
        if empty:
            raise ValueError(
                f"Every class must hold at least one {kind.name} that can be read. "
                f"Received: none in {listed(empty)} of {folder}. Add {kind.formats} {kind.name}s, "
                "or remove the subfolder."
            )


def listed(names: list[str], most: int = 5) -> str:
    """Name the first few, and count the rest."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if names[most:] else "")


def _check_layout(root):
    """Refuse folders that look like splits of one data set, under names that we do not know."""
    inside = {name: _visible_folders(root / name) for name in _visible_folders(root)}
    first = next(iter(inside.values()), [])
    alike = len(inside) > 1 and all(names == first for names in inside.values())
    if len(first) < 2 or not alike:
        return
    if any(_is_picture(file) for name in inside for file in (root / name).iterdir()):
        return
    raise ValueError(
        "The folder must hold one subfolder per class, or train, val and test folders of such. "
        f"Received: {root} with {listed(list(inside))}, which all hold {listed(first)} and no "
        "pictures of their own. Where these are splits, name them train, val and test; where they "
        "are classes, put their pictures straight into them."
    )


def _visible_folders(folder):
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.is_dir() and not entry.name.startswith((".", "__"))
    )


def _is_picture(file):
    if file.suffix:
        return file.suffix.lower() in _SUFFIXES + _OTHER_SUFFIXES and file.is_file()
    return file.is_file() and _begins_as_picture(file)


def _begins_as_picture(file):
    try:
        with open(file, "rb") as content:
            return _BEGINNING.match(content.read(12)) is not None
    except OSError:
        return False


def _digest_or_error(kind, path):
    try:
        return kind.digest(path), None
    except (ValueError, OSError) as error:
        return None, error


def _digest_of_picture(path):
    content = read_bytes(path)
    decode(content, path)
    return sha256_of(content)


PICTURES = Kind("picture", "JPEG, PNG, GIF, BMP or WebP", _is_picture, _digest_of_picture)
