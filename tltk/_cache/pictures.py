"""Decoded pictures on disk: rows of one size, each found again by what it was decoded from."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import struct
import threading
import weakref
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tltk._cache.files import locked, made_folder
from tltk._cache.folders import cache_folder
from tltk._cache.rows import MOST_BYTES

LIST, ROWS = "list", ".rows"
ENTRY = struct.Struct("<32siI")  # what a row was decoded from, a note, a checksum of all of it
TAG = 16  # random bytes at the head of a list, after which its file of rows is called
_SHARE = 0.5  # of the free disk
_ADDING = threading.Lock()


class Decoded(NamedTuple):
    """One decoded picture.

    `source` is 32 bytes that tell what it was decoded from, `note` a whole number to keep with it.
    """

    source: bytes
    note: int
    pixels: np.ndarray


class KeptPictures:
    """Decoded pictures of one size in the cache folder, memory-mapped; more are added at the end.

    A row counts once its entry in the list is whole, and is read where its checksum agrees; what a
    killed process left behind the last one is written over. Nothing that was written is changed, so
    that others may read meanwhile; processes that add take turns. Where the folder cannot be
    written, is full, or was cleared by another, no more is added, and what is there is read on.

    Args:
        key: what the rows depend on beside their source, as a hexadecimal digest.
        shape: height, width and channels of a row.

    Raises:
        OSError: where there is no cache folder.
    """

    def __init__(self, key: str, shape: tuple[int, int, int]):
        self.folder = cache_folder() / "pictures" / key
        self.shape = shape
        self.adds = True
        self.failed: Exception | None = None
        self.row_bytes = int(np.prod(shape))
        self._tag = b""
        self._places: dict[bytes, int] = {}
        self._facts: list[tuple[int, int]] = []  # note and checksum
        self._checked: set[int] = set()
        self._handle = -1
        self._look_again()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._facts)

    def reason_against(self, count: int) -> str | None:
        """Why so many more rows will not be kept, as what to say after "Received: "; or None.

        No row is added from then on where there is a reason.
        """
        need = max(0, count) * self.row_bytes
        if not need or not self.adds:
            return None
        try:
            made_folder(self.folder)
            free = shutil.disk_usage(self.folder).free
            if need <= min(free * _SHARE, MOST_BYTES):
                return None
            reason = f"{need / 1e6:,.1f} MB for {count:,}, and {free / 1e6:,.1f} MB free in"
        except OSError as error:
            reason = f"{error.strerror or error}:"
        self.adds = False
        return f"{reason} {self.folder}"

    def places(self, sources: Iterable[bytes]) -> np.ndarray:
        """Where the rows of some sources are, -1 for those that are not kept."""
        sources = list(sources)
        if not all(source in self._places for source in sources):
            self._look_again()
        return np.array([self.place(source) for source in sources], dtype="int64")

    def place(self, source: bytes) -> int:
        """Where the row of a source is, or -1, without looking what others added since."""
        place = self._places.get(source, -1)
        if place < 0 or place in self._checked:
            return place
        note, checksum = self._facts[place]
        [pixels] = self.rows(np.array([place]))
        if _checksum(source, note, pixels) == checksum:
            self._checked.add(place)
            return place
        self._places.pop(source, None)
        return -1

    def rows(self, places: np.ndarray) -> np.ndarray:
        """The pixels at some places: uint8 (n, height, width, channels).

        The file is mapped for this one reading, so that what was read counts as memory no longer.
        """
        if not len(places):
            return np.empty((0, *self.shape), "uint8")
        length = (int(places.max()) + 1) * self.row_bytes
        mapped = mmap.mmap(self._handle, length, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, "uint8").reshape(-1, *self.shape).take(places, axis=0)

    def note(self, place: int) -> int:
        """The note at a place."""
        return self._facts[place][0]

    def add(self, decoded: Sequence[Decoded]) -> None:
        """Keep rows, unless they are kept, or another process adds some at this moment.

        It does not raise: what hindered it is in `failed`, and nothing is added any more.
        """
        if not self.adds or not decoded:
            return
        with _ADDING:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with locked(self.folder):
                    self._append(decoded)
            except TimeoutError:
                return
            except (OSError, NotImplementedError) as error:  # file systems without locks
                self.adds, self.failed = False, error

    def _append(self, decoded) -> None:
        self._read_on()
        new = {each.source: each for each in decoded if each.source not in self._places}
        if not new or not self.adds:
            return
        count, entries = len(self._facts), []
        tag = self._tag or self._begun_anew()
        with _opened_to_write(self._rows_of(tag)) as file:
            file.seek(count * self.row_bytes)
            for each in new.values():
                pixels = np.ascontiguousarray(each.pixels)
                file.write(pixels.data)
                checksum = _checksum(each.source, each.note, pixels)
                entries.append(ENTRY.pack(each.source, each.note, checksum))
        with _opened_to_write(self.folder / LIST) as file:
            file.write(tag)
            file.seek(TAG + count * ENTRY.size)
            file.write(b"".join(entries))
        self._read_on()
        self._checked.update(range(count, count + len(new)))

    def _begun_anew(self) -> bytes:
        """The tag of a new list; what a cleared one left, where it was in use, goes with it."""
        for path in self.folder.glob(f"*{ROWS}"):
            with contextlib.suppress(OSError):
                path.unlink()
        return os.urandom(TAG)

    def _rows_of(self, tag) -> Path:
        return self.folder / f"{tag.hex()}{ROWS}"

    def _look_again(self) -> None:
        with _ADDING, contextlib.suppress(OSError):
            self._read_on()

    def _read_on(self) -> None:
        """Take in what was added since, by this process or another."""
        before = len(self._facts)
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context((self.folder / LIST).open("rb"))
            except FileNotFoundError:
                self.adds = self.adds and not self._tag
                return
            tag = file.read(TAG)
            if self._tag not in (b"", tag):
                self.adds = False
                return
            file.seek(TAG + before * ENTRY.size)
            found = file.read()
        room = 0
        with contextlib.suppress(FileNotFoundError):
            room = self._rows_of(tag).stat().st_size // self.row_bytes
        count = min(before + len(found) // ENTRY.size, room)
        self.adds = self.adds and room >= before
        if count <= before or len(tag) < TAG:
            return
        if self._handle < 0:
            self._handle = os.open(self._rows_of(tag), os.O_RDONLY | getattr(os, "O_BINARY", 0))
            weakref.finalize(self, os.close, self._handle)
        self._tag = tag
        for place in range(before, count):
            source, note, checksum = ENTRY.unpack_from(found, (place - before) * ENTRY.size)
            self._facts.append((note, checksum))
            self._places[source] = place


def _checksum(source, note, pixels) -> int:
    return zlib.crc32(pixels.data, zlib.crc32(source + note.to_bytes(4, "little", signed=True)))


def _opened_to_write(path: Path):
    path.touch()
    return path.open("r+b")
