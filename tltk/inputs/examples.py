"""The one type of data: rows with random access, served to Keras in batches of a fixed order."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import keras
import numpy as np

from tltk._cache import add_rows, content_digest, joint_digest, temporary_columns
from tltk._checks import (
    as_names,
    check_choice,
    check_count,
    check_mapping,
    check_number,
    refuse,
    shown,
)
from tltk.inputs._arrays import (
    as_arrays,
    check_finite,
    check_not_empty,
    checked_chunks,
    checked_labels,
    is_dataset,
    is_float,
    refuse_iterators,
)

if TYPE_CHECKING:  # Keras has no types, and what is made of no type would pass for anything

    class _PyDataset:
        workers: int
        num_batches: int | None

        def __init__(self, *, workers: int = 1) -> None: ...
        def __iter__(self) -> Iterator[tuple]: ...
        def on_epoch_begin(self) -> None: ...
        def on_epoch_end(self) -> None: ...
else:
    _PyDataset = keras.utils.PyDataset


class Splits(NamedTuple):
    """A data set cut into `Examples` of a fixed order.

    A split that was asked for with a fraction of 0 is `None`. `files` maps "train", "val" and
    "test" to the names of that split's rows, in the order of the rows.
    """

    train: Examples | Any  # or None; checkers let a part that is asked for be used as it is
    val: Examples | Any
    test: Examples | Any
    class_names: tuple[str, ...]
    files: dict[str, tuple[str, ...]]


class Examples(_PyDataset):
    """Rows with random access, which `fit`, `evaluate` and `predict` of any Keras model take.

    `len(examples)` counts batches, as Keras asks, and `examples.count` rows. `examples[i]` and
    `for x, y in examples` give the batches `(x, y)`, in the order of the rows; `(x,)` where there
    are no labels. Plain `fit` reorders whole batches unless told `shuffle=False`, as a function of
    `keras.utils.set_random_seed`. Nothing is changed in place: `take`, `batched` and `replace`
    return new examples.

    Args:
        fetch: gives the stacked inputs of row numbers (m,): an array, or a tuple or dict of
            arrays. Strings come as arrays of objects.
        count: the number of rows, n.
        labels: class numbers (n,), multi-hot rows (n, k) or numbers; None where there are none.
        digest: identifies the content of the inputs and how they were prepared; None if unknown.
        names: one name per row, such as its file; None where rows have no names.
        reread: gives the same examples with their files read again; None where there are none.
        preparation: how the inputs were prepared, such as {"kind": "images", "size": [224, 224],
            "resize": "bicubic"}; None if unknown.
        batch_size: rows in a batch; the last batch holds what is left.

    Raises:
        ValueError: if there are no rows, or `batch_size` is not a whole number of at least 1.

    Example:
        >>> rows = np.arange(10.0).reshape(5, 2)
        >>> examples = Examples(lambda some: rows[some], count=5, labels=np.array([0, 1, 0, 1, 1]))
        >>> [len(labels) for _, labels in examples.batched(2)]
        [2, 2, 1]
    """

    fetch: Callable[[Any], Any]
    labels: np.ndarray | Any  # None where there are none
    names: tuple[str, ...] | None

    def __init__(
        self,
        fetch: Callable[[np.ndarray], Any],
        *,
        count: int,
        labels: np.ndarray | None = None,
        digest: str | None = None,
        names: tuple[str, ...] | None = None,
        reread: Callable[[], Examples] | None = None,
        preparation: dict[str, Any] | None = None,
        batch_size: int = 32,
    ):
        check_number("count", count, least=1, whole=True, advice="There must be at least one row")
        check_count("batch_size", batch_size)
        if labels is not None and np.shape(labels)[:1] != (count,):
            advice = "Pass one label for each row"
            refuse(f"labels must have {count} rows", f"labels={shown(labels)}", advice)
        super().__init__(workers=1 if names is None else (os.cpu_count() or 1) + 1)
        self.fetch, self.count, self.labels = fetch, count, labels
        self.digest, self.names, self.reread = digest, names, reread
        self.preparation, self.batch_size = preparation, batch_size

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __getitem__(self, index: int) -> tuple:
        if not 0 <= index < len(self):
            raise IndexError(
                f"Batches are numbered from 0 to {len(self) - 1}. Received: {index}. "
                "Rows by number are given by fetch."
            )
        start = index * self.batch_size
        return self.served(np.arange(start, min(start + self.batch_size, self.count)))

    def __repr__(self) -> str:
        labels = "no labels"
        if self.labels is not None:
            labels = f"{self.labels.dtype} labels {self.labels.shape}"
        named = f", from {self.names[0]!r} to {self.names[-1]!r}" if self.names else ""
        return f"<Examples: {self.count} rows in {len(self)} batches, {labels}{named}>"

    def served(self, rows: np.ndarray) -> tuple:
        """Rows as a batch for Keras: (x, y), or (x,) without labels, strings as a tensor."""
        inputs = as_network_input(self.fetch(rows))
        return (inputs,) if self.labels is None else (inputs, self.labels[rows])

    def replace(self, **changes) -> Examples:
        """The same examples with other arguments.

        Example:
            >>> examples_of((np.zeros((3, 2)), [0, 1, 0])).replace(labels=None).labels is None
            True
        """
        kept = ("fetch", "count", "labels", "digest", "names", "reread", "preparation")
        known = {name: getattr(self, name) for name in (*kept, "batch_size")}
        return Examples(**{**known, **changes})

    def batched(self, batch_size: int) -> Examples:
        """The same examples in batches of another size."""
        return self.replace(batch_size=batch_size)

    def take(self, rows: Any) -> Examples:
        """Select rows, in the given order.

        Args:
            rows: row numbers (m,), or a mask of booleans (n,).

        Returns:
            Examples of these rows. Their digest follows from the digest of the whole and the rows.

        Raises:
            ValueError: if there are no rows, or for a single number.
            IndexError: if a row number is beyond the last row.

        Example:
            >>> examples_of((np.arange(4.0), [0, 1, 2, 3])).take([3, 1]).labels.tolist()
            [3, 1]
        """
        rows = np.asarray(rows)
        if rows.ndim != 1:
            raise ValueError(
                "Rows are taken by their numbers (m,), or by a mask (n,). "
                f"Received: {rows.tolist()!r}. For the first m rows pass range(m)."
            )
        check_not_empty(rows.size)
        rows, reread = np.arange(self.count)[rows], self.reread
        return self.replace(
            fetch=lambda some: self.fetch(rows[some]),
            labels=None if self.labels is None else self.labels[rows],
            digest=None if self.digest is None else content_digest(rows, self.digest),
            names=None if self.names is None else tuple(self.names[row] for row in rows),
            count=len(rows),
            reread=reread and (lambda: reread().take(rows)),
        )

    def arrays(self) -> tuple[Any, np.ndarray | None]:
        """All rows at once: the inputs and the labels, strings as arrays of objects.

        Example:
            >>> examples_of((np.zeros((3, 2)), [0, 1, 0])).arrays()[1].tolist()
            [0, 1, 0]
        """
        return self.fetch(np.arange(self.count)), self.labels

    def to_tf(self) -> Any:
        """The same batches as a `tf.data.Dataset`, read in parallel.

        Returns:
            A `tf.data.Dataset` of `(inputs, labels)`, or of `inputs` alone where there are no
            labels, with static shapes but for the length of a batch.

        Example:
            >>> dataset = examples_of((np.zeros((5, 4)), [0, 1, 0, 1, 1])).to_tf()
            >>> dataset.element_spec[0].shape
            TensorShape([None, 4])
        """
        import tensorflow as tf

        first = self.fetch(np.arange(1))
        leaves = keras.tree.flatten(first)
        dtypes = [tf.string if leaf.dtype == object else leaf.dtype for leaf in leaves]
        labels = None if self.labels is None else tf.constant(self.labels)

        def read(start):
            rows = np.arange(start, min(start + self.batch_size, self.count))
            return keras.tree.flatten(self.fetch(rows))

        @tf.autograph.experimental.do_not_convert  # it has nothing to convert; that takes time
        def read_batch(start):
            tensors = tf.numpy_function(read, [start], dtypes)
            for tensor, leaf in zip(tensors, leaves, strict=True):
                tensor.set_shape((None, *leaf.shape[1:]))
            inputs = keras.tree.pack_sequence_as(first, tensors)
            return inputs if labels is None else (inputs, labels[start : start + self.batch_size])

        starts = tf.data.Dataset.range(0, self.count, self.batch_size)
        dataset = starts.map(read_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return dataset.prefetch(tf.data.AUTOTUNE)


class _Array(Protocol):
    """Whatever NumPy can read at once: tensors of any backend, tables of pandas."""

    def __array__(self) -> Any: ...


class _Sequence(Protocol):
    """A `keras.utils.PyDataset`: batches by number."""

    def __getitem__(self, index: int, /) -> Any: ...
    def on_epoch_end(self) -> None: ...


class _Dataset(Protocol):
    """A `tf.data.Dataset`."""

    @property
    def element_spec(self) -> Any: ...
    def prefetch(self, buffer_size: Any, /) -> Any: ...


_Rows = np.ndarray | list[Any] | tuple[Any, ...] | dict[str, Any] | _Array
Data = Examples | _Rows | _Sequence | _Dataset
"""What counts as data wherever some is asked for, and `examples_of` takes, as a type.

`Examples` of ours; a pair `(x, y)`; `x` alone, which is an array, a list of rows, or a tuple or
dict of arrays for several inputs; a `keras.utils.PyDataset`; a batched `tf.data.Dataset`.
"""


def examples_of(data: Data, labels: Any = None, key: str | None = None) -> Examples:
    """Turn any form of data into examples: the one door, where data is checked once.

    Args:
        data: examples of ours, which come back as they are; a pair `(x, y)`; `x` alone, with
            `labels=y` or without labels, where `x` is an array or a tuple or dict of arrays; any
            `keras.utils.PyDataset`, or batched `tf.data.Dataset`, of `(x, y)` or `x`, whose rows
            are written once to temporary files, so that the memory needed does not grow with them.
            One that does not say its length is read up to 1 GB and 5,000 batches.
        labels: the labels where `data` is `x` alone: class numbers `(n,)`, multi-hot `(n, k)`, or
            floats `(n,)` for regression.
        key: a name for the content, to be used as digest in place of the content's own.

    Returns:
        The examples; their labels are int32 class numbers, or float32 otherwise.

    Raises:
        ValueError: for no rows, unequal lengths, NaN or infinite values, labels that are not
            numbers, datasets that are not batched, or have no end, and all that can only be
            iterated: generators, torch's data sets and loaders, objects of Keras 2.

    Example:
        >>> examples = examples_of((np.arange(12.0).reshape(3, 4), [0, 1, 1]))
        >>> examples.fetch(np.array([2, 0]))[:, 0].tolist(), examples.labels.tolist()
        ([8.0, 0.0], [0, 1, 1])
    """
    if data is None or (isinstance(data, tuple) and hasattr(data, "train")):
        received = "None" if data is None else "all the splits of a data set"
        raise ValueError(
            f"The data must be one split, or arrays. Received: {received}. "
            "Pass its .train, .val or .test (None where it was loaded with a fraction of 0)."
        )
    refuse_iterators(data)
    if key is not None and not (isinstance(key, str) and key):
        refuse("key must be a name for the content", f"key={shown(key)}", "Leave it out")
    if labels is not None and is_dataset(data):
        raise ValueError(
            "A dataset brings its own labels. Received: a dataset and labels=. Leave out labels=."
        )
    if isinstance(data, Examples):
        return data if key is None else data.replace(digest=key, reread=None)
    if is_dataset(data):
        return _examples_of_batches(data, key)
    if labels is None and isinstance(data, tuple) and len(data) == 2:
        data, labels = data
    return _examples_of_arrays(as_arrays(data), labels, key)


def check_labelled(examples: Examples) -> None:
    """Refuse examples without labels."""
    if examples.labels is None:
        inputs = examples.fetch(np.arange(1))
        columns = f", but columns {', '.join(map(str, inputs))}" if isinstance(inputs, dict) else ""
        raise ValueError(
            "Training needs labels, and so does testing. Received: inputs without labels"
            f"{columns}. Pass a pair (x, y), or a dataset of pairs: dataset.map(lambda row: "
            "(row[INPUT], row[LABEL]))."
        )


def as_network_input(inputs: Any) -> Any:
    """Turn arrays of strings into tensors, which Keras trains on; other arrays stay.

    Args:
        inputs: an array, or a tuple or dict of arrays.

    Example:
        >>> as_network_input(np.array(["a", "b"], object)).dtype.name
        'string'
    """

    def of_strings(leaf):
        if leaf.dtype != object:
            return leaf
        import tensorflow as tf

        return tf.constant(leaf)

    return keras.tree.map_structure(of_strings, inputs)


def splits_of(
    parts: dict[str, Examples], class_names: tuple[str, ...], batch_size: int = 32
) -> Splits:
    """Put the parts of a data set together.

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
    check_mapping("parts", parts, Examples, "examples")
    for part in parts:
        check_choice("parts", part, Splits._fields[:3])
    class_names = as_names("class_names", class_names)
    served = {part: examples.batched(batch_size) for part, examples in parts.items()}
    files = {part: parts[part].names or () if part in parts else () for part in Splits._fields[:3]}
    train, val, test = map(served.get, Splits._fields[:3])
    return Splits(train, val, test, class_names, files)


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
    if not looks_like_pictures or images.size == 0 or images.dtype.kind in "bOUSc":
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
        lambda rows: keras.tree.map_structure(lambda leaf: leaf[rows], inputs),
        count=counts[0],
        labels=None if labels is None else checked_labels(labels, counts[0]),
        digest=content_digest(inputs) if key is None else key,
    )


def _examples_of_batches(data, key):
    first: Any = None
    hashes: list = []

    def leaves_of_chunks():
        nonlocal first
        for inputs, labels in checked_chunks(data):
            first = (inputs, labels) if first is None else first
            leaves = keras.tree.flatten(inputs)
            hashes.extend(hashlib.sha256() for _ in leaves[len(hashes) :])
            for known, leaf in zip(hashes, leaves, strict=True):
                add_rows(known, leaf)
            yield leaves if labels is None else [*leaves, labels]

    columns = temporary_columns(leaves_of_chunks())
    check_not_empty(len(columns[0]) if columns else 0)
    labels = None if first[1] is None else columns.pop()
    count = len(columns[0])
    inputs = keras.tree.pack_sequence_as(first[0], columns)
    return Examples(
        lambda rows: keras.tree.map_structure(lambda leaf: np.array(leaf[rows]), inputs),
        count=count,
        labels=None if labels is None else checked_labels(labels, count),
        digest=joint_digest(inputs, [each.hexdigest() for each in hashes]) if key is None else key,
    )
