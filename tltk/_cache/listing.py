"""Look at what is kept on disk, and clear it."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from pathlib import Path

from tltk._cache.files import locked
from tltk._cache.folders import cache_folder
from tltk._cache.pictures import ENTRY, LIST
from tltk._cache.rows import DONE

KINDS = ("features", "pictures", "engines", "digests")


def list_cache() -> list[dict]:
    """List the features, decoded pictures, converted networks and file digests that are kept.

    Returns:
        One row for each: `kind` ("features", "pictures", "engines" or "digests"), `key`,
        `examples` (None where the run is unfinished, and for the last two), `megabytes` and `days`
        since it was written.

    Example:
        >>> list_cache()
        []
    """
    return [
        {
            "kind": kind,
            "key": kept.stem,
            "examples": _count(kept),
            "megabytes": round(_bytes(kept) / 1e6, 1),
            "days": int((time.time() - _changed(kept)) / 86_400),
        }
        for kind in KINDS
        for kept in _all_kept(kind)
    ]


def clear_cache() -> float:
    """Delete what is kept: features, decoded pictures, converted networks and file digests.

    The next run computes them again. A run in progress keeps its features and the networks, and
    arrays already returned stay as they are.

    Returns:
        The megabytes freed.

    Example:
        >>> clear_cache()
        0.0
    """
    freed, busy = 0, False
    for folder in [*_all_kept("features"), *_all_kept("pictures")]:
        try:
            with locked(folder):
                freed += _delete(folder)
        except OSError:
            busy = True
    for kind in ("digests",) if busy else ("digests", "engines"):
        freed += _delete(cache_folder() / kind)
    return freed / 1e6


def _delete(folder) -> int:
    before = _bytes(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return before - _bytes(folder)


def _all_kept(kind) -> list[Path]:
    entries = (cache_folder() / kind).glob("*")
    return sorted(path for path in entries if path.is_dir() or path.suffix == ".json")


def _count(kept) -> int | None:
    with contextlib.suppress(OSError):
        return (kept / LIST).stat().st_size // ENTRY.size
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        return json.loads((kept / DONE).read_text())["count"]
    return None


def _changed(kept) -> float:
    with contextlib.suppress(OSError):
        return kept.stat().st_mtime
    return time.time()


def _bytes(kept) -> int:
    total = 0
    for path in [kept, *kept.rglob("*")]:
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
