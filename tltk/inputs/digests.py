"""Digests of files, remembered so that a second call need not read every file again."""

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

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

    A file is known again by its path, size and time of change in nanoseconds. One that changed
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
    stamps = {name: _stamp(path) for name, path in files.items()}
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


def _stamp(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    is_recent = found.st_mtime_ns > time.time_ns() - _RECENT
    return None if is_recent else [found.st_size, found.st_mtime_ns]


def _remembered(folder):
    try:
        checksum, _, content = _table(folder).read_text("ascii").partition("\n")
        return json.loads(content) if checksum == sha256_of(content.encode()) else {}
    except (OSError, ValueError, RuntimeError):
        return {}


def _remember(folder, entries):
    content = json.dumps(entries)
    with contextlib.suppress(OSError, RuntimeError):
        table = _table(folder)
        table.parent.mkdir(parents=True, exist_ok=True)
        scratch = table.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        try:
            scratch.write_text(f"{sha256_of(content.encode())}\n{content}", "ascii")
            scratch.replace(table)
        finally:
            scratch.unlink(missing_ok=True)


def _table(folder):
    name = sha256_of(os.fsencode(folder.resolve()))[:32]
    return cache_folder() / "digests" / f"{name}.json"
