"""What `predict` is given: paths, pixels, Pillow images, texts, samples or windows, one or many."""

import os
import warnings
from collections.abc import Mapping, Set, Sized
from pathlib import Path

import keras
import numpy as np

from tltk._checks import as_numbers, refuse, shown, told_type
from tltk._paths import existing_file
from tltk.inputs.checks import check_finite, composed, is_dataset
from tltk.inputs.clips import Windows, all_samples, as_waveforms, cut_clip, whole_sound
from tltk.inputs.decoding import content_of, read_image, resize_images, upright_rgb
from tltk.inputs.examples import Splits


def takes_texts(model: keras.Model) -> bool:
    """Whether a model's input is raw strings."""
    return keras.backend.standardize_dtype(model.inputs[0].dtype) == "string"


def takes_series(model: keras.Model) -> bool:
    """Whether a model's input is windows (length, columns) of a series."""
    return not takes_texts(model) and len(model.input_shape) == 3


def listed_texts(texts: object) -> list[str]:
    """One text or several, as a list."""
    texts = [texts] if isinstance(texts, str) else _listed(texts, "strings", 1)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(
                "A text model takes a string or a sequence of strings. "
                f"Received: {told_type(text)}. Use predict_split for a data set."
            )
    return [composed(text) for text in texts]


def is_file(given: object) -> bool:
    """Whether something is a file: a path, the bytes of one, or what they can be read from."""
    return isinstance(given, str | os.PathLike | bytes | bytearray | memoryview) or (
        hasattr(given, "read") and not hasattr(given, "shape")
    )


def listed_clips(clips: object) -> list:
    """One clip or several, files or samples, as a list."""
    if clips is None or isinstance(clips, Splits) or is_dataset(clips):
        raise ValueError(
            "predict takes paths or samples. "
            f"Received: {told_type(clips)}. Use predict_split(model, words.test) for a data "
            "set."
        )
    one_clip = is_file(clips) or getattr(clips, "ndim", 0) == 1
    one_clip = one_clip and not _holds_files(clips)
    clips = [clips] if one_clip else _listed(clips, "paths or samples", 2)
    for clip in clips:
        if isinstance(clip, str | os.PathLike):
            existing_file(clip, "recording")
    return clips


def _holds_files(array):
    return getattr(array, "ndim", 0) == 1 and np.asarray(array).dtype.kind in "UO"


def read_windows(
    clip: object, length: int | None, rate: int, on_error: str
) -> np.ndarray | Exception:
    """The windows (n, length) of a clip; all of it is one where the network takes any length."""
    if is_file(clip):
        try:
            source = clip if isinstance(clip, str | os.PathLike) else content_of(clip)[0]
            sound = whole_sound(source, rate)
            samples = all_samples(source, sound, rate)
        except (ValueError, OSError) as error:
            if on_error == "raise":
                raise
            return error
        if sound.silent:
            called = clip if isinstance(clip, str | os.PathLike) else f"a {type(clip).__name__}"
            warnings.warn(
                "A clip should hold sound. "
                f"Received: {called}, which is silent. "
                "Its answer is that to silence; record it again where that is not meant.",
                stacklevel=2,
            )
    else:
        samples = as_waveforms(clip)
    if samples.ndim != 1 or not len(samples):
        raise ValueError(
            f"A clip is a path, or samples (n,) at {rate} a second. "
            f"Received: {type(clip).__name__} of shape {samples.shape}. "
            "Take the mean of the channels."
        )
    check_finite(samples[None], what="Samples")
    return cut_clip(samples, Windows(length or len(samples), length or len(samples), rate))


def listed_series(windows: object, shape: tuple) -> list[np.ndarray]:
    """One window or several, as a list of float arrays (length, columns)."""
    length, columns = shape
    if windows is None or isinstance(windows, (str, Path, Splits)) or is_dataset(windows):
        raise ValueError(
            "predict takes windows of a series as arrays. "
            f"Received: {told_type(windows)}. Read a file with series_file, cut it with "
            "series_windows; use predict_split(model, windows.test) for a data set."
        )
    one_window = getattr(windows, "ndim", 0) == 2 and np.shape(windows)[1] == columns
    given = [windows] if one_window else _listed(windows, "windows as arrays", 3)
    listed = [as_numbers("inputs", x, "").astype("float32") for x in given]
    for window in listed:
        if window.ndim != 2 or window.shape[1] != columns or length not in (None, len(window)):
            raise ValueError(
                f"A window has shape ({length}, {columns}), None being free. "
                f"Received: {window.shape}. Cut the last {length or 'steps'} of the series."
            )
        check_finite(window[None], what="Windows")
    return listed


def listed_pictures(pictures: object) -> list:
    """One picture or several, files, pixels or Pillow images, as a list."""
    if pictures is None or isinstance(pictures, Splits) or is_dataset(pictures):
        raise ValueError(
            "predict takes paths, pixels or Pillow images. "
            f"Received: {told_type(pictures)}. Use predict_split(model, photos.test) for a "
            "data set."
        )
    one_picture = is_file(pictures) or _is_image(pictures) or _is_one_array(pictures)
    pictures = [pictures] if one_picture else _listed(pictures, "paths, pixels or Pillow images", 4)
    for picture in pictures:
        if isinstance(picture, str | os.PathLike):
            existing_file(picture, "picture")
    return pictures


def _listed(inputs, what, axes) -> list:
    """Several inputs as a list, `axes` being those of all in one array.

    What has no length may have no end, and a pair of inputs and labels is no list of inputs.
    """
    if isinstance(inputs, tuple) and len(inputs) == 2 and getattr(inputs[0], "ndim", 0) == axes:
        advice = "Pass x alone, or use predict_split(model, (x, y))"
        refuse(f"predict takes {what}, without labels", "inputs with two arrays (x, y)", advice)
    if isinstance(inputs, np.ma.MaskedArray):
        refuse("inputs must be whole", f"inputs={shown(inputs)}", "Fill in what is masked")
    if not isinstance(inputs, Sized) or isinstance(inputs, Mapping | Set):
        advice = "Pass one, or a list"
        refuse(f"predict takes {what}, one or a list", f"inputs={shown(inputs)}", advice)
    return list(inputs)


def _is_one_array(pictures):
    dimensions = getattr(pictures, "ndim", 0)
    return dimensions == 2 or (dimensions == 3 and pictures.shape[-1] in (1, 3, 4))


def _is_image(picture: object) -> bool:
    from PIL import Image

    return isinstance(picture, Image.Image)


def check_takes_pictures(shape: tuple) -> None:
    """Refuse a network whose input is no picture of colours or greys, the channels last."""
    if len(shape) != 4 or shape[-1] not in (1, 3):
        raise ValueError(
            "predict reads pictures for networks that take (height, width, 3), or 1 for grey. "
            f"Received: a network with input shape {shape}. "
            + (
                'Make it with data_format="channels_last".'
                if len(shape) == 4 and shape[1] in (1, 3)
                else "Call its own predict with arrays of that shape."
            )
        )


def read_picture(
    picture: object, input_size: tuple, resize: str, on_error: str, channels: int = 3
) -> np.ndarray | Exception:
    """The pixels (height, width, channels) of a picture at the network's input size."""
    size = None if None in input_size else input_size
    if is_file(picture):
        try:
            return read_image(picture, size, resize, channels)
        except (ValueError, OSError) as error:
            if on_error == "raise":
                raise
            return error
    pixels = _in_channels(upright_rgb(picture) if _is_image(picture) else picture, channels)
    if pixels.ndim != 3 or pixels.shape[-1] != channels:
        raise ValueError(
            f"A picture is a path or an array (height, width, {channels}). "
            f"Received: {type(picture).__name__} of shape {pixels.shape}. Convert it "
            f"to {'RGB' if channels == 3 else 'grey'}."
        )
    if size is None or pixels.shape[:2] == size:
        return pixels
    if pixels.dtype != "uint8":
        is_float = pixels.dtype.kind == "f"
        raise ValueError(
            f"{'Float pictures' if is_float else 'Pictures with values beyond 0 to 255'} must have "
            f"the model's input size {input_size}. "
            f"Received: {pixels.dtype} of shape {pixels.shape} up to {pixels.max():.5g}. "
            "Pass uint8 pixels, which are resized, or resize them yourself."
        )
    coloured = np.broadcast_to(pixels, (*pixels.shape[:2], 3))[None]
    return resize_images(np.ascontiguousarray(coloured), size, resize)[0, ..., :channels]


def _in_channels(picture, channels):
    """Whole numbers from 0 to 255 as uint8, and those in the channels that the network takes."""
    from PIL import Image

    numbers = as_numbers("inputs", picture, "", advice="Pass raw pixels from 0 to 255")
    pixels = numbers.astype(np.asarray(picture).dtype)
    if pixels.dtype.kind in "iu" and pixels.size and pixels.min() >= 0 and pixels.max() <= 255:
        pixels = pixels.astype("uint8")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    drawn = pixels.dtype == "uint8" and pixels.ndim == 3 and pixels.shape[-1] in (1, 3, 4)
    if not drawn or pixels.shape[-1] == channels:
        return pixels
    image = upright_rgb(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))
    pixels = np.asarray(image.convert("L") if channels == 1 else image)
    return pixels.reshape(*pixels.shape[:2], channels)
