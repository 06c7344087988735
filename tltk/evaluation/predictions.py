"""Predictions whose labels cannot get out of order, and what they say about a model."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from tltk._checks import as_names, check_count, check_flag
from tltk._keras import as_functional, check_model
from tltk._paths import user_path
from tltk.backbones import sample_rate
from tltk.backbones.words import warn_of_unknown_words
from tltk.evaluation.reading import (
    check_takes_pictures,
    is_file,
    listed_clips,
    listed_pictures,
    listed_series,
    listed_texts,
    read_picture,
    read_windows,
    takes_series,
    takes_texts,
)
from tltk.inputs.checks import check_on_error
from tltk.inputs.decoding import in_parallel, resize_method
from tltk.inputs.examples import check_labelled, examples_of
from tltk.tuning.checks import check_fits, warn_of_scale
from tltk.tuning.metadata import load_model, metadata

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
    model: keras.Model, split: Any, class_names: Sequence[str] | None = None
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
    outputs = []
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
        resize: how pictures were resized for training ("bicubic", "bilinear", "lanczos" or
            "nearest"); by default as the model's metadata tell. Where they tell nothing, a file is
            given as raw values, resized by "bicubic", with a warning.
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
        as_names("class_names", class_names)
    is_path = isinstance(model_or_path, (str, Path))
    model = (
        load_model(user_path(model_or_path, "model_or_path"), class_names, trust)
        if is_path
        else model_or_path
    )
    check_model(model, "model_or_path", functional=True)
    given = _listed(model)(inputs)
    resize = _resize_of(model, given, resize)
    answers, unreadable = [[] for _ in given], []
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
    if _listed(model) is listed_pictures and any(map(is_file, given)):
        warnings.warn(
            "Pictures must be prepared as they were for training, which this model does not tell. "
            "Received: files, which are given as raw values from 0 to 255, resized by bicubic. "
            'Pass resize="bilinear" or whatever training used; a model that was trained on other '
            "values, such as x / 255, takes arrays of those.",
            stacklevel=3,
        )
    return "bicubic"


def _listed(model):
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
    if None in input_size:
        input_size = tuple((metadata(model).get("preparation") or {}).get("size", input_size))
    at_once = 1 if None in input_size else AT_ONCE
    for start in range(0, len(given), at_once):
        some = given[start : start + at_once]
        yield (
            start,
            in_parallel(lambda x: read_picture(x, input_size, resize, on_error, channels), some),
        )


def _trained_length(model, rate):
    """Samples of the windows that a network of free length was trained on; None if unknown."""
    seconds = (metadata(model).get("preparation") or {}).get("seconds")
    return seconds and round(seconds * rate)


def _read_outputs(model: keras.Model, outputs: np.ndarray) -> tuple[str, np.ndarray]:
    """Return what kind of answers a model gives, and the answers as an (n, k) array."""
    outputs = np.asarray(outputs, dtype="float32").reshape(len(outputs), -1)
    activation = _last_activation(model)
    kinds = {"softmax": "one_label", "sigmoid": "many_labels"}
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
