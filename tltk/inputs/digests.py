"""Digests of files, remembered so that a second call need not read every file again."""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from tltk._cache import read_facts, write_facts
from tltk.inputs.places import cache_folder

_RECENT = 2 * 10**9


def sha256_of(content: bytes) -> str:
    """The digest of a file's content."""
    return hashlib.sha256(content).hexdigest()


def remembered_digests(
    folder: Path,
    files: dict[str, Path],
    read: Callable[[list[str]], dict[str, str]],
    verify: bool = False,
) -> dict[str, str]:
    """Give the digest of each file of a folder, read or remembered from an earlier call.

    A file is known again by its path and its `file_stamp`. One that was written
    less than 2 seconds ago is not remembered: within one step of the file system's clock it could
    change again and keep both. The table lies in the cache folder, is replaced as a whole and
    carries a checksum: where it is missing, damaged or cannot be written, files are read. Of two
    processes at once the later one's table stays.

    Args:
        folder: the folder whose table is used.
        files: the path of each file, by a name that stays the same.
        read: gives the digests of the files named; one that is left out is read the next time too.
        verify: read all of them, and correct the table.

    Returns:
        The digest of each file that was read or remembered.
    """
    stamps = {name: _settled_stamp(path) for name, path in files.items()}
    table = {} if verify else _remembered(folder)
    known = {
        name: table[name][1]
        for name, stamp in stamps.items()
        if stamp is not None and name in table and table[name][0] == stamp
    }
    unknown = [name for name in files if name not in known]
    if not unknown:
        return known
    found = read(unknown)
    before = _remembered(folder)
    after = {name: entry for name, entry in before.items() if name not in unknown}
    after |= {name: [stamps[name], found[name]] for name in found if stamps[name] is not None}
    if after != before:
        _remember(folder, after)
    return known | found


def file_stamp(path: str | Path) -> list[int] | None:
    """What changes whenever a file's content does: its size, times, and place on the disk.

    The time of change tells of a content that was put in place with its old size and an old time
    of writing; the inode of another file under the same name.

    Returns:
        `[bytes, written, changed, inode]`, both times in nanoseconds, or None where there is none.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _settled_stamp(path):
    stamp = file_stamp(path)
    return None if stamp is None or stamp[1] > time.time_ns() - _RECENT else stamp


def _remembered(folder):
    with contextlib.suppress(RuntimeError):  # no home folder
        return read_facts(_table(folder)) or {}
    return {}


def _remember(folder, entries):
    with contextlib.suppress(OSError, RuntimeError):
        write_facts(_table(folder), entries)


def _table(folder):
    name = sha256_of(os.fsencode(folder.resolve()))[:32]
    return cache_folder() / "digests" / f"{name}.json"
