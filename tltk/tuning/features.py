"""Run the frozen part of a network once over the data and keep what it gives."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakKeyDictionary, ref

import keras
import numpy as np

from tltk._cache import kept_rows, network_digest, temporary_columns
from tltk._checks import check_choice, check_count, check_flag, refuse
from tltk._keras import all_layers, check_channels_last, check_model, input_structure
from tltk.backbones.images import check_prepared
from tltk.inputs.examples import Data, Examples, as_network_input, examples_of
from tltk.tuning._checks import check_each, check_fits, warn_of_first_batch
from tltk.tuning._engines import LARGEST_ERROR, chosen_engine, on_gpu, relative_error, started

LAYOUT = "4"
COMPARED = 2  # rows that are computed again before kept features are used
_pooled: WeakKeyDictionary[keras.Model, tuple[tuple, keras.Model]] = WeakKeyDictionary()
_compared: dict[str, list[ref]] = {}


def extract_features(
    model: keras.Model,
    data: Data,
    labels=None,
    *,
    pooling: str | None = "avg",
    batch_size: int = 32,
    dtype: str = "float32",
    engine: str = "keras",
    precision: str = "float32",
    cache: bool = True,
    key: str | None = None,
    verify: bool = False,
    verbose: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn raw examples into an array of features with a pretrained network.

    The features are computed once, kept in the cache folder and memory-mapped back; the next call
    with the same network and the same data reads them, once the first rows that Keras computes
    agree with them.

    Args:
        model: a backbone (its feature map is pooled) or any network with one output.
        data: a split, an array of inputs, or any other data that `examples_of` takes.
        labels: the labels, where `data` is an array.
        pooling: "avg" or "max" over space for feature maps (b, h, w, c) and over time for
            sequences (b, t, c); None keeps the output as it is.
        batch_size: examples a step.
        dtype: "float32", or "float16" for half the disk.
        engine: "keras"; "openvino", an extra that is faster on a CPU; or "auto" for it where it
            is installed and the network takes numbers, not texts. Its error against Keras is
            measured on the first batch, and refused above 1e-4.
        precision: "float32", or "bfloat16" for Keras on a GPU and for OpenVINO where the
            processor has it; up to 5 % error is let pass.
        cache: keep the features on disk for the next call.
        key: a name for the content, to be used in place of its digest.
        verify: read the files of pictures again before kept features are used. This finds a
            picture whose content changed in spite of an equal size, inode and times.
        verbose: 1 to print where the features are kept, and to show progress.

    Returns:
        `(features, labels)`: float array (n, d), read-only where it is kept on disk, and the
        labels (n,) or (n, k) in the same order.

    Raises:
        ValueError: for an unknown pooling or dtype, or data the network cannot take.
        OSError: where the disk cannot hold the features.

    Example:
        >>> network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255)])
        >>> pictures = np.full((2, 8, 8, 3), 51, "uint8")
        >>> features, labels = extract_features(network, pictures, [0, 1], cache=False)
        >>> features.shape, bool(np.allclose(features, 0.2)), labels.tolist()
        ((2, 3), True, [0, 1])
    """
    if dtype not in ("float32", "float16"):
        raise ValueError(
            f"Features are kept as float32 or float16. Received: dtype={dtype!r}. "
            "float16 halves the disk and keeps three digits."
        )
    check_model(model, functional=True)
    if len(model.outputs) != 1:
        received = f"model={model.name!r} with {len(model.outputs)}"
        advice = "Pass keras.Model(model.inputs, model.outputs[0]), or the output you mean"
        refuse("model must have one output, which is kept", received, advice)
    examples = examples_of(data, labels, key=key)
    check_count("batch_size", batch_size)
    check_each(cache=cache, verbose=verbose)
    check_flag("verify", verify)
    if verify and examples.reread is not None:
        examples = examples.reread()
    check_prepared(model)
    warn_of_first_batch(model, examples)
    check_fits(model, examples)
    features = frozen_outputs(
        pooled_once(model, pooling),
        examples,
        batch_size=batch_size,
        dtype=dtype,
        engine=engine,
        precision=precision,
        cache=cache,
        verbose=verbose,
    )
    return features.fetch(slice(None)), examples.labels


def frozen_outputs(
    prefix: keras.Model,
    examples: Examples,
    *,
    batch_size: int = 32,
    dtype: str = "float32",
    engine: str = "keras",
    precision: str = "float32",
    cache: bool = True,
    verbose: int = 0,
    suffix: keras.Model | None = None,
) -> Examples:
    """The same examples seen through a frozen network: its outputs in place of the inputs."""
    count = examples.count
    engine = chosen_engine(engine, precision, prefix)
    name = network_digest(prefix)
    announce = print if verbose else (lambda text: None)
    key = _key(name, examples.digest, batch_size, dtype, engine, precision)

    def compute(first_chunk: int) -> Iterator[tuple[np.ndarray, ...]]:
        itself = (engine, precision) == ("keras", "float32")  # nothing to check it against
        sample = None if itself else examples.fetch(np.arange(min(batch_size, count)))
        run = started(prefix, engine, precision, name, sample, suffix, announce, cache)
        yield from _outputs(run, examples, batch_size, dtype, first_chunk, verbose)
        _compared[key] = _layers_of(prefix)

    def agree(arrays) -> bool:
        return _agree(arrays, prefix, examples, key, _tolerance(dtype, engine, precision))

    if cache and examples.digest:
        arrays = kept_rows(key, count, batch_size, compute, announce, agree)
    else:
        if cache and verbose:
            print("This data has no content digest, so its features are not kept: pass key=….")
        arrays = tuple(temporary_columns(map(list, compute(0))))
        key = None
    return Examples(_fetcher(arrays), count=count, labels=examples.labels, digest=key)


def _agree(arrays, network, examples, key, tolerance) -> bool:
    """Whether kept rows are what the network gives, asked once of each network and key."""
    layers = _layers_of(network)
    if _compared.get(key) == layers:
        return True
    rows = np.arange(min(COMPARED, examples.count))
    given = network(as_network_input(examples.fetch(rows)), training=False)
    expected = [keras.ops.convert_to_numpy(output) for output in keras.tree.flatten(given)]
    kept = [array[rows] for array in arrays]
    fits = len(kept) == len(expected) and all(
        _is_close(ours, theirs, tolerance) for ours, theirs in zip(kept, expected, strict=True)
    )
    if fits:
        _compared[key] = layers
    else:
        warnings.warn(
            "Kept features must be those that the network gives. Received: kept ones that differ "
            f"from what {network.name!r} gives for the first {len(rows)} examples. They are "
            "computed again, and replaced.",
            stacklevel=2,
        )
    return fits


def _is_close(ours, theirs, tolerance) -> bool:
    if ours.shape != theirs.shape:
        return False
    if theirs.dtype.kind in "fV":
        return not relative_error(ours, theirs) > tolerance
    return bool((ours == theirs).all())


def _layers_of(network) -> list[ref]:
    return [ref(layer) for layer in all_layers(network, itself=False)]


def _tolerance(dtype, engine, precision) -> float:
    """How far kept rows may be from what Keras computes now: rounding, never another answer."""
    coarse = dtype == "float16" or on_gpu()
    return max(LARGEST_ERROR[precision] * (10 if engine == "openvino" else 1), 2e-3 * coarse)


def _fetcher(arrays):
    if len(arrays) == 1:
        return lambda rows: arrays[0][rows]
    return lambda rows: tuple(array[rows] for array in arrays)


def _outputs(run, examples, batch_size, dtype, first_chunk, verbose):
    count = examples.count
    starts = range(first_chunk * batch_size, count, batch_size)
    progress = keras.utils.Progbar(count, verbose=int(verbose), unit_name="example")
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting = []
        for start in [*starts, None, None]:
            if start is not None:
                rows = np.arange(start, min(start + batch_size, count))
                waiting.append((rows, pool.submit(examples.fetch, rows)))
            if waiting and (len(waiting) > 2 or start is None):
                rows, fetched = waiting.pop(0)
                outputs = run(_filled_up(fetched.result(), min(batch_size, count) - len(rows)))
                yield tuple(_cast(each[: len(rows)], dtype) for each in outputs)
                progress.update(int(rows[-1]) + 1)


def _filled_up(inputs, missing):
    """A last batch as large as the others, so that no engine prepares for a second shape."""

    def repeat_last(leaf):
        return np.concatenate([leaf, np.repeat(leaf[-1:], missing, axis=0)])

    return keras.tree.map_structure(repeat_last, inputs) if missing else inputs


def _cast(outputs, dtype) -> np.ndarray:
    outputs = np.asarray(outputs)
    with np.errstate(over="ignore"):
        cast = outputs.astype(dtype, copy=False) if outputs.dtype.kind == "f" else outputs
    if outputs.dtype.kind not in "fiub":
        cast = outputs.astype("float32")
    if cast.dtype == "float16" and not np.isfinite(cast).all() and np.isfinite(outputs).all():
        raise ValueError(
            "float16 holds values up to 65,504. Received: a feature of "
            f'{np.abs(outputs).max():,.0f}. Use dtype="float32".'
        )
    return cast


def pooled_once(model: keras.Model, pooling: str | None) -> keras.Model:
    """The pooled network of a model, the same one again as long as the model answers the same."""
    network = pooled_network(model, pooling)
    if network is model:
        return model
    key = pooling, network_digest(network)
    if _pooled.get(model, (None,))[0] != key:
        _pooled[model] = key, network
    return _pooled[model][1]


def pooled_network(model: keras.Model, pooling: str | None) -> keras.Model:
    """The network whose output `extract_features` keeps: one vector for each example."""
    advice = "None keeps the network's output as it is"
    check_choice("pooling", pooling, ("avg", "max", None), advice)
    rank = len(model.outputs[0].shape)
    if pooling is None or rank == 2:
        return model
    if rank not in (3, 4):
        return keras.Model(input_structure(model), keras.layers.Flatten()(model.outputs[0]))
    check_channels_last(model)
    return keras.Model(input_structure(model), pooling_layer(pooling, rank)(model.outputs[0]))


def pooling_layer(pooling: str, rank: int, **settings) -> keras.layers.Layer:
    """The layer that pools a feature map (rank 4) or a sequence (rank 3) to one vector."""
    name = f"Global{'Average' if pooling == 'avg' else 'Max'}Pooling{rank - 2}D"
    return getattr(keras.layers, name)(**settings)


def _key(*parts) -> str:
    versions = (LAYOUT, keras.__version__, keras.backend.backend(), keras.config.floatx())
    return hashlib.sha256(repr((*parts, *versions)).encode()).hexdigest()[:32]
