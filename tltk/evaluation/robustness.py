"""How much of the accuracy survives when pictures get worse."""

import io
import itertools
from collections.abc import Sequence

import keras
import numpy as np

from tltk._checks import (
    as_class_numbers,
    as_rows,
    check_choice,
    check_number,
    check_seed,
    refuse,
    shown,
)
from tltk.evaluation.predictions import predict_split
from tltk.inputs.examples import Data, check_labelled, examples_of


def corruption_table(
    model: keras.Model,
    split: Data,
    corruptions: Sequence[str] = ("noise", "blur", "brightness", "contrast"),
    severities: Sequence[float] = (1, 3, 5),
    *,
    seed: int = 0,
) -> list[dict]:
    """Measure a classifier's accuracy on corrupted pictures.

    A picture gets the same corruption in every call with the same seed, whatever the batch size;
    its noise differs between severities by the scale only. So rows and models are compared on the
    very same pictures.

    Args:
        model: a one-label classifier of raw pictures.
        split: a split of pictures (height, width, c) of 0-255 with labels, or a pair (x, y).
        corruptions: any of "noise", "blur", "brightness", "contrast", "jpeg"; `corrupt_images`
            has their formulas.
        severities: from above 0 to 5; default 1, 3, 5.
        seed: of the noise.

    Returns:
        Rows with "corruption", "severity", "accuracy" and "change" (from the clean accuracy). The
        first row is the clean split, of severity 0.

    Raises:
        ValueError: an unknown corruption, a severity out of range, or a model of another kind.

    Example:
        >>> import keras
        >>> pixels = keras.Input((8, 8, 3))
        >>> mean = keras.layers.GlobalAveragePooling2D()(pixels)
        >>> model = keras.Model(pixels, keras.layers.Softmax()(mean))
        >>> pictures = np.zeros((3, 8, 8, 3), "uint8")
        >>> pictures[[0, 1, 2], ..., [0, 1, 2]] = 120
        >>> rows = corruption_table(model, (pictures, np.arange(3)), ["contrast"], [5])
        >>> [(row["corruption"], row["accuracy"]) for row in rows]
        [('clean', 1.0), ('contrast', 1.0)]

    Reference: Hendrycks and Dietterich, "Benchmarking neural network robustness to common
    corruptions and perturbations" (2019), for the idea; the corruptions here have formulas of
    their own, so the figures are not comparable with that benchmark's.
    """
    for name, listed in (("corruptions", corruptions), ("severities", severities)):
        if not isinstance(listed, list | tuple) or not listed:
            refuse(f"{name} must be a list, of one at least", f"{name}={shown(listed)}", "Add one")
    check_seed("seed", seed)
    conditions = [("clean", 0), *itertools.product(corruptions, severities)]
    for corruption, severity in conditions[1:]:
        _check(corruption, severity, "corruptions", "severities")
    right, count = np.zeros(len(conditions), dtype=int), 0
    examples = examples_of(split)
    check_labelled(examples)
    for pictures, labels in examples:
        rows = np.arange(count, count + len(pictures))
        for i, (corruption, severity) in enumerate(conditions):
            damaged = (
                corrupt_images(pictures, corruption, severity, rows, seed=seed) if i else pictures
            )
            right[i] += _count_right(model, damaged, labels)
        count += len(pictures)
    accuracies = right / count
    return [
        {
            "corruption": corruption,
            "severity": severity,
            "accuracy": float(accuracy),
            "change": float(accuracy - accuracies[0]),
        }
        for (corruption, severity), accuracy in zip(conditions, accuracies, strict=True)
    ]


def corrupt_images(
    images: np.ndarray,
    corruption: str,
    severity: float,
    rows: Sequence[int] | np.ndarray | None = None,
    *,
    seed: int = 0,
) -> np.ndarray:
    """Corrupt pictures in one way, at severity s.

    noise:      x + 12 s e, with e standard normal for each value
    blur:       x convolved with a Gaussian of standard deviation 0.005 s times the shorter side
    brightness: x + 25 s
    contrast:   m + (1 - 0.18 s) (x - m), with m the mean of the picture
    jpeg:       saved and read again as a JPEG of quality 60 / s, at most 95

    The result is clipped to 0-255, and rounded where the pictures are integers.

    Args:
        images: (n, height, width, c), values 0-255; "jpeg" needs c = 1 or 3.
        corruption: "noise", "blur", "brightness", "contrast" or "jpeg".
        severity: s, from above 0 to 5.
        rows: the pictures' numbers in their split, which with the seed decide their noise; by
            default 0 to n - 1.
        seed: of the noise.

    Returns:
        Pictures of the same shape and dtype.

    Raises:
        ValueError: an unknown corruption or a severity out of range.

    Example:
        >>> grey = np.full((1, 2, 2, 3), 100, "uint8")
        >>> corrupt_images(grey, "brightness", 2)[0, 0, 0].tolist()
        [150, 150, 150]

    Reference: as for `corruption_table`.
    """
    _check(corruption, severity)
    check_seed("seed", seed)
    images = as_rows("images", images)
    if images.dtype.kind not in "iuf" or images.ndim != 4:
        refuse("images must be (n, height, width, c)", f"images={shown(images)}", "Pass pixels")
    rows = range(len(images)) if rows is None else as_class_numbers("rows", rows, len(images))
    corrupt = CORRUPTIONS[corruption]
    corrupted = np.stack(
        [
            corrupt(image.astype("float32"), severity, np.random.default_rng([seed, row]))
            for image, row in zip(images, rows, strict=True)
        ]
    )
    whole = np.issubdtype(images.dtype, np.integer)
    return np.clip(np.rint(corrupted) if whole else corrupted, 0, 255).astype(images.dtype)


def _noise(image: np.ndarray, severity: float, random: np.random.Generator) -> np.ndarray:
    return image + 12 * severity * random.standard_normal(image.shape, dtype="float32")


def _blur(image: np.ndarray, severity: float, random: np.random.Generator) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    sigma = 0.005 * severity * min(image.shape[:2])
    return gaussian_filter(image, sigma=(sigma, sigma, 0), mode="nearest")


def _brightness(image: np.ndarray, severity: float, random: np.random.Generator) -> np.ndarray:
    return image + 25 * severity


def _contrast(image: np.ndarray, severity: float, random: np.random.Generator) -> np.ndarray:
    mean = image.mean()
    return mean + (1 - 0.18 * severity) * (image - mean)


def _jpeg(image: np.ndarray, severity: float, random: np.random.Generator) -> np.ndarray:
    from PIL import Image

    file = io.BytesIO()
    whole = np.clip(np.rint(image), 0, 255).astype("uint8")
    Image.fromarray(whole.squeeze()).save(file, "JPEG", quality=min(95, round(60 / severity)))
    return np.asarray(Image.open(file), dtype="float32").reshape(image.shape)


CORRUPTIONS = {
    "noise": _noise,
    "blur": _blur,
    "brightness": _brightness,
    "contrast": _contrast,
    "jpeg": _jpeg,
}
"""The corruptions by name, each a function of picture, severity and random generator."""


def _check(corruption: str, severity: float, one="corruption", other="severity") -> None:
    check_choice(one, corruption, CORRUPTIONS)
    advice = "The clean pictures are always the first row"
    check_number(other, severity, above=0, most=5, advice=advice)


def _count_right(model: keras.Model, pictures: np.ndarray, labels: np.ndarray) -> int:
    predictions = predict_split(model, (pictures, labels))
    if predictions.kind != "one_label":
        raise ValueError(
            "corruption_table measures the accuracy of one-label classifiers. "
            f"Received: a model of kind {predictions.kind!r}. "
            "Use corrupt_images and predict_split."
        )
    return int(np.sum(predictions.probabilities.argmax(axis=1) == predictions.labels))
