"""Rows on disk: computed once and kept, or in temporary files; both memory-mapped."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable
from itertools import accumulate, takewhile
from pathlib import Path

import numpy as np

from tltk._cache.files import flush, locked, whole_file, writing
from tltk._cache.folders import cache_folder

MOST_BYTES, MOST_BYTES_OF_TEXTS = 100 * 10**9, 8 * 10**9
DONE = "done.json"
PROGRESS = "progress.jsonl"

Chunk = tuple[np.ndarray, ...]


def kept_rows(
    key: str,
    count: int,
    chunk_size: int,
    compute: Callable[[int], Iterable[Chunk]],
    announce: Callable[[str], None] = lambda text: None,
    agree: Callable[[tuple[np.ndarray, ...]], bool] = lambda arrays: True,
) -> tuple[np.ndarray, ...]:
    """Compute rows chunk by chunk into the cache folder, or read them where they are there.

    A run that was killed goes on after its last whole chunk. A second process that wants the same
    key waits for the first. Every chunk carries a checksum, which is compared on reading.

    Args:
        key: what the rows depend on, `chunk_size` included, as a hexadecimal digest.
        count: number of rows.
        chunk_size: rows per chunk.
        compute: called with the first chunk to compute; yields from there one tuple of arrays a
            chunk, `chunk_size` rows each (fewer in the last).
        announce: receives sentences on where the rows come from and how much disk they take.
        agree: asked of rows that are there whether they are to be used; where it says no, they are
            computed again.

    Returns:
        One read-only memory-mapped array for each array of a chunk, with `count` rows.

    Raises:
        OSError: where the folder cannot be written or the disk is too small; the message says
            how much is needed and how to go on.

    Example:
        >>> [squares] = kept_rows("doctest", 3, 2, lambda i: [(np.arange(2 * i, 3) ** 2,)])
        ... # doctest: +SKIP
    """
    folder = cache_folder() / "features" / key
    kept = _read(folder, count, chunk_size, agree)
    if kept is not None:
        announce(f"Reading the features kept in {folder}.")
    else:
        with _locked_and_writable(folder, announce):
            kept = _read(folder, count, chunk_size, agree)
            if kept is None:
                _write(folder, count, chunk_size, compute, announce)
                kept = _read(folder, count, chunk_size)
    if kept is None:
        raise OSError(
            f"What was just computed must be there to be read. Received: {folder}, incomplete or "
            "changed by another program. Call again, or pass cache=False."
        )
    return kept


@contextlib.contextmanager
def _locked_and_writable(folder, announce):
    with contextlib.ExitStack() as stack:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            told = f"Waiting for another process, which computes {folder}."
            stack.enter_context(locked(folder, lambda: announce(told)))
            folder.mkdir(exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise OSError(
                "Features are kept on disk, so the cache folder must be writable. Received: "
                f"{folder} ({error.strerror or error}). Set TLTK_CACHE to a folder you may "
                "write to, or pass cache=False."
            ) from error
        yield


def _write(folder, count, chunk_size, compute, announce):
    if (folder / DONE).exists():
        announce(f"The kept features in {folder} are damaged and are computed again.")
        with writing("Features", folder, "Let go of arrays read from there, or pass cache=False."):
            shutil.rmtree(folder)
            folder.mkdir()
    notes = _finished_chunks(folder)
    if len(notes) * chunk_size < count:
        _append(folder, count, chunk_size, notes, compute, announce)
    with _room_needed(folder, 0):
        for path in folder.glob("*.npy"):
            flush(path)
        with whole_file(folder / DONE, alone=True) as scratch:
            scratch.write_text(json.dumps({"count": count, "chunks": notes}))
        (folder / PROGRESS).unlink(missing_ok=True)


def _append(folder, count, chunk_size, notes, compute, announce):
    need = None
    for chunk in compute(len(notes)):
        if need is None:
            need = _announced_need(folder, count, len(notes) * chunk_size, chunk, announce)
        with _room_needed(folder, need):
            note = []
            for column, rows in enumerate(chunk):
                header = b"" if notes else _header(rows, count)
                content = np.ascontiguousarray(rows).data.cast("B")
                with (folder / f"{column}.npy").open("ab") as file:
                    file.write(header)
                    file.write(content)
                checksum = zlib.crc32(content, zlib.crc32(header))
                note.append([len(header) + len(content), checksum])
            with (folder / PROGRESS).open("a") as file:
                file.write(json.dumps(note) + "\n")
            notes.append(note)


def _announced_need(folder, count, done, chunk, announce) -> int:
    need = (count - done) * sum(rows[:1].nbytes for rows in chunk)
    shapes = " and ".join("x".join(map(str, rows.shape[1:])) for rows in chunk)
    left = f"{count - done:,} of {count:,}" if done else f"{count:,}"
    announce(f"Computing features once: {left} x {shapes}, {need / 1e6:,.1f} MB in {folder}")
    with _room_needed(folder, need):
        if need > shutil.disk_usage(folder).free:
            raise OSError("too little room")
    return need


@contextlib.contextmanager
def _room_needed(folder, need):
    try:
        yield
    except OSError as error:
        free = shutil.disk_usage(folder).free if folder.is_dir() else 0
        raise OSError(
            f"The features must fit on the disk. Received: {error.strerror or error} in {folder}: "
            f"{need / 1e6:,.1f} MB needed, {free / 1e6:,.1f} MB free. Free some space, set "
            "TLTK_CACHE to a larger disk, or pass cache=False; the same call goes on where this "
            "one stopped."
        ) from error


def _header(rows, count) -> bytes:
    header = io.BytesIO()
    described = {
        "descr": np.lib.format.dtype_to_descr(rows.dtype),
        "fortran_order": False,
        "shape": (count, *rows.shape[1:]),
    }
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def _finished_chunks(folder) -> list:
    """The notes of a killed run's chunks that are whole; what lies behind them is cut off."""
    lines, notes = [], []
    with contextlib.suppress(OSError, ValueError):
        for line in (folder / PROGRESS).read_bytes().splitlines(keepends=True):
            notes.append(json.loads(line if line.endswith(b"\n") else b""))
            lines.append(line)
    found = _checked(folder, notes)
    whole = min((chunks for _, chunks, _ in found), default=0)
    if not whole:
        for leftover in [*folder.glob("*.npy"), folder / PROGRESS]:
            leftover.unlink(missing_ok=True)
        return []
    for path, _, ends in found:
        os.truncate(path, ends[whole])
    os.truncate(folder / PROGRESS, sum(map(len, lines[:whole])))
    return notes[:whole]


def _checked(folder, notes) -> list[tuple[Path, int, list[int]]]:
    """For each file: its path, how many chunks agree with their notes, and where chunks end.

    A note holds for each file the bytes of the chunk, the first one's header included, and their
    checksum. Where the notes make no sense, or a file is missing, the list is empty.
    """
    try:
        found = []
        for column, noted in enumerate(zip(*notes, strict=True)):
            path = folder / f"{column}.npy"
            with path.open("rb") as file:
                agree = (zlib.crc32(file.read(size)) == checksum for size, checksum in noted)
                chunks = sum(takewhile(bool, agree))
            found.append((path, chunks, [0, *accumulate(size for size, _ in noted)]))
        return found
    except (OSError, ValueError, TypeError):
        return []


def _read(folder, count, chunk_size, agree=lambda arrays: True) -> tuple[np.ndarray, ...] | None:
    """The finished rows, or None where there are none, or they are damaged or refused."""
    expected = math.ceil(count / chunk_size)
    try:
        found = _checked(folder, json.loads((folder / DONE).read_text())["chunks"])
        whole = bool(found) and all(
            chunks == expected and path.stat().st_size == ends[expected]
            for path, chunks, ends in found
        )
        arrays = tuple(np.load(path, mmap_mode="r") for path, _, _ in found) if whole else None
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return arrays if arrays is not None and agree(arrays) else None


def temporary_columns(chunks: Iterable[list[np.ndarray]]) -> list[np.ndarray]:
    """Joins the chunks of several columns in temporary files, which vanish with the arrays.

    Args:
        chunks: lists of one array per column; the chunks of one column have the same type, and
            the same shape but for their first axis. They are read once.

    Returns:
        One read-only array per column, mapped to its file (strings stay in memory); an empty list
        where there are no chunks.

    Raises:
        ValueError: beyond 100 GB, or 8 GB of strings: more than a data set that has an end.
        OSError: where the disk cannot hold them.

    Example:
        >>> columns = temporary_columns([np.ones((2, 3)), np.arange(2)] for _ in range(4))
        >>> [column.shape for column in columns]
        [(8, 3), (8,)]
    """
    cure = "Free some space, or set TMPDIR to a folder on a larger disk."
    with contextlib.ExitStack() as stack:
        columns: list[tuple] = []
        rows, sizes = 0, {True: 0, False: 0}
        for chunk in chunks:
            if not columns:
                columns = [(leaf, [] if leaf.dtype == object else _file(stack)) for leaf in chunk]
            for leaf, (_, store) in zip(chunk, columns, strict=True):
                with writing("Rows of a data set", tempfile.gettempdir(), cure):
                    sizes[leaf.dtype == object] += _append_rows(store, leaf)
            rows += len(chunk[0])
            _check_size(rows, sizes)
        return [_joined(leaf, store) for leaf, store in columns]


def _file(stack):
    return stack.enter_context(tempfile.TemporaryFile(prefix="tltk_"))


def _append_rows(store, leaf) -> int:
    """Add rows to a column, and tell how many bytes they take."""
    if isinstance(store, list):
        store.append(leaf)
        return sum(len(value) if isinstance(value, str | bytes) else 0 for value in leaf.flat)
    return store.write(leaf.tobytes())


def _check_size(rows, sizes) -> None:
    for of_texts, most in ((False, MOST_BYTES), (True, MOST_BYTES_OF_TEXTS)):
        if sizes[of_texts] > most:
            raise ValueError(
                f"A data set is read once, up to {most / 1e9:.1f} GB, so it must have an end. "
                f"Received: {rows:,} rows of {sizes[of_texts] / 1e9:.1f} GB so far. Pass a part of "
                "it, such as dataset.take(batches), or pictures in a folder, which are read as "
                "they are needed."
            )


def _joined(leaf, store):
    if isinstance(store, list):
        return np.concatenate(store)
    store.flush()
    row_bytes = math.prod(leaf.shape[1:]) * leaf.dtype.itemsize
    shape = (store.tell() // row_bytes, *leaf.shape[1:])
    return np.memmap(store, leaf.dtype, "r", shape=shape)
