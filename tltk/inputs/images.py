"""Your own pictures: a folder with one subfolder per class, or a table of their files."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tltk._checks import check_count, check_flag, check_seed
from tltk.inputs._arrays import check_on_error
from tltk.inputs._file_tables import Columns, labelled_rows
from tltk.inputs._folders import (
    PICTURES,
    check_complete,
    grouped,
    labelled_files,
    labels_of,
    parts_of,
    warn_of_copies,
)
from tltk.inputs._hub_datasets import holds_pictures, hub_serving, pictures_of_hub
from tltk.inputs._pictures import Way, picture_examples, whole_pictures
from tltk.inputs.decoding import height_and_width, resize_method, warn_if_dark
from tltk.inputs.examples import Splits, splits_of

if TYPE_CHECKING:
    import pandas as pd


def image_folder(
    path: str | Path,
    image_size: int | tuple[int, int] = 224,
    batch_size: int = 32,
    val: float = 0.2,
    *,
    test: float = 0.2,
    groups: Callable[[Path], Hashable] | Mapping[str, Hashable] | Sequence[Hashable] | None = None,
    seed: int = 0,
    resize: str = "bicubic",
    on_error: str = "skip",
    max_per_class: int | None = None,
    exact: bool = False,
    cache: bool = True,
    verify: bool = False,
) -> Splits:
    """Load a folder of pictures, one subfolder per class, and split it.

    `path/<class>/…` is split at random, stratified by class. Where there are `path/train/<class>/…`
    and perhaps `val` and `test`, these are kept, and a missing one is carved out of train. They may
    be called training; valid, validate, validation, dev; testing; eval, evaluation (the test, or
    where there is one, the validation), in upper case too; beside class folders such names are
    refused. Byte-identical pictures are named in a warning and stay on one side of the split.

    Each picture is decoded once, while loading, which finds the corrupt ones; the decoded pictures
    are kept in the cache folder (`height · width · 3` bytes each) and read from there in every
    epoch and every later call. They are kept where they take at most half of the free disk, and
    otherwise decoded at each use, which is said. Files are known by path, size, times and inode;
    where one of these has changed, the file is read again, and refused in use if its content is
    another.

    All that `read_image` decodes is read, by content: a file called otherwise is known by its first
    bytes. Hidden files, and what systems leave behind (`Thumbs.db`, `__MACOSX`), are out; other
    files in class folders are passed over and counted in one warning. Linked folders are followed.
    Class names, and pictures before they are split, are in alphabetical order; names are in
    Unicode's composed form (NFC), and folders that differ in that form only are one class.

    Args:
        path: the folder, `~` allowed. Pictures may lie deeper in a class's subfolder.
        image_size: the height and width in pixels, or one number for both.
        batch_size: pictures in a batch.
        val: share of the pictures for validation; 0 for none.
        test: share of the pictures for testing; 0 for none.
        groups: what must stay on one side (a patient, a burst of shots): a function of a picture's
            path; a dict from "class/file.jpg" (below `train/…` where there is one); or one group
            per picture in alphabetical order. None keeps identical pictures together.
        seed: decides the split, and the order in it.
        resize: "bicubic", "bilinear", "lanczos" or "nearest", which squash to the size; "crop" for
            the largest central part of its proportions, or "pad" for all of it on black.
        on_error: "skip" leaves out corrupt pictures and names them in one warning; "raise" refuses
            the folder.
        max_per_class: use at most this many pictures of a class, drawn at random (in each of the
            folders train, val and test where these exist).
        exact: decode every JPEG in full (see `read_image`), for comparing digits.
        cache: keep the decoded pictures.
        verify: read every picture while loading, as in the first call. This finds one whose
            content changed in spite of an equal size, inode and times.

    Returns:
        `Splits` of uint8 pictures `(b, height, width, 3)` and int32 labels `(b,)`.

    Raises:
        FileNotFoundError: if there is no such folder.
        PermissionError: if a folder may not be read.
        ValueError: if the folder does not hold two or more classes of pictures, enough of each to
            be in every part; if it seems to hold splits under unknown names, or parts beside
            classes; if folders train, val and test disagree; or if groups do not fit.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(10):
        ...         file = Path(folder, "cat" if i < 5 else "dog", f"{i}.png")
        ...         file.parent.mkdir(exist_ok=True)
        ...         Image.new("RGB", (20, 20), (25 * i, 0, 0)).save(file)
        ...     photos = image_folder(folder, image_size=16)
        >>> photos.class_names, len(photos.files["train"])
        (('cat', 'dog'), 6)
    """
    _check_settings(image_size, resize, batch_size, seed, on_error)
    for flag, value in {"exact": exact, "cache": cache, "verify": verify}.items():
        check_flag(flag, value)
    if max_per_class is not None:
        check_count("max_per_class", max_per_class)
    folder = labelled_files(path, PICTURES)
    pictures = grouped(folder.files, groups, PICTURES.name)
    if max_per_class is not None:
        pictures = _drawn(pictures, max_per_class, seed)
    way = Way(folder.path, height_and_width(image_size), resize, exact, cache)
    pictures = whole_pictures(pictures, way, on_error, verify)
    serve = partial(picture_examples, way=way)
    return _splits(pictures, folder, serve, (val, test), seed, batch_size)


def image_table(
    table: "str | Path | pd.DataFrame | Any",
    folder: str | Path | None = None,
    path: str = "path",
    label: str | Sequence[str] = "label",
    *,
    kind: str = "one_label",
    group: str | None = None,
    split: str | None = None,
    pattern: str | None = None,
    separator: str | None = None,
    image_size: int | tuple[int, int] = 224,
    batch_size: int = 32,
    val: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    resize: str = "bicubic",
    on_error: str = "skip",
    exact: bool = False,
    cache: bool = True,
    verify: bool = False,
    encoding: str = "utf-8-sig",
    delimiter: str | None = None,
    quoting: str | int = "minimal",
) -> Splits:
    """Load pictures that a table names with their labels, and split them.

    A row names its picture by a path below `folder`, by a path in full, or by an id: without its
    suffix, in other capitals, or without the folders above it, where one picture alone fits. The
    slashes may lean either way. The table is read as in `text_file`. A `datasets.Dataset` of
    Hugging Face, or a dict of its parts, brings its pictures along, in a column `path="image"`.

    What the labels are is said by `kind`, as in `build_classifier`, and never guessed: class names
    or whole numbers, in one column; several labels, in columns of zeros and ones, or in one column
    with a separator; or numbers, in one column or several. Classes are in alphabetical order, whole
    numbers by size, columns as named.

    The split is stratified by class. With several labels each has its share of every part, the
    rarest first; of one number ten bins of like size have (fewer, where there are few pictures), of
    several numbers the split is at random. Pictures of one group stay on one side, and so do
    byte-identical ones where no group is named. The order of the rows changes nothing.

    One warning counts what does not fit: rows without a file, a label, a group or a split; pictures
    of the folder without a row; rows that say the same again. A picture with two labels, groups or
    splits is refused.

    Args:
        table: a file (`.csv`, `.tsv`, `.jsonl`, also packed as `.gz` or `.xz`; `.parquet`), a
            DataFrame, or a `datasets.Dataset`.
        folder: where the pictures are, at any depth; None for the folder of the table.
        path: the column of paths or ids.
        label: the column of labels, or several.
        kind: "one_label", "many_labels" or "regression".
        group: a column that says what must stay on one side (a patient, a burst of shots), or None.
        split: a column of "train", "val" and "test", or other names that `image_folder` knows; a
            missing val or test is carved out of train. None to split at random.
        pattern: what makes a file's name of an id, such as "{id}.jpg"; "{id[0]}/{id}.png" for
            folders by first character. None takes the column as it is.
        separator: what parts the labels of one cell with "many_labels", such as `"|"`; an empty
            cell is a missing label. None where cells hold lists.
        image_size: the height and width in pixels, or one number for both.
        batch_size: pictures in a batch.
        val: share of the pictures for validation; 0 for none.
        test: share of the pictures for testing; 0 for none.
        seed: decides the split, and the order in it.
        resize: "bicubic", "bilinear", "lanczos", "nearest", "crop" or "pad" (see `image_folder`).
        on_error: "skip" leaves out corrupt pictures, and rows that do not fit; "raise" refuses
            them. Pictures without a row are no error.
        exact: decode every JPEG in full, for comparing digits.
        cache: keep the decoded pictures, as `image_folder` does.
        verify: read every picture while loading, as in the first call.
        encoding: of the table.
        delimiter: what stands between cells; by default a comma in `.csv`, a tab in `.tsv`.
        quoting: "minimal", or "none" where quotation marks are characters like others.

    Returns:
        `Splits` of uint8 pictures `(b, height, width, 3)` and labels: int32 `(b,)`; multi-hot
        float32 `(b, k)`; or float32 numbers `(b,)`, of several columns `(b, k)`. Names in `files`
        are the paths below the folder.

    Raises:
        FileNotFoundError: if there is no such table or folder, or no picture for any row.
        ValueError: for a table that `text_file` would refuse, a column that is not there, an id
            that fits two pictures, a picture with two labels, groups or splits, labels that are not
            of the kind, or too few pictures of a class to be in every part.
        ImportError: for `.parquet` without pyarrow.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(10):
        ...         Image.new("RGB", (20, 20), (25 * i, 0, 0)).save(Path(folder, f"{i}.png"))
        ...     file = Path(folder, "labels.csv")
        ...     rows = [f"{i},{'cat' if i < 5 else 'dog'},{i / 2}" for i in range(10)]
        ...     _ = file.write_text("\\n".join(["id,animal,kilos", *rows]))
        ...     photos = image_table(file, folder, "id", "animal", image_size=16)
        ...     weights = image_table(file, folder, "id", "kilos", kind="regression", image_size=16)
        >>> photos.class_names, len(photos.files["train"])
        (('cat', 'dog'), 6)
        >>> weights.class_names, weights.train.labels.dtype.name
        (('kilos',), 'float32')
    """
    _check_settings(image_size, resize, batch_size, seed, on_error)
    for flag, value in {"exact": exact, "cache": cache, "verify": verify}.items():
        check_flag(flag, value)
    columns = Columns(path, label, kind, group, split, pattern, separator)
    size = height_and_width(image_size)
    if holds_pictures(table, path):
        listing, content_of = pictures_of_hub(table, columns, on_error)
        way = Way(listing.path, size, resize, exact, cache)
        pictures = listing.files
        serve = hub_serving(pictures, content_of, way)
    else:
        reading = (encoding, delimiter, quoting)
        listing = labelled_rows(table, folder, PICTURES, columns, reading, on_error)
        way = Way(listing.path, size, resize, exact, cache)
        pictures = whole_pictures(listing.files, way, on_error, verify)
        serve = partial(picture_examples, way=way)
    return _splits(pictures, listing, serve, (val, test), seed, batch_size)


def _check_settings(image_size, resize, batch_size, seed, on_error):
    check_on_error(on_error)
    height_and_width(image_size)
    resize_method(resize)
    check_count("batch_size", batch_size)
    check_seed("seed", seed)


def _drawn(pictures, max_per_class, seed):
    rng = np.random.default_rng(seed)
    seen: Counter = Counter()
    kept = []
    for row in rng.permutation(len(pictures)):
        folder = (pictures[row].part, pictures[row].class_name)
        seen[folder] += 1
        if seen[folder] <= max_per_class:
            kept.append(row)
    return [pictures[row] for row in sorted(kept)]


def _splits(pictures, folder, serve, shares, seed, batch_size):
    """Split whole pictures and serve them, with what must be said of all of them."""
    check_complete(pictures, folder, PICTURES)
    warn_of_copies(pictures, PICTURES.name, stacklevel=4)
    deep = [int(picture.digest.split()[1]) for picture in pictures if " " in picture.digest]
    warn_if_dark(deep, f"{len(deep)} pictures of {folder.path}", stacklevel=4)
    parts = parts_of(pictures, folder, shares, seed)
    served = {part: serve(some, labels_of(some, folder)) for part, some in parts.items()}
    return splits_of(served, folder.class_names, batch_size)
