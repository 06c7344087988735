"""Pictures on other backgrounds: digits blended with patches of photographs."""

from __future__ import annotations

import numpy as np

from tltk._cache import content_digest
from tltk._checks import as_rows, check_choice, check_seed, refuse, shown
from tltk.inputs.examples import Examples, Splits, splits_of

HALVES = ("left", "right")


def blend_with_photos(pictures, photos=None, half: str = "left", seed: int = 0) -> np.ndarray:
    """Blend each picture with a patch of a photograph, as MNIST-M was made from MNIST.

    A patch of the picture's size is cut at random from a random photograph, and the picture is
    taken from it: `|patch - picture|`, for each colour. A dark background shows the photograph, a
    bright stroke its negative.

    Args:
        pictures: uint8 array (n, h, w), (n, h, w, 1) or (n, h, w, 3), 0 to 255.
        photos: uint8 arrays (H, W, 3), larger than the pictures; by default the two photographs
            that come with scikit-learn, a temple and a flower, 427 x 640 pixels.
        half: "left" or "right", which half of every photograph patches are cut from. Training
            and test pictures made with different halves share no pixel of background.
        seed: decides the patches.

    Returns:
        A uint8 array (n, h, w, 3).

    Raises:
        ValueError: for pictures that are not uint8, an unknown half, or photographs whose half is
            smaller than the pictures.

    Example:
        >>> white = np.full((1, 2, 2), 255, "uint8")
        >>> grey = np.full((4, 8, 3), 55, "uint8")
        >>> blend_with_photos(white, [grey])[0, 0].tolist()
        [[200, 200, 200], [200, 200, 200]]

    Reference:
        Ganin et al., Domain-adversarial training of neural networks, 2016 (section 5.2).
    """
    check_choice("half", half, HALVES, "Use left for training and right for test pictures")
    check_seed("seed", seed)
    pictures = _checked_pictures(pictures)
    photos = _two_photographs() if photos is None else list(as_rows("photos", photos))
    height, width = pictures.shape[1:3]
    halves = [_half_of(photo, half, (height, width)) for photo in photos]
    random = np.random.default_rng(seed)
    which = random.integers(len(halves), size=len(pictures))
    places = random.random((len(pictures), 2))
    blended = np.empty((len(pictures), height, width, 3), "uint8")
    for row, (photo, place) in enumerate(zip(which, places, strict=True)):
        source = halves[photo]
        room = np.array(source.shape[:2]) - (height, width) + 1
        top, left = (place * room).astype(int)
        patch = source[top : top + height, left : left + width].astype("int16")
        blended[row] = np.abs(patch - pictures[row])
    return blended


def blended_splits(splits: Splits, photos=None, seed: int = 0, batch_size: int = 32) -> Splits:
    """Blend a data set of pictures with photographs: the same digits in another domain.

    Training and validation pictures get the left halves of the photographs, test pictures the
    right halves.

    Args:
        splits: pictures as `load_dataset("mnist_small", image_size=28)` gives them.
        photos: as in `blend_with_photos`.
        seed: decides the patches.
        batch_size: pictures in a batch.

    Returns:
        Splits of the same rows, labels and names.

    Example:
        >>> from tltk import load_dataset
        >>> digits = load_dataset("mnist_small", image_size=28, per_class=5)
        >>> coloured = blended_splits(digits)
        >>> coloured.train[0][0].shape
        (32, 28, 28, 3)
    """
    if not isinstance(splits, Splits):
        refuse(
            "splits must be what load_dataset returns",
            f"splits={shown(splits)}",
            "For an array of pictures there is blend_with_photos",
        )
    check_seed("seed", seed)
    parts = {}
    for number, (part, half) in enumerate((("train", 0), ("val", 0), ("test", 1))):
        split = getattr(splits, part)
        if split is not None:
            seeds = np.random.SeedSequence([seed, number]).generate_state(1)[0]
            parts[part] = _blended(split, photos, HALVES[half], int(seeds))
    return splits_of(parts, splits.class_names, batch_size)


def _blended(examples: Examples, photos, half, seed) -> Examples:
    blended = blend_with_photos(examples.arrays()[0], photos, half, seed)
    return examples.replace(
        fetch=lambda rows: blended[rows], digest=content_digest(blended), reread=None
    )


def _two_photographs() -> list[np.ndarray]:
    from sklearn.datasets import load_sample_images

    return load_sample_images().images


def _checked_pictures(pictures) -> np.ndarray:
    pictures = as_rows("pictures", pictures)
    if pictures.ndim == 3:
        pictures = pictures[..., None]
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] not in (1, 3):
        raise ValueError(
            "Pictures to blend are a uint8 array (n, h, w), (n, h, w, 1) or (n, h, w, 3). "
            f"Received: {pictures.dtype} of shape {pictures.shape}. "
            "Pass raw values from 0 to 255, as our loaders give them."
        )
    return pictures


def _half_of(photo, half, size) -> np.ndarray:
    photo = as_rows("photos", photo)
    if photo.ndim != 3 or photo.shape[-1] != 3 or photo.dtype != np.uint8:
        raise ValueError(
            "Photographs are uint8 arrays (H, W, 3). "
            f"Received: {photo.dtype} of shape {photo.shape}. "
            "Open them with tltk.inputs.read_image."
        )
    middle = photo.shape[1] // 2
    cut = photo[:, :middle] if half == "left" else photo[:, middle:]
    if cut.shape[0] < size[0] or cut.shape[1] < size[1]:
        raise ValueError(
            f"Half a photograph must be as large as the pictures, {size[0]} x {size[1]}. "
            f"Received: a half of {cut.shape[0]} x {cut.shape[1]}. Use larger photographs."
        )
    return cut
