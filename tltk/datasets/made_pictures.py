"""Alphabets that nobody has seen: characters made of strokes, drawn by hands that differ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tltk._cache import content_digest
from tltk._checks import as_rows, check_choice, check_count, check_seed, refuse, shown
from tltk.inputs.examples import Examples, Splits, splits_of

FINER, POINTS, INK, PAPER = 4, 14, 25, 255
ALIKE, TRIALS, SKETCH = 0.6, 40, 16
SMALLEST = 0.7  # half the larger side of a character, where 1 fills the page
TIMES = np.linspace(0, 1, POINTS)[:, None]
BEZIER = np.hstack([(1 - TIMES) ** 3, 3 * TIMES * (1 - TIMES) ** 2, 3 * TIMES**2 * (1 - TIMES),
                    TIMES**3])  # fmt: skip


class Glyphs(NamedTuple):
    """Drawn characters, in the order of their labels and, within these, of their drawers.

    `pictures` (n, size, size, 3) are uint8, `labels` (n,) number the characters through all
    alphabets, `alphabets` (n,) tell the alphabet of each row and `drawers` (n,) the hand.
    """

    pictures: np.ndarray
    labels: np.ndarray
    alphabets: np.ndarray
    drawers: np.ndarray


def make_glyphs(
    alphabets: int = 10,
    characters: int = 14,
    drawers: int = 20,
    size: int = 28,
    *,
    seed: int = 0,
) -> Glyphs:
    """Make alphabets of characters that no network has met, each drawn once by every drawer.

    A character is a composition of strokes, which are cubic Bezier curves between anchor points.
    The characters of an alphabet share a style: where the anchors lie, how far and which way
    strokes bow, how many there are, and two strokes that return in many of them. A drawer has a
    slant, proportions, a pen and a steadiness of their own in all alphabets, and no two drawings
    are quite the same.

    Args:
        alphabets: their number.
        characters: in each of them, a class each.
        drawers: drawings of each character.
        size: pixels a side.
        seed: decides everything.

    Returns:
        Pictures, labels, alphabets and drawers of alphabets * characters * drawers rows.

    Raises:
        ValueError: for counts that are not whole numbers of at least 1, fewer than 8 pixels, or
            more characters than look different in one style.

    Example:
        >>> glyphs = make_glyphs(alphabets=2, characters=3, drawers=4)
        >>> glyphs.pictures.shape, glyphs.pictures.dtype.name, glyphs.labels[::4].tolist()
        ((24, 28, 28, 3), 'uint8', [0, 1, 2, 3, 4, 5])

    Reference:
        Lake, Salakhutdinov and Tenenbaum, Human-level concept learning through probabilistic
        program induction, 2015 (the idea; theirs are real alphabets, drawn by people).
    """
    given = {"alphabets": alphabets, "characters": characters, "drawers": drawers, "size": size}
    for name, value in given.items():
        check_count(name, value)
    check_seed("seed", seed)
    if size < 8:
        raise ValueError(
            f"A character takes 8 pixels a side to be read. Received: size={size}. Use 28 or more."
        )
    shapes = [
        shape
        for number in range(alphabets)
        for shape in _alphabet(np.random.default_rng([seed, 0, number]), characters)
    ]
    hands = [_hand(np.random.default_rng([seed, 1, number])) for number in range(drawers)]
    pictures = np.empty((len(shapes), drawers, size, size), "uint8")
    for label, shape in enumerate(shapes):
        for drawer, hand in enumerate(hands):
            random = np.random.default_rng([seed, 2, label, drawer])
            pictures[label, drawer] = _draw(*_by_hand(shape, hand, random), size)
    labels = np.repeat(np.arange(len(shapes)), drawers)
    return Glyphs(
        np.repeat(pictures.reshape(-1, size, size, 1), 3, axis=-1),
        labels,
        labels // characters,
        np.tile(np.arange(drawers), len(shapes)),
    )


def _alphabet(random, characters) -> list[np.ndarray]:
    """The control points (strokes, 4, 2) of each character, no two of which look alike."""
    style = _style(random)
    shapes: list[np.ndarray] = []
    sketches: list[np.ndarray] = []
    for _ in range(TRIALS * characters):
        shape = _character(random, style)
        sketch = 1.0 - _draw(shape, 0.22, SKETCH) / PAPER
        sketch = sketch.ravel() / np.linalg.norm(sketch)
        if all(sketch @ other < ALIKE for other in sketches):
            shapes.append(shape)
            sketches.append(sketch)
        if len(shapes) == characters:
            return shapes
    raise ValueError(
        "The characters of an alphabet must look different. Received: "
        f"characters={characters}, of which {len(shapes)} do. Ask for fewer, in more alphabets."
    )


def _style(random) -> dict:
    """What the characters of one alphabet have in common."""
    columns, rows = [(2, 3), (3, 3), (3, 2), (2, 4), (3, 4)][random.integers(5)]
    across, down = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(-1, 1, rows))
    anchors = np.stack([across.ravel() * random.uniform(0.6, 1), down.ravel()], axis=1)
    anchors = anchors + random.normal(0, 0.08, anchors.shape)
    style = {
        "anchors": anchors,
        "bow": random.choice([0.0, 0.25, 0.5, 0.8]),
        "wave": random.uniform(0, 0.4),
        "joined": random.uniform(0.2, 0.9),
        "fewest": random.integers(2, 4),
    }
    return style | {"known": [_stroke(random, style, None) for _ in range(2)]}


def _character(random, style) -> np.ndarray:
    strokes, end = [], None
    for _ in range(style["fewest"] + random.integers(3)):
        if random.random() < 0.25:
            strokes.append(style["known"][random.integers(2)])
        else:
            strokes.append(_stroke(random, style, end))
        end = strokes[-1][3] if random.random() < style["joined"] else None
    shape = np.stack(strokes)
    ends = [edge(BEZIER @ shape, axis=(0, 1)) for edge in (np.min, np.max)]
    return (shape - np.mean(ends, axis=0)) / max(SMALLEST, np.ptp(ends, axis=0).max() / 2)


def _stroke(random, style, start) -> np.ndarray:
    """The four control points of a curve from `start`, or any anchor, to another."""
    anchors = style["anchors"]
    start = anchors[random.integers(len(anchors))] if start is None else start
    others = anchors[np.linalg.norm(anchors - start, axis=1) > 0.3]
    end = others[random.integers(len(others))]
    along = end - start
    aside = np.array([-along[1], along[0]])
    bow = style["bow"] * random.choice([-1, 1]) * random.uniform(0.5, 1.2)
    turn = -1 if random.random() < style["wave"] else 1
    return np.stack([start, start + along / 3 + bow * aside,
                     start + 2 * along / 3 + turn * bow * aside, end])  # fmt: skip


def _hand(random) -> dict:
    """How one drawer draws."""
    turn, shear = random.normal(0, 0.1), random.normal(0, 0.15)
    stretch = np.diag(random.uniform(0.75, 1.05, 2))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return {
        "map": rotation @ np.array([[1, shear], [0, 1]]) @ stretch,
        "wobble": random.uniform(0.03, 0.09),
        "pen": random.uniform(0.12, 0.24),
    }


def _by_hand(shape, hand, random) -> tuple[np.ndarray, float]:
    """Control points and pen width of one drawing."""
    points = shape + random.normal(0, hand["wobble"], shape.shape)
    points = points @ (hand["map"] + random.normal(0, 0.03, (2, 2))).T
    return points + random.normal(0, 0.06, 2), hand["pen"] * random.uniform(0.9, 1.1)


def _draw(shape, pen, size) -> np.ndarray:
    """Draw strokes in dark ink on paper, four times as large, and make it smaller (size, size)."""
    from PIL import Image, ImageDraw

    side = FINER * size
    page = Image.new("L", (side, side), PAPER)
    ink = ImageDraw.Draw(page)
    width = max(1, round(pen * side / 3))
    for curve in side * (0.5 + 0.36 * (BEZIER @ shape)):
        ink.line([tuple(point) for point in curve.tolist()], INK, width, joint="curve")
        for x, y in curve[[0, -1]]:
            ink.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], INK)
    return np.asarray(page.resize((size, size), Image.Resampling.BOX))


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


def make_blended_splits(splits: Splits, photos=None, seed: int = 0, batch_size: int = 32) -> Splits:
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
        >>> coloured = make_blended_splits(digits)
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
