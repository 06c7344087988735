"""Your own pictures: a folder with one subfolder per class."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tltk.inputs.checks import check_on_error, check_positive_integer
from tltk.inputs.copies import warn_of_copies
from tltk.inputs.decoding import decode, height_and_width, in_parallel, read_bytes, resize_method
from tltk.inputs.digests import sha256_of
from tltk.inputs.examples import Examples, Splits, splits_of
from tltk.inputs.folders import (
    PICTURES,
    Picture,
    check_complete,
    class_names_of,
    files_of_class,
    part_folders,
    warn_of_strays,
    whole_files,
)
from tltk.inputs.parts import grouped, parts_of


def image_folder(
    path: str | Path,
    image_size: int | tuple[int, int] = 224,
    batch_size: int = 32,
    val: float = 0.2,
    test: float = 0.2,
    groups: Callable[[Path], Hashable] | Mapping[str, Hashable] | Sequence[Hashable] | None = None,
    seed: int = 0,
    resize: str = "bicubic",
    on_error: str = "skip",
    max_per_class: int | None = None,
    verify: bool = False,
) -> Splits:
    """Load a folder of pictures, one subfolder per class, and split it.

    `path/<class>/…` is split at random, stratified by class. Where there are `path/train/<class>/…`
    and perhaps `val` and `test`, these are kept, and a missing one is carved out of train. They may
    be called training; valid, validate, validation, dev; testing; eval, evaluation (the test, or
    where there is one, the validation), in upper case too. Byte-identical pictures are named in a
    warning and stay on one side of the split. Each picture is decoded once while loading, to find
    the corrupt ones, and again when it is used. The next call finds the whole ones by path, size
    and time of change in a table in the cache folder, and does not read them. JPEG, PNG, GIF, BMP
    and WebP are read (see `read_image`), by suffix, and where there is none by their first bytes;
    hidden files and files that are not pictures are passed over. Class names, and pictures before
    they are split, are in alphabetical order.

    Args:
        path: the folder, `~` allowed. Pictures may lie deeper in a class's subfolder.
        image_size: the height and width in pixels to squash to, or one number for both.
        batch_size: pictures in a batch.
        val: share of the pictures for validation; 0 for none.
        test: share of the pictures for testing; 0 for none.
        groups: what must stay on one side (a patient, a burst of shots): a function of a picture's
            path; a dict from "class/file.jpg" (below `train/…` where there is one); or one group
            per picture in alphabetical order. None keeps identical pictures together.
        seed: decides the split, and the order in it.
        resize: "bicubic", "bilinear", "lanczos" or "nearest".
        on_error: "skip" leaves out corrupt pictures and names them in one warning; "raise" refuses
            the folder.
        max_per_class: use at most this many pictures of a class, drawn at random (in each of the
            folders train, val and test where these exist).
        verify: decode every picture while loading, as in the first call. This finds one whose
            content changed in spite of an equal size, inode and times.

    Returns:
        `Splits` of uint8 pictures `(b, height, width, 3)` and int32 labels `(b,)`.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if the folder does not hold two or more classes of pictures, enough of each to
            be in every part; if it seems to hold splits under unknown names; if folders train, val
            and test disagree; or if groups do not fit.

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
    check_positive_integer("batch_size", batch_size)
    path = Path(path).expanduser()
    folders = part_folders(path)
    class_names = class_names_of(folders)
    warn_of_strays({path, *folders.values()}, PICTURES)
    pictures = [
        Picture(file, file.relative_to(path).as_posix(), part, class_name)
        for part, folder in folders.items()
        for class_name in class_names
        for file in files_of_class(folder / class_name, PICTURES)
    ]
    pictures = grouped(pictures, groups, PICTURES.name)
    if max_per_class is not None:
        check_positive_integer("max_per_class", max_per_class)
        pictures = _drawn(pictures, max_per_class, seed)
    pictures = whole_files(pictures, path, PICTURES, on_error, verify)
    check_complete(pictures, folders, class_names, PICTURES)
    warn_of_copies(pictures, PICTURES.name)
    parts = parts_of(pictures, folders, val, test, seed)
    served = {
        part: _examples(some, path, class_names, image_size, resize) for part, some in parts.items()
    }
    return splits_of(served, class_names, batch_size)


def _drawn(pictures, max_per_class, seed):
    rng = np.random.default_rng(seed)
    seen, kept = Counter(), []
    for row in rng.permutation(len(pictures)):
        folder = (pictures[row].part, pictures[row].class_name)
        seen[folder] += 1
        if seen[folder] <= max_per_class:
            kept.append(row)
    return [pictures[row] for row in sorted(kept)]


def _examples(pictures, root, class_names, image_size, resize):
    number = {name: code for code, name in enumerate(class_names)}
    digests = [picture.digest for picture in pictures]
    settings = repr((digests, height_and_width(image_size), resize))

    def fetch_one(row):
        picture = pictures[row]
        content = read_bytes(picture.path)
        if sha256_of(content) != picture.digest:
            raise ValueError(
                "A picture must stay as it was while it is in use. "
                f"Received: {picture.path}, changed since it was loaded. "
                "Load the folder again, with verify=True."
            )
        return decode(content, picture.path, image_size, resize)

    def reread():
        same = whole_files(pictures, root, PICTURES, "raise", verify=True)
        return _examples(same, root, class_names, image_size, resize)

    return Examples(
        fetch=lambda rows: np.stack(in_parallel(fetch_one, rows)),
        labels=np.array([number[picture.class_name] for picture in pictures], "int32"),
        digest=sha256_of(settings.encode()),
        names=tuple(picture.name for picture in pictures),
        count=len(pictures),
        reread=reread,
    )
