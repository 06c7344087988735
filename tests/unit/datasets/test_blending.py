import numpy as np
import pytest

from tltk import load_dataset
from tltk.datasets import blend_with_photos, make_blended_splits


@pytest.fixture(scope="module")
def photo():
    """Every pixel of the left half is even and below 100, of the right half odd and above 155."""
    random = np.random.default_rng(0)
    left = random.integers(0, 50, (40, 30, 3)) * 2
    right = 157 + random.integers(0, 49, (40, 30, 3)) * 2
    return np.concatenate([left, right], axis=1).astype("uint8")


def test_black_pictures_become_patches_and_white_ones_their_negatives(photo):
    black, white = np.zeros((20, 8, 6), "uint8"), np.full((20, 8, 6), 255, "uint8")
    patches = blend_with_photos(black, [photo], seed=3)
    negatives = blend_with_photos(white, [photo], seed=3)
    assert patches.shape == (20, 8, 6, 3)
    assert np.array_equal(negatives, 255 - patches)
    windows = np.lib.stride_tricks.sliding_window_view(photo[:, :30], (8, 6, 3)).reshape(-1, 144)
    known = {window.tobytes() for window in windows}
    assert all(patch.tobytes() in known for patch in patches)
    assert len({patch.tobytes() for patch in patches}) > 15


@pytest.mark.parametrize(("half", "even"), [("left", True), ("right", False)])
def test_halves_share_no_pixel(photo, half, even):
    patches = blend_with_photos(np.zeros((50, 8, 8), "uint8"), [photo], half)
    assert ((patches % 2 == 0) == even).all()


def test_colours_are_subtracted_one_by_one(photo):
    picture = np.zeros((1, 4, 4, 3), "uint8")
    picture[..., 1] = 200
    patch = blend_with_photos(picture[..., :1], [photo], seed=1)[0].astype(int)
    blended = blend_with_photos(picture, [photo], seed=1)[0]
    assert np.array_equal(blended, np.abs(patch - picture[0].astype(int)))


def test_seed_decides_and_scikit_learn_brings_the_photographs():
    black = np.zeros((30, 28, 28), "uint8")
    runs = [blend_with_photos(black, seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert runs[0].std() > 20


def test_splits_keep_rows_and_labels_and_differ_in_their_backgrounds(photo):
    digits = load_dataset("mnist_small", image_size=28, per_class=2)
    coloured = make_blended_splits(digits, [np.repeat(photo, 3, axis=0)])
    assert coloured.files == digits.files
    assert coloured.train.digest != digits.train.digest
    assert np.array_equal(coloured.test.labels, digits.test.labels)
    for part, even in (("train", True), ("val", True), ("test", False)):
        raw, blended = (getattr(s, part).fetch(slice(0, 9)) for s in (digits, coloured))
        assert ((blended[raw == 0] % 2 == 0) == even).all()


@pytest.mark.parametrize(
    ("pictures", "settings", "message"),
    [
        (np.zeros((1, 4, 4)), {}, "a uint8 array .* Received: float64"),
        (np.zeros((4, 4), "uint8"), {}, "Received: uint8 of shape"),
        (np.zeros((1, 4, 4), "uint8"), {"half": "top"}, "half must be one of 'left', 'right'"),
        (np.zeros((1, 41, 4), "uint8"), {}, "as large as the pictures, 41 x 4"),
        (np.zeros((1, 4, 4), "uint8"), {"photos": [np.ones((9, 9, 3))]}, "Photographs are uint8"),
    ],
)
def test_errors(photo, pictures, settings, message):
    with pytest.raises(ValueError, match=message):
        blend_with_photos(pictures, **{"photos": [photo], **settings})
