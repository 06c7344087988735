import itertools
import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from tltk._cache import kept_rows, temporary_columns
from tltk._cache import rows as store

VALUES = np.arange(70, dtype="float32").reshape(10, 7)


def forked(test):
    test = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")(test)
    return pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")(test)


class Source:
    """Computes chunks of VALUES, counts them, and can fail before a given chunk."""

    def __init__(self, fail_at=None):
        self.computed, self.fail_at = [], fail_at

    def __call__(self, first):
        for chunk in range(first, 4):
            if chunk == self.fail_at:
                raise KeyboardInterrupt
            self.computed.append(chunk)
            rows = VALUES[3 * chunk : 3 * chunk + 3]
            yield rows, rows[:, :2].astype("float16")


def keep(source, key="k"):
    return kept_rows(key, 10, 3, source)


def check(arrays):
    assert np.array_equal(arrays[0], VALUES)
    assert np.array_equal(arrays[1], VALUES[:, :2].astype("float16"))
    assert isinstance(arrays[0], np.memmap)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "features" / "k"


def test_second_call_computes_nothing():
    check(keep(Source()))
    again = Source()
    check(keep(again))
    assert again.computed == []


@pytest.mark.parametrize("killed_at", [0, 1, 2, 3])
def test_resumes_after_the_last_whole_chunk(folder, killed_at):
    with pytest.raises(KeyboardInterrupt):
        keep(Source(fail_at=killed_at))
    again = Source()
    check(keep(again))
    assert again.computed == list(range(killed_at, 4))


def test_half_a_chunk_is_cut_off(folder):
    with pytest.raises(KeyboardInterrupt):
        keep(Source(fail_at=2))
    with (folder / "0.npy").open("ab") as file:
        file.write(b"half a chunk")
    with (folder / store.PROGRESS).open("a") as file:
        file.write("[[84, 12]")
    again = Source()
    check(keep(again))
    assert again.computed == [2, 3]


def test_a_run_killed_before_its_last_note_computes_nothing_again(folder):
    check(keep(Source()))
    done = json.loads((folder / store.DONE).read_text())
    (folder / store.DONE).unlink()
    lines = [json.dumps(chunk) + "\n" for chunk in done["chunks"]]
    (folder / store.PROGRESS).write_text("".join(lines))
    again = Source()
    check(keep(again))
    assert again.computed == []


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete", "empty note", "other note"])
def test_damage_is_noticed_and_computed_again(folder, damage):
    check(keep(Source()))
    path = folder / "0.npy"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    if damage == "truncate":
        path.write_bytes(content[:-9])
    elif damage == "flip":
        path.write_bytes(content)
    elif damage == "delete":
        path.unlink()
    else:
        (folder / store.DONE).write_text("" if damage == "empty note" else "{}")
    again, said = Source(), []
    check(kept_rows("k", 10, 3, again, said.append))
    assert again.computed == [0, 1, 2, 3]
    assert any("damaged" in text for text in said)


@pytest.mark.parametrize("name", ["0.npy", "1.npy", store.DONE])
def test_no_flipped_byte_gives_a_wrong_number(folder, name):
    check(keep(Source()))
    content = (folder / name).read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 2
        (folder / name).write_bytes(flipped)
        again = Source()
        check(keep(again))
        assert name == store.DONE or again.computed == [0, 1, 2, 3]


@pytest.mark.parametrize(("column", "keeps"), [(0, 0), (1, 1)])
def test_only_what_lies_before_the_damage_is_built_upon(folder, column, keeps):
    """As after a power cut, which may lose what a note in the other file already counts."""
    with pytest.raises(KeyboardInterrupt):
        keep(Source(fail_at=3))
    path = folder / f"{column}.npy"
    content = bytearray(path.read_bytes())
    content[(130, -15)[column]] ^= 1
    path.write_bytes(content)
    again = Source()
    check(keep(again))
    assert again.computed == list(range(keeps, 4))


def test_the_need_is_said_before_the_start_and_refused_where_the_disk_is_too_small(
    folder, monkeypatch
):
    usage, said = shutil.disk_usage("/"), []
    monkeypatch.setattr(store.shutil, "disk_usage", lambda _: usage._replace(free=10**6))

    def large(first):
        yield (np.zeros((3, 10**5), "float32"),)

    message = r"must fit on the disk. Received: too little .*: 4.0 MB needed, 1.0 MB free.*TLTK_CA"
    with pytest.raises(OSError, match=message):
        kept_rows("k", 10, 3, large, said.append)
    assert said == [f"Computing features once: 10 x 100000, 4.0 MB in {folder}"]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("room", [60, 130, 300])
def test_a_disk_that_fills_up_is_said_and_the_same_call_goes_on(room):
    """No file of this process may become larger than the room, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    message = r"must fit on the disk. Received: File too large .* needed, .* free.*TLTK_CACHE.*same"
    try:
        with pytest.raises(OSError, match=message):
            keep(Source())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    again, said = Source(), []
    check(kept_rows("k", 10, 3, again, said.append))
    whole = max(0, (room - 128) // (3 * 7 * 4))
    assert again.computed == list(range(whole, 4))
    assert f"{10 - 3 * whole} of 10 x 7" in said[0] or whole == 0


def test_a_picture_that_is_gone_is_not_blamed_on_the_disk():
    def gone(first):
        yield next(Source()(first))
        raise FileNotFoundError("A picture must be there.")

    with pytest.raises(FileNotFoundError, match="A picture must be there"):
        kept_rows("k", 10, 3, gone)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"must be writable. Received: .*cache=False"):
        keep(Source())


@pytest.mark.parametrize("place", ["/proc/tltk", "/dev/null/tltk"])
def test_a_folder_that_cannot_be_made(place, monkeypatch):
    if not os.path.exists(os.path.dirname(place)):
        pytest.skip(f"no {place} here")
    monkeypatch.setenv("TLTK_CACHE", place)
    with pytest.raises(OSError, match=r"must be writable. Received: .*TLTK_CACHE.*cache=False"):
        keep(Source())


@pytest.mark.skipif(os.name == "nt", reason="keeps what is mapped")
def test_a_cache_deleted_between_two_calls(folder):
    first = keep(Source())
    shutil.rmtree(folder.parents[1])
    again = Source()
    check(keep(again))
    assert again.computed == [0, 1, 2, 3]
    check(first)


def test_damaged_rows_that_another_array_still_maps_are_named(folder, monkeypatch):
    """As on Windows, which deletes no file that is mapped."""
    check(keep(Source()))
    (folder / store.DONE).write_text("{}")

    def in_use(path):
        raise PermissionError(13, "in use by another process", str(path))

    monkeypatch.setattr(store.shutil, "rmtree", in_use)
    message = r"Features are kept on disk.*Received: .*in use by.*Let go of arrays.*cache=False"
    with pytest.raises(OSError, match=message):
        keep(Source())


def test_a_cache_deleted_during_a_run_is_never_half_read(folder):
    def deleted(first):
        for chunk, rows in enumerate(Source()(first)):
            if chunk == 2:
                shutil.rmtree(folder)
                folder.mkdir()
            yield rows

    with pytest.raises(OSError, match=r"must be there to be read. Received: .* Call again"):
        kept_rows("k", 10, 3, deleted)
    check(keep(Source()))


def answer_of(task, user=None):
    """Start a task in another process, by fork; call the result for its answer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if user is not None:
                os.setuid(user)
            os.write(writing, json.dumps(task()).encode())
        finally:
            os._exit(0)
    os.close(writing)

    def answer():
        with open(reading) as answered:
            told = json.loads(answered.read())
        os.waitpid(child, 0)
        return told

    return answer


class Slow:
    """Computes 100 chunks slowly and writes each one's number to a log as it begins."""

    def __init__(self, log):
        self.log = log

    def __call__(self, first):
        for chunk in range(first, 100):
            with self.log.open("a") as file:
                file.write(f"{chunk}\n")
            time.sleep(0.004)
            yield (np.full((5, 300), chunk, "float32"),)

    def computed(self):
        return list(map(int, self.log.read_text().split())) if self.log.exists() else []


def keep_slowly(slow, key="k"):
    [values] = kept_rows(key, 500, 5, slow)
    return bool(np.array_equal(values, np.repeat(np.arange(100), 5)[:, None] * np.ones(300)))


def start_keeping(slow):
    """Another process that keeps rows slowly, by its number."""
    child = os.fork()
    if child == 0:
        try:
            keep_slowly(slow)
        finally:
            os._exit(0)
    return child


def kill(child):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@forked
def test_twenty_kills_at_random_moments_leave_the_same_bytes(folder, tmp_path):
    rng, slow = np.random.default_rng(0), Slow(tmp_path / "log")
    for _ in range(20):
        before = slow.computed()
        child = start_keeping(slow)
        time.sleep(rng.uniform(0, 0.04))
        kill(child)
        resumed = slow.computed()[len(before) :]
        assert not before or not resumed or resumed[0] in (before[-1], before[-1] + 1)
    assert len(slow.computed()) > 2
    assert keep_slowly(slow)
    assert sorted(set(slow.computed())) == list(range(100))
    assert len(slow.computed()) <= 100 + 20
    assert keep_slowly(Slow(tmp_path / "other"), "fresh")
    fresh = folder.parent / "fresh" / "0.npy"
    assert (folder / "0.npy").read_bytes() == fresh.read_bytes()


@forked
def test_of_processes_that_want_one_key_only_one_computes(tmp_path):
    slow, said = Slow(tmp_path / "log"), []
    answers = [answer_of(lambda: keep_slowly(slow)) for _ in range(3)]
    while not slow.computed():
        time.sleep(0.01)
    kept_rows("k", 500, 5, slow, said.append)
    assert keep_slowly(slow)
    assert [answer() for answer in answers] == [True, True, True]
    assert slow.computed() == list(range(100))
    assert "Waiting for another process" in said[0]


@forked
def test_a_waiting_process_takes_over_from_one_that_is_killed(tmp_path):
    slow = Slow(tmp_path / "log")
    child = start_keeping(slow)
    while len(slow.computed()) < 5:
        time.sleep(0.01)
    answer = answer_of(lambda: keep_slowly(slow))
    time.sleep(0.05)
    kill(child)
    assert answer()
    assert len(slow.computed()) <= 101


@forked
def test_a_read_only_folder_is_read_where_it_is_complete_and_refused_where_not(monkeypatch):
    """A teacher's folder; root, who may write anywhere, becomes nobody."""
    user = 65534 if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as shared:
        monkeypatch.setenv("TLTK_CACHE", shared)
        check(keep(Source()))
        paths = [Path(shared), *Path(shared).rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)

        def read():
            again = Source()
            check(keep(again))
            try:
                keep(again, "another")
            except OSError as error:
                return again.computed, str(error)

        computed, message = answer_of(read, user)()
        for path in paths:
            path.chmod(0o755)
    assert computed == []
    assert "must be writable" in message
    assert "TLTK_CACHE" in message


def test_columns_come_back_whole_each_with_its_own_length():
    rng = np.random.default_rng(0)
    chunks = [
        [rng.normal(size=(size, 2, 3)), np.arange(7 * size, dtype="int16"), np.array(["é"], object)]
        for size in (1, 4, 2)
    ]
    columns = temporary_columns(iter(chunks))
    for number, column in enumerate(columns):
        np.testing.assert_array_equal(column, np.concatenate([chunk[number] for chunk in chunks]))
        assert column.dtype == chunks[0][number].dtype
    with pytest.raises(ValueError, match="read-only"):
        columns[0][0] = 1


def test_no_chunks_give_no_columns():
    assert temporary_columns([]) == []


def test_a_set_without_end_stops_at_the_limit(monkeypatch):
    monkeypatch.setattr(store, "MOST_BYTES", 10_000)
    monkeypatch.setattr(store, "MOST_BYTES_OF_TEXTS", 10_000)
    for rows in (np.zeros((10, 20), "float32"), np.array(["a word or two"] * 10, object)):
        with pytest.raises(ValueError, match=r"up to 0.0 GB.*Received: [\d,]+ rows.*\.take"):
            temporary_columns([rows] for _ in itertools.count())
        assert len(temporary_columns([rows] for _ in range(9))[0]) == 90


def test_a_full_disk_is_named(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_append_rows", full)
    with pytest.raises(OSError, match=r"Rows of a data set.*No space left.*MB free.*TMPDIR"):
        temporary_columns([[np.ones((2, 2))]])
