"""What every form of input data must satisfy."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tltk.inputs.columns import row_chunks


def check_positive_integer(name: str, value: Any) -> None:
    """Refuse anything but a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(
            f"{name} must be a whole number of at least 1. Received: {name}={value!r}."
        )


def check_whole_number(name: str, value: Any) -> None:
    """Refuse anything but a whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(
            f"{name} must be a whole number of at least 0. Received: {name}={value!r}."
        )


def check_on_error(on_error: str) -> None:
    """Refuse anything but "skip" and "raise"."""
    if on_error not in ("skip", "raise"):
        raise ValueError(
            f'on_error must be "skip" or "raise". Received: on_error={on_error!r}. Pass either.'
        )


def check_not_empty(count: int) -> None:
    """Refuse data without rows."""
    if count == 0:
        raise ValueError("The data must have at least one row. Received: none. Check its source.")


def check_finite(array: np.ndarray, first_row: int = 0, what: str = "Inputs") -> None:
    """Refuse NaN and infinity; rows are counted from `first_row` in the error."""
    if not is_float(array):
        return
    for start, rows in row_chunks(array):
        finite = np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"{what} must be finite numbers. "
                f"Received: NaN or infinity in row {first_row + start + int(np.argmin(finite))}. "
                "Repair or remove such rows."
            )


def is_float(array: np.ndarray) -> bool:
    """Tell floats of any precision from whole numbers, booleans and strings."""
    return not np.issubdtype(array.dtype, np.integer) and array.dtype.kind not in "bOUSc"


def as_arrays(inputs: Any) -> Any:
    """Turn inputs, or a tuple or dict of inputs, into arrays."""
    if isinstance(inputs, dict):
        return {name: as_array(value) for name, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(as_array(value) for value in inputs)
    return as_array(inputs)


def as_array(values: Any) -> np.ndarray:
    """Turn rows of numbers or strings into an array (of objects where they are strings)."""
    try:
        array = keras.ops.convert_to_numpy(values) if keras.ops.is_tensor(values) else None
        array = np.asanyarray(values) if array is None else array
    except ValueError:
        raise ValueError(
            "All inputs must have one shape. Received: a list of unequal shapes. "
            "Resize or pad them first."
        ) from None
    if np.ma.is_masked(array) or array.dtype.kind in "cmM" or array.dtype.names:
        raise ValueError(
            "Inputs and labels are real numbers or strings, each of them known. "
            f"Received: {'masked values' if np.ma.is_masked(array) else array.dtype}. "
            "Fill what is masked; turn times and complex numbers into real ones."
        )
    if array.ndim == 0 or not _holds_values(array):
        raise ValueError(
            "Inputs must be numbers or strings, one per row. "
            f"Received: {type(values).__name__}. Pass arrays, or a batched tf.data.Dataset."
        )
    array = np.asarray(array)
    return _composed_strings(array) if array.dtype.kind in "USO" else array


def composed(text: str) -> str:
    """Write each letter and its marks as one character (Unicode's form NFC).

    What is no character, as half a surrogate pair, becomes the sign for one that is not known.

    Example:
        >>> len("cafe\u0301"), len(composed("cafe\u0301"))
        (5, 4)
    """
    text = unicodedata.normalize("NFC", text)
    return (
        text
        if text.isascii()
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _composed_strings(array):
    strings = array.astype(object)
    strings.reshape(-1)[:] = [composed(x) if isinstance(x, str) else x for x in strings.flat]
    return strings


def _holds_values(array):
    return array.dtype != object or all(isinstance(value, (str, bytes)) for value in array.flat)


def checked_labels(labels: Any, count: int) -> np.ndarray:
    """Turn labels of `count` rows into int32 class numbers, or else floats."""
    labels = as_array(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if len(labels) != count:
        raise ValueError(
            "Inputs and labels must have one length. "
            f"Received: {count} inputs and {len(labels)} labels. Pass one label per row."
        )
    if labels.dtype == object or labels.ndim > 2:
        raise ValueError(
            "Labels must be class numbers (n,), multi-hot (n, k), or floats (n,). "
            f"Received: shape {labels.shape}, such as {labels.flat[0]!r}. Turn names into numbers "
            "with class_names, y = np.unique(names, return_inverse=True)."
        )
    check_finite(labels, what="Labels")
    if labels.ndim == 2 or is_float(labels):
        return labels.astype("float32")
    if labels.min() < 0:
        raise ValueError(
            f"Class numbers must be 0 or more. Received: {labels.min()}. "
            "Number the classes from 0; for regression pass floats."
        )
    if labels.max() > np.iinfo("int32").max:
        raise ValueError(
            f"Class numbers must be below 2,147,483,648. Received: {labels.max()}. "
            "Number the classes from 0: class_names, y = np.unique(y, return_inverse=True)."
        )
    return labels.astype("int32")


def is_dataset(data: Any) -> bool:
    """Recognise a `tf.data.Dataset`."""
    import tensorflow as tf

    return isinstance(data, tf.data.Dataset)


def check_dataset(dataset: Any) -> None:
    """Refuse datasets that are not finite batches of inputs, or of inputs and labels."""
    import tensorflow as tf

    spec = dataset.element_spec
    if isinstance(spec, tuple) and len(spec) != 2:
        raise ValueError(
            "A dataset must give inputs, or pairs (inputs, labels). "
            f"Received: {len(spec)} parts. Select two with dataset.map."
        )
    if any(leaf.shape.rank == 0 for leaf in keras.tree.flatten(spec)):
        raise ValueError(
            f"A dataset must give batches. Received: single examples {spec}. Call .batch(32) on it."
        )
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError(
            "A dataset must have an end. Received: one without end. Leave out .repeat()."
        )


def checked_leaves(dataset: Any) -> Iterator[list[np.ndarray]]:
    """Give the arrays of each batch in a flat list, refusing unequal rows and NaN."""
    row, shapes = 0, None
    for batch in dataset.as_numpy_iterator():
        leaves = keras.tree.flatten(batch)
        shapes = shapes or [leaf.shape[1:] for leaf in leaves]
        if [leaf.shape[1:] for leaf in leaves] != shapes:
            raise ValueError(
                "All batches must have one shape but for their length. Received: rows of shapes "
                f"{shapes} and {[leaf.shape[1:] for leaf in leaves]}. Resize or pad them first."
            )
        for leaf in leaves:
            check_finite(leaf, row)
        row += len(leaves[0])
        yield leaves
