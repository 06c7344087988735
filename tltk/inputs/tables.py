"""Tables of texts: CSV, tab-separated values and lines of JSON, read column by column."""

import contextlib
import csv
import gzip
import json
import lzma
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tltk.inputs.checks import check_on_error
from tltk.inputs.folders import listed

LONGEST_TEXT = 2**20
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES_OF_JSON = (".jsonl", ".ndjson")
_OPENERS = {".gz": gzip.open, ".xz": lzma.open}


class Texts(NamedTuple):
    """Texts row by row: their class names, groups (or None), and what each row is called."""

    texts: list[str]
    labels: list[str]
    groups: list[str] | None
    names: list[str]


def read_texts(path, text, label, group, encoding="utf-8-sig", on_error="skip") -> Texts:
    """Read the columns of one file; see `text_file`."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"A table of texts is one file. Received: {path}, which is "
            f"{'a folder' if path.is_dir() else 'not there'}. For a folder use text_folder."
        )
    wanted = [text, label, *([] if group is None else [group])]
    try:
        rows = [(*row, None)[:3] for row in read_columns(path, wanted, encoding)]
    except UnicodeError as error:
        raise ValueError(
            f"The file must be in the encoding named. Received: {path} with "
            f"encoding={encoding!r}: {error}. "
            'Try encoding="latin-1" or "utf-16".'
        ) from None
    except (EOFError, OSError, lzma.LZMAError) as error:
        raise ValueError(
            f"The file must be readable to its end. Received: {path}: {error}. Fetch it again."
        ) from None
    names = [f"row {number}" for number in range(1, len(rows) + 1)]
    return whole_texts(rows, names, path, on_error)


def whole_texts(rows, names, path, on_error) -> Texts:
    """Keep the rows that have a text and a label, and name the others."""
    check_on_error(on_error)
    if not rows:
        raise ValueError(f"A table needs rows. Received: {path} with none. Check the file.")
    kept = [i for i, (text, label, _) in enumerate(rows) if text.strip() and label.strip()]
    if len(kept) < len(rows):
        without = [names[i] for i in sorted(set(range(len(rows))).difference(kept))]
        found = (
            "Every row needs a text and a label. "
            f"Received: {len(without)} without in {path}: {listed(without)}."
        )
        if on_error == "raise" or not kept:
            raise ValueError(f"{found} Fill or remove them.")
        warnings.warn(f"{found} They are left out.", stacklevel=4)
    texts, labels, groups = map(list, zip(*[rows[i] for i in kept], strict=True))
    return Texts(texts, labels, None if groups[0] is None else groups, [names[i] for i in kept])


def read_columns(path, wanted, encoding="utf-8-sig") -> Iterator[tuple[str, ...]]:
    """Read the wanted columns of a table, row by row."""
    packed = path.suffix.lower() in _OPENERS
    kind = Path(path.stem if packed else path.name).suffix.lower()
    if kind not in (*_DELIMITERS, *_LINES_OF_JSON):
        raise ValueError(
            f"A table ends in {', '.join((*_DELIMITERS, *_LINES_OF_JSON))}, perhaps packed as .gz "
            f"or .xz. Received: {path.name}. Rename the file after what it holds."
        )
    opener = _OPENERS.get(path.suffix.lower(), open)
    with opener(path, "rt", encoding=encoding, newline="") as lines:
        if kind in _LINES_OF_JSON:
            yield from _json_rows(path, lines, wanted)
        else:
            yield from _table_rows(path, lines, wanted, _DELIMITERS[kind])


def _table_rows(path, lines, wanted, delimiter):
    with _field_limit(LONGEST_TEXT):
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            header = next(reader, [])
            places = [_place(path, header, column) for column in wanted]
            for row in reader:
                if row:
                    yield tuple(row[i] if i < len(row) else "" for i in places)
        except csv.Error as error:
            raise ValueError(
                f"Every line of a table must be well formed. Received: {path}, line "
                f"{reader.line_num}: {error}. Often a quotation mark is not closed, or a text "
                f"exceeds {LONGEST_TEXT:,} characters."
            ) from None


def _place(path, header, column):
    if column not in header:
        other = [name for name in ",;\t" if len(header) == 1 and name in header[0]]
        hint = f" The columns seem to be divided by {other[0]!r}: convert it." if other else ""
        raise ValueError(
            "The first line must name the columns. "
            f"Received: no column {column!r} in {path}, but {listed(header) or 'nothing'}.{hint} "
            "Pass the columns' names as text= and label=."
        )
    return header.index(column)


def _json_rows(path, lines, wanted):
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line) if len(line) <= LONGEST_TEXT else None
        except json.JSONDecodeError:
            row = None
        if not isinstance(row, dict):
            raise ValueError(
                f"Every line must be one JSON object below {LONGEST_TEXT:,} characters. "
                f"Received: {path}, line {number}: {line[:40]!r}. Write one object on each line."
            )
        missing = [column for column in wanted if column not in row]
        if missing:
            raise ValueError(
                f"Every line must have the columns asked for. Received: no {missing[0]!r} in "
                f"{path}, line {number}, but {listed(list(row))}. Pass text= and label=."
            )
        yield tuple("" if row[column] is None else str(row[column]) for column in wanted)


@contextlib.contextmanager
def _field_limit(characters):
    before = csv.field_size_limit(characters)
    try:
        yield
    finally:
        csv.field_size_limit(before)
