"""Tables from files: every row as it was written, every error with its line."""

import contextlib
import csv
import difflib
import io
import json
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tltk._checks import refuse, shown, told_type
from tltk._extras import require
from tltk._paths import user_path
from tltk.inputs._arrays import check_on_error, composed, is_hub_dataset
from tltk.inputs._folders import listed
from tltk.inputs._unpacking import (
    MOST_TIMES,
    PACKED,
    bounded_lines,
    most_bytes,
    unpacked,
)

LONGEST_TEXT = 2**20
MOST_COLUMNS = 2**14
QUOTING: dict[Any, Any] = {"minimal": csv.QUOTE_MINIMAL, "none": csv.QUOTE_NONE}
MISSING = frozenset(
    "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|"
    "null|".split("|")
)  # what pandas.read_csv takes as missing
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES_OF_JSON = (".jsonl", ".ndjson")
_PARQUET = ".parquet"
MOST_ROWS = 10_000_000


class Texts(NamedTuple):
    """Texts row by row: their class names, groups (or None), and what each row is called."""

    texts: list[str]
    labels: list[str]
    groups: list[str] | None
    names: list[str]


class Cells(NamedTuple):
    """The wanted cells row by row, what each row is called, and what their table is called."""

    rows: list[Any]
    names: list[str]
    source: Any


class Row(NamedTuple):
    """The cells of a row, and the lines of its file on which it begins and ends."""

    cells: list[Any]
    first: int
    last: int


def read_texts(
    source: Any,
    text: str,
    label: str,
    group: str | None = None,
    encoding: str = "utf-8-sig",
    on_error: str = "skip",
    delimiter: str | None = None,
    quoting: str | int = "minimal",
) -> Texts:
    """Read the columns of one file, or of a DataFrame; see `text_file`."""
    asked = {"text": text, "label": label, **({} if group is None else {"group": group})}
    check_on_error(on_error)
    for name, column in asked.items():
        check_column(name, column)
    check_distinct([*asked.values()], "text, label and group")
    table = read_cells(source, asked, encoding, delimiter, quoting)
    return _cleaned_texts(*table, on_error)


def read_cells(
    source: Any,
    asked: dict[str, str],
    encoding: str = "utf-8-sig",
    delimiter: str | None = None,
    quoting: str | int = "minimal",
) -> Cells:
    """Read some columns of a file, a DataFrame or a data set of `datasets`, as they are written.

    Args:
        source: the table.
        asked: the columns by the argument that names them; the second is that of labels.
        encoding, delimiter, quoting: see `text_file`.
    """
    if is_hub_dataset(source):
        rows = list(zip(*columns_of_hub(source, asked, asked), strict=True))
        return Cells(rows, [f"row {number}" for number in range(len(rows))], "the Dataset")
    if not isinstance(source, str | Path):
        return _cells_of_frame(source, asked)
    path = user_path(source)
    if not path.is_file():
        raise FileNotFoundError(
            f"A table is one file. Received: {path}, which is "
            f"{'a folder' if path.is_dir() else 'not there'}. Check the spelling; for a folder "
            "there are image_folder, audio_folder and text_folder."
        )
    kind = Path(path.stem if path.suffix.lower() in PACKED else path.name).suffix.lower()
    if path.suffix.lower() == _PARQUET and delimiter is None:
        rows = _parquet_rows(path, asked)
    elif kind in _LINES_OF_JSON and delimiter is None:
        rows = list(_json_rows(path, asked, encoding))
    else:
        delimiter = _delimiter(path, kind) if delimiter is None else delimiter
        rows = _table_rows(path, asked, encoding, delimiter, quoting)
    return Cells(rows, [f"row {number}" for number in range(1, len(rows) + 1)], path)


def read_columns(path: Path, wanted: Sequence[str]) -> list[list[str]]:
    """Read the wanted columns of a table of our own, tab-separated."""
    names, *rows = read_rows(path, "\t")
    places = [names.cells.index(column) for column in wanted]
    return [[row.cells[place] for row in rows] for place in places]


def whole_texts(
    rows: Sequence[Sequence[Any]], names: Sequence[str], source: Any, on_error: str, hint: str = ""
) -> Texts:
    """Keep the rows that have a text, a label and perhaps a group; name the others."""
    if not rows:
        raise ValueError(f"A table needs rows. Received: {source} with none. Check the file.")
    kept = [i for i, row in enumerate(rows) if all(row)]
    if len(kept) < len(rows):
        without = [names[i] for i, row in enumerate(rows) if not all(row)]
        grouped = ", a label and a group" if len(rows[0]) > 2 else " and a label"
        found = (
            f"Every row needs a text{grouped}; words such as NA and NaN are no label. "
            f"Received: {len(without)} without in {source}: {listed(without)}.{hint}"
        )
        if on_error == "raise" or not kept:
            raise ValueError(f"{found} Fill or remove them.")
        warnings.warn(f"{found} They are left out.", stacklevel=5)
    texts, labels, *groups = map(list, zip(*[rows[i] for i in kept], strict=True))
    return Texts(texts, labels, groups[0] if groups else None, [names[i] for i in kept])


def _cleaned_texts(rows, names, source, on_error):
    for name, row in zip(names, rows, strict=True):
        check_cells(row, f"{name} of {source}")
    rows = [(clean_text(text), *map(clean_label, others)) for text, *others in rows]
    table = whole_texts(rows, names, source, on_error)
    warn_of_near_labels(table.labels, source)
    return table


def clean_text(value: Any) -> str:
    """A text with its letters composed, or "" where there is nothing but blanks.

    Example:
        >>> clean_text("cafe\\u0301 "), clean_text(None), clean_text(float("nan"))
        ('café ', '', '')
    """
    text = composed(written(value))
    return text if text.strip() else ""


def clean_label(value: Any) -> str:
    """The name of a class or group without needless blanks, or "" where it is missing.

    Example:
        >>> [clean_label(value) for value in (" very  good", "NaN", 3.0, True)]
        ['very good', '', '3', 'True']
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    label = " ".join(composed(written(value)).split())
    return "" if label in MISSING else label


def written(value: Any) -> str:
    """A cell as a string, "" where there is nothing in it."""
    if isinstance(value, str):
        return value
    import pandas as pd

    return "" if pd.isna(value) else str(value)


def check_cells(row: Sequence[Any], where: str) -> None:
    """Refuse cells that hold more than one string or number."""
    import pandas as pd

    for value in row:
        if not isinstance(value, str) and (
            isinstance(value, bytes) or not pd.api.types.is_scalar(value)
        ):
            raise ValueError(
                "Texts, labels and groups are strings or numbers, one in each row. "
                f"Received: {value!r:.60} in {where}. Join the words of a text; choose one label."
            )


def check_column(name: str, column: Any) -> None:
    """Refuse what cannot be the name of a column."""
    if not isinstance(column, Hashable) or column is None:
        refuse(f"{name} must name one column", f"{name}={shown(column)}", "Pass a string")


def check_distinct(columns: Sequence[str], what: str) -> None:
    """Refuse a column that is named twice."""
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise ValueError(
            f"Each of {what} is another column. Received: columns with {twice[0]!r} twice. "
            "Name each once."
        )


def read_rows(
    path: Path,
    delimiter: str | None = None,
    quoting: str | int = "minimal",
    encoding: str = "utf-8-sig",
) -> Iterator[Row]:
    """Read a table row by row, the names of its columns first; blank lines are passed over.

    The cells come from `csv`, since pandas fills short rows and does not tell a row's line.

    Args:
        path: the file, perhaps packed as .gz or .xz.
        delimiter: what stands between cells; by default the most frequent of `, ; |` and tab in
            the first line.
        quoting: "minimal" (or any `csv.QUOTE_…` that reads quotes) or "none".
        encoding: of the file.

    Raises:
        ValueError: for a row with more cells than there are columns, quotation marks that are not
            closed, lines and cells without end, another encoding, or a damaged file.
    """
    _check_dialect(delimiter, quoting)
    quoting = QUOTING.get(quoting, quoting)
    with unpacked_text(path, encoding) as lines, _field_limit(LONGEST_TEXT):
        header = next(lines, "")
        delimiter = max(",;|\t", key=header.count) if delimiter is None else delimiter
        reader = csv.reader(
            _chained(header, lines), delimiter=delimiter, quoting=quoting, strict=True
        )
        names, begin = None, 1
        try:
            for cells in reader:
                row = Row(cells, begin, reader.line_num)
                begin = reader.line_num + 1
                if not cells:
                    continue
                if names is None:
                    names = [composed(name.removeprefix("\ufeff").strip()) for name in cells]
                    row = row._replace(cells=names)
                    _check_columns(path, names)
                if len(cells) > len(names):
                    raise ValueError(
                        f"A row may have as many cells as there are column names, {len(names)}. "
                        f"Received: {len(cells)} in {path}, line {row.first}: {cells!r:.60}. "
                        + _cure_of_cells(names, delimiter)
                    )
                yield row
        except csv.Error as error:
            raise ValueError(
                f"Every line of a table must be well formed. Received: {path}, "
                f"{lines_called(begin, reader.line_num)}: {error}. Often a quotation mark is not "
                'closed, or is no more than a character (pass quoting="none"; in a quoted cell '
                f"write it twice), or a text exceeds {LONGEST_TEXT:,} characters."
            ) from None


def _cure_of_cells(names, delimiter):
    if len(names) == 1:
        return (
            f"The first line is {names[0]!r:.60}: remove the lines above the column names, or pass "
            "another delimiter=."
        )
    return (
        f"Put quotation marks round a cell that holds the delimiter ({delimiter!r}), or pass "
        'another delimiter= or quoting="none".'
    )


def lines_called(first: int, last: int) -> str:
    """What one line or several are called in an error."""
    return f"line {first}" if first == last else f"lines {first} to {last}"


@contextlib.contextmanager
def unpacked_text(path: Path, encoding: str) -> Iterator[Iterator[str]]:
    """Open a file of text, packed or not, as its lines within limits."""
    check_encoding(encoding)
    try:
        with (
            unpacked(path) as file,
            io.TextIOWrapper(file, encoding=encoding, newline="") as content,
        ):
            yield _lines_of_text(content, path)
    except UnicodeError as error:
        raise ValueError(
            f"The file must be in the encoding named. Received: {path} with "
            f"encoding={encoding!r}: {error}. "
            'Try encoding="latin-1", "cp1252" or "utf-16".'
        ) from None


def check_encoding(encoding: str, name: str = "encoding") -> None:
    """Refuse an encoding that Python does not know."""
    try:
        "".encode(encoding)
    except (LookupError, TypeError, ValueError):
        raise ValueError(
            "The encoding is one that Python knows. "
            f'Received: {name}={encoding!r}. Pass "utf-8", "cp1252" or "utf-16", say.'
        ) from None


def _lines_of_text(content, path):
    for number, line in enumerate(bounded_lines(content, path), start=1):
        if "\0" in line:
            raise ValueError(
                f"A file of text holds no NUL character. Received: {path}, line {number} with one. "
                'Pass its encoding (encoding="utf-16-le" leaves such traces), or repair it.'
            )
        yield line


def _chained(header, lines):
    yield header
    yield from lines


def _check_dialect(delimiter, quoting):
    if delimiter is not None and (
        not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n\0'
    ):
        raise ValueError(
            "The delimiter is one character, and no quotation mark or end of a line. "
            f'Received: delimiter={delimiter!r}. Pass ";" or "\\t", say.'
        )
    known = (*QUOTING, *QUOTING.values(), csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)
    if isinstance(quoting, bool) or quoting not in known:
        raise ValueError(
            f'quoting is "minimal" or "none". Received: quoting={quoting!r}. Pass "none" where '
            "quotation marks are characters like others."
        )


def _check_columns(path, names):
    if len(names) > MOST_COLUMNS:
        raise ValueError(
            f"A table may have {MOST_COLUMNS:,} columns. Received: {path} with {len(names):,}. "
            "Check the delimiter, or keep the columns you need."
        )


def _delimiter(path, kind):
    if kind not in _DELIMITERS:
        raise ValueError(
            f"A table ends in {', '.join((*_DELIMITERS, *_LINES_OF_JSON))}, perhaps packed as "
            f"{' or '.join(PACKED)}, or in {_PARQUET}. Received: {path.name}. Pass delimiter= for "
            "another name of a table of text; read other kinds with pandas, and pass the DataFrame."
        )
    return _DELIMITERS[kind]


def _table_rows(path, asked, encoding, delimiter, quoting):
    reader = read_rows(path, delimiter, quoting, encoding)
    header = next(reader, Row([], 1, 1)).cells
    places = _places(path, header, asked)
    rows, suspects = [], []
    for row in reader:
        rows.append([row.cells[i] if i < len(row.cells) else None for i in places])
        if row.last > row.first:
            suspects.append((row, _labels_inside(row, len(header), places[1], delimiter)))
    labels = {clean_label(row[1]) for row in rows if len(row) > 1}
    swallowed = [lines_called(r.first, r.last) for r, some in suspects if labels & some]
    if swallowed:
        warnings.warn(
            "A quoted cell may span lines, but hardly whole rows. "
            f"Received: rows inside one quoted cell in {path}, {listed(swallowed)}. Close or "
            'remove the quotation mark in the first of these lines, or pass quoting="none" where '
            "they are characters like others.",
            stacklevel=4,
        )
    return rows


def _labels_inside(row, columns, place, delimiter):
    """The labels of what look like rows inside a row's cells."""
    lines = (
        line for cell in row.cells if "\n" in cell or "\r" in cell for line in cell.split("\n")
    )
    split = (line.rstrip("\r").split(delimiter) for line in lines)
    return {clean_label(cells[place].strip('"')) for cells in split if len(cells) == columns} - {""}


def _places(source, header, asked):
    """Where the columns asked for stand, each of which must be there once."""
    for column in asked.values():
        if header.count(column) != 1:
            other = [sign for sign in ",;\t|" if len(header) == 1 and sign in header[0]]
            hint = (
                f" The columns seem to be divided by {other[0]!r}: pass delimiter=."
                if other
                else ""
            )
            raise ValueError(
                "The first line must name the columns, each once. "
                f"Received: {'two columns' if column in header else 'no column'} {column!r} in "
                f"{source}, but {listed(header) or 'nothing'}.{hint}{_nearest(column, header)} "
                f"Pass the columns' names as {_arguments(asked)}; where that line is a row "
                "already, put a line of names above it."
            )
    return [header.index(column) for column in asked.values()]


def _nearest(column, header):
    lower = {name.lower(): name for name in reversed(header) if name != column}
    near = difflib.get_close_matches(str(column).lower(), lower, n=1)
    return f" The nearest is {lower[near[0]]!r}." if near else ""


def _arguments(asked):
    *others, last = dict.fromkeys(f"{name.split()[0]}=" for name in asked)
    return f"{', '.join(others)} and {last}" if others else last


def _parquet_rows(path, asked):
    require("parquet", "pyarrow")
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _check_parquet(path, file.metadata)
            header = file.schema_arrow.names
            _places(path, header, asked)
            columns = file.read([*asked.values()])
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"The file must be readable to its end. Received: {path}: {error!s:.200}. "
            "Fetch it again."
        ) from None
    return list(zip(*[columns[name].to_pylist() for name in asked.values()], strict=True))


def _check_parquet(path, told):
    held = sum(told.row_group(number).total_byte_size for number in range(told.num_row_groups))
    most = most_bytes(path.stat().st_size)
    if told.num_rows > MOST_ROWS or held > most:
        raise ValueError(
            f"A table may have {MOST_ROWS:,} rows, and hold {MOST_TIMES} times its own size. "
            f"Received: {path} with {told.num_rows:,} rows and {held:,} bytes. "
            "Keep the rows and columns you need."
        )


def _json_rows(path, asked, encoding):
    with unpacked_text(path, encoding) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                raise ValueError(
                    "Every line must be one JSON object of strings and numbers. "
                    f"Received: {path}, line {number}: {line[:40]!r}. Write one object on each "
                    "line."
                )
            missing = [column for column in asked.values() if column not in row]
            if missing:
                raise ValueError(
                    f"Every line must have the columns asked for. Received: no {missing[0]!r} in "
                    f"{path}, line {number}, but {listed(list(row))}."
                    f"{_nearest(missing[0], list(row))} Pass {_arguments(asked)}."
                )
            yield [row[column] for column in asked.values()]


def columns_of_hub(data: Any, asked: dict[str, str], wanted: dict[str, str]) -> list[Sequence[Any]]:
    """The wanted ones of the columns asked for of a `datasets.Dataset`, with names for classes.

    The class number -1 is none, as those data sets have it.
    """
    if (
        isinstance(data, dict)
        or not hasattr(data, "select_columns")
        or not hasattr(data, "num_rows")
    ):
        raise ValueError(
            "A table of Hugging Face is one part of a data set, in full. "
            f'Received: {type(data).__name__}. Pass data["train"], and load it without '
            "streaming=True."
        )
    _places("the Dataset", list(data.column_names), asked)
    for name in wanted.values():
        kind = type(data.features[name]).__name__
        if kind in ("Image", "Audio", "Video"):
            raise ValueError(
                "Columns of a table hold strings and numbers. "
                f"Received: column {name!r} of a data set, of type {kind}. image_table reads "
                "pictures, with path= for their column; write sounds into files, and pass their "
                "paths."
            )
    values = data.select_columns([*wanted.values()])[:]
    return [_with_names(values[name], data.features[name]) for name in wanted.values()]


def _with_names(cells, feature):
    inner = getattr(feature, "feature", None)
    if inner is not None:
        return [None if cell is None else _with_names(cell, inner) for cell in cells]
    names = getattr(feature, "names", None)
    if names is None:
        return cells
    return [None if cell is None or cell < 0 else names[cell] for cell in cells]


def _cells_of_frame(frame, asked):
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise ValueError(
            "A table is a file or a pandas.DataFrame. "
            f"Received: {told_type(frame)}. Pass the path, or make a DataFrame."
        )
    header = [str(name) for name in frame.columns]
    places = _places("the DataFrame", header, {name: str(column) for name, column in asked.items()})
    columns = [frame.iloc[:, place].tolist() for place in places]
    rows = list(zip(*columns, strict=True))
    return Cells(rows, [f"row {name}" for name in frame.index], "the DataFrame")


def ordered_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Different labels in alphabetical order, or by size where all are whole numbers.

    Example:
        >>> ordered_labels(["10", "9", "10"]), ordered_labels(["b", "a", "10", "9"])
        (('9', '10'), ('10', '9', 'a', 'b'))
    """
    found = set(labels)
    whole = all(re.fullmatch(r"-?\d+", label, re.ASCII) for label in found)
    return tuple(sorted(found, key=lambda label: (int(label) if whole else 0, label)))


def warn_of_near_labels(labels: Iterable[str], source: Any, stacklevel: int = 5) -> None:
    """Name labels that seem to mean one class."""
    alike = defaultdict(set)
    for label in set(labels):
        alike[_likeness(label)].add(label)
    near = [" and ".join(map(repr, sorted(some))) for some in alike.values() if len(some) > 1]
    if near:
        warnings.warn(
            "Labels that differ in capitals, blanks or the writing of a number are classes of "
            f"their own. Received: {listed(sorted(near))} in {source}. "
            "Write them alike where they mean one class.",
            stacklevel=stacklevel,
        )


def _likeness(label):
    try:
        return float(label)
    except ValueError:
        return "".join(label.split()).casefold()


@contextlib.contextmanager
def _field_limit(characters):
    before = csv.field_size_limit(characters)
    try:
        yield
    finally:
        csv.field_size_limit(before)
