"""Your own pictures: a folder with one subfolder per class."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tltk.inputs.checks import check_positive_integer
from tltk.inputs.copies import has_copies, warn_of_copies
from tltk.inputs.decoding import decode, height_and_width, in_parallel, read_bytes, resize_method
from tltk.inputs.digests import sha256_of
from tltk.inputs.examples import Examples, Splits, splits_of
from tltk.inputs.folders import (
    Picture,
    check_complete,
    class_names_of,
    listed,
    part_folders,
    picture_files,
    warn_of_strays,
    whole_pictures,
)
from tltk.inputs.splits import split_rows


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
            content changed while its size and time of change did not.

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
    if on_error not in ("skip", "raise"):
        raise ValueError(
            f'on_error must be "skip" or "raise". Received: on_error={on_error!r}. Pass either.'
        )
    height_and_width(image_size)
    resize_method(resize)
    check_positive_integer("batch_size", batch_size)
    path = Path(path).expanduser()
    folders = part_folders(path)
    class_names = class_names_of(folders)
    warn_of_strays({path, *folders.values()})
    pictures = [
        Picture(file, file.relative_to(path).as_posix(), part, class_name)
        for part, folder in folders.items()
        for class_name in class_names
        for file in picture_files(folder / class_name)
    ]
    pictures = _grouped(pictures, groups)
    if max_per_class is not None:
        check_positive_integer("max_per_class", max_per_class)
        pictures = _drawn(pictures, max_per_class, seed)
    pictures = whole_pictures(pictures, path, on_error, verify)
    check_complete(pictures, folders, class_names)
    warn_of_copies(pictures)
    parts = _parts(pictures, folders, val, test, groups is not None, seed)
    served = {
        part: _examples(some, path, class_names, image_size, resize) for part, some in parts.items()
    }
    return splits_of(served, class_names, batch_size)


def _grouped(pictures, groups):
    if groups is None:
        return pictures
    if callable(groups):
        found = [groups(picture.path) for picture in pictures]
    elif isinstance(groups, Mapping):
        found = [groups.get(picture.name) for picture in pictures]
    else:
        found = list(groups)
    lost = [picture.name for picture, group in zip(pictures, found, strict=False) if group is None]
    if len(found) != len(pictures) or lost:
        raise ValueError(
            "Every picture needs a group. "
            f"Received: {len(found)} groups for {len(pictures)} pictures, none for "
            f"{listed(lost) or 'some'}. Name the group of each."
        )
    return [picture._replace(group=group) for picture, group in zip(pictures, found, strict=True)]


def _drawn(pictures, max_per_class, seed):
    rng = np.random.default_rng(seed)
    seen, kept = Counter(), []
    for row in rng.permutation(len(pictures)):
        folder = (pictures[row].part, pictures[row].class_name)
        seen[folder] += 1
        if seen[folder] <= max_per_class:
            kept.append(row)
    return [pictures[row] for row in sorted(kept)]


def _parts(pictures, folders, val, test, grouped, seed):
    given = {part: [p for p in pictures if p.part == part] for part in folders}
    if grouped:
        _check_apart(given)
    pool, groups = given["train"], None
    if grouped:
        groups = [picture.group for picture in pool]
    elif has_copies(pool):
        groups = [picture.digest for picture in pool]
    rows = split_rows(
        [picture.class_name for picture in pool],
        val=0 if "val" in given else val,
        test=0 if "test" in given else test,
        groups=groups,
        seed=seed,
    )
    parts = {part: [pool[row] for row in some] for part, some in rows.items() if len(some)}
    for part in set(given) - {"train"}:
        order = np.random.default_rng(0).permutation(len(given[part]))
        parts[part] = [given[part][row] for row in order]
    return parts


def _check_apart(given):
    home = {}
    for part, some in given.items():
        for picture in some:
            if home.setdefault(picture.group, part) != part:
                raise ValueError(
                    "A group must be in one of the folders train, val and test only. "
                    f"Received: group {picture.group!r} in {home[picture.group]} and {part}. "
                    "Move its pictures together."
                )


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
        same = whole_pictures(pictures, root, "raise", verify=True)
        return _examples(same, root, class_names, image_size, resize)

    return Examples(
        fetch=lambda rows: np.stack(in_parallel(fetch_one, rows)),
        labels=np.array([number[picture.class_name] for picture in pictures], "int32"),
        digest=sha256_of(settings.encode()),
        names=tuple(picture.name for picture in pictures),
        count=len(pictures),
        reread=reread,
    )
