import io
import warnings

import keras
import numpy as np
import pytest
from PIL import Image

import tltk
from tltk.inputs.examples import Splits, examples_of, splits_of


def smooth_pictures(count, seed):
    """Pictures of a few random blobs, no two alike."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 4, 4, 3), dtype="uint8")
    return np.stack(
        [np.asarray(Image.fromarray(each).resize((24, 24), Image.BICUBIC)) for each in coarse]
    )


def splits(classes=2, **pictures):
    parts = {
        part: examples_of((some, np.arange(len(some)) % classes)) for part, some in pictures.items()
    }
    return splits_of(parts, tuple(map(str, range(classes))))


@pytest.fixture
def pictures():
    return {"train": smooth_pictures(40, 0), "val": smooth_pictures(12, 1),
            "test": smooth_pictures(12, 2)}  # fmt: skip


def checks(found):
    return [(row["check"], row["parts"], row["count"]) for row in found]


def quietly(*args, **kwargs):
    with warnings.catch_warnings(action="ignore"):
        return tltk.check_splits(*args, **kwargs)


def test_clean_splits_pass_in_silence(pictures):
    assert tltk.check_splits(splits(**pictures)) == []


def test_copies_are_found_in_every_pair_of_parts(pictures):
    pictures["test"][3] = pictures["train"][7]
    pictures["val"][0:2] = pictures["train"][1:3]
    with pytest.warns(UserWarning, match="belongs to one part only") as caught:
        found = tltk.check_splits(splits(**pictures))
    assert checks(found) == [("copies", "train, val", 2), ("copies", "train, test", 1)]
    assert found[1]["such as"] == "row 7 = row 3"
    assert len(caught) == 2


def test_texts_are_compared_too():
    parts = {part: (np.array(texts, object), [0, 1]) for part, texts in {
        "train": ["good film", "bad film"], "test": ["bad film", "dull"]}.items()}  # fmt: skip
    found = quietly(splits_of({k: examples_of(v) for k, v in parts.items()}, ("no", "yes")))
    assert checks(found) == [("copies", "train, test", 1)]


def saved_again(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=80)
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.parametrize(
    "change", [saved_again, lambda picture: (picture * 0.9).astype("uint8")], ids=["jpeg", "darker"]
)
def test_near_copies_are_found_and_named(pictures, change):
    pictures["test"][5] = change(pictures["train"][9])
    found = quietly(splits(**pictures))
    assert checks(found) == [("near copies", "train, test", 1)]
    assert found[0]["such as"] == "row 9 = row 5"
    assert quietly(splits(**pictures), near=0) == []


def test_features_find_what_thumbnails_cannot(pictures):
    """A network that does not see left and right finds mirrored pictures."""
    pictures["test"][2] = pictures["train"][4][:, ::-1]
    assert quietly(splits(**pictures)) == []
    inputs = keras.Input((24, 24, 3))
    rows = keras.layers.Flatten()(keras.ops.mean(keras.ops.cast(inputs, "float32"), axis=2))
    found = quietly(splits(**pictures), backbone=keras.Model(inputs, rows))
    assert checks(found) == [("near copies", "train, test", 1)]


def test_bundled_pictures_are_clean():
    photos = tltk.load_dataset("cifar10_small", image_size=32)
    assert tltk.check_splits(photos) == []


def test_validation_on_the_test_set_is_called_by_its_name(pictures):
    pictures["val"] = pictures["test"]
    with pytest.warns(UserWarning, match="must not have seen the test set"):
        found = tltk.check_splits(splits(**pictures))
    assert checks(found) == [("selection on test", "val, test", 12)]


def test_groups_on_both_sides(pictures):
    groups = {
        part: [f"{part} {row}" for row in range(len(some))] for part, some in pictures.items()
    }
    assert tltk.check_splits(splits(**pictures), groups=groups) == []
    groups["test"][0] = groups["train"][0] = "patient 7"
    with pytest.warns(UserWarning, match="A group belongs to one part only"):
        found = tltk.check_splits(splits(**pictures), groups=groups)
    assert [row["such as"] for row in found] == ["patient 7"]


def test_groups_can_be_read_off_the_names(pictures):
    found = quietly(splits(**pictures), groups=lambda name: name.split()[1])
    assert checks(found)[:2] == [("groups", "train, val", 12), ("groups", "train, test", 12)]


def test_every_row_needs_a_group(pictures):
    groups = {part: ["a"] * 3 for part in pictures}
    with pytest.raises(ValueError, match="Every row needs a group"):
        tltk.check_splits(splits(**pictures), groups=groups)


def test_a_class_missing_from_a_part(pictures):
    whole = splits(classes=3, **pictures)
    few = splits(classes=3, train=pictures["train"], val=pictures["val"][:2])
    mixed = Splits(whole.train, few.val, whole.test, whole.class_names, {})
    with pytest.warns(UserWarning, match="Every class must be in every part"):
        found = tltk.check_splits(mixed)
    assert [(row["check"], row["parts"], row["such as"]) for row in found] == [
        ("missing class", "val", "2")
    ]
