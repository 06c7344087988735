"""What tells things apart: the content of arrays, functions, networks and files."""

from __future__ import annotations

import contextlib
import dis
import hashlib
import os
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tltk._cache.files import read_facts, sha256_of, write_facts
from tltk._cache.folders import cache_folder
from tltk._keras import as_functional, inner_layers, nodes_of

_RECENT = 2 * 10**9
_BYTES_AT_ONCE = 2**22


def content_digest(inputs: Any, *settings: Any) -> str:
    """Hash arrays, with their types and shapes, and settings that change what they stand for.

    Args:
        inputs: an array, or a tuple or dict of arrays.
        settings: anything whose printed form tells it apart.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> content_digest(np.zeros(4)) == content_digest(np.zeros((2, 2)))
        False
    """
    hashes = [hashlib.sha256() for _ in keras.tree.flatten(inputs)]
    for known, leaf in zip(hashes, keras.tree.flatten(inputs), strict=True):
        add_rows(known, leaf)
    return joint_digest(inputs, [known.hexdigest() for known in hashes], *settings)


def add_rows(known: Any, rows: np.ndarray) -> None:
    """Update a column's hash by further rows, in the same way however they are cut."""
    for _, some in row_chunks(rows):
        if some.dtype == object:
            known.update("".join(f"{value!r}\n" for value in some.flat).encode())
        else:
            known.update(some.tobytes())


def joint_digest(inputs: Any, digests: list[str], *settings: Any) -> str:
    """Join the digests of columns, with their places, types and shapes, and settings."""
    leaves = keras.tree.flatten_with_path(inputs)
    forms = [(path, leaf.dtype.str, leaf.shape) for path, leaf in leaves]
    return hashlib.sha256(repr((forms, digests, settings)).encode()).hexdigest()


def row_chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Pass through a large array in slices of a few megabytes, each with its first row number.

    Example:
        >>> [(start, len(rows)) for start, rows in row_chunks(np.zeros((3, 2**20), "float32"))]
        [(0, 1), (1, 1), (2, 1)]
    """
    row_bytes = max(1, array[:1].nbytes)
    step = max(1, _BYTES_AT_ONCE // row_bytes)
    for start in range(0, len(array), step):
        yield start, array[start : start + step]


def code_digest(*values) -> str:
    """Tell functions, networks and whatever they hold apart by content, not by description.

    A function is its code, its defaults, what it closes over and the globals that it reads; what it
    only writes to, such as a list it appends to, is none of these. Code that is installed is told
    by its name. Arrays go in by their bytes. A layer is the code of its class, its weights, its
    attributes, and the vocabularies and other assets that it would save; neither the names of
    layers nor initialisers and regularisers count. The same things have the same digest in another
    process.

    Args:
        values: functions, classes, objects, networks, arrays, and lists, dicts or sets of them.

    Returns:
        64 hexadecimal digits.

    Example:
        >>> def scaled(factor):
        ...     return lambda x: factor * x
        >>> code_digest(scaled(2)) == code_digest(scaled(2))
        True
        >>> code_digest(scaled(2)) == code_digest(scaled(3))
        False
    """
    return _digest(values, {}, 0)


def network_digest(network: keras.Model, weights: bool = True) -> str:
    """Tell networks apart by what they answer from, as `code_digest` does.

    Args:
        network: a model of any kind.
        weights: whether the values of its weights count.

    Returns:
        64 hexadecimal digits.
    """
    known = {} if weights else {id(each): ("a weight", each) for each in network.weights}
    return _digest(network, known, 0)


def _digest(value, seen, depth) -> str:
    """The digest of what a value says of itself and of its parts; `seen` ends circles."""
    if value is None or isinstance(value, _SIMPLE):
        return _sha256(f"{type(value).__name__} {value!r}")
    if id(value) not in seen:
        seen[id(value)] = "itself", value
        text, *parts = _taken_apart(value) if depth < _DEEPEST else (_name_of(type(value)),)
        depth += _OBJECT if text.startswith(_THEIRS) else 1
        found = _sha256("\n".join([text, *(_digest(part, seen, depth) for part in parts)]))
        seen[id(value)] = found, value
    return seen[id(value)][0]


def _sha256(text) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _taken_apart(value) -> tuple:
    """What a value says of itself, as text, and the parts it is made of."""
    for kind, take_apart in _KINDS.items():
        if isinstance(value, kind):
            return take_apart(value)
    if keras.ops.is_tensor(value):
        return _tensor(value)
    if hasattr(value, "key_dtype") and hasattr(value, "export"):
        keys, words = (np.asarray(each).tolist() for each in value.export())
        return ("table", sorted(zip(keys, words, strict=True)))
    return _object(value)


def _array(value) -> tuple:
    if value.dtype.hasobject:
        return f"array {value.shape}", value.tolist()
    content = np.ascontiguousarray(value).reshape(-1).view("uint8")  # bfloat16 is no buffer
    return (f"array {value.dtype.str} {value.shape} {hashlib.sha256(content.data).hexdigest()}",)


def _tensor(value) -> tuple:
    try:
        return _array(np.asarray(keras.ops.convert_to_numpy(value)))
    except Exception:  # one of a graph, without a value
        return (f"tensor {value.shape} {value.dtype}",)


def _sequence(value) -> tuple:
    if isinstance(getattr(value, "digest", None), str):
        return type(value).__name__, value.digest, getattr(value, "labels", None)
    if all(isinstance(each, _SIMPLE) for each in value):
        return (f"{type(value).__name__} {list(value)!r}",)
    return type(value).__name__, *value


def _dict(value) -> tuple:
    items = list(value.items())
    if all(isinstance(key, str) for key in value):
        items.sort(key=lambda item: item[0])
    return "dict", *(part for item in items for part in item)


def _function(function) -> tuple:
    reads, writes = _names_in(function.__code__)
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    closure = {name: _inside(cell) for name, cell in cells if name not in writes}
    known = function.__globals__
    module = sys.modules.get(function.__module__ or "")
    if module is not None and vars(module) is known and _is_installed(module):
        return f"function {_name_of(function)}", closure
    used = {name: known[name] for name in reads - writes if name in known}
    for name, module in used.items():
        if isinstance(module, types.ModuleType) and not _is_installed(module):
            used[name] = {each: getattr(module, each) for each in reads if hasattr(module, each)}
    settings = function.__defaults__, function.__kwdefaults__, vars(function)
    return "function", function.__code__, closure, used, *settings


def _inside(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"


def _names_in(code) -> tuple[set[str], set[str]]:
    """The names that code reads, attributes of modules included, and those that it writes to."""
    reads: set[str] = set()
    writes: set[str] = set()
    steps = list(dis.get_instructions(code))
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if step.opname in ("STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL"):
            writes.add(step.argval)
        elif step.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF")):
            changed = following is not None and following.argval in _CHANGES
            (writes if changed else reads).add(step.argval)
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            reads.add(step.argval)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            for names, more in zip((reads, writes), _names_in(inner), strict=True):
                names |= more
    return reads, writes


def _code(code) -> tuple:
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    counts = code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags
    return f"code {code.co_code.hex()} {names} {counts}", *code.co_consts


def _class(kind) -> tuple:
    if _is_installed(kind):
        version = getattr(sys.modules.get(kind.__module__.partition(".")[0]), "__version__", "")
        return (f"class {_name_of(kind)} {version}",)
    members = {
        name: value
        for name, value in vars(kind).items()
        if callable(value) or not name.startswith(("__", "_abc_"))
    }
    return f"class {kind.__name__}", members, *kind.__bases__


def _layer(layer) -> tuple:
    graph = as_functional(layer) is not None
    if graph and _is_installed(type(layer)):
        return "network", *_graph(layer)
    passing = _usual_attributes() | {"_already_warned"}
    if _is_installed(type(layer)):
        passing |= {"seed"}  # theirs draw at random in training only
    own = {
        name: value
        for name, value in vars(layer).items()
        if value is not None
        and name not in passing
        and not name.startswith("_self_")
        and not isinstance(value, _UNIMPORTANT)
    }
    parts = _graph(layer) if graph else [*layer.weights, *inner_layers(layer)]
    return f"layer {layer.dtype_policy.name}", type(layer), own, _assets(layer), *parts


def _graph(model) -> list:
    """The calls of a network in order, each tensor by a number in place of its name."""
    numbers: dict[int, str] = {}

    def number(argument):
        return numbers.get(id(argument), argument)

    def note(tensors):
        for tensor in tensors:
            numbers.setdefault(id(tensor), f"#{len(numbers)} {tensor.shape} {tensor.dtype}")

    parts = []
    note(model.inputs)
    for node in nodes_of(model):
        note(node.outputs)
        arguments = node.arguments
        given = keras.tree.map_structure(number, (arguments.args, arguments.kwargs))
        parts += [node.operation, given, [number(output) for output in node.outputs]]
    return [*parts, [*map(number, model.inputs)], [*map(number, model.outputs)]]


def _operation(operation) -> tuple:
    usual = _usual_attributes()
    own = {name: value for name, value in vars(operation).items() if name not in usual}
    return "operation", type(operation), own


def _assets(layer) -> list:
    """The files of what a layer saves beside its weights, and of what it was loaded from."""
    if not (hasattr(layer, "save_assets") or hasattr(layer, "filepath")):
        return []
    with tempfile.TemporaryDirectory(prefix="tltk_") as folder:
        with contextlib.suppress(Exception):  # nothing to save yet
            layer.save_assets(folder)
        folders = [Path(folder), Path(getattr(layer, "filepath", folder))]
        files = [(each, path) for each in folders for path in sorted(each.rglob("*"))]
        return [
            (str(path.relative_to(each)), path.read_bytes())
            for each, path in files
            if path.is_file()
        ]


@cache
def _usual_attributes() -> frozenset[str]:
    """The attributes that every layer, operation and network has, whatever it computes."""
    inputs = keras.Input((1,), name="inputs")
    identity = keras.layers.Identity(name="identity")
    model = keras.Sequential([inputs, identity], name="model")
    model.compile("sgd", "mse")
    everything = (identity, model, as_functional(model))
    return frozenset(name for each in everything for name in vars(each)) | {"history"}


def _configured(value) -> tuple:
    return "keras object", type(value), value.get_config() | {"name": None}


def _object(value) -> tuple:
    """Any other object: what it would be copied from, or else its attributes."""
    kind = type(value)
    if kind.__module__.partition(".")[0] == "tensorflow":
        return _name_of(kind), getattr(value, "examples", None), _called(value)
    if isinstance(getattr(value, "digest", None), str):
        return _name_of(kind), value.digest, getattr(value, "labels", None)
    state = getattr(value, "__dict__", None)
    if not isinstance(value, keras.losses.Loss):
        with contextlib.suppress(Exception):
            reduced = value.__reduce_ex__(4)
            state = reduced if isinstance(reduced, str) else [_listed(each) for each in reduced]
    return (_THEIRS if _is_installed(kind) else "object"), kind, state


def _called(value):
    """The function behind a `tf.function`, where it is not one of a SavedModel."""
    function = getattr(value, "python_function", None)
    return None if function is None or _is_installed(function) else function


def _listed(value):
    return list(value) if isinstance(value, Iterator) else value


def _name_of(thing) -> str:
    name = getattr(thing, "__qualname__", getattr(thing, "__name__", type(thing).__name__))
    return f"{getattr(thing, '__module__', '')}.{name}"


def _is_installed(thing) -> bool:
    """Whether code comes from the interpreter's library, an installed package or this one."""
    name = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__
    top = (name or "builtins").partition(".")[0]
    if top == "__main__":
        return False
    if top in sys.stdlib_module_names or top == __name__.partition(".")[0]:
        return True
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return bool({"site-packages", "dist-packages"} & set(Path(file).parts))


def remembered_digests(
    folder: Path,
    files: dict[str, Path],
    read: Callable[[list[str]], dict[str, str]],
    verify: bool = False,
) -> dict[str, str]:
    """Give the digest of each file of a folder, read or remembered from an earlier call.

    A file is known again by its path and its `file_stamp`. One that was written
    less than 2 seconds ago is not remembered: within one step of the file system's clock it could
    change again and keep both. The table lies in the cache folder, is replaced as a whole and
    carries a checksum: where it is missing, damaged or cannot be written, files are read. Of two
    processes at once the later one's table stays.

    Args:
        folder: the folder whose table is used.
        files: the path of each file, by a name that stays the same.
        read: gives the digests of the files named; one that is left out is read the next time too.
        verify: read all of them, and correct the table.

    Returns:
        The digest of each file that was read or remembered.
    """
    stamps = {name: settled_stamp(path) for name, path in files.items()}
    table = {} if verify else _remembered(folder)
    known = {
        name: table[name][1]
        for name, stamp in stamps.items()
        if stamp is not None and name in table and table[name][0] == stamp
    }
    unknown = [name for name in files if name not in known]
    if not unknown:
        return known
    found = read(unknown)
    before = _remembered(folder)
    after = {name: entry for name, entry in before.items() if name not in unknown}
    after |= {name: [stamps[name], found[name]] for name in found if stamps[name] is not None}
    if after != before:
        _remember(folder, after)
    return known | found


def file_stamp(path: str | Path) -> list[int] | None:
    """What changes whenever a file's content does: its size, times, and place on the disk.

    The time of change tells of a content that was put in place with its old size and an old time
    of writing, but not on Windows; the inode of another file under the same name.

    Returns:
        `[bytes, written, changed, inode]`, both times in nanoseconds, or None where there is none.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def settled_stamp(path: str | Path) -> list[int] | None:
    """The `file_stamp` of a file that was not written just now, else None."""
    stamp = file_stamp(path)
    return None if stamp is None or stamp[1] > time.time_ns() - _RECENT else stamp


def _remembered(folder):
    with contextlib.suppress(OSError):  # no home folder
        return read_facts(_table(folder)) or {}
    return {}


def _remember(folder, entries):
    with contextlib.suppress(OSError):
        write_facts(_table(folder), entries)


def _table(folder):
    name = sha256_of(os.fsencode(folder.resolve()))[:32]
    return cache_folder() / "digests" / f"{name}.json"


_DEEPEST, _OBJECT, _THEIRS = 60, 12, "object of a package"  # of those, five in one another
_SIMPLE = (bool, int, float, complex, str, bytes, type(...))
_CHANGES = {"add", "append", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"}
_UNIMPORTANT = (
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
    keras.random.SeedGenerator,
    keras.InputSpec,
)
_KINDS: dict = {
    np.ndarray: _array,
    np.generic: lambda value: _array(np.asarray(value)),
    keras.Variable: lambda value: _array(np.asarray(keras.ops.convert_to_numpy(value))),
    keras.KerasTensor: lambda value: (f"symbol {value.shape} {value.dtype}",),
    keras.Layer: _layer,
    keras.Operation: _operation,
    (keras.optimizers.Optimizer, keras.metrics.Metric): _configured,
    types.FunctionType: _function,
    types.MethodType: lambda value: ("method", value.__func__, value.__self__),
    types.CodeType: _code,
    types.ModuleType: lambda value: (f"module {value.__name__}",),
    type: _class,
    (staticmethod, classmethod): lambda value: (type(value).__name__, value.__func__),
    property: lambda value: ("property", value.fget, value.fset),
    partial: lambda value: ("partial", value.func, value.args, value.keywords),
    (list, tuple): _sequence,
    (set, frozenset): lambda value: ("set", *sorted(_digest(each, {}, 0) for each in value)),
    dict: _dict,
}
