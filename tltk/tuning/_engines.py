"""What runs the frozen part: Keras itself, or OpenVINO on the processor."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from weakref import WeakKeyDictionary

import keras
import numpy as np

from tltk._cache import (
    cache_folder,
    file_digest,
    locked,
    read_facts,
    whole_folder,
    write_facts,
    writing,
)
from tltk._checks import check_choice
from tltk._keras import all_layers

MIXED = "mixed_bfloat16"


def in_mixed_precision(network: keras.Model) -> keras.Model:
    """A copy of a network that computes in bfloat16."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in _layers_in_float32(copy):
        layer.dtype_policy = MIXED
    return copy


@contextlib.contextmanager
def mixed_precision(model: keras.Model):
    """Let a model's layers, its head excepted, compute in bfloat16 for a while."""
    layers = _layers_in_float32(model)
    for layer in layers:
        layer.dtype_policy = MIXED
    try:
        yield
    finally:
        for layer in layers:
            layer.dtype_policy = "float32"


def _layers_in_float32(model: keras.Model) -> list:
    return [
        layer
        for layer in all_layers(model)
        if layer.dtype_policy.name == "float32" and not layer.name.startswith("head_")
    ]


ENGINES = ("keras", "openvino", "auto")
SUMS = "sums.json"
LARGEST_ERROR = {"float32": 1e-4, "bfloat16": 0.05}

Run = Callable[..., list[np.ndarray]]
_started: WeakKeyDictionary[keras.Model, dict[tuple, tuple[tuple, Run]]] = WeakKeyDictionary()


def chosen_engine(engine: str, precision: str, network: keras.Model | None = None) -> str:
    """Check an engine and a precision against this machine, and settle "auto".

    Args:
        engine: "keras", "openvino", or "auto" for OpenVINO where it is installed.
        precision: "float32", or "bfloat16" for Keras on a GPU and for OpenVINO on a processor that
            has it.
        network: what is to run; OpenVINO takes numbers only, so one that takes texts stays with
            Keras for "auto".

    Returns:
        "keras" or "openvino".

    Raises:
        ValueError: for an unknown engine or precision, or one that is not to be had here.

    Example:
        >>> chosen_engine("keras", "float32")
        'keras'
    """
    advice = 'Use engine="auto" for the fastest that computes in float32'
    check_choice("engine", engine, ENGINES, advice)
    check_choice("precision", precision, LARGEST_ERROR, advice)
    installed = find_spec("openvino") is not None
    if engine == "auto":
        fits = installed and _on_cpu() and not _takes_texts(network)
        engine = "openvino" if fits else "keras"
    if engine == "openvino" and not installed:
        raise ValueError(
            'OpenVINO is an extra. Received: engine="openvino", which is not installed. '
            "Run: pip install openvino"
        )
    if precision == "bfloat16" and not (on_gpu() if engine == "keras" else _has_bfloat16()):
        raise ValueError(
            "bfloat16 needs a GPU, or OpenVINO and a processor that computes in it. Received: "
            f'engine={engine!r}, precision="bfloat16". Use precision="float32" here.'
        )
    return engine


def started(
    network: keras.Model,
    engine: str,
    precision: str,
    name: str,
    sample,
    suffix: keras.Model | None = None,
    announce: Callable[[str], None] = lambda text: None,
    cache: bool = True,
) -> Run:
    """Make a network ready to run on an engine, and check its answers against Keras.

    Args:
        network: the frozen part. As long as it lives, it is made ready once for each engine and
            precision.
        engine: "keras" or "openvino".
        precision: "float32" or "bfloat16".
        name: the network's digest; a converted network is kept under it for the next time.
        sample: one batch of inputs, for the check.
        suffix: what follows the frozen part, whose answers are checked too.
        announce: receives one sentence with the errors found.
        cache: whether a converted network is kept.

    Returns:
        A function from a batch of inputs to the list of the network's outputs.

    Raises:
        ValueError: where the largest relative error over the sample's outputs exceeds 1e-4
            (float32) or 5 % (bfloat16).
        OSError: where a converted network cannot be kept.
    """
    if (engine, precision) == ("keras", "float32"):
        return _keras_run(network)
    key = (name, suffix is None, _dtypes(sample))
    ready = _started.setdefault(network, {})
    if ready.get((engine, precision), (None,))[0] != key:
        run = _checked_run(network, engine, precision, name, sample, suffix, announce, cache)
        ready[engine, precision] = key, run
    return ready[engine, precision][1]


def _checked_run(network, engine, precision, name, sample, suffix, announce, cache) -> Run:
    expected = _keras_run(network)(sample)
    if engine == "openvino":
        graph, made = _converted(network, name, announce, cache), "OpenVINO"
        run = _openvino_run(network, graph, precision, sample)
    else:
        run, made = _keras_run(in_mixed_precision(network)), "Keras"
    ours = run(sample)
    error = max(map(relative_error, ours, expected))
    told = f"{made} in {precision} differs from Keras in float32 by {error:.1e} at the cut"
    if suffix is not None:
        behind = [np.asarray(suffix.predict_on_batch(_packed(v))) for v in (ours, expected)]
        behind_error = relative_error(*behind)
        told += f" and by {behind_error:.1e} at the end"
        error = max(error, behind_error)
    announce(told + ".")
    if not error <= LARGEST_ERROR[precision]:
        raise ValueError(
            f"An engine must answer as Keras does, within {LARGEST_ERROR[precision]:.0e} in "
            f"{precision}. Received: a relative error of {error:.1e} from {made}. "
            'Use engine="keras", precision="float32" for this network.'
        )
    return run


def relative_error(values: np.ndarray, expected: np.ndarray) -> float:
    """The size of the difference over the size of what is expected, both as Euclidean norms."""
    expected = expected.astype("float64")
    return float(np.linalg.norm(values - expected) / max(float(np.linalg.norm(expected)), 1e-30))


def _packed(values):
    return values[0] if len(values) == 1 else values


def _keras_run(network) -> Run:
    def run(inputs):
        outputs = keras.tree.flatten(network.predict_on_batch(inputs))
        return [_known_to_numpy(np.asarray(output)) for output in outputs]

    return run


def _known_to_numpy(values: np.ndarray) -> np.ndarray:
    return values.astype("float32") if values.dtype.name == "bfloat16" else values


def _openvino_run(network, graph, precision, sample) -> Run:
    """The network on OpenVINO; pictures of whole numbers go in as they are, a quarter the bytes."""
    import openvino

    named = {name: place for place, each in enumerate(graph.inputs) for name in each.get_names()}
    places = [named.get(tensor.name, place) for place, tensor in enumerate(network.inputs)]
    dtypes = [
        "uint8" if given == "uint8" else tensor.dtype
        for given, tensor in zip(_dtypes(sample), network.inputs, strict=True)
    ]
    preprocessing = openvino.preprocess.PrePostProcessor(graph)
    for place, dtype in zip(places, dtypes, strict=True):
        preprocessing.input(place).tensor().set_element_type(openvino.Type(np.dtype(dtype)))
    hint = {"INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision]}
    compiled = openvino.Core().compile_model(preprocessing.build(), "CPU", hint)
    count = len(network.outputs)

    def run(inputs):
        leaves = map(np.asarray, keras.tree.flatten(inputs), dtypes)
        answers = compiled(dict(zip(places, leaves, strict=True)))
        return [np.array(answers[index]) for index in range(count)]

    return run


def _dtypes(inputs) -> tuple[str, ...]:
    return tuple(np.asarray(leaf).dtype.name for leaf in keras.tree.flatten(inputs))


def _converted(network, name, announce, cache):
    """The network in OpenVINO's form, read from the cache folder or converted into it."""
    if not cache:
        with tempfile.TemporaryDirectory(prefix="tltk_", ignore_cleanup_errors=True) as folder:
            _convert(network, Path(folder))
            return _read(Path(folder))
    folder = cache_folder() / "engines" / name
    cure = "Free some space, set TLTK_CACHE to another folder, or pass cache=False."
    with writing("Converted networks", folder, cure):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder, lambda: announce(f"Waiting for another process: {folder}.")):
            found = _read(folder) if folder.exists() else None
            if found is None:
                with whole_folder(folder) as scratch:
                    _convert(network, scratch)
                found = _read(folder)
        if found is None:
            raise OSError("changed by another program while it was read")
    return found


def _read(folder):
    """The network in a folder, or None where its files are not those that were written."""
    import openvino

    try:
        if read_facts(folder / SUMS) == _sums(folder):
            return openvino.Core().read_model(folder / "network.xml")
    except (OSError, ValueError, RuntimeError):
        pass
    return None


def _convert(network, folder) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network.export(str(folder / "network.xml"), format="openvino", verbose=False)
        write_facts(folder / SUMS, _sums(folder))
    except Exception as error:
        need = sum(weight.numpy().nbytes for weight in network.weights)
        if isinstance(error, OSError) or shutil.disk_usage(folder).free < need:
            raise OSError(f"{need / 1e6:,.1f} MB needed, {error}") from error
        raise ValueError(
            "OpenVINO runs networks that it can convert, from numbers to numbers. Received: "
            f"{network.name!r}, which it cannot convert ({type(error).__name__}). "
            'Use engine="keras" for this network.'
        ) from error


def _sums(folder) -> dict[str, str]:
    files = sorted(path for path in folder.iterdir() if path.suffix in (".xml", ".bin"))
    return {path.name: file_digest(path) for path in files}


def _takes_texts(network) -> bool:
    return network is not None and any(tensor.dtype == "string" for tensor in network.inputs)


def _on_cpu() -> bool:
    return keras.backend.backend() == "tensorflow" and not on_gpu()


def on_gpu() -> bool:
    """Whether Keras computes on a GPU here."""
    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # how JAX says that it has none
        return False


def _has_bfloat16() -> bool:
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
