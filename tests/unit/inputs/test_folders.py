"""The one reading rule, tried on pictures, sounds and texts."""

import os
import sys
import unicodedata

import numpy as np
import PIL
import pytest
import soundfile
from PIL import Image

from tltk.inputs import audio_folder, image_folder, text_folder
from tltk.inputs.decoding import decoder_version

COMPOSED, PARTED = (unicodedata.normalize(form, "éléphant") for form in ("NFC", "NFD"))
RNG = np.random.default_rng(0)
only_posix = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")


def picture(path, kind="png"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (9, 8, 3), "uint8")).save(path, kind)


def sound(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, RNG.normal(size=2000) * 0.1, 8000, format="WAV")


def text(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"words {RNG.random()}")


def pictures_of(path, **settings):
    return image_folder(path, **{"image_size": 8, "val": 0, "test": 0, **settings})


def sounds_of(path):
    return audio_folder(path, seconds=0.25, rate=8000, val=0, test=0)


def texts_of(path):
    return text_folder(path, val=0, test=0)


def files_of(splits):
    return sorted(name.split("@")[0] for name in splits.files["train"])


EVERY_READER = pytest.mark.parametrize(
    ("write", "read"),
    [(picture, pictures_of), (sound, sounds_of), (text, texts_of)],
    ids=["pictures", "sounds", "texts"],
)


@EVERY_READER
def test_content_decides_and_hidden_files_are_out(tmp_path, write, read):
    names = ["a.JPG", "web.jpg?w=640", "IMG 2021.05.03", "b.txt", "photo.jpeg.bak", "none", "c.WAV"]
    names = [name for name in names if not (write is text and name in ("a.JPG", "c.WAV"))]
    names = [name for name in names if not (write is sound and name == "a.JPG")]
    names = [name for name in names if not (write is picture and name == "c.WAV")]
    hidden = ["._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "a.jpg:Zone.Identifier"]
    if sys.platform == "win32":  # which has no such names
        names.remove("web.jpg?w=640")
        hidden.remove("a.jpg:Zone.Identifier")
    folders = [".ipynb_checkpoints", "__MACOSX", "@eaDir"]
    for label in ("cat", "dog"):
        for name in [*names, *hidden, *(f"{folder}/x" for folder in folders)]:
            write(tmp_path / label / name)
    for folder in folders:
        write(tmp_path / folder / "x")
    splits = read(tmp_path)
    assert splits.class_names == ("cat", "dog")
    assert files_of(splits) == sorted(f"{c}/{name}" for c in ("cat", "dog") for name in names)


@EVERY_READER
def test_what_is_passed_over_is_counted_by_suffix(tmp_path, write, read):
    for label in ("cat", "dog"):
        for number in range(2):
            write(tmp_path / label / f"{number}")
            (tmp_path / label / f"{number}.XML").write_bytes(b"\0")
        (tmp_path / label / "list").write_bytes(b"\0")
    message = "by their content are passed over. Received: 6 in .*: 4 .xml, 2 without suffix."
    with pytest.warns(UserWarning, match=message):
        assert len(files_of(read(tmp_path))) == 4


@only_posix
@EVERY_READER
def test_links_are_followed_once_and_loops_and_pipes_are_not_entered(tmp_path, write, read):
    for number in range(3):
        write(tmp_path / "store" / "session" / f"{number}")
    for label in ("cat", "dog"):
        write(tmp_path / "data" / label / "own")
        place = tmp_path / "data" / label
        (place / "again").symlink_to(tmp_path / "data")
        (place / "up").symlink_to("..")
        (place / "self").symlink_to("self")
        (place / "same").symlink_to(place)
        os.mkfifo(place / "pipe")
    (tmp_path / "data" / "cat" / "linked").symlink_to(tmp_path / "store")
    (tmp_path / "data" / "cat" / "once more").symlink_to(tmp_path / "store")
    with pytest.warns(UserWarning, match="passed over. Received: 4 in .*: 4 without suffix"):
        splits = read(tmp_path / "data")
    files = [f"cat/linked/session/{number}" for number in range(3)]
    assert files_of(splits) == sorted([*files, "cat/own", "dog/own"])


@only_posix
def test_links_that_lead_nowhere_and_pipes_called_pictures_are_bad_pictures(tmp_path):
    for label in ("cat", "dog"):
        picture(tmp_path / label / "1.png")
    (tmp_path / "cat" / "gone.png").symlink_to(tmp_path / "none.png")
    os.mkfifo(tmp_path / "dog" / "pipe.png")
    with pytest.warns(UserWarning, match=r"2 of 4 pictures cannot be read .*gone\.png, dog/pipe"):
        assert len(files_of(pictures_of(tmp_path))) == 2
    (tmp_path / "cat" / "gone.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"pipe\.png \(a pipe or a device\)"):
        pictures_of(tmp_path, on_error="raise")


def unicode_forms_stay(folder):
    (folder / PARTED).mkdir(parents=True)
    return (folder / PARTED).name in os.listdir(folder) and not (folder / COMPOSED).exists()


@EVERY_READER
def test_names_in_two_unicode_forms_are_one(tmp_path, write, read):
    if not unicode_forms_stay(tmp_path / "try"):
        pytest.skip("the file system has one form only")
    for part, form in (("train", COMPOSED), ("test", PARTED)):
        for label in (form, "dog"):
            write(tmp_path / "parts" / part / label / "1")
    assert read(tmp_path / "parts").class_names == ("dog", COMPOSED)
    for label in (COMPOSED, PARTED, "dog"):
        write(tmp_path / "one" / label / f"{len(label)}")
    splits = read(tmp_path / "one")
    assert splits.class_names == ("dog", COMPOSED)
    assert len(files_of(splits)) == 3
    write(tmp_path / "one" / PARTED / f"{len(COMPOSED)}")
    with pytest.raises(ValueError, match="must have a name of its own.*in their Unicode form only"):
        read(tmp_path / "one")


def test_groups_are_found_by_names_in_any_unicode_form(tmp_path):
    for label in (PARTED, "dog"):
        for number in range(4):
            picture(tmp_path / label / f"{number}.png")
    groups = {f"{label}/{n}.png": n // 2 for label in (PARTED, "dog") for n in range(4)}
    splits = pictures_of(tmp_path, groups=groups, val=0.5)
    assert len(splits.files["train"]) == len(splits.files["val"]) == 4


@only_posix
def test_a_class_whose_name_is_no_utf8_is_refused(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    try:
        os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    except OSError:
        pytest.skip("the file system refuses it")
    with pytest.raises(ValueError, match=r"in UTF-8. Received: b'caf\\xe9'"):
        pictures_of(tmp_path)


def test_classes_that_differ_in_capitals_or_blanks_are_told(tmp_path):
    for label in ("a", "A b", "a  B"):
        picture(tmp_path / label / "1.png")
    if len(os.listdir(tmp_path)) < 3:
        pytest.skip("the file system takes them for one")
    with pytest.warns(
        UserWarning, match="more than capitals and blanks. Received: 'A b' and 'a  B'"
    ):
        assert len(pictures_of(tmp_path).class_names) == 3


@EVERY_READER
@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["OK", "NG", "test"], "with test beside NG, OK. Where test is a part .* it is a class"),
        (["bus", "car", "train"], "with train beside bus, car."),
        (["bus", "car", "train/steam", "train/diesel"], "with train beside bus, car."),
        (["cat", "dog", "test/cat", "test/dog"], "with test beside cat, dog."),
        (["cat", "dog", "Validation", "masks"], "with Validation beside cat, dog, masks."),
        (["train", "test"], "with test, train, and train without subfolder"),
        (["val/a", "val/b", "test/a", "test/b"], "with test, val, and no folder called train"),
        (["train/a", "train/b", "test"], "test without any. Sort its files into a, b"),
        (["cat/train", "cat/test", "dog/train", "dog/test"], "Turn the order round: test/cat"),
        (["fold1/a", "fold1/b", "fold2/a", "fold2/b"], "with fold1, fold2, which all hold a, b"),
    ],
)
def test_parts_beside_classes_are_refused_with_both_ways_out(
    tmp_path, write, read, folders, message
):
    for folder in folders:
        write(tmp_path / folder / "1")
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_a_data_set_of_its_own_and_other_files_may_lie_beside_the_parts(tmp_path):
    for part in ("train", "valid", "sample/train", "sample/valid"):
        for label in ("cat", "dog"):
            picture(tmp_path / part / label / "1.png")
    text(tmp_path / "annotations" / "1.txt")
    assert pictures_of(tmp_path).class_names == ("cat", "dog")


@EVERY_READER
def test_a_folder_that_may_not_be_read_is_named(tmp_path, write, read, monkeypatch):
    for label in ("cat", "dog"):
        write(tmp_path / label / "1")
    scandir = os.scandir

    def refused(path):
        if os.fspath(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(
        PermissionError, match=r"may read. Received: .*dog \(Permission denied\). Ch"
    ):
        read(tmp_path)


@EVERY_READER
@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("", ValueError, "A path is a string or a pathlib.Path, and not empty. Received: path=''"),
        ("  ", ValueError, "Received: path='  '"),
        (None, ValueError, "Received: path=None"),
        (3, ValueError, "Received: path=3"),
        ("a\0b", ValueError, "Received: path='a.x00b'"),
        ("no such folder", FileNotFoundError, "no such folder, which is not there"),
        (__file__, FileNotFoundError, "which is a file"),
        ("x" * 5000, FileNotFoundError, "out of reach"),
    ],
)
def test_what_is_no_folder_is_told(write, read, path, error, message):
    with pytest.raises(error, match=message):
        read(path)


def test_deep_pictures_that_are_dark_are_told_at_every_load(tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(2):
            values = RNG.integers(0, 4096, (9, 8)).astype("uint16")
            values[0, 0] = 4000 + number
            file = tmp_path / label / f"{number}.png"
            Image.fromarray(values).save(file)
            os.utime(file, (1, 1))
    for _ in range(2):  # the second time from the table of digests
        with pytest.warns(UserWarning, match=r"4 pictures of .*, whose values reach \d+ of 65535"):
            splits = pictures_of(tmp_path)
    assert splits.train.fetch(np.arange(4)).max() <= 20


def test_the_reader_tells_how_it_prepared_the_pictures(tmp_path):
    for label in ("cat", "dog"):
        for number in range(4):
            picture(tmp_path / label / f"{number}.png")
    splits = pictures_of(tmp_path, image_size=(8, 6), resize="nearest", val=0.3)
    expected = {"kind": "images", "size": [8, 6], "channels": 3, "resize": "nearest"}
    expected |= {"road": "reduced", "decoder": decoder_version()}
    assert splits.train.preparation == expected
    assert splits.val.preparation == expected
    exact = pictures_of(tmp_path, image_size=(8, 6), resize="nearest", exact=True)
    assert exact.train.preparation == expected | {"road": "exact"}
    assert f"Pillow {PIL.__version__}, libjpeg" in expected["decoder"]
