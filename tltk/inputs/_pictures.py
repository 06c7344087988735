"""Pictures that stay encoded until they are used, and are decoded once."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tltk._cache import Decoded, KeptPictures, settled_stamp, sha256_of
from tltk.inputs._folders import PICTURES, Picture, whole_files
from tltk.inputs.decoding import (
    decoded,
    decoder_version,
    in_parallel,
    prepared_images,
    read_bytes,
    road_of,
)
from tltk.inputs.examples import Examples

_WAITING = 2**23  # bytes of rows that are kept at once
_WORTH_TELLING = 10**9  # bytes on disk


@dataclass(frozen=True)
class Way:
    """How the pictures of a folder become rows.

    Attributes:
        root: the folder, which has a table of digests and a file of decoded rows.
        size: height and width.
        resize: one of `RESIZE_METHODS`.
        exact: decode every file in full.
        cache: keep decoded rows on disk.
    """

    root: Path
    size: tuple[int, int]
    resize: str = "bicubic"
    exact: bool = False
    cache: bool = True

    @property
    def settings(self) -> tuple:
        """What a row depends on beside the content of its file."""
        return (self.size, self.resize, road_of(self.exact), decoder_version())

    def decoded(self, content: bytes, name: str | Path) -> tuple[np.ndarray, int]:
        """The pixels of a file, and the highest value of a deep picture, -1 for others."""
        pixels, highest = decoded(content, name, self.size, self.resize, exact=self.exact)
        return pixels, -1 if highest is None else highest

    @cached_property
    def kept(self) -> KeptPictures | None:
        """The rows on disk, where they are to be kept."""
        return kept_pictures((str(self.root.resolve()), *self.settings), self.size, self.cache)


def kept_pictures(key: tuple, size: tuple[int, int], cache: bool = True) -> KeptPictures | None:
    """The decoded pictures of a data set on disk; None where `cache` is false, or no place is.

    Args:
        key: what tells the data set and its settings apart.
        size: height and width.
        cache: whether to keep any.
    """
    if not cache:
        return None
    with contextlib.suppress(OSError):  # no home folder
        return KeptPictures(sha256_of(repr(key).encode())[:32], (*size, 3))
    return None


def make_room(kept: KeptPictures, count: int, stacklevel: int) -> None:
    """Say how much disk `count` decoded pictures take where that is much, or why none is kept."""
    missing = count - kept.count
    need, reason = missing * kept.row_bytes, kept.reason_against(missing)
    if reason is not None:
        _warn_of_decoding_again(reason, stacklevel + 1)
    elif need > _WORTH_TELLING:
        print(f"Keeping decoded pictures: {missing:,}, {need / 1e6:,.1f} MB in {kept.folder}")


def _tell_failure(kept, stacklevel):
    """Say once that rows could not be written."""
    error, kept.failed = kept.failed, None
    if error is not None:
        _warn_of_decoding_again(f"{error} in {kept.folder}", stacklevel + 1)


def _warn_of_decoding_again(reason, stacklevel):
    warnings.warn(
        "Decoded pictures are kept on disk where they take at most half of what is free, so that "
        f"each is decoded once. Received: {reason}. They are decoded whenever they are used. Free "
        "some space, or set TLTK_CACHE to a folder on a larger disk that you may write to; "
        "image_folder keeps none with cache=False.",
        stacklevel=stacklevel,
    )


def whole_pictures(
    pictures: list[Picture], way: Way, on_error: str, verify: bool = False
) -> list[Picture]:
    """Keep the pictures that can be decoded, with their digest and stamp, and name the others.

    Where rows are kept, a picture is examined by decoding it as it will be used, so that this is
    the only time; else at the smallest scale.
    """
    kept = way.kept
    if kept is None:
        if way.cache:
            _warn_of_decoding_again("no home folder, and no TLTK_CACHE", 4)
        return _whole_files(pictures, way, PICTURES, on_error, verify)
    make_room(kept, len(pictures), 4)
    keeper = _Keeper(way, kept)
    kind = PICTURES._replace(digest=keeper.digest) if kept.adds else PICTURES
    try:
        found = _whole_files(pictures, way, kind, on_error, verify)
    finally:
        keeper.flush()
    _tell_failure(kept, 4)
    return found


def _whole_files(pictures, way, kind, on_error, verify):
    stamps = {picture.name: settled_stamp(picture.path) for picture in pictures}
    whole = whole_files(pictures, way.root, kind, on_error, verify, stacklevel=5)
    return [picture._replace(stamp=stamps[picture.name]) for picture in whole]


class _Keeper:
    """Examines files and keeps what they decode to, some at once."""

    def __init__(self, way: Way, kept: KeptPictures):
        self.way, self.kept = way, kept
        self._lock = threading.Lock()
        self._waiting: list[Decoded] = []

    def digest(self, path: Path) -> str:
        content = read_bytes(path)
        digest = sha256_of(content)
        source = bytes.fromhex(digest)
        place = self.kept.place(source)
        if place >= 0:
            note = self.kept.note(place)
        else:
            pixels, note = self.way.decoded(content, path)
            self._add(Decoded(source, note, pixels))
        return digest if note < 0 else f"{digest} {note}"

    def _add(self, row):
        with self._lock:
            self._waiting.append(row)
            if len(self._waiting) * self.kept.row_bytes < _WAITING:
                return
            rows, self._waiting = self._waiting, []
        self.kept.add(rows)

    def flush(self) -> None:
        self.kept.add(self._waiting)
        self._waiting = []


def picture_examples(pictures: list[Picture], labels: np.ndarray, way: Way) -> Examples:
    """Examples of whole pictures, in their order.

    A picture whose row is kept is not read again as long as its file's stamp stays the same; it is
    read, and its digest compared, where that has changed.

    Args:
        pictures: what `whole_pictures` kept, n of them.
        labels: of any kind, one for each picture.
        way: how they become rows.
    """
    digests = [picture.digest for picture in pictures]
    settings = repr((digests, *way.settings))
    stamps = [picture.stamp for picture in pictures]

    def is_unchanged(row):
        stamp = settled_stamp(pictures[row].path)
        return stamp is not None and stamp == stamps[row]

    def read(row):
        picture = pictures[row]
        stamp = settled_stamp(picture.path)
        content = read_bytes(picture.path)
        if sha256_of(content) != picture.digest.split()[0]:
            raise ValueError(
                "A picture must stay as it was while it is in use. "
                f"Received: {picture.path}, changed since it was loaded. "
                "Load the folder again, with verify=True."
            )
        stamps[row] = stamp
        return content

    def decode(row, content):
        return way.decoded(content, pictures[row].path)

    def reread():
        return picture_examples(whole_pictures(pictures, way, "raise", True), labels, way)

    sources = [bytes.fromhex(digest.split()[0]) for digest in digests]
    return Examples(
        fetch=decoding_once(way.kept, sources, way.size, read, decode, is_unchanged),
        labels=labels,
        digest=sha256_of(settings.encode()),
        names=tuple(picture.name for picture in pictures),
        count=len(pictures),
        reread=reread,
        preparation=prepared_images(way.size, way.resize, exact=way.exact),
    )


def decoding_once(
    kept: KeptPictures | None,
    sources: Sequence[bytes],
    size: tuple[int, int],
    read: Callable[[int], bytes],
    decode: Callable[[int, bytes], tuple[np.ndarray, int]],
    is_unchanged: Callable[[int], bool] = lambda row: True,
) -> Callable[[Any], np.ndarray]:
    """A `fetch` that takes rows from disk, and decodes and keeps those that are not there.

    Args:
        kept: the rows on disk, or None.
        sources: what tells each row's content apart, 32 bytes.
        size: height and width.
        read: gives the content of a row's file, or refuses it.
        decode: gives the pixels of a content, and the note to keep with them.
        is_unchanged: whether a kept row may be given without reading its file.
    """

    def fetch(rows):
        rows = np.asarray(rows)
        places = (
            np.full(len(rows), -1) if kept is None else kept.places(sources[row] for row in rows)
        )
        here = places >= 0
        doubted = [at for at in np.flatnonzero(here) if not is_unchanged(rows[at])]
        missing = np.flatnonzero(~here)

        def checked_or_decoded(at):
            content = read(rows[at])
            return None if here[at] else decode(rows[at], content)

        found = []
        if doubted or len(missing):
            found = in_parallel(checked_or_decoded, [*doubted, *missing])[len(doubted) :]
        if kept is not None and not found:
            return kept.rows(places)
        pixels = np.empty((len(rows), *size, 3), "uint8")
        if kept is not None:
            pixels[here] = kept.rows(places[here])
            kept.add(
                [
                    Decoded(sources[rows[at]], note, row)
                    for at, (row, note) in zip(missing, found, strict=True)
                ]
            )
            _tell_failure(kept, 3)
        for at, (row, _) in zip(missing, found, strict=True):
            pixels[at] = row
        return pixels

    return fetch
