"""What `predict` is given: paths, pixels, Pillow images, texts, samples or windows, one or many."""

from pathlib import Path

import keras
import numpy as np

from tltk.inputs.checks import check_finite, composed, is_dataset
from tltk.inputs.clips import Windows, as_waveforms, cut_clip, read_clip
from tltk.inputs.decoding import read_image, resize_images, upright_rgb
from tltk.inputs.examples import Splits


def takes_texts(model: keras.Model) -> bool:
    """Whether a model's input is raw strings."""
    return keras.backend.standardize_dtype(model.inputs[0].dtype) == "string"


def takes_series(model: keras.Model) -> bool:
    """Whether a model's input is windows (length, columns) of a series."""
    return not takes_texts(model) and len(model.input_shape) == 3


def listed_texts(texts: object) -> list[str]:
    """One text or several, as a list."""
    texts = [texts] if isinstance(texts, str) else list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(
                "A text model takes a string or a sequence of strings. "
                f"Received: {type(text).__name__}. Use predict_split for a data set."
            )
    return [composed(text) for text in texts]


def listed_clips(clips: object) -> list:
    """One clip or several, paths or samples, as a list."""
    if clips is None or isinstance(clips, Splits) or is_dataset(clips):
        raise ValueError(
            "predict takes paths or samples. "
            f"Received: {type(clips).__name__}. Use predict_split(model, words.test) for a data "
            "set."
        )
    one_clip = isinstance(clips, (str, Path)) or getattr(clips, "ndim", 0) == 1
    return [clips] if one_clip else list(clips)


def read_windows(
    clip: object, length: int | None, rate: int, on_error: str
) -> np.ndarray | ValueError:
    """The windows (n, length) of a clip; all of it is one where the network takes any length."""
    if isinstance(clip, (str, Path)):
        try:
            samples = read_clip(clip, rate)
        except ValueError as error:
            if on_error == "raise":
                raise
            return error
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
            f"Received: {type(windows).__name__}. Read a file with series_file, cut it with "
            "series_windows; use predict_split(model, windows.test) for a data set."
        )
    one_window = getattr(windows, "ndim", 0) == 2 and np.shape(windows)[1] == columns
    listed = [np.asarray(x, "float32") for x in ([windows] if one_window else windows)]
    for window in listed:
        if window.ndim != 2 or window.shape[1] != columns or length not in (None, len(window)):
            raise ValueError(
                f"A window has shape ({length}, {columns}), None being free. "
                f"Received: {window.shape}. Cut the last {length or 'steps'} of the series."
            )
        check_finite(window[None], what="Windows")
    return listed


def listed_pictures(pictures: object) -> list:
    if pictures is None or isinstance(pictures, Splits) or is_dataset(pictures):
        raise ValueError(
            "predict takes paths, pixels or Pillow images. "
            f"Received: {type(pictures).__name__}. Use predict_split(model, photos.test) for a "
            "data set."
        )
    one_picture = isinstance(pictures, (str, Path)) or _is_image(pictures)
    one_picture = one_picture or getattr(pictures, "ndim", 0) == 3
    pictures = [pictures] if one_picture else list(pictures)
    for picture in pictures:
        if isinstance(picture, (str, Path)) and not Path(picture).is_file():
            raise FileNotFoundError(
                "Each path must be that of a picture file. "
                f"Received: {picture}. For a folder, list its files: "
                "sorted(Path(folder).glob('*.jpg'))."
            )
    return pictures


def _is_image(picture: object) -> bool:
    from PIL import Image

    return isinstance(picture, Image.Image)


def read_picture(
    picture: object, input_size: tuple, resize: str, on_error: str
) -> np.ndarray | ValueError:
    resizable = None not in input_size
    if isinstance(picture, (str, Path)):
        try:
            return read_image(picture, input_size if resizable else None, resize)
        except ValueError as error:
            if on_error == "raise":
                raise
            return error
    pixels = np.asarray(upright_rgb(picture) if _is_image(picture) else picture)
    if pixels.ndim != 3 or pixels.shape[-1] != 3:
        raise ValueError(
            "A picture is a path or an array (height, width, 3). "
            f"Received: {type(picture).__name__} of shape {pixels.shape}. Convert it to RGB."
        )
    if not resizable or pixels.shape[:2] == input_size:
        return pixels
    if pixels.dtype != "uint8":
        raise ValueError(
            f"Float pictures must have the model's input size {input_size}. "
            f"Received: {pixels.dtype} of shape {pixels.shape}. "
            "Pass uint8 pixels, which are resized, or resize them yourself."
        )
    return resize_images(pixels[None], input_size, resize)[0]
