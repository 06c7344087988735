"""Large arrays: in temporary files, in slices, and by their digest."""

import contextlib
import hashlib
import math
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

_BYTES_AT_ONCE = 2**22


def temporary_columns(chunks: Iterable[list[np.ndarray]]) -> list[np.ndarray]:
    """Joins the chunks of several columns in temporary files, which vanish with the arrays.

    Args:
        chunks: lists of one array per column; the chunks of one column have the same type, and
            the same shape but for their first axis. They are read once.

    Returns:
        One read-only array per column, mapped to its file (strings stay in memory); an empty list
        where there are no chunks.

    Example:
        >>> columns = temporary_columns([np.ones((2, 3)), np.arange(2)] for _ in range(4))
        >>> [column.shape for column in columns]
        [(8, 3), (8,)]
    """
    with contextlib.ExitStack() as stack:
        columns = []
        for chunk in chunks:
            if not columns:
                columns = [(leaf, [] if leaf.dtype == object else _file(stack)) for leaf in chunk]
            for leaf, (_, store) in zip(chunk, columns, strict=True):
                if isinstance(store, list):
                    store.append(leaf)
                else:
                    store.write(leaf.tobytes())
        return [_joined(leaf, store) for leaf, store in columns]


def row_chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Pass through a large array in slices of a few megabytes, each with its first row number.

    Example:
        >>> [(start, len(rows)) for start, rows in row_chunks(np.zeros((3, 2**20), "float32"))]
        [(0, 1), (1, 1), (2, 1)]
    """
    row_bytes = max(1, array[:1].nbytes)
    step = max(1, _BYTES_AT_ONCE // row_bytes)
    for start in range(0, len(array), step):
        yield start, array[start : start + step]


def content_digest(inputs: Any, *settings: Any) -> str:
    """Hash arrays, with their types and shapes, and settings that change what they stand for.

    Args:
        inputs: an array, or a tuple or dict of arrays.
        settings: anything whose printed form tells it apart.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> content_digest(np.zeros(4)) == content_digest(np.zeros((2, 2)))
        False
    """
    hashes = [hashlib.sha256() for _ in keras.tree.flatten(inputs)]
    for known, leaf in zip(hashes, keras.tree.flatten(inputs), strict=True):
        add_rows(known, leaf)
    return joint_digest(inputs, [known.hexdigest() for known in hashes], *settings)


def add_rows(known: Any, rows: np.ndarray) -> None:
    """Update a column's hash by further rows, in the same way however they are cut."""
    for _, some in row_chunks(rows):
        if some.dtype == object:
            known.update("".join(f"{value!r}\n" for value in some.flat).encode())
        else:
            known.update(some.tobytes())


def joint_digest(inputs: Any, digests: list[str], *settings: Any) -> str:
    """Join the digests of columns, with their places, types and shapes, and settings."""
    leaves = keras.tree.flatten_with_path(inputs)
    forms = [(path, leaf.dtype.str, leaf.shape) for path, leaf in leaves]
    return hashlib.sha256(repr((forms, digests, settings)).encode()).hexdigest()


def _file(stack):
    return stack.enter_context(tempfile.TemporaryFile(prefix="tltk_"))


def _joined(leaf, store):
    if isinstance(store, list):
        return np.concatenate(store)
    store.flush()
    row_bytes = math.prod(leaf.shape[1:]) * leaf.dtype.itemsize
    shape = (store.tell() // row_bytes, *leaf.shape[1:])
    return np.memmap(store, leaf.dtype, "r", shape=shape)
