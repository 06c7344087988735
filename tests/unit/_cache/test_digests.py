import hashlib
import os
import shutil
import time

import numpy as np
import pytest

from tltk._cache import content_digest, remembered_digests, row_chunks, sha256_of

LONG_AGO = time.time_ns() - 10**12


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for name in "abc":
        write(folder / name, f"content of {name}")
    return folder


def write(path, text, changed=LONG_AGO):
    path.write_text(text)
    os.utime(path, ns=(changed, changed))


def digests(folder, names="abc", **options):
    """The digests of files, checked against hashlib, and which of the files were read."""
    files, reading = {name: folder / name for name in names}, []

    def read(unknown):
        reading.extend(unknown)
        return {name: sha256_of(files[name].read_bytes()) for name in unknown}

    return remembered_digests(folder, files, read, **options), "".join(reading)


def true_digests(folder, names="abc"):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def table(tmp_path):
    [table] = (tmp_path / "cache" / "digests").iterdir()
    return table


def test_the_second_call_reads_no_file(folder):
    assert digests(folder) == (true_digests(folder), "abc")
    assert digests(folder) == (true_digests(folder), "")


@pytest.mark.parametrize(("text", "changed"), [("longer than before", 0), ("CONTENT OF b", 1)])
def test_another_size_or_time_is_read_again(folder, text, changed):
    digests(folder)
    write(folder / "b", text, LONG_AGO + changed)
    assert digests(folder) == (true_digests(folder), "b")
    assert digests(folder) == (true_digests(folder), "")


@pytest.mark.skipif(os.name == "nt", reason="has no time of change")
def test_another_content_of_the_same_size_and_time_is_read_again(folder):
    digests(folder)
    write(folder / "b", "CONTENT OF b")
    assert digests(folder) == (true_digests(folder), "b")


def test_another_file_of_the_same_size_and_time_is_read_again(folder):
    digests(folder)
    write(folder / "new", "Content of c")
    os.replace(folder / "new", folder / "c")
    assert digests(folder) == (true_digests(folder), "c")


def test_verify_notices_a_change_that_no_stamp_tells_and_corrects_the_table(folder, monkeypatch):
    monkeypatch.setattr("tltk._cache.digests.file_stamp", lambda path: [12, LONG_AGO])
    before, _ = digests(folder)
    write(folder / "b", "CONTENT OF b")
    assert digests(folder) == (before, "")
    assert digests(folder, verify=True) == (true_digests(folder), "abc")
    assert digests(folder) == (true_digests(folder), "")


def test_a_file_that_is_no_longer_whole_is_forgotten(folder):
    digests(folder)
    files = {name: folder / name for name in "abc"}
    assert remembered_digests(folder, files, lambda names: {}, verify=True) == {}
    assert digests(folder) == (true_digests(folder), "abc")


def test_a_file_changed_just_now_is_not_remembered(folder):
    now = time.time_ns()
    write(folder / "b", "young", now)
    write(folder / "c", "from tomorrow", now + 10**14)
    digests(folder)
    assert digests(folder) == (true_digests(folder), "bc")


def test_tables_of_two_calls_are_joined(folder):
    digests(folder, "ab")
    digests(folder, "c")
    assert digests(folder) == (true_digests(folder), "")


def test_a_link_to_the_same_folder_shares_its_table(folder, tmp_path):
    digests(folder)
    (tmp_path / "link").symlink_to(folder)
    assert digests(tmp_path / "link") == (true_digests(folder), "")


def test_no_flipped_byte_gives_a_wrong_digest(folder, tmp_path):
    digests(folder)
    content = table(tmp_path).read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1
        table(tmp_path).write_bytes(flipped)
        assert digests(folder) == (true_digests(folder), "abc")


@pytest.mark.parametrize("size", [0, 10, 65, 100])
def test_a_truncated_table_is_replaced(folder, tmp_path, size):
    digests(folder)
    os.truncate(table(tmp_path), size)
    assert digests(folder) == (true_digests(folder), "abc")
    assert digests(folder) == (true_digests(folder), "")


def test_without_a_cache_folder_files_are_read(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(folder / "a" / "cache"))
    assert digests(folder) == (true_digests(folder), "abc")
    assert digests(folder) == (true_digests(folder), "abc")
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))
    digests(folder)
    shutil.rmtree(tmp_path / "cache")
    assert digests(folder) == (true_digests(folder), "abc")


def test_a_full_disk_leaves_nothing_behind(folder, tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        found = digests(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert found == (true_digests(folder), "abc")
    assert list((tmp_path / "cache" / "digests").iterdir()) == []


def test_any_user_may_read_the_table(folder, tmp_path):
    mask = os.umask(0o022)
    try:
        digests(folder)
    finally:
        os.umask(mask)
    assert table(tmp_path).stat().st_mode & 0o044 == 0o044


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_that_write_one_table_at_once_leave_a_whole_one(folder, tmp_path):
    children = []
    for name in "abcabcabc":
        child = os.fork()
        if child == 0:
            try:
                for _ in range(30):
                    digests(folder, name, verify=True)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    found, reading = digests(folder)
    assert found == true_digests(folder)
    assert len(reading) < 3
    assert table(tmp_path).suffix == ".json"


@pytest.mark.parametrize("shape", [(10, 2**20), (3,), (5, 0), (0, 4)])
def test_row_chunks_cover_every_row_once(shape):
    array = np.zeros(shape, "float32")
    rows = [start + row for start, some in row_chunks(array) for row in range(len(some))]
    assert rows == list(range(shape[0]))


def test_the_digest_covers_every_byte_of_a_large_array():
    array = np.zeros((9, 2**20), "uint8")
    digests = {content_digest(array)}
    for row in range(9):
        array[row, -1] = 1
        digests.add(content_digest(array))
    assert len(digests) == 10
    assert content_digest(array, 224) != content_digest(array, 225)
