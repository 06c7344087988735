"""Predictions whose labels cannot get out of order, and what they say about a model."""

import os
import warnings
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from tltk._checks import as_names, as_numbers, check_count, check_flag, refuse, shown, told_type
from tltk._keras import as_functional, check_model
from tltk._paths import existing_file, user_path
from tltk.backbones.audio import sample_rate
from tltk.backbones.text import warn_of_unknown_words
from tltk.inputs._arrays import check_finite, check_on_error, composed, is_dataset
from tltk.inputs.audio import Windows, all_samples, as_waveforms, cut_clip, whole_sound
from tltk.inputs.decoding import (
    REDUCED,
    content_of,
    in_parallel,
    read_image,
    resize_images,
    resize_method,
    upright_rgb,
)
from tltk.inputs.examples import Data, Splits, check_labelled, examples_of
from tltk.tuning._checks import check_fits, warn_of_scale
from tltk.tuning.saving import load_model, metadata


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


def listed_series(windows: Any, shape: tuple) -> list[np.ndarray]:
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
    if not hasattr(inputs, "__len__") or isinstance(inputs, Mapping | Set):
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
    picture: object,
    input_size: tuple,
    resize: str,
    on_error: str,
    channels: int = 3,
    exact: bool = True,
) -> np.ndarray | Exception:
    """The pixels (height, width, channels) of a picture at the network's input size."""
    size = None if None in input_size else input_size
    if is_file(picture):
        try:
            return read_image(picture, size, resize, channels, exact=exact)
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


AT_ONCE = 32


class Predictions(NamedTuple):
    """A split's labels and a model's answers, row by row.

    Attributes:
        labels: (n,) class numbers; many labels: (n, k) of 0 and 1; regression: (n, k) numbers.
        probabilities: (n, k) float32, one column per class name (regression: the predicted
            numbers).
        class_names: k names in the order of the columns.
        names: n file names in the order of the rows, or None where the split has none.
        kind: "one_label", "many_labels" or "regression".
    """

    labels: np.ndarray
    probabilities: np.ndarray
    class_names: tuple[str, ...]
    names: tuple[str, ...] | None = None
    kind: str = "one_label"


def predict_split(
    model: keras.Model, split: Data, class_names: Sequence[str] | None = None
) -> Predictions:
    """Run a model over a split and keep its answers together with the labels.

    Labels and answers come from the same rows, so they match even where a dataset shuffles.

    Args:
        model: a classifier that ends in softmax (one label) or sigmoid (many labels), or a
            regression model. One sigmoid unit is read as two classes.
        split: a split, a pair (x, y) of arrays, or any other data that `examples_of` takes.
        class_names: k names; by default those saved with the model, else "class 0", "class 1", …

    Returns:
        Predictions with n rows.

    Raises:
        ValueError: no split or labels, labels that do not fit the outputs, outputs that are not
            probabilities, or a wrong number of names.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Softmax()])
        >>> x = np.array([[9.0, 0.0, 0.0], [0.0, 0.0, 9.0]], "float32")
        >>> predict_split(model, (x, np.array([0, 1]))).probabilities.argmax(axis=1).tolist()
        [0, 2]
    """
    check_model(model)
    examples = examples_of(split)
    check_labelled(examples)
    if as_functional(model) is not None:
        check_fits(model, examples)
    outputs: list[np.ndarray] = []
    for inputs, _ in examples:
        if not outputs:
            warn_of_scale(model, inputs)
            warn_of_unknown_words(model, inputs)
        outputs.append(model.predict_on_batch(inputs))
    kind, probabilities = _read_outputs(model, np.concatenate(outputs))
    labels = _read_labels(examples.labels, probabilities, kind)
    return Predictions(
        labels=labels,
        probabilities=probabilities,
        class_names=_class_names(model, class_names, probabilities.shape[1]),
        names=examples.names,
        kind=kind,
    )


def predict(
    model_or_path: keras.Model | str | Path,
    inputs: object,
    top: int = 3,
    class_names: Sequence[str] | None = None,
    *,
    on_error: str = "skip",
    resize: str | None = None,
    trust: bool = False,
) -> list[list[tuple[str, float]]]:
    """Name what is in pictures, sounds or series, or what texts say, with probabilities.

    Args:
        model_or_path: an image, text, sound or series model, or the `.keras` file of one.
        inputs: for an image model one picture or a sequence: a path (`~` allowed), the bytes of a
            file, an open one, a `BytesIO` or upload; a Pillow image; or raw pixels (0-255, whole
            numbers or float), an array (height, width, 3), or grey (height, width). All but floats
            are brought to the model's input size and channels. For a text model one string or a
            sequence. For a sound model one file or a sequence, in the same forms; or samples at the
            model's rate (-1 to 1, or integers of full scale): one array (n,), or a sequence of
            them. A clip is cut into windows as `audio_folder` does, and the answers to them are
            averaged; a silent one is named in a warning. For a series model one window (length,
            columns) or a sequence, in the units that the model takes.
        top: how many names for each input, at least 1; default 3. Regression gives every output.
        class_names: k names; by default those saved with the model, else "class 0", "class 1", …
        on_error: "skip" names unreadable files in a warning and gives them an empty list;
            "raise" refuses them.
        resize: how pictures were resized for training ("bicubic", "bilinear", "lanczos",
            "nearest", "crop" or "pad"); by default as the model's metadata tell. Where they tell
            nothing, a file is given as raw values, resized by "bicubic", with a warning. JPEGs are
            decoded at a smaller scale (see `read_image`) where they were for training, and else in
            full.
        trust: as for `load_model`, where a path is given: run what the file says.

    Returns:
        For each input, in the given order, a list of (name, probability), the likeliest first.

    Raises:
        ValueError: an unreadable file under "raise", a data set, an array of the wrong shape, a
            float array of the wrong size, or a wrong number of names.
        FileNotFoundError: a path that is not a file (a folder, for instance).

    Example:
        >>> import keras, numpy as np
        >>> pixels = keras.Input((2, 2, 3))
        >>> mean = keras.layers.GlobalAveragePooling2D()(pixels)
        >>> model = keras.Model(pixels, keras.layers.Softmax()(mean))
        >>> blue = np.zeros((2, 2, 3), "uint8")
        >>> blue[..., 2] = 255
        >>> predict(model, blue, top=1, class_names=["red", "green", "blue"])
        [[('blue', 1.0)]]
    """
    check_on_error(on_error)
    check_count("top", top)
    check_flag("trust", trust)
    if resize is not None:
        resize_method(resize)
    if class_names is not None:
        class_names = as_names("class_names", class_names)
    is_path = isinstance(model_or_path, (str, Path))
    model = (
        load_model(user_path(model_or_path, "model_or_path"), class_names, trust)
        if is_path
        else model_or_path
    )
    check_model(model, "model_or_path", functional=True)
    given = _lister_of(model)(inputs)
    resize = _resize_of(model, given, resize)
    answers: list[list] = [[] for _ in given]
    unreadable: list = []
    for start, read in _read(model, given, on_error, resize):
        unreadable += [error for error in read if isinstance(error, Exception)]
        whole = {row: x for row, x in enumerate(read, start) if not isinstance(x, Exception)}
        if not whole:
            continue
        kind, probabilities = _read_outputs(model, _outputs(model, list(whole.values()), start))
        names = _class_names(model, class_names, probabilities.shape[1])
        for row, values in zip(whole, probabilities, strict=True):
            order = range(len(names)) if kind == "regression" else np.argsort(-values)[:top]
            answers[row] = [(names[i], float(values[i])) for i in order]
    if unreadable:
        reasons = " ".join(map(str, unreadable))
        what = "pictures" if sample_rate(model) is None else "clips"
        warnings.warn(f"Skipped {len(unreadable)} unreadable {what}. {reasons}", stacklevel=2)
    return answers


def _resize_of(model, given, resize):
    """How pictures are resized: as asked for, as the model tells, or else bicubic, and said."""
    known = metadata(model)
    prepared = known.get("preparation") or {}
    resize = resize or prepared.get("resize") or known.get("resize")
    if resize is not None:
        resize_method(resize)
        return resize
    if _lister_of(model) is listed_pictures and any(map(is_file, given)):
        warnings.warn(
            "Pictures must be prepared as they were for training, which this model does not tell. "
            "Received: files, which are given as raw values from 0 to 255, resized by bicubic. "
            'Pass resize="bilinear" or whatever training used; a model that was trained on other '
            "values, such as x / 255, takes arrays of those.",
            stacklevel=3,
        )
    return "bicubic"


def _lister_of(model):
    if takes_texts(model):
        return listed_texts
    if takes_series(model):
        return lambda given: listed_series(given, model.input_shape[1:])
    return listed_pictures if sample_rate(model) is None else listed_clips


def _outputs(model, rows, start):
    """What the model answers to each row; to the windows of a clip, on average."""
    if takes_texts(model):
        texts = np.array(rows, dtype=object)
        if start == 0:
            warn_of_unknown_words(model, texts)
        return model.predict_on_batch(texts)
    is_sound = sample_rate(model) is not None
    stacked = np.concatenate(rows) if is_sound else np.stack(rows)
    if start == 0:
        warn_of_scale(model, stacked)
    if not is_sound:
        return model.predict_on_batch(stacked)
    parts = [stacked[first : first + AT_ONCE] for first in range(0, len(stacked), AT_ONCE)]
    outputs = np.concatenate([model.predict_on_batch(part) for part in parts])
    counts = [len(windows) for windows in rows]
    ends = np.cumsum(counts)[:-1]
    return np.stack([some.mean(axis=0) for some in np.split(outputs, ends)])


def _read(model, given, on_error, resize):
    """The first row and the inputs of each batch; what cannot be read is an exception."""
    if takes_texts(model) or takes_series(model):
        at_once = 1 if model.input_shape[1:2] == (None,) else AT_ONCE
        for start in range(0, len(given), at_once):
            yield start, given[start : start + at_once]
        return
    rate = sample_rate(model)
    if rate is not None:
        length = model.input_shape[1] or _trained_length(model, rate)
        at_once = 1 if length is None else AT_ONCE
        for start in range(0, len(given), at_once):
            some = given[start : start + at_once]
            yield start, in_parallel(lambda x: read_windows(x, length, rate, on_error), some)
        return
    check_takes_pictures(model.input_shape)
    input_size, channels = model.input_shape[1:3], model.input_shape[3]
    prepared = metadata(model).get("preparation") or {}
    exact = prepared.get("road") != REDUCED  # as before there were two
    if None in input_size:
        input_size = tuple(prepared.get("size", input_size))
    at_once = 1 if None in input_size else AT_ONCE
    for start in range(0, len(given), at_once):
        some = given[start : start + at_once]
        yield (
            start,
            in_parallel(
                lambda x: read_picture(x, input_size, resize, on_error, channels, exact), some
            ),
        )


def _trained_length(model, rate):
    """Samples of the windows that a network of free length was trained on; None if unknown."""
    seconds = (metadata(model).get("preparation") or {}).get("seconds")
    return seconds and round(seconds * rate)


def _read_outputs(model: keras.Model, outputs: np.ndarray) -> tuple[str, np.ndarray]:
    """Return what kind of answers a model gives, and the answers as an (n, k) array."""
    outputs = np.asarray(outputs, dtype="float32").reshape(len(outputs), -1)
    activation = _last_activation(model)
    kinds: dict[str | None, str] = {"softmax": "one_label", "sigmoid": "many_labels"}
    kind = metadata(model).get("kind", kinds.get(activation, "regression"))
    one_unit = activation == "sigmoid" and outputs.shape[1] == 1
    if one_unit and "kind" not in metadata(model):
        return "one_label", np.hstack([1 - outputs, outputs])
    return kind, outputs


def _last_activation(model: keras.Model) -> str | None:
    last = model.layers[-1]
    while isinstance(last, keras.Model):
        last = last.layers[-1]
    if isinstance(last, keras.layers.Softmax):
        return "softmax"
    return getattr(getattr(last, "activation", None), "__name__", None)


def _read_labels(labels: np.ndarray, probabilities: np.ndarray, kind: str) -> np.ndarray:
    if kind == "one_label" and labels.ndim == 2:
        labels = labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
    if kind == "regression" and labels.ndim == 1:
        labels = labels[:, None]
    count = probabilities.shape[1]
    if kind == "regression" and count > 1 and labels.shape[1] == 1:
        raise ValueError(
            "A classifier must answer with probabilities. "
            f"Received: {count} outputs without softmax or sigmoid for single labels. "
            "End the model in keras.layers.Softmax()."
        )
    wrong_range = kind == "one_label" and (
        labels.min() < 0 or labels.max() >= count or (labels != labels.round()).any()
    )
    wrong_shape = kind != "one_label" and labels.shape != probabilities.shape
    if wrong_range or wrong_shape:
        raise ValueError(
            "Labels must fit the model's outputs: numbers below k for one label, (n, k) else. "
            f"Received: labels of shape {labels.shape} from {labels.min()} to {labels.max()} "
            f"for k={count} outputs of kind {kind!r}. Build the head for these classes."
        )
    return labels if kind == "regression" else labels.astype(int)


def _class_names(
    model: keras.Model, class_names: Sequence[str] | None, count: int
) -> tuple[str, ...]:
    if class_names is None:
        class_names = metadata(model).get("class_names")
    if class_names is None:
        return tuple(f"class {i}" for i in range(count))
    class_names = as_names("class_names", class_names)
    if len(class_names) != count:
        raise ValueError(
            f"There must be one name per output. Received: {len(class_names)} class_names for "
            f"{count} outputs. Pass the names in the order of the training labels."
        )
    return class_names
