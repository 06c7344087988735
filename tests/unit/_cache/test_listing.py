import os
import time

import keras
import numpy as np
import pytest
from PIL import Image

from tltk.__main__ import main
from tltk._cache import DONE, kept_rows
from tltk.inputs import image_folder
from tltk.tuning import clear_cache, extract_features, list_cache

LONG_AGO = time.time_ns() - 10**12


@pytest.fixture
def network():
    return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255)])


@pytest.fixture
def photos(tmp_path):
    """Twenty pictures of two classes, each of one colour and 246 bytes."""
    for number in range(20):
        paint(tmp_path / "photos" / "ab"[number % 2] / f"{number:02}.bmp", number)
    return tmp_path / "photos"


def paint(path, value, changed=LONG_AGO):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (value, 0, 0)).save(path)
    os.utime(path, ns=(changed, changed))


def red_values(network, split, **options):
    features, _ = extract_features(network, split, **options)
    return np.rint(features[:, 0] * 255).astype(int).tolist()


def test_what_was_kept_is_listed_and_cleared(body, pictures, tmp_path):
    assert list_cache() == []
    extract_features(body(), pictures)
    [row] = list_cache()
    assert (row["kind"], row["examples"], row["days"]) == ("features", 60, 0)
    on_disk = sum(p.stat().st_size for p in (tmp_path / "cache").rglob("*") if p.is_file())
    assert clear_cache() == pytest.approx(on_disk / 1e6)
    assert list_cache() == []


def test_an_unfinished_run_has_no_count(tmp_path):
    (tmp_path / "cache" / "features" / "abc").mkdir(parents=True)
    assert list_cache()[0]["examples"] is None


def test_a_damaged_note_has_no_count(body, pictures, tmp_path):
    extract_features(body(), pictures)
    [note] = (tmp_path / "cache").rglob(DONE)
    note.write_text('{"cou')
    assert list_cache()[0]["examples"] is None


def test_tables_of_digests_are_listed_and_cleared(photos):
    image_folder(photos, 8, cache=False)
    assert [row["kind"] for row in list_cache()] == ["digests"]
    assert clear_cache() > 0
    assert list_cache() == []


def test_the_command_line_lists_and_clears(body, pictures, capsys):
    extract_features(body(), pictures)
    assert main(["cache", "--clear"]) == 0
    printed = capsys.readouterr().out
    assert "features" in printed
    assert "Freed 0.0 MB" in printed
    assert list_cache() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_clearing_leaves_a_run_in_progress_alone(tmp_path):
    log = tmp_path / "log"

    def slowly(first):
        for chunk in range(first, 50):
            with log.open("a") as file:
                file.write(f"{chunk}\n")
            time.sleep(0.01)
            yield (np.full((2, 9), chunk, "float32"),)

    kept_rows("finished", 2, 2, lambda first: [(np.ones((2, 9)),)])
    child = os.fork()
    if child == 0:
        try:
            kept_rows("running", 100, 2, slowly)
        finally:
            os._exit(0)
    while not log.exists():
        time.sleep(0.01)
    assert clear_cache() > 0
    assert [row["key"] for row in list_cache()] == ["running"]
    [values] = kept_rows("running", 100, 2, slowly)
    os.waitpid(child, 0)
    assert np.array_equal(values[:, 0], np.repeat(np.arange(50), 2))
    assert list(map(int, log.read_text().split())) == list(range(50))
    clear_cache()
    assert np.array_equal(values[:, 0], np.repeat(np.arange(50), 2))
    assert list_cache() == []


def test_a_changed_picture_gives_new_features(network, photos):
    before = red_values(network, image_folder(photos, 8, val=0, test=0).train)
    paint(photos / "a" / "04.bmp", 200, LONG_AGO + 1)
    after = red_values(network, image_folder(photos, 8, val=0, test=0).train)
    assert after == [200 if value == 4 else value for value in before]


def test_verify_notices_a_change_that_keeps_size_and_time(network, photos):
    split = image_folder(photos, 8, val=0, test=0).train
    before = red_values(network, split)
    paint(photos / "a" / "04.bmp", 200)
    expected = [200 if value == 4 else value for value in before]
    assert red_values(network, split, cache=True, verify=True) == expected
    assert red_values(network, image_folder(photos, 8, val=0, test=0).train) == expected


@pytest.mark.parametrize("verify", [False, True])
def test_a_folder_loaded_again_notices_it_too(network, photos, verify):
    stale = image_folder(photos, 8, val=0, test=0).train
    before = red_values(network, stale)
    paint(photos / "a" / "04.bmp", 200)
    with pytest.raises(ValueError, match=r"04\.bmp, changed since .* with verify=True"):
        stale.fetch(np.arange(20))
    afresh = image_folder(photos, 8, val=0, test=0, verify=verify).train
    assert red_values(network, afresh) == [200 if value == 4 else value for value in before]


def test_verify_leaves_other_data_and_named_data_as_they_are(network, photos, pictures):
    for data in (np.full((2, 8, 8, 3), 51, "uint8"), image_folder(photos, 8).train):
        with_verify, _ = extract_features(network, data, key="mine", verify=True)
        assert np.array_equal(with_verify, extract_features(network, data, key="mine")[0])
        clear_cache()


def test_without_a_cache_folder_one_goes_on_with_cache_false(network, photos, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(photos / "a" / "00.bmp"))
    with pytest.warns(UserWarning, match="Decoded pictures are kept on disk .* cache=False"):
        split = image_folder(photos, 8, val=0, test=0).train
    with pytest.raises(OSError, match=r"must be writable. Received: .*TLTK_CACHE.*cache=False"):
        extract_features(network, split)
    assert sorted(red_values(network, split, cache=False)) == list(range(20))


def test_damaged_features_are_announced_and_computed_again(network, photos, tmp_path, capsys):
    split = image_folder(photos, 8, val=0, test=0).train
    before = red_values(network, split)
    for size in (None, 200):
        [kept] = (tmp_path / "cache").rglob("0.npy")
        content = bytearray(kept.read_bytes())
        content[-2] ^= 64
        kept.write_bytes(content[:size])
        assert red_values(network, split, verbose=True) == before
        assert "damaged and are computed again" in capsys.readouterr().out


def test_the_need_of_disk_is_printed(network, photos, capsys):
    split = image_folder(photos, 8, val=0, test=0).train
    extract_features(network, split, verbose=True)
    assert "Computing features once: 20 x 3, 0.0 MB in" in capsys.readouterr().out
    extract_features(network, split, verbose=True)
    assert "Reading the features kept in" in capsys.readouterr().out
