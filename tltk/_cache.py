"""What is kept on disk: files written whole or not at all, and one process at a time."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a path to write to, which takes a file's name only once it is whole and on the disk.

    A crash at any moment, of the process or of the machine, leaves the file as it was before or
    as it is after. Two processes at once do not meet: the later one's file stays.

    Args:
        path: the file to write; its folder is made where there is none.

    Yields:
        A path of its own in the same folder, with the same suffix.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with whole_file(file) as scratch:
        ...     _ = scratch.write_text("all of it")
        >>> file.read_text()
        'all of it'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.stem[:40]}.", suffix=path.suffix, dir=path.parent
    )
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        _give_usual_mode(scratch)
        _flush(scratch)
        os.replace(scratch, path)
        _flush(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: str | Path, wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock beside a file or folder, so that one process at a time works on it.

    Args:
        path: what is worked on; the lock is a file beside it, its name with `.lock` added.
        wait: called once where another process holds the lock, before waiting for it; None to
            give up at once.

    Raises:
        TimeoutError: where another process holds it and `wait` is None.
    """
    from filelock import FileLock

    path = Path(path)
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except TimeoutError:
        if wait is None:
            raise
        wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _give_usual_mode(scratch) -> None:
    """`mkstemp` keeps a file to its owner; other files follow the user's mask."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        scratch.chmod(0o666 & ~mask)


def _flush(path) -> None:
    """Have the system write a file, or a folder's list of names, to the disk itself."""
    if os.name != "posix" and Path(path).is_dir():
        return
    handle = os.open(path, os.O_RDONLY if Path(path).is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
