import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tltk.inputs import _folders as folders
from tltk.inputs.images import image_folder
from tltk.inputs.splits import split_rows


def add(root, folder, count, first=0, kind="png"):
    """Adds pictures of one colour each, which is their number."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        Image.new("RGB", (12, 10), (number, 0, 7)).save(root / folder / f"{number:03d}.{kind}")


def pairs(split):
    pictures, labels = zip(*[(x, y) for x, y in split], strict=True)
    return np.concatenate(pictures), np.concatenate(labels)


@pytest.fixture
def photos(tmp_path):
    add(tmp_path, "dog", 10)
    add(tmp_path, "cat", 20, first=100)
    return tmp_path


def test_every_picture_is_in_one_split_under_its_class_and_name(photos):
    splits = image_folder(photos, image_size=8, batch_size=4, val=0.2, test=0.3)
    assert splits.class_names == ("cat", "dog")
    seen = []
    for part, cats, dogs in (("train", 10, 5), ("val", 4, 2), ("test", 6, 3)):
        pictures, labels = pairs(getattr(splits, part))
        assert pictures.shape == (cats + dogs, 8, 8, 3)
        assert (labels.dtype, pictures.dtype) == (np.int32, np.uint8)
        assert np.bincount(labels).tolist() == [cats, dogs]
        names = splits.files[part]
        assert names == getattr(splits, part).names
        for picture, label, name in zip(pictures, labels, names, strict=True):
            assert name == f"{splits.class_names[label]}/{picture[0, 0, 0]:03d}.png"
        seen += names
    assert sorted(seen) == sorted(p.relative_to(photos).as_posix() for p in photos.rglob("*.png"))


def test_the_split_follows_from_names_and_seed_alone(photos, tmp_path_factory):
    again = shutil.copytree(photos, tmp_path_factory.mktemp("again") / "copy")
    first, copy, other = (
        image_folder(folder, 8, seed=seed)
        for folder, seed in ((photos, 3), (again, 3), (photos, 4))
    )
    assert first.files == copy.files
    assert first.train.digest == copy.train.digest
    assert first.files != other.files


def test_the_digest_covers_content_size_and_resize_method(photos):
    def digest(**options):
        return image_folder(photos, **{"image_size": 8, **options}).train.digest

    digests = {digest(), digest(image_size=9), digest(image_size=(8, 9)), digest(resize="nearest")}
    Image.new("RGB", (12, 10), (1, 2, 3)).save(photos / "cat" / "100.png")
    Image.new("RGB", (12, 10), (3, 2, 1)).save(photos / "cat" / "101.png")
    digests.add(image_folder(photos, 8, val=0, test=0).train.digest)
    assert len(digests) == 5
    assert digest(image_size=(8, 8)) == digest()


def test_upper_case_nested_hidden_and_other_files(photos):
    add(photos, "dog/deeper/still", 1, first=50, kind="JPG")
    add(photos, "dog/.thumbnails", 3)
    add(photos, ".cache", 3)
    add(photos, "__MACOSX", 3)
    (photos / "cat" / ".hidden.jpg").write_bytes(b"")
    (photos / "cat" / "Thumbs.db").write_bytes(b"x")
    (photos / "notes.txt").write_text("x")
    splits = image_folder(photos, 8, val=0, test=0)
    assert splits.class_names == ("cat", "dog")
    assert len(splits.files["train"]) == 31
    assert "dog/deeper/still/050.JPG" in splits.files["train"]


def test_parts_may_be_empty(photos):
    splits = image_folder(photos, 8, val=0.5, test=0)
    assert splits.test is None
    assert [len(splits.files[part]) for part in ("train", "val", "test")] == [15, 15, 0]


def damage(root):
    whole = (root / "cat" / "100.png").read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")
    Image.fromarray(noise).save(root / "cat" / "cut.jpg")
    jpeg = (root / "cat" / "cut.jpg").read_bytes()
    (root / "cat" / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (root / "cat" / "letter.jpg").write_text("Dear aunt")
    (root / "dog" / "zero.gif").write_bytes(b"")
    (root / "dog" / "camera.heic").write_bytes(whole[:20])


def test_corrupt_pictures_are_left_out_and_all_named_in_one_warning(photos):
    damage(photos)
    with pytest.warns(UserWarning, match="4 of 34 pictures cannot be read") as caught:
        splits = image_folder(photos, 8)
    assert len(caught) == 1
    for name in ("cat/cut.jpg", "cat/letter.jpg", "dog/zero.gif", "dog/camera.heic"):
        assert name in str(caught[0].message)
    assert sum(len(names) for names in splits.files.values()) == 30
    assert all(name.endswith(".png") for names in splits.files.values() for name in names)


def test_corrupt_pictures_are_refused_on_request(photos):
    damage(photos)
    with pytest.raises(ValueError, match=r"whole file.*cut\.jpg"):
        image_folder(photos, on_error="raise")


def test_pictures_without_suffix_are_known_by_their_beginning(photos):
    for kind in ("png", "jpeg", "gif", "bmp", "webp"):
        Image.new("RGB", (12, 10), (0, len(kind), 90)).save(photos / "cat" / kind, kind)
        (photos / "cat" / kind).write_bytes((photos / "cat" / kind).read_bytes() + kind.encode())
    (photos / "cat" / "README").write_text("BMI and RIFF are no pictures")
    (photos / "dog" / "cut").write_bytes((photos / "cat" / "png").read_bytes()[:20])
    with (
        pytest.warns(UserWarning, match=r"1 of 36 pictures cannot be read.*dog/cut"),
        pytest.warns(UserWarning, match=r"no pictures by their content.*1 without suffix"),
    ):
        files = image_folder(photos, 8, val=0, test=0).files["train"]
    assert {"cat/png", "cat/jpeg", "cat/gif", "cat/bmp", "cat/webp"} <= set(files)
    assert len(files) == 35


def test_a_path_may_begin_at_home(photos, monkeypatch):
    monkeypatch.setenv("HOME", str(photos.parent))
    monkeypatch.setenv("USERPROFILE", str(photos.parent))
    at_home = image_folder(f"~/{photos.name}", 8)
    assert at_home.files == image_folder(photos, 8).files


def test_pictures_beside_the_class_folders_are_told(photos):
    Image.new("RGB", (4, 4)).save(photos / "stray.png")
    with pytest.warns(UserWarning, match=r"1 beside the class folders.*stray\.png"):
        image_folder(photos, 8)


def test_a_picture_that_changes_or_vanishes_is_named(photos):
    splits = image_folder(photos, 8, val=0, test=0)
    Image.new("RGB", (9, 9)).save(photos / "cat" / "105.png")
    rows = np.array([splits.files["train"].index("cat/105.png")])
    with pytest.raises(ValueError, match=r"105\.png, changed since"):
        splits.train.fetch(rows)
    with pytest.raises(Exception, match=r"105\.png, changed since"):
        list(splits.train)
    (photos / "cat" / "105.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"105\.png"):
        splits.train.fetch(rows)
    with pytest.raises(Exception, match=r"105\.png \(No such file"):
        list(splits.train)


@pytest.fixture
def cut(tmp_path):
    for label, first in (("cat", 0), ("dog", 100)):
        add(tmp_path, f"train/{label}", 10, first)
        add(tmp_path, f"test/{label}", 3, first + 50)
    return tmp_path


@pytest.mark.parametrize("name", ["val", "validation", "Valid", "validate", "Dev", "EVAL"])
def test_existing_splits_are_kept(cut, name):
    add(cut, f"{name}/cat", 2, 80)
    add(cut, f"{name}/dog", 2, 180)
    splits = image_folder(cut, 8, val=0.4, test=0.4, seed=1)
    assert [len(splits.files[part]) for part in ("train", "val", "test")] == [20, 4, 6]
    for part, folder in (("train", "train"), ("val", name), ("test", "test")):
        assert all(file.startswith(f"{folder}/") for file in splits.files[part])
        pictures, labels = pairs(getattr(splits, part))
        np.testing.assert_array_equal(labels, pictures[:, 0, 0, 0] >= 100)
    assert image_folder(cut, 8, seed=2).files["test"] == splits.files["test"]


def test_a_missing_validation_folder_is_carved_out_of_train(cut):
    splits = image_folder(cut, 8, val=0.3)
    assert [len(splits.files[part]) for part in ("train", "val", "test")] == [14, 6, 6]
    assert all(name.startswith("train/") for name in splits.files["val"])
    assert image_folder(cut, 8, val=0).val is None


def test_a_missing_test_folder_is_carved_out_of_train(cut):
    (cut / "test").rename(cut / "val")
    splits = image_folder(cut, 8, test=0.2)
    assert [len(splits.files[part]) for part in ("train", "val", "test")] == [16, 6, 4]


@pytest.mark.parametrize(
    ("train", "test"),
    [("Training", "Testing"), ("TRAIN", "Evaluation"), ("training", "eval")],
)
def test_split_folders_have_many_names(cut, train, test):
    (cut / "train").rename(cut / train)
    (cut / "test").rename(cut / test)
    splits = image_folder(cut, 8, val=0)
    assert splits.class_names == ("cat", "dog")
    assert all(name.startswith(f"{train}/") for name in splits.files["train"])
    assert all(name.startswith(f"{test}/") for name in splits.files["test"])
    assert [len(splits.files[part]) for part in ("train", "test")] == [20, 6]


def test_evaluation_pictures_are_the_test_beside_validation_ones(cut):
    (cut / "test").rename(cut / "evaluation")
    add(cut, "validation/cat", 2, 80)
    add(cut, "validation/dog", 2, 180)
    files = image_folder(cut, 8).files
    assert [len(files[part]) for part in ("train", "val", "test")] == [20, 4, 6]
    assert all(name.startswith("evaluation/") for name in files["test"])


def test_splits_under_unknown_names_are_refused(cut):
    (cut / "train").rename(cut / "learn")
    (cut / "test").rename(cut / "check")
    with pytest.raises(ValueError, match=r"Received: .*check, learn, which all hold cat, dog and"):
        image_folder(cut)
    add(cut, "learn", 1, 200)
    assert image_folder(cut, 8).class_names == ("check", "learn")


def test_classes_may_share_one_subfolder_name(tmp_path):
    add(tmp_path, "cat/images", 5)
    add(tmp_path, "dog/images", 5, 100)
    assert image_folder(tmp_path, 8).class_names == ("cat", "dog")


def test_a_class_may_be_called_train_inside_a_folder_called_train(tmp_path):
    add(tmp_path, "train", 5)
    add(tmp_path, "tram", 5, 100)
    with pytest.raises(ValueError, match=r"train beside tram.*into one folder called train"):
        image_folder(tmp_path, 8)
    for name in ("train", "tram"):
        (tmp_path / name).rename(tmp_path / f"{name} for now")
        (tmp_path / "all" / "train").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name} for now").rename(tmp_path / "all" / "train" / name)
    assert image_folder(tmp_path / "all", 8).class_names == ("train", "tram")


def test_existing_splits_must_agree_in_their_classes(cut):
    (cut / "test" / "dog").rename(cut / "test" / "dogs")
    with pytest.raises(ValueError, match=r"test without \['dog'\] and with \['dogs'\]"):
        image_folder(cut)


def test_two_validation_folders_are_refused(cut):
    add(cut, "val/cat", 1)
    add(cut, "valid/cat", 1)
    with pytest.raises(ValueError, match=r"one validation and one.*test, train, val, valid"):
        image_folder(cut)


def test_groups_stay_together_however_they_are_told(photos):
    pictures = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    of_name = {name: int(name[-7:-4]) // 2 for name in pictures}
    told = [
        lambda path: int(path.stem) // 2,
        of_name,
        [of_name[name] for name in pictures],
    ]
    files = [image_folder(photos, 8, groups=groups).files for groups in told]
    assert files[0] == files[1] == files[2]
    groups = [{of_name[name] for name in names} for names in files[0].values()]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 15
    assert [len(names) for names in files[0].values()] == [18, 6, 6]


def test_sequences_of_groups_count_the_corrupt_pictures_too(photos):
    damage(photos)
    groups = np.repeat(np.arange(17), 2).tolist()
    with pytest.warns(UserWarning, match="4 of 34"):
        image_folder(photos, 8, groups=groups)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([1, 2], "2 groups for 30 pictures"),
        ({"cat/100.png": 1}, r"none for cat/101.png, .* and 24 more"),
        (lambda path: None, "none for cat/100.png"),
    ],
)
def test_groups_that_do_not_fit_are_refused(photos, groups, message):
    with pytest.raises(ValueError, match=message):
        image_folder(photos, groups=groups)


def test_a_group_in_two_existing_folders_is_refused(cut):
    with pytest.raises(ValueError, match="Received: group 0 in train and test"):
        image_folder(cut, groups=lambda path: 0)


def test_max_per_class_draws_by_seed(photos):
    splits = image_folder(photos, 8, max_per_class=5, val=0.2, test=0.2)
    assert [len(splits.files[part]) for part in ("train", "val", "test")] == [6, 2, 2]
    drawn = {seed: image_folder(photos, 8, max_per_class=5, seed=seed).files for seed in (0, 1)}
    assert drawn[0] == splits.files
    assert set(sum(drawn[0].values(), ())) != set(sum(drawn[1].values(), ()))
    with pytest.raises(ValueError, match="max_per_class=0"):
        image_folder(photos, max_per_class=0)


def test_the_split_is_that_of_split_rows(photos):
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    rows = split_rows([name.split("/")[0] for name in names], 0.2, 0.2, seed=5)
    files = image_folder(photos, 8, seed=5).files
    assert files == {part: tuple(names[row] for row in some) for part, some in rows.items()}


def test_a_missing_folder_and_a_file_are_refused(photos):
    with pytest.raises(FileNotFoundError, match="gone, which is not there"):
        image_folder(photos / "gone")
    (photos / "labels.CSV").write_text("path,label")
    with pytest.raises(
        FileNotFoundError, match="which is a table. Files that a table names are read"
    ):
        image_folder(photos / "labels.CSV")
    with pytest.raises(FileNotFoundError, match="which is a file"):
        image_folder(photos / "cat" / "100.png")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"at least two.*no subfolder and 0 files"):
        image_folder(tmp_path)


def test_a_folder_of_pictures_without_classes_is_refused(photos):
    with pytest.raises(ValueError, match=r"no subfolder and 20 files.*Sort them"):
        image_folder(photos / "cat")


def test_one_class_only_is_refused(photos):
    shutil.rmtree(photos / "dog")
    with pytest.raises(ValueError, match=r"at least two.*with cat and 0 files"):
        image_folder(photos)


def test_a_class_without_pictures_is_refused(photos):
    (photos / "bird").mkdir()
    with pytest.raises(ValueError, match=r"at least one picture.*none in bird"):
        image_folder(photos)


def test_a_class_of_corrupt_pictures_is_refused(photos):
    (photos / "bird").mkdir()
    (photos / "bird" / "a.jpg").write_bytes(b"no")
    with (
        pytest.warns(UserWarning, match="bird/a.jpg"),
        pytest.raises(ValueError, match=r"that can be read.*none in bird"),
    ):
        image_folder(photos)


def test_a_class_with_one_picture_is_refused_saying_how_many_are_needed(photos):
    add(photos, "bird", 1, first=50)
    with pytest.raises(ValueError, match=r"at least 3 examples.*class bird with 1 example"):
        image_folder(photos)
    with pytest.raises(ValueError, match=r"at least 2 examples.*class bird with 1 example"):
        image_folder(photos, test=0)
    assert len(image_folder(photos, 8, val=0, test=0).files["train"]) == 31


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_error": "ignore"}, "on_error='ignore'"),
        ({"image_size": None}, "image_size=None"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"resize": "area"}, "resize='area'"),
        ({"val": 0.9, "test": 0.3}, "together below 1"),
    ],
)
def test_bad_options_are_refused(photos, options, message):
    with pytest.raises(ValueError, match=message):
        image_folder(photos, **options)


def test_large_folders_show_progress(photos, monkeypatch, capsys):
    monkeypatch.setattr(folders, "_MANY", 10)
    image_folder(photos, 8)
    assert "30/30" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_class_folders_may_be_links(photos):
    (photos / "wolf").symlink_to(photos / "dog", target_is_directory=True)
    with pytest.warns(UserWarning, match=r"With two labels.*dog/000\.png = wolf/000\.png"):
        assert image_folder(photos, 8).class_names == ("cat", "dog", "wolf")
