"""Files of lines, packed or not, read within limits that are asked before the memory is taken."""

import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

LONGEST_LINE = 2**21
MOST_TIMES = 50
_ALWAYS_ALLOWED = 2**22
_MEASURED_FIRST = 2**26
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
PACKED = tuple(_OPENERS)


def most_bytes(size: int) -> int:
    """How many bytes a file of a size may unpack to, or declare to hold."""
    return max(_ALWAYS_ALLOWED, MOST_TIMES * size)


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, unpacked where its name ends in .gz or .xz.

    Args:
        path: the file.

    Raises:
        ValueError: for what is damaged or cut off, or unpacks to more than 4 MB and more than fifty
            times the file's size (files below 64 MB are measured before anything is kept).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "a.txt.gz")
        ...     _ = path.write_bytes(gzip.compress(b"one line"))
        ...     with unpacked(path) as file:
        ...         print(file.read())
        b'one line'
    """
    opener = _OPENERS.get(path.suffix.lower())
    try:
        if opener and path.stat().st_size < _MEASURED_FIRST:
            with opener(path, "rb") as file:
                content = _Bounded(file, path)
                while content.read(2**20):
                    pass
        with open(path, "rb") if opener is None else opener(path, "rb") as file:
            yield file if opener is None else io.BufferedReader(_Bounded(file, path))
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise ValueError(
            f"The file must be readable to its end. Received: {path}: {error}. Fetch it again."
        ) from None


def bounded_lines(file: IO, path: Path) -> Iterator:
    """Pass through the lines of a file, of bytes or of text; one without end is refused."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise ValueError(
                f"A line must be below {LONGEST_LINE:,} characters. "
                f"Received: {path}, line {number}, which begins with {line[:40]!r} and is longer. "
                "Check that it is a file of lines, and that its quotation marks are closed."
            )
        yield line


class _Bounded(io.RawIOBase):
    """What a packed file holds, which must not exceed its size many times."""

    def __init__(self, file, path):
        self._file, self._path, self._read = file, path, 0
        self._most = most_bytes(path.stat().st_size)

    def readable(self):
        return True

    def readinto(self, buffer):
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        self._read += len(content)
        if self._read > self._most:
            raise ValueError(
                f"A packed file may hold {MOST_TIMES} times its own size. "
                f"Received: {self._path} with more than {self._most:,} bytes. "
                "If it is what you think, unpack it yourself."
            )
        return len(content)
