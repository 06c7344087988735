import shutil
import warnings

import numpy as np
import pytest
from PIL import Image

from tltk.inputs import _folders as parts
from tltk.inputs._folders import Picture, has_copies, warn_of_copies
from tltk.inputs.images import image_folder

PARTS = ("train", "val", "test")


def fill(folder, count, first):
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        Image.new("RGB", (6, 6), (number, 9, 0)).save(folder / f"{number:03d}.png")


@pytest.fixture
def photos(tmp_path):
    fill(tmp_path / "cat", 20, 0)
    fill(tmp_path / "dog", 20, 100)
    return tmp_path


def copy(root, source, target):
    shutil.copy(root / source, root / target)


def side_of(files):
    return {name: part for part in PARTS for name in files[part]}


def pictures_of(*rows):
    return [Picture(None, *row) for row in rows]


@pytest.mark.parametrize("seed", range(5))
def test_copies_stay_on_one_side_of_a_stratified_split(photos, seed):
    for number in range(5):
        copy(photos, f"cat/{number:03d}.png", f"cat/copy{number}.png")
    with pytest.warns(UserWarning, match="10 byte-identical files of 5 pictures") as caught:
        files = image_folder(photos, 8, seed=seed).files
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "cat/000.png = cat/copy0.png, cat/001.png = cat/copy1.png" in message
    assert "and 2 more. Within one part they stay on one side" in message
    assert "classes" not in message
    side = side_of(files)
    assert all(side[f"cat/{n:03d}.png"] == side[f"cat/copy{n}.png"] for n in range(5))
    for label, count in (("cat", 25), ("dog", 20)):
        sizes = [sum(name.startswith(label) for name in files[part]) for part in PARTS]
        np.testing.assert_allclose(sizes, np.array([0.6, 0.2, 0.2]) * count, atol=1)


def test_without_copies_the_split_needs_no_groups(photos, monkeypatch):
    asked = []
    split_rows = parts.split_rows
    monkeypatch.setattr(
        parts, "split_rows", lambda *a, **k: asked.append(k["groups"]) or split_rows(*a, **k)
    )
    image_folder(photos, 8)
    assert asked == [None]


def test_a_picture_of_two_classes_is_named(photos):
    copy(photos, "cat/003.png", "dog/same.png")
    with pytest.warns(UserWarning, match=r"With two labels.*: cat/003\.png = dog/same\.png\.$"):
        files = image_folder(photos, 8).files
    side = side_of(files)
    assert side["cat/003.png"] == side["dog/same.png"]


def test_a_picture_in_two_existing_folders_is_named_and_left_there(photos, tmp_path_factory):
    root = tmp_path_factory.mktemp("cut")
    shutil.copytree(photos, root / "train")
    fill(root / "test" / "cat", 2, 50)
    fill(root / "test" / "dog", 2, 150)
    copy(root, "train/cat/007.png", "test/cat/seen.png")
    found = r"In two of the parts .*, remove one: train/cat/007\.png = test/cat/seen\.png\.$"
    with pytest.warns(UserWarning, match=found):
        files = image_folder(root, 8).files
    assert "test/cat/seen.png" in files["test"]
    assert "train/cat/007.png" in files["train"] + files["val"]


def test_groups_decide_and_copies_across_them_are_named(photos):
    copy(photos, "cat/003.png", "cat/same.png")
    with pytest.warns(
        UserWarning, match=r"In two groups.*: cat/003\.png = cat/same\.png"
    ) as caught:
        image_folder(photos, 8, groups=lambda path: path.name)
    assert "stay on one side" not in str(caught[0].message)


def test_many_copies_of_one_picture_are_abbreviated():
    many = pictures_of(*[(f"{n}.png", "train", "cat", None, "same") for n in range(9)])
    with pytest.warns(
        UserWarning, match=r"9 byte-identical files of 1 picture: 0\.png = "
    ) as caught:
        warn_of_copies(many)
    assert "4.png" not in str(caught[0].message)


def test_different_pictures_pass_in_silence():
    different = pictures_of(*[(f"{n}.png", "train", "cat", None, str(n)) for n in range(3)])
    assert not has_copies(different)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_copies(different)
