"""Your own pictures: a folder with one subfolder per class."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tltk._checks import check_count, check_flag, check_seed
from tltk.inputs._arrays import check_on_error
from tltk.inputs._folders import (
    PICTURES,
    check_complete,
    grouped,
    labelled_files,
    parts_of,
    warn_of_copies,
)
from tltk.inputs._pictures import Way, picture_examples, whole_pictures
from tltk.inputs.decoding import height_and_width, resize_method, warn_if_dark
from tltk.inputs.examples import Splits, splits_of


def image_folder(
    path: str | Path,
    image_size: int | tuple[int, int] = 224,
    batch_size: int = 32,
    val: float = 0.2,
    *,
    test: float = 0.2,
    groups: Callable[[Path], Hashable] | Mapping[str, Hashable] | Sequence[Hashable] | None = None,
    seed: int = 0,
    resize: str = "bicubic",
    on_error: str = "skip",
    max_per_class: int | None = None,
    exact: bool = False,
    cache: bool = True,
    verify: bool = False,
) -> Splits:
    """Load a folder of pictures, one subfolder per class, and split it.

    `path/<class>/…` is split at random, stratified by class. Where there are `path/train/<class>/…`
    and perhaps `val` and `test`, these are kept, and a missing one is carved out of train. They may
    be called training; valid, validate, validation, dev; testing; eval, evaluation (the test, or
    where there is one, the validation), in upper case too; beside class folders such names are
    refused. Byte-identical pictures are named in a warning and stay on one side of the split.

    Each picture is decoded once, while loading, which finds the corrupt ones; the decoded pictures
    are kept in the cache folder (`height · width · 3` bytes each) and read from there in every
    epoch and every later call. They are kept where they take at most half of the free disk, and
    otherwise decoded at each use, which is said. Files are known by path, size, times and inode;
    where one of these has changed, the file is read again, and refused in use if its content is
    another.

    All that `read_image` decodes is read, by content: a file called otherwise is known by its first
    bytes. Hidden files, and what systems leave behind (`Thumbs.db`, `__MACOSX`), are out; other
    files in class folders are passed over and counted in one warning. Linked folders are followed.
    Class names, and pictures before they are split, are in alphabetical order; names are in
    Unicode's composed form (NFC), and folders that differ in that form only are one class.

    Args:
        path: the folder, `~` allowed. Pictures may lie deeper in a class's subfolder.
        image_size: the height and width in pixels, or one number for both.
        batch_size: pictures in a batch.
        val: share of the pictures for validation; 0 for none.
        test: share of the pictures for testing; 0 for none.
        groups: what must stay on one side (a patient, a burst of shots): a function of a picture's
            path; a dict from "class/file.jpg" (below `train/…` where there is one); or one group
            per picture in alphabetical order. None keeps identical pictures together.
        seed: decides the split, and the order in it.
        resize: "bicubic", "bilinear", "lanczos" or "nearest", which squash to the size; "crop" for
            the largest central part of its proportions, or "pad" for all of it on black.
        on_error: "skip" leaves out corrupt pictures and names them in one warning; "raise" refuses
            the folder.
        max_per_class: use at most this many pictures of a class, drawn at random (in each of the
            folders train, val and test where these exist).
        exact: decode every JPEG in full (see `read_image`), for comparing digits.
        cache: keep the decoded pictures.
        verify: read every picture while loading, as in the first call. This finds one whose
            content changed in spite of an equal size, inode and times.

    Returns:
        `Splits` of uint8 pictures `(b, height, width, 3)` and int32 labels `(b,)`.

    Raises:
        FileNotFoundError: if there is no such folder.
        PermissionError: if a folder may not be read.
        ValueError: if the folder does not hold two or more classes of pictures, enough of each to
            be in every part; if it seems to hold splits under unknown names, or parts beside
            classes; if folders train, val and test disagree; or if groups do not fit.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(10):
        ...         file = Path(folder, "cat" if i < 5 else "dog", f"{i}.png")
        ...         file.parent.mkdir(exist_ok=True)
        ...         Image.new("RGB", (20, 20), (25 * i, 0, 0)).save(file)
        ...     photos = image_folder(folder, image_size=16)
        >>> photos.class_names, len(photos.files["train"])
        (('cat', 'dog'), 6)
    """
    check_on_error(on_error)
    height_and_width(image_size)
    resize_method(resize)
    check_count("batch_size", batch_size)
    for flag, value in {"exact": exact, "cache": cache, "verify": verify}.items():
        check_flag(flag, value)
    check_seed("seed", seed)
    if max_per_class is not None:
        check_count("max_per_class", max_per_class)
    folder = labelled_files(path, PICTURES)
    pictures = grouped(folder.files, groups, PICTURES.name)
    if max_per_class is not None:
        pictures = _drawn(pictures, max_per_class, seed)
    way = Way(folder.path, height_and_width(image_size), resize, exact, cache)
    pictures = whole_pictures(pictures, way, on_error, verify)
    check_complete(pictures, folder, PICTURES)
    warn_of_copies(pictures, PICTURES.name)
    deep = [int(picture.digest.split()[1]) for picture in pictures if " " in picture.digest]
    warn_if_dark(deep, f"{len(deep)} pictures of {folder.path}")
    parts = parts_of(pictures, folder.parts, val, test, seed)
    code = {name: number for number, name in enumerate(folder.class_names)}
    served = {
        part: picture_examples(
            some, np.array([code[picture.class_name] for picture in some], "int32"), way
        )
        for part, some in parts.items()
    }
    return splits_of(served, folder.class_names, batch_size)


def _drawn(pictures, max_per_class, seed):
    rng = np.random.default_rng(seed)
    seen: Counter = Counter()
    kept = []
    for row in rng.permutation(len(pictures)):
        folder = (pictures[row].part, pictures[row].class_name)
        seen[folder] += 1
        if seen[folder] <= max_per_class:
            kept.append(row)
    return [pictures[row] for row in sorted(kept)]
