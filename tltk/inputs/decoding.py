"""Pictures of every common format, decoded by Pillow to uint8 RGB."""

import io
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tltk.inputs.checks import check_positive_integer

RESIZE_METHODS = ("bicubic", "bilinear", "lanczos", "nearest")
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")


def read_image(
    path_or_bytes: str | Path | bytes,
    image_size: int | tuple[int, int] | None = (224, 224),
    resize: str = "bicubic",
) -> np.ndarray:
    """Decode one picture to raw RGB.

    JPEG, PNG, GIF (the first frame), BMP and WebP. Pictures are turned as their EXIF orientation
    says; transparent ones are laid on white; 16-bit values keep their upper 8 bits. Resizing
    squashes to the size asked for, and smooths before it shrinks (but for "nearest").

    Args:
        path_or_bytes: a file, or the content of one.
        image_size: the height and width in pixels, one number for both, or None for the
            picture's own size.
        resize: "bicubic", "bilinear", "lanczos" or "nearest".

    Returns:
        A uint8 array `(height, width, 3)`, values 0 to 255.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the content cannot be decoded.

    Example:
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("L", (30, 20), 7).save(file, "PNG")
        >>> read_image(file.getvalue(), image_size=None).shape
        (20, 30, 3)
    """
    if isinstance(path_or_bytes, bytes):
        return decode(path_or_bytes, "bytes", image_size, resize)
    return decode(read_bytes(path_or_bytes), path_or_bytes, image_size, resize)


def decode(
    content: bytes,
    name: str | Path,
    image_size: int | tuple[int, int] | None = None,
    resize: str = "bicubic",
) -> np.ndarray:
    """Decode the content of a file as `read_image` does; `name` is for the error."""
    from PIL import Image

    size = None if image_size is None else height_and_width(image_size)
    method = resize_method(resize)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            image = upright_rgb(image)
            return np.array(image if size is None else image.resize(size[::-1], method))
    except Exception as error:
        reason = str(error) if content else "the file is empty"
        if isinstance(error, Image.UnidentifiedImageError) and content:
            reason = "not a JPEG, PNG, GIF, BMP or WebP picture"
        raise ValueError(
            f"A picture must be a whole file of a known format. Received: {name} ({reason}). "
            "Replace it, or save it again as JPEG or PNG."
        ) from error


def read_bytes(path: str | Path) -> bytes:
    """Read a whole file, or say that it is gone."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileNotFoundError(
            f"A picture must be a file that can be read. Received: {path} ({error.strerror}). "
            "Put it back, or load the data again."
        ) from error


def resize_images(
    images: np.ndarray, image_size: int | tuple[int, int], resize: str = "bicubic"
) -> np.ndarray:
    """Resize a stack of pictures with Pillow, smoothing before shrinking (but for "nearest").

    Args:
        images: uint8 array `(n, h, w, 3)`.
        image_size: the height and width to squash to, or one number for both.
        resize: "bicubic", "bilinear", "lanczos" or "nearest".

    Returns:
        A uint8 array `(n, height, width, 3)`.

    Raises:
        ValueError: for pictures of another type or shape.

    Example:
        >>> resize_images(np.full((2, 4, 4, 3), 9, "uint8"), 8).shape
        (2, 8, 8, 3)
    """
    from PIL import Image

    images, size, method = np.asarray(images), height_and_width(image_size), resize_method(resize)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            "Pictures must be a uint8 array (n, h, w, 3). "
            f"Received: {images.dtype} of shape {images.shape}. Convert them first."
        )
    if images.shape[1:3] == size:
        return images
    resized = np.empty((len(images), *size, 3), "uint8")

    def resize_row(row):
        resized[row] = Image.fromarray(images[row]).resize(size[::-1], method)

    in_parallel(resize_row, range(len(images)))
    return resized


def in_parallel(function: Callable, items: Iterable, progress: Callable | None = None) -> list:
    """Apply a function to items in threads (Pillow decodes outside Python's lock), in order.

    `progress` is called after each result.
    """
    results = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for result in threads.map(function, items):
            results.append(result)
            if progress is not None:
                progress()
    return results


def height_and_width(image_size: Any) -> tuple[int, int]:
    """Turn one number or a pair into a pair."""
    size = tuple(image_size) if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(size) != 2:
        raise ValueError(
            "image_size must be one number, or a height and a width. "
            f"Received: image_size={image_size!r}. Pass 224 or (224, 224)."
        )
    for side in size:
        check_positive_integer("image_size", side)
    return size


def resize_method(resize: str) -> Any:
    """Find Pillow's method of that name."""
    from PIL import Image

    if resize not in RESIZE_METHODS:
        raise ValueError(
            f"resize must be one of {', '.join(RESIZE_METHODS)}. Received: resize={resize!r}. "
            "Pass one of these."
        )
    return Image.Resampling[resize.upper()]


def upright_rgb(image: Any) -> Any:
    """Turn a Pillow image as its EXIF orientation says, to RGB, on white where transparent."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) >> 8).astype("uint8")).convert("RGB")
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
