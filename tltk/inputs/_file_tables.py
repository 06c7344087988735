"""A table with a row for each file: where the files are, and what their labels mean."""

import os
import posixpath
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple, NoReturn

import numpy as np

from tltk._checks import check_choice, check_text, refuse, shown
from tltk._paths import existing_folder
from tltk.inputs._arrays import check_on_error, composed
from tltk.inputs._folders import (
    Kind,
    LabelledFolder,
    Picture,
    files_below,
    is_one,
    listed,
    parts_called,
)
from tltk.inputs._tables import (
    Cells,
    check_cells,
    check_column,
    check_distinct,
    clean_label,
    ordered_labels,
    read_cells,
    warn_of_near_labels,
    written,
)

KINDS = ("one_label", "many_labels", "regression")
_TRUTHS = {"0": 0, "1": 1, "false": 0, "true": 1}


class Columns(NamedTuple):
    """Which columns mean what, and how labels and names of files are written in them."""

    path: str
    label: str | Sequence[str]
    kind: str = "one_label"
    group: str | None = None
    split: str | None = None
    pattern: str | None = None
    separator: str | None = None


class _Row(NamedTuple):
    """What a row says, and what it is called."""

    name: str
    path: str
    label: Any
    group: str | None
    split: str | None


def labelled_rows(
    table: Any,
    folder: str | Path | None,
    kind: Kind,
    columns: Columns,
    reading: tuple[str, str | None, str | int],
    on_error: str,
) -> LabelledFolder:
    """Find the file of each row of a table, which is the one rule for pictures, sounds and texts.

    Args:
        table: a file, or a DataFrame.
        folder: where the files are; None for the folder in which the table lies.
        kind: which files.
        columns: what stands where.
        reading: encoding, delimiter and quoting of the table.
        on_error: "raise" refuses rows without a file or a label.

    Returns:
        The files in alphabetical order, with the label of each as its class.
    """
    check_on_error(on_error)
    asked = asked_columns(columns)
    cells = read_cells(table, asked, *reading)
    root = _root(folder, cells)
    rows, incomplete = complete_rows(cells, columns, on_error)
    index = _Index(root, kind, cells.source)
    found, lost, doubled, unlabelled = _files_of_rows(rows, index, kind, columns, on_error)
    warn_of_findings(
        (
            (f"without {_spoken(asked, 'or')}", "row", incomplete, "left out"),
            ("without a file", "row", lost, "left out"),
            ("repeating another", "row", doubled, "counted once"),
            ("without a labelled row", kind.name, unlabelled, "left out"),
        ),
        f"{len(cells.rows)} rows of {cells.source} and the folder {root}",
        kind.name,
    )
    return labelled(found, columns, root, cells.source)


def complete_rows(cells: Cells, columns: Columns, on_error: str) -> tuple[list[_Row], list[str]]:
    """What each row says, and the names of the rows that lack something."""
    if not cells.rows:
        raise ValueError(f"A table needs rows. Received: {cells.source} with none. Check the file.")
    count, many = len(_label_columns(columns)), _names_in_a_cell(columns)
    rows, incomplete = [], []
    for name, (path, *others) in zip(cells.names, cells.rows, strict=True):
        where = f"{name} of {cells.source}"
        check_cells((path, *others[many:]), where)
        label = _label(others[:count], columns, where)
        rest = iter([clean_label(cell) for cell in others[count:]])
        group = None if columns.group is None else next(rest)
        split = None if columns.split is None else next(rest)
        row = _Row(name, _clean_path(path), label, group, split)
        whole = row.path and label is not None and "" not in (group, split)
        rows.append(row) if whole else incomplete.append(name)
    if not rows or (incomplete and on_error == "raise"):
        raise ValueError(
            f"Every row needs {_spoken(asked_columns(columns))}; words such as NA and NaN are no "
            f"label. Received: {len(incomplete)} without of {len(cells.rows)} rows of "
            f"{cells.source}: {listed(incomplete)}. Fill or remove them."
        )
    return rows, incomplete


def labelled(
    found: dict[str, tuple[Path, _Row]], columns: Columns, root: Path, source: Any
) -> LabelledFolder:
    """Files by name with what their rows say, as a labelled folder."""
    rows = [row for _, row in found.values()]
    class_names, labels = _class_names(rows, columns, source)
    parts: dict[str, str] = {}
    if columns.split is not None:
        parts = parts_called(
            [str(row.split) for row in rows], f"column {columns.split!r} of {source}"
        )
    files = [
        Picture(path, name, parts.get(str(row.split).lower(), "train"), label, row.group)
        for (name, (path, row)), label in zip(found.items(), labels, strict=True)
    ]
    files.sort(key=lambda file: file.name)
    places = dict.fromkeys([part for part in ("train", "val", "test") if part in parts.values()])
    given = dict.fromkeys(places or {"train": None}, root)
    return LabelledFolder(root, given, class_names, files, columns.kind, source)


def _label_columns(columns):
    return [columns.label] if isinstance(columns.label, str) else list(columns.label)


def asked_columns(columns) -> dict[str, str]:
    """The columns by the argument that names them, refused where they cannot be."""
    check_choice("kind", columns.kind, KINDS, 'Use "regression" to predict a number')
    given = columns.label
    several = isinstance(given, list | tuple)
    if several and not given:
        refuse("label must name a column", f"label={shown(given)}", "Pass a string, or several")
    labels = dict(enumerate(given)) if several else {0: given}
    asked = {"path": columns.path}
    asked |= {f"label {n + 1}" if several else "label": name for n, name in labels.items()}
    others = {"group": columns.group, "split": columns.split}
    asked |= {name: column for name, column in others.items() if column is not None}
    for name, column in asked.items():
        check_column(name.split()[0], column)
    check_distinct([*asked.values()], "path, label, group and split")
    if several and columns.kind == "one_label":
        raise ValueError(
            "A class stands in one column. "
            f"Received: label={shown(given)} with kind='one_label'. Pass kind=\"many_labels\" for "
            'columns of zeros and ones, or kind="regression" for several numbers.'
        )
    parted = columns.separator is not None
    if parted and (several or columns.kind != "many_labels"):
        raise ValueError(
            "Several labels in one cell are parted by a separator, and nothing else is. Received: "
            f"separator={columns.separator!r} with kind={columns.kind!r} and "
            f'label={shown(given)}. Pass kind="many_labels" with separator="|" for one column, '
            "or label=[...] for columns of zeros and ones."
        )
    if parted and not (isinstance(columns.separator, str) and columns.separator):
        refuse("separator must be a string", f"separator={columns.separator!r}", 'Pass "|", say')
    if columns.pattern is not None:
        check_text("pattern", columns.pattern)
        _named(columns.pattern, "0" * 99)
    return asked


def _spoken(asked, word="and"):
    first, *others = dict.fromkeys(f"a {name.split()[0]}" for name in asked)
    return f"{', '.join([first, *others[:-1]])} {word} {others[-1]}"


def _root(folder, cells):
    if folder is None and not isinstance(cells.source, Path):
        raise ValueError(
            "A DataFrame does not say where its files are. Received: folder=None. Pass the folder."
        )
    return existing_folder(cells.source.parent if folder is None else folder)


def _clean_path(cell):
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return written(cell).strip()


def _label(cells, columns, where):
    """A class name, a tuple of zeros and ones, of class names or of numbers; None if missing."""
    if _names_in_a_cell(columns):
        return _names_of(cells[0], columns, where)
    texts = [clean_label(cell) for cell in cells]
    if "" in texts:
        return None
    if columns.kind == "one_label":
        return texts[0]
    if columns.kind == "regression":
        return tuple(_number(text, where) for text in texts)
    values = [_TRUTHS.get(text.lower()) for text in texts]
    if None in values:
        raise ValueError(
            "A column for each label holds zeros and ones. "
            f"Received: {texts[values.index(None)]!r} in column "
            f"{_label_columns(columns)[values.index(None)]!r}, {where}. "
            "Correct it; names of classes in one cell take separator=."
        )
    return tuple(values)


def _names_in_a_cell(columns):
    return columns.kind == "many_labels" and isinstance(columns.label, str)


def _names_of(cell, columns, where):
    """The labels of a cell, a list or parted by a separator; None where it is missing."""
    if isinstance(cell, list | tuple | np.ndarray):
        check_cells([*cell], where)
        return tuple(sorted({clean_label(name) for name in cell} - {""}))
    check_cells([cell], where)
    text = clean_label(cell)
    if text and columns.separator is None:
        raise ValueError(
            "Several labels in one cell are a list, or parted by a separator. "
            f"Received: {text!r} in {where}, with separator=None. "
            'Pass separator="|", say, or label=[...] for columns of zeros and ones.'
        )
    names = {clean_label(part) for part in text.split(columns.separator)}
    return tuple(sorted(names - {""})) or None


def _number(text, where):
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not abs(number) <= np.finfo("float32").max:
        raise ValueError(
            f'With kind="regression" a label is a finite number. Received: {text!r} in {where}. '
            'Write decimals with a point, or pass kind="one_label" for names of classes.'
        )
    return number


def _class_names(rows, columns, source):
    """The names of the classes or numbers, and the label of each row in their terms."""
    labels = [row.label for row in rows]
    if columns.kind == "one_label":
        _check_no_fractions(labels, columns, source)
        warn_of_near_labels(labels, source, stacklevel=6)
        return ordered_labels(labels), labels
    if not _names_in_a_cell(columns):
        return tuple(map(str, _label_columns(columns))), labels
    names = ordered_labels(name for some in labels for name in some)
    if not names:
        raise ValueError(
            "Some rows need a label. "
            f"Received: empty lists only in column {columns.label!r} of {source}. Check the column."
        )
    warn_of_near_labels(names, source, stacklevel=6)
    return names, [tuple(int(name in some) for name in names) for some in labels]


def _check_no_fractions(labels, columns, source):
    numbers = []
    for label in dict.fromkeys(labels):
        try:
            numbers.append(float(label))
        except ValueError:
            return
    fractions = [number for number in numbers if not number.is_integer()]
    if fractions:
        raise ValueError(
            "Classes are names or whole numbers. "
            f"Received: numbers such as {fractions[0]} in column {columns.label!r} of {source}. "
            'Pass kind="regression" to predict the number; where it names a class, write it as a '
            "word."
        )


def _files_of_rows(rows, index, kind, columns, on_error):
    found: dict[str, tuple[Path, _Row]] = {}
    lost, doubled = [], []
    for row in rows:
        text = row.path if columns.pattern is None else _named(columns.pattern, row.path)
        hit = index.find(text, row.name)
        if hit is None:
            lost.append((row, text))
        elif hit[0] in found:
            _check_doubled(found[hit[0]][1], row, hit[0], columns)
            doubled.append(row.name)
        else:
            found[hit[0]] = (hit[1], row)
    if lost and (not found or on_error == "raise"):
        _refuse_lost(*lost[0], len(lost), len(rows), index, kind)
    unlabelled = sorted(set(index.names) - set(found))
    told = [f"{row.name} ({text})" for row, text in lost]
    return found, told, doubled, unlabelled


def _named(pattern, cell):
    try:
        text = pattern.format(id=cell)
        if text == pattern:
            raise KeyError("no {id} in it")
        return text
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            "pattern makes a file's name from what stands in the column of paths, a string called "
            f"id. Received: pattern={pattern!r} with id={cell!r:.20} ({error}). "
            'Pass "{id}.jpg"; "{id:0>5}.jpg" fills up with zeros.'
        ) from None


def _check_doubled(first, second, name, columns):
    for what in ("label", "group", "split"):
        one, other = getattr(first, what), getattr(second, what)
        if one != other:
            several = what == "label" and columns.kind == "many_labels"
            raise ValueError(
                f"A file has one {what}. Received: {name} with {one!r} in {first.name} and "
                f"{other!r} in {second.name}. "
                + ("Put all its labels into one row." if several else "Keep the right row.")
            )


class _Index:
    """The files below a folder, by their names and by what else a table among them may say."""

    def __init__(self, root, kind, table):
        self.root = root
        self.names: dict[str, Path] = {}
        self.exact: dict[str, Path] = {}
        self.ways: list[dict[str, list[str]]] = [defaultdict(list) for _ in range(8)]
        for path in files_below(root, root):
            if isinstance(table, Path) and path.name == table.name and path.samefile(table):
                continue
            as_written = path.relative_to(root).as_posix()
            name = composed(as_written)
            self.exact[as_written] = path
            ways = self.ways[:2]
            if is_one(path, kind):
                self.names.setdefault(name, path)
                ways = self.ways
            for way, called in zip(ways, _called(name), strict=False):
                way[called].append(as_written)

    def find(self, text: str, row: str) -> tuple[str, Path] | None:
        """The name and path of the file that a cell names; None where there is none."""
        for said in dict.fromkeys((text, text.replace("\\", "/"))):
            name = self._below(posixpath.normpath(said))
            hit = self._among_files(name, row) or self._on_disk(name)
            if hit is not None:
                return hit
        return None

    def _below(self, name):
        """A path in full as one below the folder, where it is."""
        path = Path(os.path.expanduser(name)) if name.startswith("~/") else Path(name)
        if path.is_absolute():
            for root in (os.path.abspath(self.root), os.path.realpath(self.root)):
                if path.is_relative_to(root):
                    return path.relative_to(root).as_posix()
        return path.as_posix()

    def _among_files(self, name, row):
        if name in self.exact:
            return composed(name), self.exact[name]
        called = composed(name)
        for number, way in enumerate(self.ways[: 4 if "/" in name else 8]):
            hits = way.get(called.casefold() if number % 2 else called, [])
            if len(hits) > 1:
                raise ValueError(
                    "A row names one file. "
                    f"Received: {name!r} in {row}, which may be {hits[0]} or {hits[1]} of "
                    f"{self.root}. Write the file's path below the folder in full, or pass "
                    'pattern="{id}.jpg", say.'
                )
            if hits:
                return composed(hits[0]), self.exact[hits[0]]
        return None

    def _on_disk(self, name):
        """What is outside the folder, or hidden in it."""
        try:
            path = self.root / name
            return (composed(name), path) if path.is_file() else None
        except (OSError, ValueError):  # too long, or with a NUL character
            return None


def _called(name: str) -> Iterator[str]:
    """A file's path, that without suffix, its name, and that without suffix; and all folded."""
    bare = name.removesuffix(PurePosixPath(name).suffix)
    for each in (name, bare, name.rpartition("/")[2], bare.rpartition("/")[2]):
        yield each
        yield each.casefold()


def _refuse_lost(row, text, count, total, index, kind) -> NoReturn:
    place = text if PureWindowsPath(text).drive else index.root / text
    base = composed(PureWindowsPath(text).name)
    near = index.ways[4].get(base) or index.ways[6].get(base)
    if "://" in text:
        cure = "Download the files, and name them in the table."
    elif near:
        cure = (
            f"{near[0]} is there: keep of each path what is below the folder, or pass the folder "
            "in which the paths begin."
        )
    else:
        cure = 'Check the folder and the column; pattern="{id}.jpg" makes names of ids.'
    held = listed(sorted(index.names), 3)
    raise FileNotFoundError(
        f"The path in a row is that of a {kind.name}, in the folder or in full. "
        f"Received: no file for {count} of {total} rows; {row.name} was looked for as {place}, "
        f"and {index.root} holds {len(index.names)} {kind.name}s{f': {held}' if held else ''}. "
        f"{cure}"
    )


def warn_of_findings(
    findings: Sequence[tuple[str, str, list[str], str]], where: str, kind: str
) -> None:
    """Count in one warning what does not fit between a table and its files."""
    told = [
        f"{fate} {len(some)} {unit}{'s' if some[1:] else ''} {what} ({listed(some, 3)})"
        for what, unit, some, fate in findings
        if some
    ]
    if told:
        warnings.warn(
            f"Every row of a table has a {kind} and a label, and every {kind} a row. "
            f"Received: {where}: {'; '.join(told)}. "
            "Correct the table where this is not meant.",
            stacklevel=4,
        )
