import errno
import os
import time
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageOps

from tltk._cache import clear_cache, list_cache
from tltk._cache import pictures as kept_pictures
from tltk.inputs import _pictures, image_folder, read_image
from tltk.inputs import decoding as decoding_module

LONG_AGO = time.time_ns() - 10**12
ALL = np.arange(12)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path):
    """Twelve JPEGs of noise, 64 x 96 pixels, in two classes."""
    random = np.random.default_rng(0)
    for number in range(12):
        coarse = Image.fromarray(random.integers(0, 256, (8, 12, 3), "uint8"))
        write(tmp_path / "photos" / "ab"[number % 2] / f"{number:02}.jpg", coarse.resize((96, 64)))
    return tmp_path / "photos"


def write(path, image, changed=LONG_AGO):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    os.utime(path, ns=(changed, changed))


@pytest.fixture
def work(monkeypatch):
    """What is done from now on: `read` and `decoded` are counted."""
    done = SimpleNamespace(read=0, decoded=0)
    read, decode = _pictures.read_bytes, _pictures.decoded

    def counted_read(path):
        done.read += 1
        return read(path)

    def counted_decode(*arguments, **options):
        done.decoded += 1
        return decode(*arguments, **options)

    monkeypatch.setattr(_pictures, "read_bytes", counted_read)
    monkeypatch.setattr(_pictures, "decoded", counted_decode)

    def since():
        found = done.read, done.decoded
        done.read = done.decoded = 0
        return found

    return since


def train_of(folder, size=16, **settings):
    return image_folder(folder, size, val=0, test=0, **settings).train


def by_name(split):
    return dict(zip(split.names, split.fetch(np.arange(split.count)), strict=True))


def assert_equal_rows(found, expected):
    assert found.keys() == expected.keys()
    for name, pixels in found.items():
        np.testing.assert_array_equal(pixels, expected[name])


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("resize", decoding_module.RESIZE_METHODS)
def test_rows_are_what_read_image_gives(photos, resize, exact, cache):
    split = train_of(photos, (16, 20), resize=resize, exact=exact, cache=cache)
    expected = {
        name: read_image(photos / name, (16, 20), resize, exact=exact) for name in split.names
    }
    assert_equal_rows(by_name(split), expected)
    np.testing.assert_array_equal(split.fetch([3, 3, 0]), split.fetch(ALL)[[3, 3, 0]])
    assert split.fetch(ALL).dtype == np.uint8
    assert [row["kind"] for row in list_cache()] == ["pictures"] * cache + ["digests"]


def test_in_full_crop_is_pillows(photos):
    split = train_of(photos, 24, resize="crop", exact=True)
    with Image.open(photos / split.names[5]) as image:
        expected = np.asarray(ImageOps.fit(image, (24, 24)))
    np.testing.assert_array_equal(split.fetch([5])[0], expected)


def test_each_picture_is_decoded_once(photos, work):
    split = train_of(photos)
    assert work() == (12, 12)
    before = by_name(split)
    split.fetch(ALL)
    assert_equal_rows(by_name(train_of(photos, seed=1)), before)
    assert_equal_rows(by_name(train_of(photos, verify=True)), before)
    assert work() == (12, 0)  # to verify
    assert len(image_folder(photos, 16, val=0.3, test=0.3, seed=2).test.fetch(np.arange(4))) == 4
    assert work() == (0, 0)
    [row] = [row for row in list_cache() if row["kind"] == "pictures"]
    assert row["examples"] == 12


def test_another_size_is_decoded_at_its_first_use(photos, work):
    train_of(photos)
    work()
    split = train_of(photos, 24)
    assert work() == (0, 0)
    before = split.fetch(ALL[:8])
    assert work() == (8, 8)
    mixed = split.fetch(ALL[4:])
    assert work() == (4, 4)
    np.testing.assert_array_equal(before[4:], mixed[:4])
    np.testing.assert_array_equal(mixed, split.fetch(ALL)[4:])
    assert work() == (0, 0)


def test_a_new_file_alone_is_decoded(photos, work):
    train_of(photos)
    work()
    write(photos / "a" / "new.jpg", Image.new("RGB", (96, 64), (200, 0, 0)))
    assert by_name(train_of(photos))["a/new.jpg"].mean(axis=(0, 1)).round().tolist()[1:] == [0, 0]
    assert work() == (1, 1)


def test_a_renamed_picture_is_read_but_not_decoded(photos, work):
    before = by_name(train_of(photos))["a/04.jpg"]
    work()
    (photos / "a" / "04.jpg").rename(photos / "a" / "renamed.jpg")
    np.testing.assert_array_equal(by_name(train_of(photos))["a/renamed.jpg"], before)
    assert work() == (1, 0)


def test_a_file_that_was_touched_is_read_once_more(photos, work):
    split = train_of(photos)
    before = by_name(split)
    work()
    os.utime(photos / split.names[3], ns=(LONG_AGO + 5, LONG_AGO + 5))
    assert_equal_rows(by_name(split), before)
    assert work() == (1, 0)
    assert_equal_rows(by_name(split), before)
    assert work() == (0, 0)


@pytest.mark.parametrize("changed", [LONG_AGO, LONG_AGO + 1], ids=["same time", "another"])
@pytest.mark.parametrize("cache", [True, False])
def test_a_file_that_changed_is_refused_in_use_and_decoded_by_the_next_call(
    photos, changed, cache, work
):
    split = train_of(photos, cache=cache)
    before = by_name(split)
    size = (photos / "b" / "03.jpg").stat().st_size
    write(photos / "b" / "03.jpg", Image.new("RGB", (96, 64), (9, 200, 9)), changed)
    with open(photos / "b" / "03.jpg", "ab") as file:
        file.write(bytes(size - file.tell()))
    os.utime(photos / "b" / "03.jpg", ns=(changed, changed))
    if os.name != "nt" or changed != LONG_AGO:
        with pytest.raises(ValueError, match=r"stay as it was.* Received: .*03\.jpg, changed"):
            by_name(split)
        after = by_name(train_of(photos, cache=cache))
        assert abs(int(after.pop("b/03.jpg")[8, 8, 1]) - 200) < 4
        before.pop("b/03.jpg")
        assert_equal_rows(after, before)


def test_a_file_that_is_gone_is_told(photos):
    split = train_of(photos)
    (photos / "b" / "03.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"03\.jpg"):
        by_name(split)


def test_a_file_that_was_written_just_now_is_read_at_each_use(photos, work):
    """Within a step of the file system's clock it could change and keep its times."""
    now = time.time_ns() + 10**11
    os.utime(photos / "a" / "00.jpg", ns=(now, now))
    split = train_of(photos)
    work()
    for _ in range(2):
        by_name(split)
        assert work() == (1, 0)
    write(photos / "a" / "00.jpg", Image.new("RGB", (96, 64)), now)
    with pytest.raises(ValueError, match=r"00\.jpg, changed since it was loaded"):
        by_name(split)


def test_verify_reads_all_and_notices_what_no_stamp_tells(photos, monkeypatch, work):
    monkeypatch.setattr("tltk._cache.digests.file_stamp", lambda path: [12, LONG_AGO])
    before = by_name(train_of(photos))
    write(photos / "b" / "03.jpg", Image.new("RGB", (96, 64), (9, 200, 9)))
    assert_equal_rows(by_name(train_of(photos)), before)
    work()
    after = by_name(train_of(photos, verify=True))
    assert work() == (12, 1)
    assert not np.array_equal(after["b/03.jpg"], before["b/03.jpg"])


def test_a_damaged_file_is_left_out_as_before(photos):
    content = (photos / "a" / "04.jpg").read_bytes()
    (photos / "a" / "04.jpg").write_bytes(content[: len(content) * 2 // 3])
    for settings in ({}, {"cache": False}, {"size": 24}):
        with pytest.warns(UserWarning, match=r"1 of 12 pictures cannot be read.*a/04\.jpg"):
            assert "a/04.jpg" not in by_name(train_of(photos, **settings))
    with pytest.raises(ValueError, match=r"whole file.*04\.jpg"):
        train_of(photos, on_error="raise")


def test_a_deep_picture_keeps_its_note(photos, work):
    deep = np.full((20, 20), 60_000, "uint16")
    deep[0, 0] = 65_000
    write(photos / "a" / "deep.png", Image.fromarray(deep))
    digest = train_of(photos).digest
    work()
    assert train_of(photos, verify=True).digest == digest
    assert work() == (13, 0)
    dark = image_folder(photos, 16, val=0, test=0, cache=False).train
    assert dark.digest == digest


def test_the_digest_covers_the_road_and_the_decoder(photos, monkeypatch):
    digests = {train_of(photos).digest, train_of(photos, exact=True).digest}
    assert train_of(photos, cache=False).digest in digests
    monkeypatch.setattr(_pictures, "decoder_version", lambda: "Pillow 1.0, libjpeg 62")
    split = train_of(photos)
    digests.add(split.digest)
    assert len(digests) == 3


def test_another_decoder_reads_no_rows_of_the_first(photos, monkeypatch, work):
    by_name(train_of(photos))
    work()
    monkeypatch.setattr(_pictures, "decoder_version", lambda: "Pillow 1.0, libjpeg 62")
    by_name(train_of(photos))
    assert work() == (12, 12)


def test_without_room_pictures_are_decoded_at_each_use_and_that_is_said(photos, monkeypatch, work):
    expected = by_name(train_of(photos, cache=False))
    free = SimpleNamespace(free=12 * 16 * 16 * 3 * 2 - 1)
    monkeypatch.setattr(kept_pictures.shutil, "disk_usage", lambda _: free)
    work()
    with pytest.warns(UserWarning, match=r"at most half of .* Received: .* for 12, .* cache=False"):
        split = train_of(photos)
    for _ in range(2):
        assert_equal_rows(by_name(split), expected)
        assert work() == (12, 12)
    free.free += 1
    assert_equal_rows(by_name(train_of(photos)), expected)
    assert work() == (12, 12)
    assert_equal_rows(by_name(train_of(photos)), expected)
    assert work() == (0, 0)


@pytest.mark.skipif(os.name == "nt", reason="permissions are others")
def test_a_cache_folder_that_cannot_be_written_loses_nothing(photos, tmp_path, monkeypatch):
    expected = by_name(train_of(photos))
    monkeypatch.setenv("TLTK_CACHE", str(photos / "a" / "00.jpg"))
    with pytest.warns(UserWarning, match="Received: Not a directory"):
        assert_equal_rows(by_name(train_of(photos)), expected)
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept_pictures, "_opened_to_write", full)
    expected = by_name(train_of(photos, 24, cache=False))
    for settings in ({}, {"verify": True}):  # in the first use, and while loading
        with pytest.warns(UserWarning, match="Received: .*No space left on device"):
            assert_equal_rows(by_name(split := train_of(photos, 24, **settings)), expected)
        assert_equal_rows(by_name(split), expected)


def test_without_a_home_folder_nothing_is_kept_and_that_is_said(photos, monkeypatch):
    def homeless(*_):
        raise OSError("no home folder")

    expected = by_name(train_of(photos, cache=False))
    monkeypatch.setattr(_pictures, "KeptPictures", homeless)
    with pytest.warns(UserWarning, match="Received: no home folder, and no TLTK_CACHE") as said:
        assert_equal_rows(by_name(train_of(photos)), expected)
    assert [warning.filename for warning in said] == [__file__]
    assert_equal_rows(by_name(train_of(photos, cache=False)), expected)


def test_what_was_decoded_before_a_folder_was_refused_is_kept(photos, work):
    (photos / "b" / "11.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"11\.jpg"):
        train_of(photos, on_error="raise")
    work()
    (photos / "b" / "11.jpg").unlink()
    assert len(by_name(train_of(photos))) == 11
    assert work() == (0, 0)


def test_cleared_while_in_use_pictures_stay_as_they_are(photos):
    split = train_of(photos)
    expected = by_name(split)
    clear_cache()
    assert_equal_rows(by_name(split), expected)
    other = train_of(photos, 24)
    clear_cache()
    assert_equal_rows(by_name(other), by_name(train_of(photos, 24, cache=False)))


def test_a_large_need_of_disk_is_told(photos, monkeypatch, capsys):
    monkeypatch.setattr(_pictures, "_WORTH_TELLING", 1000)
    train_of(photos)
    assert "Keeping decoded pictures: 12, 0.0 MB in " in capsys.readouterr().out
    train_of(photos)
    assert capsys.readouterr().out == ""


def test_memory_does_not_grow_with_the_pictures(tmp_path, monkeypatch):
    for number in range(300):
        file = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        write(file, Image.new("L", (9, number + 1)))
    monkeypatch.setattr(_pictures, "_WAITING", 2**20)
    tracemalloc.start()
    split = train_of(tmp_path / "photos", 128)
    for start in range(0, 300, 30):
        split.fetch(np.arange(start, start + 30))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 * 128 * 128 * 3 / 2
