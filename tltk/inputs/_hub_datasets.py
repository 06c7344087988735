"""Data sets of Hugging Face's `datasets`, which is never imported: whoever has one has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tltk._cache import sha256_of
from tltk.inputs._arrays import is_hub_dataset
from tltk.inputs._file_tables import (
    Columns,
    asked_columns,
    complete_rows,
    labelled,
    warn_of_findings,
)
from tltk.inputs._folders import (
    PICTURES,
    LabelledFolder,
    Picture,
    digest_of_picture,
    digest_or_error,
    tell_unreadable,
)
from tltk.inputs._pictures import Way, decoding_once, kept_pictures, make_room
from tltk.inputs._tables import Cells, columns_of_hub
from tltk.inputs.decoding import in_parallel, prepared_images, read_bytes
from tltk.inputs.examples import Examples


def holds_pictures(data: Any, column: str) -> bool:
    """Whether a column of a data set of `datasets` holds pictures, not paths to them."""
    if not is_hub_dataset(data):
        return False
    first = next(iter(data.values())) if isinstance(data, dict) else data
    return type((first.features or {}).get(column)).__name__ == "Image"


def pictures_of_hub(
    data: Any, columns: Columns, on_error: str
) -> tuple[LabelledFolder, Callable[[str], bytes]]:
    """The whole pictures of a data set with their labels, and what gives the content of each.

    Args:
        data: a `datasets.Dataset`, or a `datasets.DatasetDict`, whose keys name the parts.
        columns: what stands where; the column of paths is that of pictures.
        on_error: "raise" refuses rows without a label, and pictures that cannot be decoded.
    """
    asked = asked_columns(columns)
    given = dict(data) if isinstance(data, dict) else {"": data}
    source = f"a {type(data).__name__}"
    rows: list[Any] = []
    contents: dict[str, Callable[[], bytes]] = {}
    for part, some in given.items():
        labels = {name: column for name, column in asked.items() if name != "path"}
        cells = zip(*columns_of_hub(some, asked, labels), strict=True)
        stored = _stored(some, columns.path)
        for number, others in enumerate(cells):
            name = f"{part}/row {number}".removeprefix("/")
            contents[name] = partial(_content, stored, number)
            split = [part] if part and columns.split is None else []
            rows.append([name, *others, *split])
    if len(given) > 1 and columns.split is None:
        columns = columns._replace(split="the parts")
    else:
        rows = [row[: len(asked)] for row in rows]
    cells = Cells(rows, list(contents), source)
    kept, incomplete = complete_rows(cells, columns, on_error)
    found = {row.path: (Path(row.path), row) for row in kept}
    listing = labelled(found, columns, Path(source), source)
    warn_of_findings(
        [(f"without a {' or '.join(labels)}", "row", incomplete, "left out")],
        f"{len(rows)} rows of {source}",
        "picture",
    )
    digests = _digests(listing.files, contents, on_error)
    files = [f._replace(digest=digests[f.name]) for f in listing.files if f.name in digests]
    return listing._replace(files=files), lambda name: contents[name]()


def hub_serving(
    pictures: list[Picture], content_of: Callable[[str], bytes], way: Way
) -> Callable[[list[Picture], np.ndarray], Examples]:
    """What makes examples of some of the pictures that a data set holds, each decoded once."""
    whole = sha256_of(repr([picture.digest for picture in pictures]).encode())
    kept = kept_pictures((whole, *way.settings), way.size, way.cache)
    if kept is not None:
        make_room(kept, len(pictures), 4)

    def examples(some, labels):
        names = tuple(picture.name for picture in some)
        digests = [picture.digest for picture in some]
        sources = [bytes.fromhex(digest.split()[0]) for digest in digests]

        def read(row):
            return content_of(names[row])

        def decode(row, content):
            return way.decoded(content, names[row])

        return Examples(
            fetch=decoding_once(kept, sources, way.size, read, decode),
            labels=labels,
            digest=sha256_of(repr((digests, *way.settings)).encode()),
            names=names,
            count=len(some),
            preparation=prepared_images(way.size, way.resize, exact=way.exact),
        )

    return examples


def _stored(data, column):
    """The pictures as they are stored, each with its bytes or its path."""
    feature = data.features[column]
    return data.select_columns([column]).cast_column(column, type(feature)(decode=False))[column]


def _content(stored, number):
    cell = stored[number]
    if cell is None:
        raise ValueError("A row needs a picture. Received: none in it. Remove the row.")
    return cell["bytes"] if cell["bytes"] is not None else read_bytes(cell["path"])


def _digests(pictures, contents, on_error):
    def digest(picture):
        return digest_of_picture(contents[picture.name](), picture.name)

    found = in_parallel(lambda picture: digest_or_error(digest, picture), pictures)
    found = dict(zip([picture.name for picture in pictures], found, strict=True))
    errors = {name: error for name, (_, error) in found.items() if error is not None}
    tell_unreadable(errors, len(pictures), PICTURES, on_error, 5)
    return {name: digest for name, (digest, _) in found.items() if digest is not None}
