"""What every form of input data must satisfy."""

import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tltk._cache import row_chunks
from tltk._checks import check_choice, told_type
from tltk._keras import of_keras_2


def check_on_error(on_error: str) -> None:
    """Refuse anything but "skip" and "raise"."""
    check_choice("on_error", on_error, ("skip", "raise"), "Pass either")


def check_not_empty(count: int) -> None:
    """Refuse data without rows."""
    if count == 0:
        raise ValueError("The data must have at least one row. Received: none. Check its source.")


def check_finite(array: np.ndarray, first_row: int = 0, what: str = "Inputs") -> None:
    """Refuse NaN, infinity and what float32, in which networks compute, would make infinite.

    Rows are counted from `first_row` in the error.
    """
    if not is_float(array):
        return
    largest = float(np.finfo("float32").max)
    for start, rows in row_chunks(array):
        flat = rows.reshape(len(rows), -1)
        fits = np.isfinite(flat)
        if array.dtype.itemsize > 4:
            fits &= np.abs(flat) <= largest
        if not fits.all():
            row, place = (int(each) for each in np.argwhere(~fits)[0])
            value = flat[row, place]
            found = f"{value:.3g}" if np.isfinite(value) else "NaN or infinity"
            raise ValueError(
                f"{what} must be finite numbers, up to {largest:.3g}, the largest of float32. "
                f"Received: {found} in row {first_row + start + row}. Repair or remove such rows."
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


def as_array(values: Any, what: str = "Inputs") -> np.ndarray:
    """Turn rows of numbers or strings into an array (of objects where they are strings)."""
    _refuse_unless(values, _is_array_like(values), what)
    try:
        array = keras.ops.convert_to_numpy(values) if keras.ops.is_tensor(values) else None
        array = np.asarray(values) if array is None else array
        if array.dtype == object and any(isinstance(each, np.ndarray) for each in array.flat):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"All {what.lower()} must have one shape. Received: a list of unequal shapes. "
            "Resize or pad them first."
        ) from None
    _refuse_unless(values, array.ndim > 0 and _holds_values(array), what)
    if np.ma.is_masked(values):
        raise ValueError(
            "Inputs must be whole. Received: a masked array with values left out. "
            "Fill them in, or leave out such rows."
        )
    return _composed_strings(array) if array.dtype.kind in "USO" else array


def composed(text: str) -> str:
    """Write each letter and its marks as one character (Unicode's form NFC).

    What is no character, as half a surrogate pair, becomes the sign for one that is not known.

    Example:
        >>> len("cafe\u0301"), len(composed("cafe\u0301"))
        (5, 4)
    """
    if text.isascii():
        return text
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return unicodedata.normalize("NFC", whole)


def _composed_strings(array):
    strings = array.astype(object)
    strings.reshape(-1)[:] = [composed(x) if isinstance(x, str) else x for x in strings.flat]
    return strings


def _refuse_unless(values, readable, what):
    if not readable:
        raise ValueError(
            f"{what} must be numbers or strings, one per row. "
            f"Received: {told_type(values)}. Pass arrays, a keras.utils.PyDataset or a "
            "batched tf.data.Dataset."
        )


def _is_array_like(values):
    """Whether NumPy can read values: it would iterate for ever over what has no end."""
    kinds = {type(value): value for value in values} if isinstance(values, (list, tuple)) else {}
    if any(issubclass(kind, (list, tuple)) for kind in kinds):
        inner = (value for value in values if isinstance(value, (list, tuple)))
        return all(map(_is_array_like, inner))
    return not any(map(_is_iterated, kinds or {type(values): values}))


def _is_iterated(kind):
    known = (list, tuple, range, str, bytes, memoryview)
    is_array = hasattr(kind, "__array__") or hasattr(kind, "__array_interface__")
    iterated = hasattr(kind, "__iter__") or hasattr(kind, "__getitem__")
    return iterated and not is_array and not issubclass(kind, known)


def _holds_values(array):
    if array.dtype == object:
        return all(isinstance(value, (str, bytes)) for value in array.flat)
    return array.dtype.kind in "biufUSV" and not array.dtype.names  # V: bfloat16 and its like


def checked_labels(labels: Any, count: int) -> np.ndarray:
    """Turn labels of `count` rows into int32 class numbers, or else floats."""
    labels = as_array(labels, "Labels")
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
            f"Received: shape {labels.shape}, such as {labels.ravel()[:1].tolist()[0]!r}. "
            "Turn names into numbers with class_names, y = np.unique(names, return_inverse=True)."
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
            f"Class numbers must be below 2**31. Received: {labels.max()}. "
            "Number the classes from 0, with class_names, y = np.unique(y, return_inverse=True)."
        )
    return labels.astype("int32")


def is_dataset(data: Any) -> bool:
    """Recognise a dataset that serves batches: a `keras.utils.PyDataset`, a `tf.data.Dataset`."""
    return isinstance(data, keras.utils.PyDataset) or _is_tf(data)


def _is_tf(data):
    tf = sys.modules.get("tensorflow")  # whoever has such a dataset has imported it
    return tf is not None and isinstance(data, tf.data.Dataset)


def is_hub_dataset(data: Any) -> bool:
    """Recognise what Hugging Face's `datasets` made: a data set, or a dict of its parts."""
    return type(data).__module__.partition(".")[0] == "datasets" and hasattr(data, "column_names")


def _refuse_hub_dataset(data):
    columns = data.column_names
    columns = next(iter(columns.values()), None) if isinstance(columns, dict) else columns
    raise ValueError(
        "A data set of Hugging Face is read by a reader, which says how large its pictures become "
        f"and which part is which. Received: {type(data).__name__} with the columns "
        f"{', '.join(columns or []) or 'that it does not tell'}. Call tltk.image_table(data, "
        'path="image", label="label"), or tltk.text_file(data["train"], text="text", '
        'label="label"), and pass its .train; numbers as arrays: np.asarray(data["x"]).'
    )


def refuse_iterators(data: Any) -> None:
    """Refuse by its type what has no end, or none that it tells, before anything reads it."""
    if is_hub_dataset(data):
        _refuse_hub_dataset(data)
    kind, arrays = type(data), (list, tuple, dict, range, str, bytes, np.ndarray)
    received, cure = kind.__name__, _how_to_collect(kind)
    if of_keras_2(kind):
        received += ", an object of Keras 2, whose batches never end"
        cure = "Load the folder with image_folder; fine_tune(augment=) changes pictures at random."
    elif isinstance(data, list) and data and all(map(_is_pair, data)):
        received = "a list of pairs"
    elif isinstance(data, arrays) or is_dataset(data) or not _is_iterated(kind):
        return
    raise ValueError(
        "Data is given as arrays, or as a keras.utils.PyDataset or batched tf.data.Dataset, which "
        f"say how much they hold; anything else may have no end. Received: {received}. {cure}"
    )


def _how_to_collect(kind):
    rows = "data" if hasattr(kind, "__len__") else "itertools.islice(data, NUMBER)"
    if hasattr(kind, "__getitem__") and kind is not list:
        rows = "(data[row] for row in range(len(data)))"
    return (
        f"Collect it into arrays: x, y = map(np.stack, zip(*{rows})) where it gives single rows, "
        f"x, y = map(np.concatenate, zip(*{rows})) where it gives batches. What does not fit into "
        "memory goes into a keras.utils.PyDataset."
    )


def _is_pair(each):
    return isinstance(each, tuple) and len(each) == 2 and getattr(each[0], "ndim", 0) > 0


SPOOL_LIMIT, BATCH_LIMIT = 2**30, 5000  # of a dataset that does not say its length


def checked_chunks(dataset: Any) -> Iterator[tuple[Any, np.ndarray | None]]:
    """Give the inputs and labels of each batch, refusing what does not fit together, and NaN.

    Args:
        dataset: a `keras.utils.PyDataset` or a `tf.data.Dataset`.

    Raises:
        ValueError: for what is not batches of inputs or pairs, unequal batches, NaN, no end.
        OSError: where the temporary folder cannot hold them.
    """
    batches, count = _tf_batches(dataset) if _is_tf(dataset) else _py_batches(dataset)
    row, size, form = 0, 0, None
    for number, (inputs, labels) in enumerate(map(_inputs_and_labels, batches)):
        leaves = keras.tree.flatten_with_path((inputs,) if labels is None else (inputs, labels))
        found = [(path, leaf.shape[1:], str(leaf.dtype)) for path, leaf in leaves]
        form = form or found
        lengths = sorted({len(leaf) for _, leaf in leaves})
        if found != form or len(lengths) > 1:
            received = f"lengths {lengths} in one batch"
            if found != form:
                received = f"{_rows_of(form)} and {_rows_of(found)}"
            raise ValueError(
                "All batches must have one form but for their length, and one label per row. "
                f"Received: {received}. Resize, pad or convert them first."
            )
        for path, leaf in leaves:
            check_finite(leaf, row, "Labels" if path[0] == 1 else "Inputs")
        bytes_here = sum(_bytes_of(leaf) for _, leaf in leaves)
        if not size:
            _check_room(count, bytes_here)
        row, size = row + lengths[0], size + bytes_here
        if count is None and (size > SPOOL_LIMIT or number >= BATCH_LIMIT):
            raise ValueError(
                f"A dataset that does not say its length is read up to {SPOOL_LIMIT / 2**30:.3g} "
                f"GB and {BATCH_LIMIT:,} batches. Received: more, after {row} rows. If it has no "
                "end, leave out .repeat() or end its generator; if it has one, say so: "
                "dataset.apply(tf.data.experimental.assert_cardinality(NUMBER_OF_BATCHES))."
            )
        yield inputs, labels


def _py_batches(dataset):
    count = dataset.num_batches
    if count is None:
        raise ValueError(_ENDLESS)
    return (dataset[number] for number in range(count)), count


def _tf_batches(dataset):
    spec, count = dataset.element_spec, int(dataset.cardinality())
    if any(leaf.shape.rank == 0 for leaf in keras.tree.flatten(spec)):
        raise ValueError(
            f"A dataset must give batches. Received: single examples {spec}. Call .batch(32) on it."
        )
    if count == -1:
        raise ValueError(_ENDLESS)
    return dataset.as_numpy_iterator(), None if count < 0 else count


_ENDLESS = "A dataset must have an end. Received: one without end. Leave out .repeat()."


def _inputs_and_labels(batch):
    parts = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
    if len(parts) not in (1, 2):
        raise ValueError(
            "A dataset must give inputs, or pairs (inputs, labels). "
            f"Received: {len(parts)} parts. Select two with dataset.map."
        )
    return as_arrays(parts[0]), as_array(parts[1], "Labels") if len(parts) == 2 else None


def _rows_of(form):
    return "rows of " + ", ".join(f"{dtype} {shape}" for _, shape, dtype in form)


def _bytes_of(leaf):
    return sum(map(len, leaf.flat)) if leaf.dtype == object else leaf.nbytes


def _check_room(count, bytes_of_first):
    folder, need = tempfile.gettempdir(), (count or 0) * bytes_of_first
    free = shutil.disk_usage(folder).free
    if need > free:
        raise OSError(
            f"The rows of a dataset are written to the temporary folder. Received: about "
            f"{need / 2**30:.3g} GB for {folder}, where {free / 2**30:.3g} GB are free. Make room, "
            "or set TMPDIR to a folder on a larger disk."
        )
