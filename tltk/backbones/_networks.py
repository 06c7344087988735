"""Build any network of the table with fresh weights: raw pixels in, one flat model out."""

import keras
import numpy as np

from tltk._keras import check_channels_last
from tltk.backbones import padded, small
from tltk.backbones.names import kind_of, steady_names
from tltk.backbones.table import architecture

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225])
OURS = {
    "mobilenet_v2": padded.mobilenet_v2,
    "resnet18": padded.resnet18,
    "small_cnn": small.small_cnn,
}
CAFFE_MEAN_BGR = [103.939, 116.779, 123.68]


def build_network(
    name: str, input_shape: int | tuple[int | None, int | None, int], include_top: bool = False
) -> keras.Model:
    """Build one network with fresh weights.

    Args:
        name: one of `list_backbones()`.
        input_shape: (height, width, 3) of the pictures in pixels, or one number for a square.
        include_top: whether the 1000-class ImageNet classifier follows.

    Returns:
        A functional model without nested models: float pictures (b, h, w, 3), 0 to 255, in;
        feature map (b, h', w', c), or with the top probabilities (b, 1000), out.

    Raises:
        ValueError: for an unknown name or a picture size that the network does not allow.

    Example:
        >>> build_network("mobilenet_v2", (64, 64, 3)).output_shape
        (None, 2, 2, 1280)
    """
    check_channels_last()
    row = architecture(name)
    input_shape = checked_input_shape(name, input_shape, row.minimum)
    inputs = keras.Input(input_shape, name="pixels")
    scaled = scale_pixels(inputs, row.pixels)
    if row.keras_class is None:
        return keras.Model(inputs, OURS[name](scaled, include_top), name=name)
    stock = getattr(keras.applications, row.keras_class)(
        include_top=include_top,
        weights=None,
        input_tensor=scaled,
        input_shape=input_shape,
    )
    return flatten(stock, name)


def checked_input_shape(name: str, input_shape: int | tuple, minimum: int) -> tuple:
    """Turn one number into the shape of a square, and refuse what the network does not allow."""
    shape = tuple(input_shape) if np.ndim(input_shape) else (input_shape, input_shape, 3)
    whole = all(isinstance(side, (int, np.integer)) for side in shape if side is not None)
    sides = [side for side in shape[:2] if side is not None]
    if not whole or len(shape) != 3 or shape[2] != 3 or any(side < minimum for side in sides):
        raise ValueError(
            f"{name} takes RGB pictures of at least {minimum} x {minimum} pixels. "
            f"Received: input_shape={input_shape!r}. "
            f"Pass input_shape=(height, width, 3), or one number, with sides of {minimum} or more."
        )
    return shape


def scale_pixels(pixels: keras.KerasTensor, mode: str) -> keras.KerasTensor:
    """Scale raw RGB pixels as the network's ImageNet weights expect them.

    `torch` subtracts the ImageNet mean and divides by the deviation, `tf` maps to [-1, 1],
    `caffe` turns RGB into BGR and subtracts the mean; `inside` networks scale by themselves.
    """
    if mode == "inside":
        return pixels
    if mode == "caffe":
        pixels, scale, offset = pixels[..., ::-1], 1.0, [-mean for mean in CAFFE_MEAN_BGR]
    elif mode == "tf":
        scale, offset = 1 / 127.5, -1.0
    else:
        scale = (1 / (255 * IMAGENET_DEVIATION)).tolist()
        offset = (-IMAGENET_MEAN / IMAGENET_DEVIATION).tolist()
    return keras.layers.Rescaling(scale, offset, name="preprocessing")(pixels)


def flatten(stock: keras.Model, name: str) -> keras.Model:
    """Copy a stock network so that it is flat, named alike in every build, and scales pixels.

    Nested Sequential parts are put in line, automatic layer names count from zero, and an input
    normalisation that waits for values from a weight file gets ImageNet's.
    """
    old_names = [layer.name for layer in stock.layers]
    kinds = [kind_of(type(layer).__name__) for layer in stock.layers]
    names = dict(zip(old_names, steady_names(old_names, kinds), strict=True))

    def copy(operation):
        if isinstance(operation, keras.Sequential):
            return [copy(layer) for layer in operation.layers]
        config = operation.get_config()
        if isinstance(operation, keras.layers.Layer):
            config["name"] = names.get(operation.name, operation.name)
        if isinstance(operation, keras.layers.Normalization) and config["mean"] is None:
            config |= {"mean": IMAGENET_MEAN, "variance": IMAGENET_DEVIATION**2}
        return type(operation).from_config(config)

    def call(operations, *args, **kwargs):
        if not isinstance(operations, list):
            return operations(*args, **kwargs)
        for layer in operations:
            args = [layer(*args)]
        return args[0]

    flat = keras.models.clone_model(stock, clone_function=copy, call_function=call)
    return keras.Model(flat.inputs[0], flat.outputs[0], name=name)
