import io

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tltk.evaluation import corrupt_images, corruption_table
from tltk.evaluation.robustness import CORRUPTIONS
from tltk.inputs.examples import examples_of

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 16, 20, 3), dtype="uint8")


def test_noise_has_the_stated_spread():
    grey = np.full((40, 32, 32, 3), 128.0, "float32")
    for severity in (1, 2):
        noise = corrupt_images(grey, "noise", severity) - grey
        assert noise.std() == pytest.approx(12 * severity, rel=0.02)
        assert noise.mean() == pytest.approx(0, abs=0.2)


def test_noise_belongs_to_the_picture_not_to_the_batch():
    together = corrupt_images(PICTURES, "noise", 3, seed=4)
    alone = [corrupt_images(PICTURES[i : i + 1], "noise", 3, [i], seed=4) for i in range(6)]
    np.testing.assert_array_equal(together, np.concatenate(alone))
    assert (corrupt_images(PICTURES, "noise", 3, seed=5) != together).any()
    grey = np.full((2, 4, 4, 3), 128, "uint8")
    first, second = corrupt_images(grey, "noise", 3)
    assert (first != second).any()


def test_noise_of_two_severities_differs_by_its_scale():
    grey = np.full((1, 8, 8, 3), 128.0, "float64")
    weak, strong = (corrupt_images(grey, "noise", s) - grey for s in (1, 2))
    np.testing.assert_allclose(strong, 2 * weak, atol=1e-4)


def test_blur_is_a_gaussian_in_shares_of_the_shorter_side():
    blurred = corrupt_images(PICTURES.astype("float64"), "blur", 5)
    sigma = 0.005 * 5 * 16
    expected = gaussian_filter(PICTURES[0, ..., 0].astype("float64"), sigma, mode="nearest")
    np.testing.assert_allclose(blurred[0, ..., 0], expected, atol=1e-3)


def test_brightness_and_contrast_follow_their_formulas():
    picture = np.array([[[[0, 100, 200]]]], "uint8")
    assert corrupt_images(picture, "brightness", 3).tolist() == [[[[75, 175, 255]]]]
    assert corrupt_images(picture, "contrast", 5).tolist() == [[[[90, 100, 110]]]]


def test_jpeg_equals_pillows():
    file = io.BytesIO()
    Image.fromarray(PICTURES[1]).save(file, "JPEG", quality=20)
    jpeg = corrupt_images(PICTURES, "jpeg", 3)
    np.testing.assert_array_equal(jpeg[1], np.asarray(Image.open(file)))


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_shape_dtype_and_input_are_kept(corruption):
    before = PICTURES.copy()
    for pictures in (PICTURES, PICTURES.astype("float32"), PICTURES[..., :1]):
        damaged = corrupt_images(pictures, corruption, 2)
        assert (damaged.shape, damaged.dtype) == (pictures.shape, pictures.dtype)
        assert damaged.min() >= 0
        assert damaged.max() <= 255
    np.testing.assert_array_equal(PICTURES, before)


def bright_or_dark():
    """Class 1 where the mean value is above 100."""
    pixels = keras.Input((4, 4, 3))
    mean = keras.layers.GlobalAveragePooling2D()(pixels)
    dense = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(pixels, dense(mean))
    dense.set_weights([np.array([[0, 1]] * 3, "float32"), np.array([300, 0], "float32")])
    return model


def test_table_counts_what_brightness_spoils():
    values = np.array([10, 60, 90, 150])
    pictures = np.broadcast_to(values[:, None, None, None], (4, 4, 4, 3)).astype("uint8")
    labels = np.array([0, 0, 0, 1])
    split = examples_of((pictures, labels)).batched(3)
    rows = corruption_table(bright_or_dark(), split, ["brightness", "contrast"], [1, 3])
    assert [(r["corruption"], r["severity"], r["accuracy"], r["change"]) for r in rows] == [
        ("clean", 0, 1.0, 0.0),
        ("brightness", 1, 0.75, -0.25),
        ("brightness", 3, 0.5, -0.5),
        ("contrast", 1, 1.0, 0.0),
        ("contrast", 3, 1.0, 0.0),
    ]


def test_table_does_not_depend_on_the_batch_size():
    pictures = np.random.default_rng(1).integers(85, 116, (9, 4, 4, 3), dtype="uint8")
    labels = (pictures.mean((1, 2, 3)) > 100).astype(int)
    examples, model = examples_of((pictures, labels)), bright_or_dark()
    tables = [corruption_table(model, examples.batched(size), ["noise"], [1, 5]) for size in (2, 9)]
    assert tables[0] == tables[1] == corruption_table(model, (pictures, labels), ["noise"], [1, 5])


def test_unknown_corruptions_severities_and_kinds_are_refused():
    model, split = bright_or_dark(), (PICTURES[:2, :4, :4], np.array([0, 1]))
    with pytest.raises(ValueError, match=r"'noise', 'blur'.*corruptions='fog'"):
        corruption_table(model, split, ["fog"])
    for severity in (0, 6):
        with pytest.raises(ValueError, match=f"severity={severity}"):
            corrupt_images(PICTURES, "blur", severity)
    sigmoid = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Activation("sigmoid"),
        ]
    )
    with pytest.raises(ValueError, match="kind 'many_labels'"):
        corruption_table(sigmoid, (split[0], np.eye(3, dtype="float32")[:2]))
