"""What `predict` is given: paths, pixels, Pillow images or texts, one or many."""

from pathlib import Path

import keras
import numpy as np

from tltk.inputs.checks import is_dataset
from tltk.inputs.decoding import read_image, resize_images, upright_rgb
from tltk.inputs.examples import Splits


def takes_texts(model: keras.Model) -> bool:
    """Whether a model's input is raw strings."""
    return keras.backend.standardize_dtype(model.inputs[0].dtype) == "string"


def listed_texts(texts: object) -> list[str]:
    """One text or several, as a list."""
    texts = [texts] if isinstance(texts, str) else list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(
                "A text model takes a string or a sequence of strings. "
                f"Received: {type(text).__name__}. Use predict_split for a data set."
            )
    return texts


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
