"""Pictures in files, read as they are needed."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tltk._cache import sha256_of
from tltk.inputs._folders import PICTURES, Picture, whole_files
from tltk.inputs.decoding import decode, in_parallel, prepared_images, read_bytes
from tltk.inputs.examples import Examples


class Way(NamedTuple):
    """How the pictures of a folder become rows.

    `root` is the folder whose table of digests is used; `size` the height and width; `exact`
    decodes every file in full; `cache` keeps decoded rows on disk.
    """

    root: Path
    size: tuple[int, int]
    resize: str = "bicubic"
    exact: bool = False
    cache: bool = True


def whole_pictures(
    pictures: list[Picture], way: Way, on_error: str, verify: bool = False
) -> list[Picture]:
    """Keep the pictures that can be decoded, with their digest, and name the others."""
    return whole_files(pictures, way.root, PICTURES, on_error, verify, stacklevel=4)


def picture_examples(pictures: list[Picture], labels: np.ndarray, way: Way) -> Examples:
    """Examples of whole pictures, in their order.

    Args:
        pictures: what `whole_pictures` kept, n of them.
        labels: of any kind, one for each picture.
        way: how they become rows.
    """
    digests = [picture.digest for picture in pictures]
    settings = repr((digests, way.size, way.resize))

    def fetch_one(row):
        picture = pictures[row]
        content = read_bytes(picture.path)
        if sha256_of(content) != picture.digest.split()[0]:
            raise ValueError(
                "A picture must stay as it was while it is in use. "
                f"Received: {picture.path}, changed since it was loaded. "
                "Load the folder again, with verify=True."
            )
        return decode(content, picture.path, way.size, way.resize)

    def reread():
        return picture_examples(whole_pictures(pictures, way, "raise", True), labels, way)

    return Examples(
        fetch=lambda rows: np.stack(in_parallel(fetch_one, rows)),
        labels=labels,
        digest=sha256_of(settings.encode()),
        names=tuple(picture.name for picture in pictures),
        count=len(pictures),
        reread=reread,
        preparation=prepared_images(way.size, way.resize),
    )
