"""The data contract: batched splits in a fixed order, and random access to the rows behind them."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from tltk.inputs.checks import (
    as_arrays,
    check_dataset,
    check_finite,
    check_not_empty,
    check_positive_integer,
    checked_labels,
    checked_leaves,
    is_dataset,
    is_float,
)
from tltk.inputs.columns import content_digest, temporary_columns


class Splits(NamedTuple):
    """A data set cut into batched `tf.data.Dataset`s of `(inputs, labels)` in a fixed order.

    A split that was asked for with a fraction of 0 is `None`. `files` maps "train", "val" and
    "test" to the names of that split's rows, in the order of the rows.
    """

    train: Any
    val: Any
    test: Any
    class_names: tuple[str, ...]
    files: dict[str, tuple[str, ...]]


class Examples(NamedTuple):
    """Random access to labelled rows.

    `fetch(rows)` returns the stacked inputs of the given row numbers: an array, or a tuple or dict
    of arrays. `labels` has shape `(n,)` or `(n, k)`, and is `None` where there are none. `digest`
    identifies the inputs' content, size and resize method, and is `None` when unknown. `names`
    holds one name per row, or is `None`. `count` is n, the number of rows. `reread()` returns the
    same examples with their files read again, and is `None` where there are none. `preparation`
    tells what the reader did with each file (kind, size, resize method; seconds, rate), as JSON
    values, and is `None` where nothing was read.
    """

    fetch: Callable[[np.ndarray], Any]
    labels: np.ndarray | None
    digest: str | None
    names: tuple[str, ...] | None
    count: int
    reread: Callable[[], "Examples"] | None = None
    preparation: dict | None = None


def batches(examples: Examples, batch_size: int = 32) -> Any:
    """Serve examples as a batched dataset in row order, read in parallel.

    Args:
        examples: the rows to serve.
        batch_size: rows in a batch; the last batch holds what is left.

    Returns:
        A `tf.data.Dataset` of `(inputs, labels)`, or of `inputs` alone where there are no labels.
        Its attribute `examples` holds the examples (`tf.data` drops it after `.map` and the like).

    Raises:
        ValueError: if `batch_size` is not a whole number of at least 1.

    Example:
        >>> pictures = np.zeros((5, 8, 8, 3), "uint8")
        >>> split = batches(examples_of((pictures, [0, 1, 0, 1, 1])), batch_size=2)
        >>> [len(labels) for _, labels in split]
        [2, 2, 1]
    """
    import tensorflow as tf

    check_positive_integer("batch_size", batch_size)
    first = examples.fetch(np.arange(1))
    specs = [_spec(leaf) for leaf in keras.tree.flatten(first)]
    labels = None if examples.labels is None else tf.constant(examples.labels)

    def read(start):
        rows = np.arange(start, min(start + batch_size, examples.count))
        return keras.tree.flatten(examples.fetch(rows))

    @tf.autograph.experimental.do_not_convert  # it has nothing to convert, and that takes time
    def read_batch(start):
        leaves = tf.numpy_function(read, [start], [spec.dtype for spec in specs])
        for leaf, spec in zip(leaves, specs, strict=True):
            leaf.set_shape(spec.shape)
        inputs = keras.tree.pack_sequence_as(first, leaves)
        return inputs if labels is None else (inputs, labels[start : start + batch_size])

    starts = tf.data.Dataset.range(0, examples.count, batch_size)
    dataset = starts.map(read_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    dataset = dataset.prefetch(tf.data.AUTOTUNE)
    dataset.examples = examples
    return dataset


def examples_of(data: Any, labels: Any = None, key: str | None = None) -> Examples:
    """Give random access to the rows of any form of data.

    Args:
        data: a split of ours; a pair `(x, y)`; `x` alone, with `labels=y` or without labels, where
            `x` is an array or a tuple or dict of arrays; or any batched `tf.data.Dataset` of
            `(x, y)` or `x`, whose rows are written once to temporary files, so that the memory
            needed does not grow with them.
        labels: the labels where `data` is `x` alone: class numbers `(n,)`, multi-hot `(n, k)`, or
            floats `(n,)` for regression.
        key: a name for the content, to be used as digest. Arrays and our splits are identified by
            their content without it; another dataset has no digest unless it is given.

    Returns:
        The examples; their labels are int32 class numbers, or float32 otherwise.

    Raises:
        ValueError: for no rows, unequal lengths, NaN or infinite values, labels that are not
            numbers, and datasets that are not batched, or have no end.

    Example:
        >>> examples = examples_of((np.arange(12.0).reshape(3, 4), [0, 1, 1]))
        >>> examples.fetch(np.array([2, 0]))[:, 0].tolist(), examples.labels.tolist()
        ([8.0, 0.0], [0, 1, 1])
    """
    if data is None or isinstance(data, Splits):
        received = "None" if data is None else "all the splits of a data set"
        raise ValueError(
            f"The data must be one split, or arrays. Received: {received}. "
            "Pass its .train, .val or .test (None where it was loaded with a fraction of 0)."
        )
    known = data if isinstance(data, Examples) else getattr(data, "examples", None)
    if labels is not None and (known is not None or is_dataset(data)):
        raise ValueError(
            "A dataset brings its own labels. Received: a dataset and labels=. Leave out labels=."
        )
    if known is not None:
        return known if key is None else known._replace(digest=key, reread=None)
    if is_dataset(data):
        return _examples_of_dataset(data, key)
    if labels is None and isinstance(data, tuple) and len(data) == 2:
        data, labels = data
    return _examples_of_arrays(as_arrays(data), labels, key)


def as_network_input(inputs: Any) -> Any:
    """Turn arrays of strings into tensors, which Keras trains on; other arrays stay.

    Args:
        inputs: an array, or a tuple or dict of arrays.

    Example:
        >>> as_network_input(np.array(["a", "b"], object)).dtype.name
        'string'
    """
    import tensorflow as tf

    def of_strings(leaf):
        return tf.constant(leaf) if leaf.dtype == object else leaf

    return keras.tree.map_structure(of_strings, inputs)


def take(examples: Examples, rows: Any) -> Examples:
    """Select rows, in the given order.

    Args:
        examples: where to take from.
        rows: row numbers `(m,)`, or a mask of booleans `(n,)`.

    Returns:
        Examples of these rows. Their digest follows from the digest of the whole and the rows.

    Raises:
        ValueError: if there are no rows.
        IndexError: if a row number is beyond the last row.

    Example:
        >>> take(examples_of((np.arange(4.0), [0, 1, 2, 3])), [3, 1]).labels.tolist()
        [3, 1]
    """
    rows = np.asarray(rows)
    check_not_empty(rows.size)
    rows = np.arange(examples.count)[rows]
    return Examples(
        fetch=lambda some: examples.fetch(rows[some]),
        labels=None if examples.labels is None else examples.labels[rows],
        digest=None if examples.digest is None else content_digest(rows, examples.digest),
        names=None if examples.names is None else tuple(examples.names[row] for row in rows),
        count=len(rows),
        reread=examples.reread and (lambda: take(examples.reread(), rows)),
        preparation=examples.preparation,
    )


def splits_of(
    parts: dict[str, Examples], class_names: tuple[str, ...], batch_size: int = 32
) -> Splits:
    """Serve examples as splits.

    Args:
        parts: the examples of "train", "val" and "test"; what is absent becomes None.
        class_names: the name of each class number.
        batch_size: rows in a batch.

    Returns:
        The splits.

    Example:
        >>> splits = splits_of({"train": examples_of((np.zeros((2, 3)), [0, 1]))}, ("cat", "dog"))
        >>> splits.test is None
        True
    """
    served = {part: batches(examples, batch_size) for part, examples in parts.items()}
    files = {part: parts[part].names or () if part in parts else () for part in Splits._fields[:3]}
    return Splits(*map(served.get, Splits._fields[:3]), tuple(class_names), files)


def warn_if_scaled(images: Any) -> None:
    """Warn where a batch of pictures looks already scaled, or has more than 8 bits.

    Args:
        images: a batch of inputs. Anything but one array of pictures `(n, h, w, c)` with 1 to 4
            channels passes in silence.

    Example:
        >>> warn_if_scaled(np.full((1, 4, 4, 3), 255.0))
    """
    if isinstance(images, (tuple, dict)):
        return
    images = np.asarray(images)
    looks_like_pictures = images.ndim == 4 and images.shape[-1] <= 4
    if not looks_like_pictures or images.size == 0 or images.dtype.kind not in "iuf":
        return
    low, high = float(images.min()), float(images.max())
    numbers = "floats" if is_float(images) else "whole numbers"
    if is_float(images) and (high <= 1 or low < 0):
        warnings.warn(
            "Pictures must hold raw values from 0 to 255: preprocessing belongs inside the model, "
            "and load_backbone's networks contain it. "
            f"Received: floats from {low:.3g} to {high:.3g}, which look already scaled. "
            "Take the scaling out (a division by 255, a preprocess_input); a network of your own "
            "without preprocessing takes a keras.layers.Rescaling in front.",
            stacklevel=2,
        )
    elif low < 0 or high > 255:
        warnings.warn(
            "Pictures must hold raw values from 0 to 255. "
            f"Received: {numbers} from {low:.6g} to {high:.6g}. Bring them to that range: "
            "x / 257 where they have 16 bits, x / 16 where they have 12; or put a "
            "keras.layers.Rescaling in front of a network of your own.",
            stacklevel=2,
        )


def _spec(leaf):
    import tensorflow as tf

    dtype = tf.string if leaf.dtype == object else leaf.dtype
    return tf.TensorSpec((None, *leaf.shape[1:]), dtype)


def _examples_of_arrays(inputs, labels, key):
    leaves = keras.tree.flatten(inputs)
    counts = sorted({len(leaf) for leaf in leaves})
    check_not_empty(counts[0] if counts else 0)
    if len(counts) > 1:
        raise ValueError(
            f"All inputs must have one length. Received: lengths {counts}. "
            "Pass the same number of rows in each."
        )
    for leaf in leaves:
        check_finite(leaf)
    return Examples(
        fetch=lambda rows: keras.tree.map_structure(lambda leaf: leaf[rows], inputs),
        labels=None if labels is None else checked_labels(labels, counts[0]),
        digest=content_digest(inputs) if key is None else key,
        names=None,
        count=counts[0],
    )


def _examples_of_dataset(dataset, key):
    check_dataset(dataset)
    columns = temporary_columns(checked_leaves(dataset))
    check_not_empty(len(columns[0]) if columns else 0)
    inputs = keras.tree.pack_sequence_as(dataset.element_spec, columns)
    inputs, labels = inputs if isinstance(inputs, tuple) else (inputs, None)
    count = len(columns[0])
    return Examples(
        fetch=lambda rows: keras.tree.map_structure(lambda leaf: np.array(leaf[rows]), inputs),
        labels=None if labels is None else checked_labels(labels, count),
        digest=key,
        names=None,
        count=count,
    )
