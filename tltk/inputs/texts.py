"""Raw text: a table of texts, a folder with one subfolder per class, or a table of files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tltk._cache import content_digest, sha256_of
from tltk._checks import check_count
from tltk._paths import existing_file
from tltk.inputs._arrays import check_on_error, is_hub_dataset
from tltk.inputs._file_tables import Columns, labelled_rows
from tltk.inputs._folders import (
    Kind,
    check_complete,
    labelled_files,
    labels_of,
    listed,
    parts_of,
    warn_of_copies,
)
from tltk.inputs._tables import (
    LONGEST_TEXT,
    Texts,
    check_encoding,
    clean_text,
    ordered_labels,
    read_texts,
    whole_texts,
)
from tltk.inputs.examples import Examples, Splits, splits_of
from tltk.inputs.splits import split_rows

if TYPE_CHECKING:
    import pandas as pd


def text_file(
    path: "str | Path | pd.DataFrame | Any",
    text: str = "text",
    label: str = "label",
    group: str | None = None,
    *,
    batch_size: int = 32,
    val: "float | str | Path | pd.DataFrame" = 0.2,
    test: "float | str | Path | pd.DataFrame" = 0.2,
    seed: int = 0,
    encoding: str = "utf-8-sig",
    on_error: str = "skip",
    delimiter: str | None = None,
    quoting: str | int = "minimal",
) -> Splits:
    """Load a table of texts with labels, and split it.

    CSV (`.csv`), tab-separated (`.tsv`) and JSON lines (`.jsonl`, `.ndjson`) are read, also packed
    as `.gz` or `.xz`, Parquet (`.parquet`, with pyarrow), DataFrames of pandas, and data sets of
    Hugging Face's `datasets`. Texts in files of their own are read by `text_table`. The split is
    stratified by class; rows of one group stay on one side, and so do equal texts where no group
    is named.

    Texts keep every character, but for the form of accents (NFC, one character for each letter).
    Labels lose blanks around them; what pandas takes as missing (an empty cell, NA, NaN, null,
    None …) is no label. Labels that differ in capitals or blanks only are named in a warning.

    Args:
        path: the file, `~` allowed; the first line of a table names its columns. Or a DataFrame, or
            a `datasets.Dataset`.
        text: the column of texts, each below 1,048,576 characters.
        label: the column of class names or numbers.
        group: a column that says what must stay on one side (a document, an author), or None.
        batch_size: texts in a batch.
        val: share of the rows for validation, 0 for none, or a file or DataFrame of its own.
        test: share of the rows for testing, 0 for none, or a file or DataFrame of its own.
        seed: decides the split, and the order in it.
        encoding: of the file.
        on_error: "skip" leaves out rows without text, label or group and names them in a warning;
            "raise" refuses them.
        delimiter: what stands between cells; by default a comma in `.csv`, a tab in `.tsv`. With
            it a table may have any suffix.
        quoting: "minimal" where a cell in quotation marks may hold delimiters and lines, as in
            `csv.QUOTE_MINIMAL`; "none" where quotation marks are characters like others, as in
            many tab-separated files (`csv.QUOTE_NONE`).

    Returns:
        `Splits` of strings `(b,)` and int32 labels `(b,)`; classes are in alphabetical order, whole
        numbers by size.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for an unknown suffix, a missing column, another encoding, malformed lines, a
            row with more cells than columns, a packed file that unpacks to more than fifty times
            its size and 4 MB, or fewer than two classes.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "reviews.csv")
        ...     rows = [f"film {i} was {'good,fine' if i % 2 else 'bad,poor'}" for i in range(20)]
        ...     _ = file.write_text("\\n".join(["review,verdict", *rows]))
        ...     reviews = text_file(file, text="review", label="verdict")
        >>> reviews.class_names, len(reviews.files["train"])
        (('fine', 'poor'), 12)
    """
    check_count("batch_size", batch_size)
    settings = (text, label, group, encoding, on_error, delimiter, quoting)
    own_files = {part: p for part, p in (("val", val), ("test", test)) if not _is_share(p)}
    tables = {"train": read_texts(path, *settings)}
    tables |= {part: read_texts(file, *settings) for part, file in own_files.items()}
    shares: dict[str, Any] = {"val": val, "test": test}
    shares |= dict.fromkeys(own_files, 0)
    return text_splits(tables, batch_size, seed=seed, **shares)


def text_folder(
    path: str | Path,
    batch_size: int = 32,
    val: float = 0.2,
    test: float = 0.2,
    *,
    seed: int = 0,
    encoding: str = "utf-8-sig",
    on_error: str = "skip",
) -> Splits:
    """Load a folder of files of plain text, one subfolder per class, and split it.

    Files called `.txt` are read, and others that begin as plain text does: no markup, no JSON and
    nothing binary. What is passed over is counted in one warning. Folders called train, val and
    test are kept as they are (see `image_folder` for their names). Accents are composed (NFC).

    Args:
        path: the folder, `path/<class>/…` or `path/train/<class>/…`, `~` allowed.
        batch_size: texts in a batch.
        val: share of the texts for validation; 0 for none.
        test: share of the texts for testing; 0 for none.
        seed: decides the split, and the order in it.
        encoding: of the files.
        on_error: "skip" leaves out files that are empty or in another encoding and names them in a
            warning; "raise" refuses them.

    Returns:
        `Splits` of strings `(b,)` and int32 labels `(b,)`; classes are in alphabetical order.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if the folder does not hold two or more classes, or files cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(10):
        ...         file = Path(folder, "good" if i % 2 else "bad", f"{i}.txt")
        ...         file.parent.mkdir(exist_ok=True)
        ...         _ = file.write_text(f"film {i}")
        ...     reviews = text_folder(folder)
        >>> reviews.class_names, len(reviews.files["test"])
        (('bad', 'good'), 2)
    """
    check_count("batch_size", batch_size)
    check_on_error(on_error)
    check_encoding(encoding)
    folder = labelled_files(path, TEXTS)
    tables = {}
    for part, place in folder.parts.items():
        files = [file for file in folder.files if file.part == part]
        tables[part] = _read_files(files, place, encoding, on_error)
    shares = {"val": 0 if "val" in tables else val, "test": 0 if "test" in tables else test}
    return text_splits(tables, batch_size, seed=seed, **shares)


def text_table(
    table: "str | Path | pd.DataFrame",
    folder: str | Path | None = None,
    path: str = "path",
    label: str | Sequence[str] = "label",
    *,
    kind: str = "one_label",
    group: str | None = None,
    split: str | None = None,
    pattern: str | None = None,
    separator: str | None = None,
    batch_size: int = 32,
    val: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    on_error: str = "skip",
    text_encoding: str = "utf-8-sig",
    encoding: str = "utf-8-sig",
    delimiter: str | None = None,
    quoting: str | int = "minimal",
) -> Splits:
    """Load texts in files that a table names with their labels, and split them.

    Texts that stand in the table itself are read by `text_file`. How a row finds its file, what
    labels may be, and how files are split, is as in `image_table`; how texts are read, as in
    `text_folder`. Equal texts stay on one side where no group is named.

    Args:
        table: a file (`.csv`, `.tsv`, `.jsonl`, also packed as `.gz` or `.xz`; `.parquet`), or a
            DataFrame.
        folder: where the texts are, at any depth; None for the folder of the table.
        path: the column of paths or ids.
        label: the column of labels, or several.
        kind: "one_label", "many_labels" or "regression".
        group: a column that says what must stay on one side (a document, an author), or None.
        split: a column of "train", "val" and "test", or None to split at random.
        pattern: what makes a file's name of an id, such as "{id}.txt".
        separator: what parts the labels of one cell with "many_labels", such as `"|"`.
        batch_size: texts in a batch.
        val: share of the texts for validation; 0 for none.
        test: share of the texts for testing; 0 for none.
        seed: decides the split, and the order in it.
        on_error: "skip" leaves out files that are empty or in another encoding, and rows that do
            not fit; "raise" refuses them.
        text_encoding: of the files of texts.
        encoding: of the table.
        delimiter: what stands between cells; by default a comma in `.csv`, a tab in `.tsv`.
        quoting: "minimal", or "none" where quotation marks are characters like others.

    Returns:
        `Splits` of strings `(b,)` and labels as in `image_table`.

    Raises:
        FileNotFoundError: if there is no such table or folder, or no text for any row.
        ValueError: for what `image_table` refuses of a table, or files that cannot be read.
        ImportError: for `.parquet` without pyarrow.

    Example:
        >>> import pandas as pd, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(10):
        ...         _ = Path(folder, f"{i}.txt").write_text(f"film {i}")
        ...     rows = pd.DataFrame({"path": range(10), "tags": ["long|fine", "short"] * 5})
        ...     films = text_table(rows, folder, label="tags", kind="many_labels", separator="|")
        >>> films.class_names, films.train.labels.shape
        (('fine', 'long', 'short'), (6, 3))
    """
    check_count("batch_size", batch_size)
    check_on_error(on_error)
    check_encoding(text_encoding, "text_encoding")
    columns = Columns(path, label, kind, group, split, pattern, separator)
    reading = (encoding, delimiter, quoting)
    listing = labelled_rows(table, folder, TEXTS, columns, reading, on_error)
    read = _read_files(listing.files, listing.path, text_encoding, on_error, "text_encoding")
    text_of = dict(zip(read.names, read.texts, strict=True))
    files = [
        file._replace(digest=sha256_of(text_of[file.name].encode()))
        for file in listing.files
        if file.name in text_of
    ]
    check_complete(files, listing, TEXTS)
    warn_of_copies(files, TEXTS.name)
    served = {
        part: _examples(
            [text_of[file.name] for file in some],
            labels_of(some, listing),
            [file.name for file in some],
        )
        for part, some in parts_of(files, listing, (val, test), seed).items()
    }
    return splits_of(served, listing.class_names, batch_size)


def _read_files(files, place, encoding, on_error, argument="encoding"):
    """The texts of files with their classes; those that are empty or unreadable are named."""
    names, contents = [f.name for f in files], [_content(f.path, encoding) for f in files]
    unread = [name for name, text in zip(names, contents, strict=True) if text is None]
    rows = [(clean_text(t), f.class_name) for t, f in zip(contents, files, strict=True)]
    hint = (
        f" Not in {argument}={encoding!r}, or longer than {LONGEST_TEXT:,} characters: "
        f'{listed(unread)}. Try {argument}="latin-1", "cp1252" or "utf-16".'
    )
    return whole_texts(rows, names, place, on_error, hint if unread else "")


def text_splits(
    tables: dict[str, Texts], batch_size: int, val: float, test: float, seed: int
) -> Splits:
    """Number the classes, carve the parts that are missing out of train, and serve all of them."""
    class_names = ordered_labels(tables["train"].labels)
    if len(class_names) < 2:
        raise ValueError(
            "A classifier needs at least two classes. Received: "
            f"{listed(list(class_names)) or 'none'} only. Check the column of labels."
        )
    labels = {label for table in tables.values() for label in table.labels}
    strangers = sorted(labels.difference(class_names))
    if strangers:
        raise ValueError(
            "Validation and test may hold only classes of the training part. "
            f"Received: {listed(strangers)} beside {listed(list(class_names))}. Correct the labels."
        )
    parts = {part: text_examples(table, class_names) for part, table in tables.items()}
    rows = split_texts(tables["train"], val, test, seed)
    carved = {part: parts["train"].take(some) for part, some in rows.items() if len(some)}
    return splits_of({**parts, **carved}, class_names, batch_size)


def text_examples(table: Texts, class_names: Sequence[str]) -> Examples:
    """Give random access to texts, as arrays of strings."""
    numbers = {name: number for number, name in enumerate(class_names)}
    labels = np.array([numbers[label] for label in table.labels], "int32")
    return _examples(table.texts, labels, table.names)


def _examples(texts, labels, names):
    texts = np.array(texts, dtype=object)
    return Examples(
        fetch=lambda rows: texts[rows],
        labels=labels,
        digest=content_digest(texts),
        names=tuple(names),
        count=len(texts),
    )


def split_texts(table: Texts, val: float, test: float, seed: int) -> dict[str, np.ndarray]:
    """Split by group where there are groups; else equal texts stay on one side."""
    labels = np.array(table.labels)
    if table.groups is not None:
        return split_rows(labels, val, test, table.groups, seed=seed)
    _, first, copy_of = np.unique(table.texts, return_index=True, return_inverse=True)
    parts = split_rows(labels[first], val, test, seed=seed)
    return {part: _with_copies(some, copy_of) for part, some in parts.items()}


def _with_copies(chosen, copy_of):
    place = np.full(copy_of.max() + 1, -1)
    place[chosen] = np.arange(len(chosen))
    rows = np.flatnonzero(place[copy_of] >= 0)
    return rows[np.argsort(place[copy_of[rows]], kind="stable")]


def _content(file, encoding):
    """A file's text; None where it is in another encoding, cannot be read, or is too long."""
    try:
        if existing_file(file, "text").stat().st_size > 4 * LONGEST_TEXT:
            return None
        content = file.read_text(encoding=encoding)
    except (UnicodeError, OSError):
        return None
    return content if len(content) <= LONGEST_TEXT else None


def _is_share(value) -> bool:
    is_table = hasattr(value, "columns") or is_hub_dataset(value)
    return not isinstance(value, str | Path) and not is_table


_NO_TEXT = re.compile(
    rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]|^%PDF|^\{\\rtf|^\s*(<[!?a-zA-Z]|[{\[]\s*[\"{\[])"
)
TEXTS = Kind(
    "text", "plain text", (".txt", ".text"), lambda head: head and not _NO_TEXT.search(head), None
)
