"""Files and folders written whole or not at all, under checksums, by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PATIENCE_S = 2.0
# How file systems, those of networks above all, say that a folder is not written by request
_NO_LIST_TO_WRITE = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EBADF}
_LEFT_BEHIND = 3600  # seconds after which a file that nobody writes to was left by a killed process


@contextlib.contextmanager
def whole_file(path: str | Path, private: bool = False, alone: bool = False) -> Iterator[Path]:
    """Give a path to write to, which takes a file's name only once it is whole and on the disk.

    A crash at any moment, of the process or of the machine, leaves the file as it was before or
    as it is after. Two processes at once do not meet: the later one's file stays. What a killed
    process left of the same file is cleared away an hour later, or at once.

    Args:
        path: the file to write; its folder is made where there is none.
        private: only its owner may read it.
        alone: no other process writes it now, as under its lock.

    Yields:
        A path of its own in the same folder, with the same suffix.

    Raises:
        OSError: where it cannot be written; the message says where, how much room there is, and
            the cure.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with whole_file(file) as scratch:
        ...     _ = scratch.write_text("all of it")
        >>> file.read_text()
        'all of it'
    """
    path = Path(path)
    prefix, suffix = f".{path.stem[:40]}.tltk-", path.suffix
    cure = "Free some space, or choose another folder. What was written before stays whole."
    with writing("Files", path, cure):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_left_behind(path.parent, prefix, suffix, 0 if alone else _LEFT_BEHIND)
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=path.parent)
        os.close(handle)
        scratch = Path(name)
        try:
            yield scratch
            if not private:
                _give_usual_mode(scratch)
            flush(scratch)
            _rename(scratch, path)
            flush(path.parent)
        finally:
            scratch.unlink(missing_ok=True)


def _clear_left_behind(folder, prefix, suffix, age) -> None:
    ours = re.compile(re.escape(prefix) + r"\w{8}" + re.escape(suffix))
    for file in filter(lambda each: ours.fullmatch(each.name), folder.iterdir()):
        with contextlib.suppress(OSError):
            if file.stat().st_mtime < time.time() - age:
                file.unlink()


@contextlib.contextmanager
def writing(what: str, folder: str | Path, cure: str) -> Iterator[None]:
    """Let an error of writing say what was to be kept, where, how much room there is, and the cure.

    Args:
        what: what is kept on the disk, in the plural.
        folder: where.
        cure: a sentence on what to do.

    Raises:
        OSError: where something inside raises one.
    """
    try:
        yield
    except OSError as error:
        there = next((each for each in (Path(folder), *Path(folder).parents) if each.is_dir()), ".")
        free, reason = shutil.disk_usage(there).free / 1e6, error.strerror or str(error)
        told = OSError(
            f"{what} are kept on disk, in a folder that must be writable and have room. Received: "
            f"{folder} ({reason}), {free:,.1f} MB free. {cure}"
        )
        told.strerror = reason  # for whoever around this knows a better cure
        raise told from error


def made_folder(path: str | Path) -> Path:
    """Make a folder for results where there is none, and refuse one that cannot be written.

    Raises:
        OSError: where that is so, before anything is computed for it.
    """
    cure = "Choose another folder, or change its permissions."
    with writing("Results", path, cure):
        Path(path).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    return Path(path)


def write_text(path: str | Path, text: str) -> None:
    """Write a text to a file in UTF-8 with plain line ends, whole or not at all."""
    with whole_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="\n")


def write_facts(path: str | Path, facts) -> None:
    """Write JSON values to a file, whole or not at all, under a checksum."""
    content = json.dumps(facts, indent=1)
    write_text(path, f"{sha256_of(content.encode())}\n{content}")


def read_facts(path: str | Path):
    """What `write_facts` wrote, or None where there is none or it is damaged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "facts.json"
        >>> write_facts(path, {"accuracy": 0.5})
        >>> read_facts(path)
        {'accuracy': 0.5}
        >>> _ = path.write_text(path.read_text().replace("0.5", "0.9"))
        >>> read_facts(path)
    """
    with contextlib.suppress(OSError, ValueError):
        checksum, _, content = Path(path).read_text("utf-8").partition("\n")
        return json.loads(content) if checksum == sha256_of(content.encode()) else None
    return None


def sha256_of(content: bytes) -> str:
    """The digest of a content: 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: str | Path) -> str:
    """The SHA-256 of a file's content: 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a folder to write files to, which takes its name only once all are on the disk.

    To be used under the lock of `path`: what a killed process left is cleared away first.

    Args:
        path: the folder to write; one that is there is replaced.

    Yields:
        An empty folder beside it.

    Raises:
        OSError: where the folder that is there cannot be replaced; it then stays whole. Windows
            keeps a folder in its place while a program has one of its files open.
    """
    path = Path(path)
    scratch, old = (path.with_name(f".{path.name}.{which}") for which in ("new", "old"))
    for leftover in (scratch, old):
        shutil.rmtree(leftover, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        for file in scratch.rglob("*"):
            flush(file)
        if path.exists():
            _rename(path, old)
        _rename(scratch, path)
        flush(path.parent)
    finally:
        for leftover in (scratch, old):
            shutil.rmtree(leftover, ignore_errors=True)


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


def _rename(source, target) -> None:
    """Give a file or folder its name, in place of what has it.

    Windows refuses while a program has either open: a scanner or an index for a moment, so it is
    asked again for a while.
    """
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return os.replace(source, target)
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > until:
                raise
        time.sleep(0.02)


def flush(path) -> None:
    """Have the system write a file, or a folder's list of names, to the disk itself.

    Windows, and file systems that know no such request, write the list when they see fit.
    """
    folder = Path(path).is_dir()
    if folder and sys.platform == "win32":
        return
    try:
        handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
        try:
            _sync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if not folder or error.errno not in _NO_LIST_TO_WRITE:
            raise


def _sync(handle) -> None:
    """On macOS `fsync` hands over to the disk alone, which may keep it in a memory of its own."""
    if sys.platform == "darwin":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)
