"""A folder of pictures, recordings or texts: what is in it, and which files are whole."""

import math
import os
import re
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from tltk._cache import remembered_digests, sha256_of
from tltk._checks import refuse, shown
from tltk._paths import existing_folder, no_entry, user_path
from tltk.inputs._arrays import composed
from tltk.inputs.decoding import FORMATS, examined, in_parallel, read_bytes
from tltk.inputs.splits import bins_of, part_shares, split_rows

_NAMES_OF_PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation", "dev"),
    "test": ("test", "testing"),
}
_PARTS = {name: part for part, names in _NAMES_OF_PARTS.items() for name in names}
_VAL_OR_TEST = ("eval", "evaluation")
_HIDDEN = re.compile(
    r"\.|@eaDir$|\$RECYCLE\.BIN$|System Volume Information$|lost\+found$|Icon\r$"
    r"|(eh)?thumbs\.db$|desktop\.ini$|.*:Zone\.Identifier$",
    re.IGNORECASE,
)
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
_OF_A_TABLE = "Files that a table names are read by image_table, audio_table and text_table."
_HEAD = 512
_MANY = 2000


class Kind(NamedTuple):
    """What the files of a folder are.

    `name` and `formats` are for errors. A file is one of the kind where its name ends in one of
    `suffixes` (in lower case; it is a bad file where its content is another), and otherwise where
    `begins(head)` says so of its first 512 bytes. `digest(path)` reads it whole, raising ValueError
    or OSError where that cannot be done; None for a kind that is read elsewhere.
    """

    name: str
    formats: str
    suffixes: tuple[str, ...]
    begins: Callable[[bytes], object]
    digest: Callable[[Path], str] | Any


class Picture(NamedTuple):
    """One picture, recording or text of a folder.

    `name` is its path below the folder, `stamp` the `settled_stamp` of the content with `digest`.
    """

    path: Path
    name: str
    part: str
    class_name: Any
    group: Hashable = None
    digest: str = ""
    stamp: Any = None


class LabelledFolder(NamedTuple):
    """The folder, the folder of each part that exists, the classes, and the files in order.

    Where a `table` says what the labels are, each file's `class_name` is its label: a class name,
    or with "many_labels" a tuple of zeros and ones, with "regression" of numbers.
    """

    path: Path
    parts: dict[str, Path]
    class_names: tuple[str, ...]
    files: list[Picture]
    kind: str = "one_label"
    table: Any = None


def labelled_files(path: str | Path, kind: Kind) -> LabelledFolder:
    """Find the files of a kind in a folder of classes, which is the one rule for all readers.

    `path/<class>/…`, or `path/train/<class>/…` with or without val and test. Files are known by
    suffix or by their first bytes, at any depth. Hidden files and what systems leave behind are
    out. Linked folders are followed, each once, and none that leads back. Names are those of
    Unicode's composed form (NFC). Other files are counted in one warning, files beside the class
    folders named in another.

    Args:
        path: the folder, `~` allowed.
        kind: which files, and how to read them.

    Returns:
        The files by part and class, in alphabetical order.

    Raises:
        FileNotFoundError: if there is no such folder.
        PermissionError: if a folder may not be read.
        ValueError: if it does not hold two or more classes with files of the kind, names of parts
            stand beside classes, parts disagree in their classes, or two files have one name.
    """
    if user_path(path).suffix.lower() in _TABLES and user_path(path).is_file():
        raise FileNotFoundError(
            f"A folder of {kind.name}s has one subfolder per class. "
            f"Received: {path}, which is a table. {_OF_A_TABLE}"
        )
    root = existing_folder(path)
    parts = part_folders(root, kind)
    classes = {part: _class_folders(folder) for part, folder in parts.items()}
    class_names = _class_names(parts, classes)
    files: list[Picture] = []
    passed: Counter[str] = Counter()
    for part, folders in classes.items():
        for class_name in class_names:
            found = {file for folder in folders[class_name] for file in files_below(folder, root)}
            for file in sorted(found, key=_in_order):
                if is_one(file, kind):
                    name = composed(file.relative_to(root).as_posix())
                    files.append(Picture(file, name, part, class_name))
                else:
                    passed[file.suffix.lower() or "without suffix"] += 1
    folder = LabelledFolder(root, parts, class_names, files)
    _check_names(files, kind)
    check_complete(files, folder, kind, passed)
    _warn_of_strays({root, *parts.values()}, kind)
    if passed:
        count = sum(passed.values())
        kinds = listed([f"{n} {suffix}" for suffix, n in passed.most_common()], 8)
        warnings.warn(
            f"Files that are no {kind.name}s by their content are passed over. "
            f"Received: {count} in the folders of classes: {kinds}. "
            f"Save them as {kind.formats} where they should count, else take them out.",
            stacklevel=3,
        )
    return folder


def part_folders(root: Path, kind: Kind) -> dict[str, Path]:
    """Find existing train, val and test folders; without them the whole folder is train."""
    names = _visible_folders(root)
    found = [name for name in names if name.lower() in (*_PARTS, *_VAL_OR_TEST)]
    if not found:
        _check_layout(root, kind)
        return {"train": root}
    known = {name: _PARTS[name.lower()] for name in found if name.lower() in _PARTS}
    evaluation = "val" if "test" in known.values() else "test"
    folders = {known.get(name, evaluation): root / name for name in found}
    beside = [name for name in names if name not in found and _holds_files(root / name, kind)]
    if beside:
        raise ValueError(
            "A folder holds one subfolder per class, or train, val and test folders of such, "
            f"not both. Received: {root} with {listed(found)} beside {listed(beside)}. "
            f"Where {found[0]} is a part of the data, move the class folders into a folder called "
            "train beside it, and sort every part by the same classes; where it is a class, move "
            "all class folders, it too, into one folder called train, or rename it."
        )
    if "train" not in folders or not _visible_folders(folders["train"]):
        raise ValueError(
            "Existing train, val and test folders must hold one subfolder per class, train among "
            f"them. Received: {root} with {listed(found)}, and "
            + (
                "no folder called train. "
                if "train" not in folders
                else "train without subfolder. "
            )
            + f"Where these are parts, sort the {kind.name}s of each into class folders; where "
            "they are classes, move them into one folder called train, or rename them. "
            + _OF_A_TABLE
        )
    if len(folders) < len(found):
        raise ValueError(
            "A folder may hold one training, one validation and one test folder. "
            f"Received: {', '.join(found)} in {root}. Keep one of each."
        )
    return {part: folders[part] for part in ("train", "val", "test") if part in folders}


def parts_called(names: Iterable[str], where: str) -> dict[str, str]:
    """Which part each name means, by the name in small letters; train must be among them."""
    found = sorted({name.lower() for name in names})
    known = {name: _PARTS[name] for name in found if name in _PARTS}
    evaluation = "val" if "test" in known.values() else "test"
    parts = known | {name: evaluation for name in found if name in _VAL_OR_TEST}
    strange = [name for name in found if name not in parts]
    if strange or "train" not in parts.values() or len(set(parts.values())) < len(parts):
        raise ValueError(
            "A part is called train, val or test, or training, valid, validate, validation, dev, "
            "testing, eval or evaluation, one name for each, train among them. "
            f"Received: {listed(strange or found)} in {where}. Rename them; of numbered folds, "
            "choose which are val and test."
        )
    return parts


def whole_files(
    pictures: list[Picture],
    root: Path,
    kind: Kind,
    on_error: str,
    verify: bool = False,
    stacklevel: int = 3,
) -> list[Picture]:
    """Keep the files that can be decoded, with their digest, and name the others.

    Each is decoded once, and not again where its digest is remembered, unless `verify` is set.
    """
    paths = {picture.name: picture.path for picture in pictures}
    errors: dict[str, Exception] = {}

    def read(names):
        bar = keras.utils.Progbar(len(names)) if len(names) > _MANY else None
        found = in_parallel(
            lambda path: digest_or_error(kind.digest, path),
            map(paths.get, names),
            progress=bar and (lambda: bar.add(1)),
        )
        found = dict(zip(names, found, strict=True))
        errors.update((name, error) for name, (_, error) in found.items() if error is not None)
        return {name: digest for name, (digest, _) in found.items() if digest is not None}

    digests = remembered_digests(root, paths, read, verify)
    tell_unreadable(errors, len(pictures), kind, on_error, stacklevel + 1)
    return [
        picture._replace(digest=digests[picture.name])
        for picture in pictures
        if picture.name in digests
    ]


def tell_unreadable(
    errors: dict[str, Exception], count: int, kind: Kind, on_error: str, stacklevel: int
) -> None:
    """Raise the first error of some files, or name the files in one warning, as `on_error` says."""
    if errors and on_error == "raise":
        raise next(iter(errors.values()))
    if errors:
        warnings.warn(
            f"{len(errors)} of {count} {kind.name}s cannot be read and are left out: "
            f"{', '.join(errors)}. The first: {next(iter(errors.values()))}",
            stacklevel=stacklevel,
        )


def check_complete(
    pictures: list[Picture], folder: LabelledFolder, kind: Kind, passed: Counter | None = None
) -> None:
    """Refuse a part in which a class has no file; of a table, classes without one in train."""
    if folder.table is not None:
        _check_trained(pictures, folder, kind)
        return
    counts = Counter((picture.part, picture.class_name) for picture in pictures)
    for part, place in folder.parts.items():
        empty = [name for name in folder.class_names if counts[part, name] == 0]
        if empty:
            others = f", beside files that are none: {listed(list(passed))}" if passed else ""
            raise ValueError(
                f"Every class must hold at least one {kind.name} that can be read. "
                f"Received: none in {listed(empty)} of {place}{others}. "
                f"Add {kind.formats} {kind.name}s, or remove the subfolder."
            )


def _check_trained(files, folder, kind):
    found = {file.class_name for file in files if file.part == "train"}
    if folder.kind == "one_label":
        held = found
    elif folder.kind == "many_labels":
        held = {
            name
            for row in found
            for name, is_so in zip(folder.class_names, row, strict=True)
            if is_so
        }
    else:
        held = set(folder.class_names if found else ())
    lacking = [name for name in folder.class_names if name not in held]
    if lacking:
        raise ValueError(
            f"Every label needs a {kind.name} in the training part that can be read. "
            f"Received: none with {listed(lacking)} in {folder.table}. "
            "Add some, or correct the labels or the split."
        )
    if folder.kind == "one_label" and len(folder.class_names) < 2:
        raise ValueError(
            "A classifier needs at least two classes. "
            f"Received: {folder.class_names[0]} only in {folder.table}. Check the column of labels."
        )


def labels_of(files: list[Picture], folder: LabelledFolder) -> np.ndarray:
    """The labels of files: class numbers int32, multi-hot rows or numbers float32."""
    if folder.kind == "one_label":
        code = {name: number for number, name in enumerate(folder.class_names)}
        return np.array([code[file.class_name] for file in files], "int32")
    labels = np.array([file.class_name for file in files], "float32")
    single = folder.kind == "regression" and labels.shape[1] == 1
    return labels[:, 0] if single else labels


def listed(names: list[str], most: int = 5) -> str:
    """Name the first few, and count the rest."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if names[most:] else "")


def _class_folders(folder):
    """The folders of each class: more than one where they differ in their Unicode form only."""
    found = defaultdict(list)
    for name in _visible_folders(folder):
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ValueError(
                "A class is called as its folder, in UTF-8. "
                f"Received: {os.fsencode(name)!r} in {folder}. Rename it."
            ) from None
        found[composed(name)].append(folder / name)
    return found


def _class_names(parts, classes):
    names = {part: sorted(folders) for part, folders in classes.items()}
    train = parts["train"]
    if len(names["train"]) < 2:
        files = sum(not _is_folder(entry) for entry in _entries(train))
        raise ValueError(
            "The folder must hold one subfolder per class, at least two. "
            f"Received: {train} with {', '.join(names['train']) or 'no subfolder'} and {files} "
            "files. Sort them into one subfolder per class, or pass the folder that holds "
            f"these. {_OF_A_TABLE}"
        )
    for part, some in names.items():
        if not some:
            raise ValueError(
                "Existing train, val and test folders must hold one subfolder per class. "
                f"Received: {parts[part]} without any. Sort its files into "
                f"{listed(names['train'])}, or move the folder elsewhere where they have no labels."
            )
        if some != names["train"]:
            raise ValueError(
                "Existing train, val and test folders must hold the same classes. "
                f"Received: {part} without {sorted(set(names['train']) - set(some))} and with "
                f"{sorted(set(some) - set(names['train']))} beside those of train. "
                "Rename, add or remove subfolders."
            )
    alike = defaultdict(list)
    for name in names["train"]:
        alike[" ".join(unicodedata.normalize("NFKC", name).casefold().split())].append(name)
    alike = [some for some in alike.values() if len(some) > 1 and len(some[0]) > 1]
    if alike:
        warnings.warn(
            "Classes should differ in more than capitals and blanks. "
            f"Received: {listed([' and '.join(map(repr, some)) for some in alike])}. "
            "Move their files together where they are one class.",
            stacklevel=4,
        )
    return tuple(names["train"])


def _check_names(files, kind):
    seen: dict = {}
    for file in files:
        if seen.setdefault(file.name, file.path) != file.path:
            raise ValueError(
                f"Every {kind.name} must have a name of its own. Received: {seen[file.name]} and "
                f"{file.path}, which differ in their Unicode form only. Rename one."
            )


def _warn_of_strays(places, kind):
    strays = [
        entry.path
        for place in sorted(places)
        for entry in _entries(place)
        if not _is_folder(entry) and is_one(Path(entry.path), kind)
    ]
    if strays:
        warnings.warn(
            f"{kind.name.capitalize()}s must lie in a class's subfolder. "
            f"Received: {len(strays)} beside the class folders, left out: {listed(strays)}. "
            "Move or remove them.",
            stacklevel=4,
        )


def _check_layout(root, kind):
    """Refuse folders that look like splits of one data set, under names that we do not know."""
    inside = {name: _visible_folders(root / name) for name in _visible_folders(root)}
    first: list[str] = next(iter(inside.values()), [])
    alike = len(inside) > 1 and all(names == first for names in inside.values())
    if len(first) < 2 or not alike:
        return
    files = (Path(entry.path) for name in inside for entry in _entries(root / name))
    if any(file.is_file() and is_one(file, kind) for file in files):
        return
    received = (
        f"Received: {root} with {listed(list(inside))}, which all hold {listed(first)} and no "
        f"{kind.name}s of their own. "
    )
    if {name.lower() for name in first} <= {*_PARTS, *_VAL_OR_TEST}:
        cure = f"Turn the order round: {first[0]}/{next(iter(inside))}."
    else:
        cure = (
            "Where these are splits, name them train, val and test; where they are classes, put "
            f"their {kind.name}s straight into them."
        )
    raise ValueError(
        "The folder must hold one subfolder per class, or train, val and test folders of such. "
        + received
        + cure
    )


def _holds_files(folder, kind):
    """Whether a folder holds files of a kind, unless it is a data set with parts of its own."""
    inside = _visible_folders(folder)
    if inside and all(name.lower() in (*_PARTS, *_VAL_OR_TEST) for name in inside):
        return False
    return any(is_one(file, kind) for file in files_below(folder, folder))


def files_below(folder: Path, root: Path) -> Iterator[Path]:
    """The visible files of a folder and of those below it or linked into it, each folder once."""
    seen = {place for top in (folder, root) for place in Path(os.path.realpath(top)).parents}
    seen |= {Path(os.path.realpath(root))} if root != folder else set()
    waiting = [folder]
    while waiting:
        place = waiting.pop(0)
        real = Path(os.path.realpath(place))
        if real in seen:
            continue
        seen.add(real)
        for entry in _entries(place):
            if _is_folder(entry):
                waiting.append(Path(entry.path))
            else:
                yield Path(entry.path)


def _entries(folder):
    try:
        with os.scandir(folder) as found:
            visible = [entry for entry in found if not _is_hidden(entry)]
    except PermissionError as error:
        raise no_entry(folder) from error
    return sorted(visible, key=lambda entry: composed(entry.name))


def _is_hidden(entry):
    return _HIDDEN.match(entry.name) or (entry.name.startswith("__") and _is_folder(entry))


def _is_folder(entry):
    try:
        return entry.is_dir()
    except OSError:
        return False


def _visible_folders(folder):
    return [entry.name for entry in _entries(folder) if _is_folder(entry)]


def is_one(file: Path, kind: Kind) -> bool:
    """Whether a file is of a kind, by its suffix or its first bytes."""
    return file.suffix.lower() in kind.suffixes or bool(kind.begins(_head(file)))


def _head(file):
    try:
        if not file.is_file():
            return b""
        with open(file, "rb") as content:
            return content.read(_HEAD)
    except OSError:
        return b""


def _in_order(file):
    return [composed(step) for step in file.parts]


def digest_or_error(digest: Callable[[Any], str], item: Any) -> tuple[str | None, Exception | None]:
    """The digest of an item, or why it cannot be read."""
    try:
        return digest(item), None
    except (ValueError, OSError) as error:
        return None, error


def digest_of_picture(content: bytes, name: str | Path) -> str:
    """The digest of a picture that is whole, and behind it the highest value of a deep one."""
    highest = examined(content, name)
    return sha256_of(content) + ("" if highest is None else f" {highest}")


PICTURES = Kind(
    "picture",
    FORMATS,
    tuple(
        ".jpg .jpeg .jpe .jfif .mpo .png .apng .gif .bmp .dib .webp .tif .tiff .ppm .pgm .pbm .pnm "
        ".avif .jp2 .j2k .jpx .qoi .heic .heif .hif".split()
    ),
    re.compile(
        rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP|II[*+]\0|MM\0[*+]"
        rb"|P[1-6]\s+[#\d]|\0{3}\x0cjP  |\xff\x4f\xff\x51|qoif"
        rb"|.{4}ftyp(avi[fs]|hei[cxmsf]|hev[cx]|mif1|msf1)",
        re.DOTALL,
    ).match,
    lambda path: digest_of_picture(read_bytes(path), path),
)


def has_copies(pictures: list[Picture]) -> bool:
    """Whether any content occurs twice."""
    return len({picture.digest for picture in pictures}) < len(pictures)


def warn_of_copies(pictures: list[Picture], kind: str = "picture", stacklevel: int = 3) -> None:
    """Name byte-identical files in one warning, and what is wrong with them."""
    if not has_copies(pictures):
        return
    alike = defaultdict(list)
    for picture in pictures:
        alike[picture.digest].append(picture)
    copies = [some for some in alike.values() if len(some) > 1]
    findings = {
        "With two labels, of which one is wrong": _unequal(copies, "class_name"),
        "In two of the parts train, val and test, remove one": _unequal(copies, "part"),
        "In two groups, which may come on two sides": _unequal(copies, "group"),
    }
    grouped = pictures[0].group is not None
    one_side = "" if grouped else " Within one part they stay on one side, as one group."
    count = f"1 {kind}" if len(copies) == 1 else f"{len(copies)} {kind}s"
    warnings.warn(
        f"Every {kind} should be there once. "
        f"Received: {sum(map(len, copies))} byte-identical files of {count}: "
        f"{_named(copies)}.{one_side}"
        + "".join(f" {what}: {_named(some)}." for what, some in findings.items() if some),
        stacklevel=stacklevel,
    )


def _unequal(copies, field):
    return [some for some in copies if len({getattr(picture, field) for picture in some}) > 1]


def _named(copies):
    return listed([" = ".join(picture.name for picture in some[:4]) for some in copies], 3)


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
    files: list[Picture], folder: LabelledFolder, asked: tuple[float, float], seed: int
) -> dict[str, list[Picture]]:
    """Keep existing parts and carve the others out of train, groups and copies on one side.

    `asked` are the shares of val and test. Train is cut by class; where files have several labels,
    so that each has its share of every part; where they have numbers, by bins of like size.
    """
    grouped = files[0].group is not None
    given = {part: [file for file in files if file.part == part] for part in folder.parts}
    if grouped:
        _check_apart(given)
    pool, groups = given["train"], None
    if grouped:
        groups = [file.group for file in pool]
    elif has_copies(pool):
        groups = [file.digest for file in pool]
    shares = {
        part: 0 if part in given else a for part, a in zip(("val", "test"), asked, strict=True)
    }
    rows = split_rows(_strata(pool, groups, folder, shares), groups=groups, seed=seed, **shares)
    parts = {part: [pool[row] for row in some] for part, some in rows.items() if len(some)}
    for part in set(given) - {"train"}:
        order = np.random.default_rng(0).permutation(len(given[part]))
        parts[part] = [given[part][row] for row in order]
    return parts


def _strata(pool, groups, folder, shares):
    labels = [file.class_name for file in pool]
    if folder.kind == "many_labels":
        import pandas as pd

        return pd.DataFrame(labels, columns=folder.class_names)
    if folder.kind == "regression":
        _, *asked = part_shares(**shares).values()
        asked = [share for share in asked if share > 0]
        least = math.ceil(1 / min(asked, default=1))
        values = np.array(labels)
        if values.shape[1] > 1:
            return [0] * len(pool)
        return bins_of(values[:, 0], groups or range(len(pool)), max(least, 1 + len(asked)))
    return labels


def _check_apart(given):
    home: dict = {}
    for part, some in given.items():
        for file in some:
            if home.setdefault(file.group, part) != part:
                raise ValueError(
                    "A group must be in one of the parts train, val and test only. "
                    f"Received: group {file.group!r} in {home[file.group]} and {part}. "
                    "Move its files together."
                )
