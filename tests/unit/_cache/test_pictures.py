import gc
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tltk._cache import Decoded, KeptPictures, clear_cache, list_cache, locked
from tltk._cache import pictures as module

SHAPE = (3, 4, 3)
ROW = 36


def some(numbers, shape=SHAPE):
    """Rows whose source, note and pixels all tell their number."""
    return [Decoded(source(number), number, np.full(shape, number, "uint8")) for number in numbers]


def rows_file(kept):
    [path] = kept.folder.glob(f"*{module.ROWS}")
    return path


def source(number):
    return bytes([number]) * 32


def numbers_in(kept, numbers):
    """The values of the rows of these numbers, None for those that are not kept."""
    places = kept.places(map(source, numbers))
    rows = kept.rows(places[places >= 0])
    assert rows.shape[1:] == kept.shape
    assert all(len(np.unique(row)) == 1 for row in rows)
    values = iter(rows[:, 0, 0, 0].tolist())
    assert [kept.note(place) for place in places[places >= 0]] == rows[:, 0, 0, 0].tolist()
    return [next(values) if place >= 0 else None for place in places]


@pytest.fixture
def kept():
    kept = KeptPictures("a", SHAPE)
    kept.add(some([5, 6, 7]))
    assert kept.failed is None
    return kept


def test_rows_come_back_by_their_source_in_any_order(kept):
    for reader in (kept, KeptPictures("a", SHAPE)):
        assert numbers_in(reader, [7, 5, 8, 5, 6]) == [7, 5, None, 5, 6]
        assert reader.rows(np.array([], int)).shape == (0, *SHAPE)
    assert numbers_in(KeptPictures("b", SHAPE), [5]) == [None]


def test_a_reader_sees_what_another_adds(kept):
    other = KeptPictures("a", SHAPE)
    kept.add(some([8, 9]))
    assert numbers_in(other, [5, 9, 8]) == [5, 9, 8]
    other.add(some([10]))
    assert numbers_in(kept, [10, 9]) == [10, 9]


def test_a_row_is_kept_once(kept):
    other = KeptPictures("a", SHAPE)
    kept.add(some([8, 8]))
    other.add(some([5, 8, 9]))
    assert rows_file(other).stat().st_size == 5 * ROW
    assert other.count == 5


def test_no_flipped_byte_gives_a_wrong_row(kept):
    for path in (rows_file(kept), kept.folder / module.LIST):
        content = path.read_bytes()
        for at in range(len(content)):
            flipped = bytearray(content)
            flipped[at] ^= 4
            path.write_bytes(flipped)
            found = numbers_in(KeptPictures("a", SHAPE), [5, 6, 7])
            assert set(zip([5, 6, 7], found, strict=True)) <= {
                *zip([5, 6, 7], [5, 6, 7], strict=True),
                *zip([5, 6, 7], [None] * 3, strict=True),
            }
            lost = 3 if path.name == module.LIST and at < module.TAG else 1
            assert found.count(None) == lost
        path.write_bytes(content)


def test_a_damaged_row_is_kept_again(kept):
    with rows_file(kept).open("r+b") as file:
        file.seek(ROW)
        file.write(b"x")
    reader = KeptPictures("a", SHAPE)
    assert numbers_in(reader, [5, 6, 7]) == [5, None, 7]
    reader.add(some([6]))
    assert numbers_in(reader, [5, 6, 7]) == [5, 6, 7]
    assert numbers_in(KeptPictures("a", SHAPE), [5, 6, 7]) == [5, 6, 7]


@pytest.mark.parametrize("which", [0, 1])
def test_cut_off_anywhere_the_whole_rows_are_read_and_others_follow(kept, which):
    paths = rows_file(kept), kept.folder / module.LIST
    contents = [path.read_bytes() for path in paths]
    for size in range(len(contents[which])):
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content[: size if path is paths[which] else None])
        reader = KeptPictures("a", SHAPE)
        whole = max(0, size - module.TAG) // 40 if which else size // ROW
        assert numbers_in(reader, [5, 6, 7]) == [5, 6, 7][:whole] + [None] * (3 - whole)
        reader.add(some([6, 7, 8]))
        expected = [5 if whole else None, 6, 7, 8]
        assert numbers_in(reader, [5, 6, 7, 8]) == expected
        assert numbers_in(KeptPictures("a", SHAPE), [5, 6, 7, 8]) == expected


class HalfWritten:
    """A file of which one write, counted over all files, ends half-way with the process."""

    left = 0

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def seek(self, place):
        self.file.seek(place)

    def write(self, content):
        HalfWritten.left -= 1
        self.file.write(bytes(content)[: None if HalfWritten.left else len(bytes(content)) // 2])
        if not HalfWritten.left:
            self.file.flush()
            os._exit(9)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_is_killed_while_adding_loses_no_row_that_was_kept(kept):
    before = module._opened_to_write
    for writes in range(1, 4):  # the row, the tag and the entry
        child = os.fork()
        if child == 0:
            HalfWritten.left = writes
            module._opened_to_write = lambda path: HalfWritten(before(path))
            KeptPictures("a", SHAPE).add(some([8]))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        assert numbers_in(KeptPictures("a", SHAPE), range(5, 9)) == [5, 6, 7, None]
    kept.add(some([8, 9]))
    assert numbers_in(kept, range(5, 10)) == [5, 6, 7, 8, 9]


def test_while_another_adds_rows_are_not_kept_and_nothing_waits(kept):
    with locked(kept.folder):
        kept.add(some([8]))
    assert (numbers_in(kept, [7, 8]), kept.adds, kept.failed) == ([7, None], True, None)
    kept.add(some([8]))
    assert numbers_in(kept, [7, 8]) == [7, 8]


def test_what_was_cleared_is_read_on_but_not_added_to(kept):
    if os.name == "nt":
        pytest.skip("keeps mapped files")
    numbers_in(kept, [5])
    clear_cache()
    assert numbers_in(kept, [5, 6, 8]) == [5, 6, None]
    kept.add(some([8]))
    assert (kept.adds, kept.failed) == (False, None)
    assert list_cache() == []
    anew = KeptPictures("a", SHAPE)
    anew.add(some([9, 9, 7]))
    assert numbers_in(anew, [5, 7, 9]) == [None, 7, 9]
    assert numbers_in(kept, [5, 6, 9]) == [5, 6, None]


def test_a_list_begun_anew_leaves_the_rows_of_a_reader_alone(kept):
    """On Windows a file that is read stays where it is cleared."""
    assert numbers_in(kept, [5, 6, 7]) == [5, 6, 7]
    content = rows_file(kept).read_bytes()
    (kept.folder / module.LIST).unlink()
    anew = KeptPictures("a", SHAPE)
    anew.add(some([9, 8]))
    assert numbers_in(anew, [5, 8, 9]) == [None, 8, 9]
    kept.add(some([4]))
    assert numbers_in(kept, [5, 6, 7, 4]) == [5, 6, 7, None]
    assert rows_file(anew).read_bytes() != content
    assert numbers_in(KeptPictures("a", SHAPE), [5, 4, 8, 9]) == [None, None, 8, 9]


def test_it_is_listed_and_cleared(kept):
    [row] = list_cache()
    assert (row["kind"], row["key"], row["examples"], row["days"]) == ("pictures", "a", 3, 0)
    assert clear_cache() * 1e6 == pytest.approx(3 * ROW + module.TAG + 3 * 40)
    assert list_cache() == []


def test_too_little_room_is_a_reason_against(kept, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=100 * ROW))
    assert kept.reason_against(-3) is None
    assert kept.reason_against(50) is None
    reason = kept.reason_against(51)
    assert reason == f"0.0 MB for 51, and 0.0 MB free in {kept.folder}"
    kept.add(some([8]))
    assert numbers_in(kept, [5, 8]) == [5, None]


def test_a_full_disk_is_told_and_what_is_there_is_read(kept):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * ROW, limits[1]))
    try:
        kept.add(some([8, 9]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert isinstance(kept.failed, OSError)
    assert numbers_in(kept, [5, 6, 7, 8, 9]) == [5, 6, 7, None, None]
    kept.add(some([8]))
    assert numbers_in(kept, [8]) == [None]
    again = KeptPictures("a", SHAPE)
    again.add(some([8]))
    assert numbers_in(again, [5, 6, 7, 8, 9]) == [5, 6, 7, 8, None]


def test_a_place_that_cannot_be_written_is_a_reason_against(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "file"))
    kept = KeptPictures("a", SHAPE)
    assert numbers_in(kept, [5]) == [None]
    assert "Not a directory" in (kept.reason_against(1) or "")
    other = KeptPictures("a", SHAPE)
    other.add(some([5]))
    assert isinstance(other.failed, OSError)
    assert numbers_in(other, [5]) == [None]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_that_add_at_once_keep_whole_rows(tmp_path):
    children = []
    for start in (0, 20, 10):
        child = os.fork()
        if child == 0:
            try:
                kept = KeptPictures("a", SHAPE)
                for _ in range(20):
                    for number in range(start, start + 40):
                        kept.add(some([number]))
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    kept = KeptPictures("a", SHAPE)
    assert numbers_in(kept, range(60)) == list(range(60))
    assert kept.count == 60


def resident_bytes():
    [line] = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmRSS:" in x]
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_memory_does_not_grow_with_the_rows():
    kept, sources = KeptPictures("a", (128, 128, 3)), []
    for _ in range(32):
        rows = [Decoded(os.urandom(32), 0, np.zeros(kept.shape, "uint8")) for _ in range(32)]
        sources += [row.source for row in rows]
        kept.add(rows)
    kept.rows(kept.places(sources[:32]))
    before, most = resident_bytes(), 0
    for reader in (kept, KeptPictures("a", (128, 128, 3))):
        for start in range(0, 1024, 32):
            assert kept.rows(reader.places(sources[start : start + 32])).shape[0] == 32
            most = max(most, resident_bytes() - before)
    assert most < 1024 * kept.row_bytes / 2


def test_handles_go_with_their_owner(kept):
    readers = [KeptPictures("a", SHAPE) for _ in range(5)]
    assert [numbers_in(reader, [5]) for reader in readers] == [[5]] * 5
    handles = [reader._handle for reader in readers]
    assert all(os.fstat(handle) for handle in handles)
    del readers
    gc.collect()
    for handle in handles:
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(handle)
