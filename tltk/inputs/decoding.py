"""Pictures of every common format, decoded by Pillow to uint8 RGB, within limits of our own."""

import contextlib
import io
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from tltk._checks import as_rows, check_choice, check_count, check_flag, told_type
from tltk._paths import existing_file, unreadable

RESIZE_METHODS = ("bicubic", "bilinear", "lanczos", "nearest", "crop", "pad")
REDUCED, EXACT = "reduced", "exact"
FORMATS = "JPEG, PNG, GIF, BMP, WebP, TIFF, PPM, AVIF or JPEG 2000"
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000", "QOI", "HEIF")
_HEIC = re.compile(rb".{4}ftyp(hei[cxmsf]|hev[cx]|mif1|msf1)", re.DOTALL)
_MOST_BYTES = 2**28
_MOST_PIXELS = 50_000_000
_LARGEST_SIZE = 50_000_000  # of what pictures are resized to
_MOST_OF_JPEG = 2**28
_LARGE = 2**24
_ONE_LARGE = threading.Lock()
_FULL = 2**16 - 1
_DARK = 2**14
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_ON_THEIR_SIDE, _FROM_THE_RIGHT, _FROM_BELOW = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)


class Reduced(NamedTuple):
    """A picture decoded at a smaller scale.

    Attributes:
        scale: how many times smaller.
        full: width and height of the picture in full, upright.
        start: where the picture starts in the image, in pixels of the image from the left and from
            the top: above 0 where the last pixel, which may be cut off, came first by turning.
    """

    scale: int
    full: tuple[int, int]
    start: tuple[float, float]


def read_image(
    path_or_bytes: Any,
    image_size: int | tuple[int, int] | None = (224, 224),
    resize: str = "bicubic",
    channels: int = 3,
    *,
    exact: bool = False,
) -> np.ndarray:
    """Decode one picture to raw RGB, or to shades of grey.

    JPEG, PNG, GIF and WebP (the first frame), BMP, TIFF, PPM, AVIF and JPEG 2000 by content,
    whatever the file is called; HEIC where `pillow-heif` is installed. Pictures are turned as their
    EXIF orientation says; transparent ones are laid on white; 16-bit values keep their upper 8
    bits, and those that use few of them are warned of. Resizing smooths before it shrinks (but for
    "nearest"). It squashes to the size asked for, or else "crop" cuts out the largest central part
    of these proportions, and "pad" lays the whole picture in the middle of black; both are bicubic.

    A JPEG is decoded at an eighth, a quarter or a half of its size where the part that is kept is
    then still at least twice as large as what is asked for; never for "nearest". For photographs
    of 12 megapixels and 224 pixels that takes a third of the time, and changes values by a quarter
    of one of their 256 steps on average. Pictures of more than 50 megapixels are refused before
    memory is taken; but a JPEG is decoded at the first smaller scale that brings it below, with
    `exact` too, if it is then as large as what is asked for.

    Args:
        path_or_bytes: a file, `~` allowed; the content of one; or something to read it from (an
            open file, a `BytesIO`, an upload).
        image_size: the height and width in pixels, one number for both, or None for the
            picture's own size.
        resize: "bicubic", "bilinear", "lanczos" or "nearest", which squash; "crop" or "pad".
        channels: 3 for RGB, 1 for grey.
        exact: decode a JPEG in full, for comparing digits.

    Returns:
        A uint8 array `(height, width, channels)`, values 0 to 255.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the content cannot be decoded, or takes more than 256 MiB or 50 megapixels.

    Example:
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("L", (30, 20), 7).save(file, "PNG")
        >>> read_image(file, image_size=None).shape
        (20, 30, 3)
    """
    check_flag("exact", exact)
    content, name = content_of(path_or_bytes)
    pixels, highest = decoded(content, name, image_size, resize, channels, exact)
    warn_if_dark([] if highest is None else [highest], f"{name}")
    return pixels


def content_of(source: Any) -> tuple[bytes, str | os.PathLike]:
    """The bytes of a picture or recording, and what to call it in errors.

    Example:
        >>> content_of(io.BytesIO(b"abc"))
        (b'abc', 'a BytesIO')
    """
    if isinstance(source, str | os.PathLike):
        return read_bytes(source), source
    name = str(getattr(source, "name", "")) or f"a {type(source).__name__}"
    if hasattr(source, "read"):
        if hasattr(source, "seek"):
            source.seek(0)
        source = source.read(_MOST_BYTES + 1)
    elif isinstance(source, bytes | bytearray | memoryview):
        name = "bytes"
    if not isinstance(source, bytes | bytearray | memoryview):
        raise ValueError(
            "A file is a path, its bytes, or an open file in binary mode. "
            f"Received: {name}, which gave {told_type(source)}. Open it with mode 'rb'."
        )
    _check_bytes(len(source), name)
    return bytes(source), name


def decoded(
    content: bytes,
    name: str | os.PathLike,
    image_size: int | tuple[int, int] | None = None,
    resize: str = "bicubic",
    channels: int = 3,
    exact: bool = False,
) -> tuple[np.ndarray, int | None]:
    """Decode the content of a file as `read_image` does; `name` is for the error.

    Returns:
        The pixels; and where the picture has more than 8 bits, the highest value on a scale to
        65535, else None.
    """
    size = None if image_size is None else height_and_width(image_size)
    resize_method(resize)
    check_choice("channels", channels, (3, 1), "Pass either")
    with _opened(content, name, size, resize, exact) as (image, is_deep, reduced):
        highest = _highest(image) if is_deep else None
        image = upright_rgb(image)
        image = image.convert("L") if channels == 1 else image
        pixels = np.array(image if size is None else resized(image, size, resize, reduced))
    return pixels.reshape(*pixels.shape[:2], channels), highest


def examined(content: bytes, name: str | Path) -> int | None:
    """Decode a picture to see that it is whole; every bit of a JPEG is read at an eighth, too.

    Returns:
        The highest value where it has more than 8 bits, on a scale to 65535; else None.
    """
    with _opened(content, name, (1, 1)) as (image, is_deep, *_):
        _eight_bits(image)
        return _highest(image) if is_deep else None


def warn_if_dark(highest: Sequence[int], where: str, stacklevel: int = 3) -> None:
    """Warn of deep pictures that use few of their bits, of which the upper 8 are kept.

    Args:
        highest: the highest value of each picture of more than 8 bits, on a scale to 65535.
        where: the picture or the folder.
    """
    top = max(highest, default=_FULL)
    if top < _DARK:
        warnings.warn(
            "Pictures of 16 bits must use their whole range: the upper 8 bits are kept. Received: "
            f"{where}, whose values reach {top} of {_FULL}, so that at most {top >> 8} of 255 is "
            f"left. Multiply the values by {_FULL // max(top, 1)} and save again, or save 8 bits.",
            stacklevel=stacklevel,
        )


def prepared_images(
    image_size: int | tuple[int, int], resize: str, channels: int = 3, exact: bool = False
) -> dict:
    """What prediction must do with a picture as a reader did, and which versions decoded.

    Example:
        >>> prepared = prepared_images(96, "nearest")
        >>> prepared["size"], prepared["resize"], prepared["road"]
        ([96, 96], 'nearest', 'reduced')
    """
    return {
        "kind": "images",
        "size": list(height_and_width(image_size)),
        "channels": channels,
        "resize": resize,
        "road": road_of(exact),
        "decoder": decoder_version(),
    }


def road_of(exact: bool) -> str:
    """How JPEGs are decoded: "reduced" to a scale near the size asked for, or "exact"."""
    return EXACT if exact else REDUCED


@cache
def decoder_version() -> str:
    """The versions on which the digits of a decoded picture depend.

    Example:
        >>> decoder_version().partition(" ")[0]
        'Pillow'
    """
    import PIL
    from PIL import features

    turbo = features.version("libjpeg_turbo")
    jpeg = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
    return f"Pillow {PIL.__version__}, {jpeg}"


def read_bytes(path: str | os.PathLike, what: str = "picture") -> bytes:
    """Read a whole file, or say that it is gone or too large."""
    file = existing_file(path, what)
    try:
        _check_bytes(file.stat().st_size, path)
        return file.read_bytes()
    except OSError as error:
        raise unreadable(file, what, error) from error


def _check_bytes(count, name):
    if count > _MOST_BYTES:
        raise ValueError(
            f"A file may take {_MOST_BYTES >> 20} MiB. Received: {name} of {count >> 20} MiB. "
            "Save it smaller, such as JPEG or FLAC, or cut it into parts."
        )


@contextlib.contextmanager
def _opened(content, name, size, resize="bicubic", exact=False):
    """A loaded picture, whether it is deep, and how it is `Reduced`."""
    from PIL import Image

    try:
        with _of_header(content) as image:
            is_deep = image.mode.startswith("I") or ";16" in str(image.tile)
            held, reduced = _reduce(image, size, resize, exact)
            with _ONE_LARGE if held > _LARGE else contextlib.nullcontext():
                image.load()
                yield image, is_deep, reduced
    except Exception as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
            reason = _TOO_LARGE
        if isinstance(error, Image.UnidentifiedImageError):
            reason = _what_it_is(content)
        raise ValueError(
            f"A picture must be a whole file of a known format. Received: {name} ({reason}). "
            "Replace it, or save it again as JPEG or PNG."
        ) from error


_TOO_LARGE = (
    f"above the limit of {_MOST_PIXELS // 10**6} megapixels (half of it for WebP and JPEG 2000), "
    "which only a JPEG may exceed, being decoded at a smaller size where image_size is given"
)


def _of_header(content):
    """The picture before it is decoded; Pillow's own limit is not asked of a JPEG, but ours."""
    from PIL import Image, JpegImagePlugin

    if content.startswith(b"\xff\xd8\xff"):
        content, exif = _without_exif(content)
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(content))
        image.info["exif"] = exif
        return image
    if _HEIC.match(content):
        with contextlib.suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
    if content.startswith(b"\x89PNG"):
        content = _without_texts(content)
    known = set(Image.registered_extensions().values())
    return Image.open(io.BytesIO(content), formats=[each for each in _FORMATS if each in known])


def _reduce(image, size, resize, exact):
    """Ask a JPEG for fewer pixels, and refuse what is too large before it is decoded.

    Returns:
        The pixels that decoding holds, of a progressive JPEG all of them, whatever its size; and
        how it is `Reduced`, or None.
    """
    pixels, reduced = image.width * image.height, None
    is_jpeg, in_passes = image.format == "JPEG", bool(image.info.get("progressive"))
    if is_jpeg and size is not None and pixels <= _MOST_OF_JPEG // (1 + in_passes):
        number = _number(image)
        full = image.size[:: -1 if number in _ON_THEIR_SIDE else 1]
        scale = _scale(full, size, resize, exact)
        if scale > 1:
            mirrored = number in _FROM_THE_RIGHT, number in _FROM_BELOW
            lost = [-side / scale % 1 * flag for side, flag in zip(full, mirrored, strict=True)]
            reduced = Reduced(scale, full, (lost[0], lost[1]))
            image.draft(None, (image.width // scale, image.height // scale))
    held = image.width * image.height
    if held * (2 if image.format in ("JPEG2000", "WEBP") else 1) > _MOST_PIXELS:
        raise ValueError(f"{pixels / 1e6:.0f} megapixels, {_TOO_LARGE}")
    if image.format == "TIFF" and int(image.tag_v2.get(254, 0)) & 1:
        raise ValueError("a camera's raw file, whose first picture is a preview; develop it")
    return pixels if in_passes else held, reduced


def _scale(full, size, resize, exact):
    """How many times smaller a JPEG of that width and height, upright, is decoded: 1, 2, 4 or 8.

    What is kept of it stays at least twice as large as it is wanted; as large, where it is above
    the limit otherwise.
    """
    (left, top, right, bottom), (wide, high) = _laid_out(full, size, resize)
    spare = min((right - left) / wide, (bottom - top) / high)
    in_full = exact or resize == "nearest"
    twice = [scale for scale in (8, 4, 2) if 2 * scale <= spare and not in_full]
    once = [scale for scale in (2, 4, 8) if scale <= spare]
    for scale in [*twice[:1], *([] if twice else [1]), *once]:
        if -(-full[0] // scale) * -(-full[1] // scale) <= _MOST_PIXELS:
            return scale
    return 1


def _laid_out(full, size, resize):
    """Which part of an upright picture is kept, and at which width and height.

    Args:
        full: the picture's width and height.
        size: the height and width wanted.
        resize: one of `RESIZE_METHODS`.

    Returns:
        `((left, top, right, bottom), (width, height))`.
    """
    across, down = full
    high, wide = size
    ratio, wanted = across / down, wide / high
    if resize == "crop" and ratio > wanted:
        cut = (across - wanted * down) * 0.5
        return (cut, 0, cut + wanted * down, down), (wide, high)
    if resize == "crop" and ratio < wanted:
        cut = (down - across / wanted) * 0.5
        return (0, cut, across, cut + across / wanted), (wide, high)
    if resize == "pad" and ratio > wanted:
        high = max(1, round(down / across * wide))
    elif resize == "pad" and ratio < wanted:
        wide = max(1, round(across / down * high))
    return (0, 0, across, down), (wide, high)


def _without_texts(png):
    """A PNG without its texts, which may be packed bombs; those that tell its orientation stay."""
    kept, at = [png[:8]], 8
    while at + 8 <= len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        is_text = png[at + 4 : at + 8] in (b"tEXt", b"zTXt", b"iTXt")
        if not is_text or png.startswith((b"XML:com.adobe.xmp", b"Raw profile type"), at + 8):
            kept.append(png[at:end])
        at = end
    return b"".join(kept)


def _without_exif(jpeg):
    """A JPEG without its EXIF block, which Pillow reads for the resolution, and the block."""
    at = 2
    while jpeg[at : at + 1] == b"\xff" and 0xE0 <= jpeg[at + 1] <= 0xEF:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] == 0xE1 and jpeg.startswith(b"Exif\0\0", at + 4):
            return jpeg[:at] + jpeg[end:], jpeg[at + 4 : end]
        at = end
    return jpeg, b""


def _what_it_is(content):
    if not content:
        return "the file is empty"
    if _HEIC.match(content):
        return "a HEIC picture, which needs pip install pillow-heif"
    return f"not a {FORMATS} picture"


def resize_images(
    images: np.ndarray, image_size: int | tuple[int, int], resize: str = "bicubic"
) -> np.ndarray:
    """Resize a stack of pictures with Pillow, smoothing before shrinking (but for "nearest").

    Args:
        images: uint8 array `(n, h, w, 3)`.
        image_size: the height and width, or one number for both.
        resize: "bicubic", "bilinear", "lanczos" or "nearest", which squash; "crop" or "pad" (see
            `read_image`).

    Returns:
        A uint8 array `(n, height, width, 3)`.

    Raises:
        ValueError: for pictures of another type or shape.

    Example:
        >>> resize_images(np.full((2, 4, 4, 3), 9, "uint8"), 8).shape
        (2, 8, 8, 3)
    """
    from PIL import Image

    size = height_and_width(image_size)
    resize_method(resize)
    images = as_rows("images", images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            "Pictures must be a uint8 array (n, h, w, 3). "
            f"Received: {images.dtype} of shape {images.shape}. Convert them first."
        )
    if images.shape[1:3] == size:
        return images
    found = np.empty((len(images), *size, 3), "uint8")

    def resize_row(row):
        found[row] = resized(Image.fromarray(images[row]), size, resize)

    in_parallel(resize_row, range(len(images)))
    return found


def resized(
    image: Any,
    size: tuple[int, int],
    resize: str,
    reduced: Reduced | None = None,
) -> Any:
    """Bring an upright Pillow image to a height and width.

    Args:
        image: a Pillow image.
        size: the height and width.
        resize: one of `RESIZE_METHODS`.
        reduced: how the image is smaller than the picture; None where it is not.
    """
    from PIL import Image

    scale, full, (left, top) = reduced or Reduced(1, image.size, (0, 0))
    box, inside = _laid_out(full, size, resize)
    box = tuple(edge / scale + start for edge, start in zip(box, (left, top) * 2, strict=True))
    found = image.resize(inside, resize_method(resize), box=box)
    if inside == size[::-1]:
        return found
    laid = Image.new(found.mode, size[::-1])
    laid.paste(found, (round((size[1] - inside[0]) * 0.5), round((size[0] - inside[1]) * 0.5)))
    return laid


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
        check_count("image_size", side)
    if size[0] * size[1] > _LARGEST_SIZE:
        raise ValueError(
            f"image_size must be at most {_LARGEST_SIZE // 10**6} megapixels. "
            f"Received: image_size={image_size!r}. Pass 224 or (224, 224)."
        )
    return size


def resize_method(resize: str) -> Any:
    """Find Pillow's method of that name; "crop" and "pad" are bicubic."""
    from PIL import Image

    if resize not in RESIZE_METHODS:
        raise ValueError(
            f"resize must be one of {', '.join(RESIZE_METHODS)}. Received: resize={resize!r}. "
            "Pass one of these."
        )
    return Image.Resampling["BICUBIC" if resize in ("crop", "pad") else resize.upper()]


def upright_rgb(image: Any) -> Any:
    """Turn a Pillow image as its EXIF orientation says, to RGB, on white where transparent."""
    from PIL import Image

    image = _eight_bits(_upright(image))
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _upright(image):
    """Turned as EXIF says; where that is damaged, as it is stored."""
    from PIL import Image

    turn = _TURNS.get(_number(image))
    return image if turn is None else image.transpose(Image.Transpose[turn])


def _number(image):
    """The orientation that EXIF tells, from 1 to 8; None where there is none, or it is damaged."""
    try:
        exif = image.info.get("exif")
        number = image.getexif().get(0x0112) if exif is None else _orientation(exif)
        return number if number in _TURNS else None
    except Exception:  # of many kinds; the pixels are whole
        return None


def _orientation(exif):
    """The number in a block of EXIF, of which nothing else is read; None where there is none."""
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    orders: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}
    order = orders[exif[:4]]

    def number(at, size=2):
        return int.from_bytes(exif[at : at + size], order)

    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * number(first), 12):
        if number(entry) == 0x0112 and number(entry + 2) in (3, 4):
            return number(entry + 8, 2 if number(entry + 2) == 3 else 4)
    return None


def _eight_bits(image):
    """Whole numbers of 16 bits by their upper half, floats that lie between 0 and 255 rounded."""
    from PIL import Image

    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        low, high = (float(values.min()), float(values.max())) if values.size else (0, 0)
        if image.mode == "F" and not (low >= 0 and 1 < high <= 255):
            raise ValueError(
                f"its values are floats from {low:.4g} to {high:.4g}, so that black and white are "
                "not known; save whole numbers from 0 to 255"
            )
        if not (low >= 0 and high <= _FULL):
            raise ValueError(
                f"its values are whole numbers from {low:.0f} to {high:.0f}; save 8 or 16 bits"
            )
        values = np.rint(values) if image.mode == "F" else values >> 8
        return Image.fromarray(values.astype("uint8"))
    return image


def _highest(image):
    """The highest value of a deep picture, on a scale to 65535; of colours Pillow keeps 8 bits."""
    if image.mode.startswith("I"):
        return int(np.asarray(image).max())
    bands = image.getextrema()
    bands = bands if isinstance(bands[0], tuple) else (bands,)
    colours = bands[:-1] if image.mode in ("RGBA", "LA") else bands
    return (max(int(high) for _, high in colours) << 8) | 255
