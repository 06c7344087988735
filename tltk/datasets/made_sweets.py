"""Sweets in photographs: drawings pasted on real backgrounds, with exact masks and boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tltk._cache import bundle_folder
from tltk._checks import check_choice, check_count, check_number, check_seed
from tltk.inputs._tables import read_columns
from tltk.inputs.decoding import read_image

STYLES = ("noto", "fluent")
PARTS = ("train", "test")
PHOTOS = {"train": ("train", "val"), "test": ("test",)}  # parts of photos_small
SMALLEST = 32
SWEETS_OF_OBJECTS = 0.75
SEVERAL, SINGLE = (0.2, 0.45), (0.35, 0.7)  # the larger side of an object, of the picture's
TURN = 40  # degrees, either way
BEYOND = 0.25  # of an object's sides that may lie outside the picture, where there are several
INSIDE, VISIBLE, TRIALS = 0.6, 0.4, 20  # shares of a drawing
OPAQUE = 127


class Sweets(NamedTuple):
    """Pictures of sweets and other things, pasted on photographs.

    `images` (n, size, size, 3) and `masks` (n, size, size) are uint8; a mask holds 0 for
    background and other things, 1 + the class number for a sweet. `boxes` is a list for each
    picture of tuples `(class number, left, top, right, bottom)` in pixels, right and bottom
    exclusive, one for each sweet. `labels` tell which classes there are: multi-hot float32 (n, 6),
    or, with `most_objects=1`, the one class, int32 (n,).
    """

    images: np.ndarray
    masks: np.ndarray
    boxes: list[list[tuple[int, int, int, int, int]]]
    labels: np.ndarray
    class_names: tuple[str, ...]


class _Placed(NamedTuple):
    """A drawing (an RGBA picture of Pillow), its class or -1, and where its corner lies."""

    drawing: Any
    label: int
    left: int
    top: int


def make_sweets(
    n: int,
    image_size: int = 128,
    *,
    style: str = "noto",
    part: str = "train",
    most_objects: int = 4,
    seed: int = 0,
) -> Sweets:
    """Make pictures in which sweets are to be found: classes, boxes and masks are known exactly.

    Six sweets (candy, chocolate, cookie, cupcake, doughnut, lollipop) and twelve other things are
    drawings; turned, mirrored, enlarged, in other colours, they are pasted on a cutting of a
    photograph of `load_dataset("photos_small")`. Later objects hide earlier ones, of which 40 % of
    the drawing stays visible. A pixel belongs to the last object that covers more than half of it,
    and is background where none does. Test pictures have other photographs (that set's test part)
    and twelve other things that occur in no training picture, so that neither the edge of a pasted
    thing nor the background tells a sweet; the sweets are the same drawings.

    Args:
        n: how many pictures.
        image_size: pixels a side, at least 32.
        style: "noto" (flat, outlined) or "fluent" (rounded, shaded): two domains of the same
            classes.
        part: "train" or "test".
        most_objects: a picture has 1 to that many objects, as far as they find room, each a sweet
            with probability 3/4; so some have no sweet. With 1 it has one sweet and nothing else,
            larger and whole, and its class is the label.
        seed: decides everything. The first pictures are the same for any `n`.

    Returns:
        Images, masks, boxes, labels and class names.

    Raises:
        ValueError: for counts that are not whole numbers of at least 1, fewer than 32 pixels, or
            an unknown style or part.

    Example:
        >>> sweets = make_sweets(2, 64, most_objects=1)
        >>> sweets.images.shape, sweets.masks.dtype.name, len(sweets.boxes[0])
        ((2, 64, 64, 3), 'uint8', 1)
        >>> bool((sweets.masks.max(axis=(1, 2)) == sweets.labels + 1).all())
        True

    Reference:
        Dwibedi, Misra and Hebert, Cut, paste and learn: surprisingly easy synthesis for instance
        detection, 2017 (the idea; theirs are photographed objects).
    """
    check_count("n", n)
    check_number("image_size", image_size, least=SMALLEST, whole=True)
    check_choice("style", style, STYLES)
    check_choice("part", part, PARTS)
    check_count("most_objects", most_objects)
    check_seed("seed", seed)
    sweets, others = _drawings(style, part)
    photos = _photographs(part)
    images = np.empty((n, image_size, image_size, 3), "uint8")
    masks = np.empty((n, image_size, image_size), "uint8")
    boxes = []
    for row in range(n):
        random = np.random.default_rng([seed, STYLES.index(style), PARTS.index(part), row])
        background = _cutting(photos, image_size, random)
        placed = _scene(tuple(sweets.values()), others, image_size, most_objects, random)
        images[row], masks[row], found = _composed(background, placed)
        boxes.append(found)
    return Sweets(images, masks, boxes, _labels(boxes, len(sweets), most_objects), tuple(sweets))


def _drawings(style, part) -> tuple[dict, list]:
    """The sweets by name, and the other things of a part."""
    folder = bundle_folder() / "sweets"
    names, roles = read_columns(folder / "drawings.tsv", ("name", "role"))
    drawings = {
        role: {
            name: _opened(folder / style / f"{name}.webp")
            for name, its_role in zip(names, roles, strict=True)
            if its_role == role
        }
        for role in ("sweet", part)
    }
    return drawings["sweet"], list(drawings[part].values())


def _opened(path: Path):
    from PIL import Image

    with Image.open(path) as drawing:
        return drawing.convert("RGBA")


def _photographs(part) -> list[np.ndarray]:
    folder = bundle_folder() / "photos_small"
    files, parts = read_columns(folder / "split.tsv", ("file", "part"))
    return [
        read_image(folder / file, image_size=None)
        for file, its_part in zip(files, parts, strict=True)
        if its_part in PHOTOS[part]
    ]


def _cutting(photos, size, random):
    """A square of 0.6 to 1 of a photograph's smaller side, at the size of the picture."""
    from PIL import Image

    photo = photos[random.integers(len(photos))]
    side = int(min(photo.shape[:2]) * random.uniform(0.6, 1))
    top, left = (int(random.integers(length - side + 1)) for length in photo.shape[:2])
    square = Image.fromarray(photo[top : top + side, left : left + side])
    return square.resize((size, size), Image.Resampling.BICUBIC)


def _scene(sweets, others, size, most_objects, random) -> list[_Placed]:
    """Objects in the order in which they are pasted; one without room is left out."""
    is_single = most_objects == 1
    beyond = 0 if is_single else BEYOND
    placed: list[_Placed] = []
    for _ in range(random.integers(1, most_objects + 1)):
        is_sweet = is_single or random.random() < SWEETS_OF_OBJECTS
        kinds = sweets if is_sweet else others
        kind = int(random.integers(len(kinds)))
        share = random.uniform(*(SINGLE if is_single else SEVERAL))
        drawing = _changed(kinds[kind], share * size, random)
        for _ in range(TRIALS):
            left, top = (
                round(random.uniform(-beyond * length, size - (1 - beyond) * length))
                for length in drawing.size
            )
            tried = [*placed, _Placed(drawing, kind if is_sweet else -1, left, top)]
            if _is_clear(tried, size):
                placed = tried
                break
    return placed


def _changed(drawing, side, random):
    """A drawing of about that many pixels at its larger side, turned, in other colours."""
    from PIL import Image, ImageEnhance

    scale = side / max(drawing.size)
    width, height = (max(4, round(scale * length)) for length in drawing.size)
    drawing = drawing.resize((width, height), Image.Resampling.BICUBIC)
    if random.random() < 0.5:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    angle = random.uniform(-TURN, TURN)
    drawing = drawing.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    saturation, brightness = random.uniform(0.6, 1.3), random.uniform(0.6, 1.2)
    colours = ImageEnhance.Color(drawing.convert("RGB")).enhance(saturation)
    colours = ImageEnhance.Brightness(colours).enhance(brightness)
    colours.putalpha(drawing.getchannel("A"))
    return colours.crop(drawing.getchannel("A").getbbox())


def _is_clear(placed, size) -> bool:
    """Whether the last object lies inside by a good part and leaves enough of the others."""
    visible = _visible(placed, size)
    whole = [np.count_nonzero(np.asarray(each.drawing)[..., 3] > OPAQUE) for each in placed]
    shares = [
        np.count_nonzero(seen) / all_of_it for seen, all_of_it in zip(visible, whole, strict=True)
    ]
    return bool(shares[-1] >= INSIDE and min(shares) >= VISIBLE)


def _visible(placed, size) -> list[np.ndarray]:
    """Where each object is seen, (size, size) booleans."""
    covered = np.zeros((size, size), bool)
    seen = []
    for each in reversed(placed):
        own = _alpha(each, size) > OPAQUE
        seen.append(own & ~covered)
        covered |= own
    return seen[::-1]


def _alpha(placed, size) -> np.ndarray:
    from PIL import Image

    page = Image.new("L", (size, size))
    page.paste(placed.drawing.getchannel("A"), (placed.left, placed.top))
    return np.asarray(page)


def _composed(background, placed):
    """The picture, its mask and its boxes."""
    picture, size = background.copy(), background.width
    for each in placed:
        picture.paste(each.drawing, (each.left, each.top), each.drawing)
    mask, boxes = np.zeros((size, size), "uint8"), []
    for each, seen in zip(placed, _visible(placed, size), strict=True):
        if each.label >= 0:
            mask[seen] = each.label + 1
            rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
            left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
            boxes.append((each.label, int(left), int(top), int(right), int(bottom)))
    return np.asarray(picture), mask, boxes


def _labels(boxes, classes, most_objects) -> np.ndarray:
    if most_objects == 1:
        return np.array([found[0][0] for found in boxes], "int32")
    labels = np.zeros((len(boxes), classes), "float32")
    for row, found in enumerate(boxes):
        labels[row, [box[0] for box in found]] = 1
    return labels
