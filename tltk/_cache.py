"""What is kept on disk: written whole or not at all, by one process at a time, and by content."""

from __future__ import annotations

import contextlib
import dis
import hashlib
import json
import os
import shutil
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import keras
import numpy as np

from tltk._keras import as_functional, inner_layers, nodes_of


@contextlib.contextmanager
def whole_file(path: str | Path, private: bool = False) -> Iterator[Path]:
    """Give a path to write to, which takes a file's name only once it is whole and on the disk.

    A crash at any moment, of the process or of the machine, leaves the file as it was before or
    as it is after. Two processes at once do not meet: the later one's file stays.

    Args:
        path: the file to write; its folder is made where there is none.
        private: only its owner may read it.

    Yields:
        A path of its own in the same folder, with the same suffix.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with whole_file(file) as scratch:
        ...     _ = scratch.write_text("all of it")
        >>> file.read_text()
        'all of it'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.stem[:40]}.", suffix=path.suffix, dir=path.parent
    )
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        if not private:
            _give_usual_mode(scratch)
        flush(scratch)
        os.replace(scratch, path)
        flush(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(what: str, folder: str | Path, cure: str) -> Iterator[None]:
    """Let an error of writing say what was to be kept, where, how much room there is, and the cure.

    Args:
        what: what is kept on the disk, in the plural.
        folder: where.
        cure: a sentence on what to do.

    Raises:
        OSError: where something inside raises one.
    """
    try:
        yield
    except OSError as error:
        there = next((each for each in (Path(folder), *Path(folder).parents) if each.is_dir()), ".")
        free = shutil.disk_usage(there).free / 1e6
        raise OSError(
            f"{what} are kept on disk, in a folder that must be writable and have room. Received: "
            f"{folder} ({error.strerror or error}), {free:,.1f} MB free. {cure}"
        ) from error


def write_text(path: str | Path, text: str) -> None:
    """Write a text to a file in UTF-8 with plain line ends, whole or not at all."""
    with whole_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8", newline="\n")


def write_facts(path: str | Path, facts) -> None:
    """Write JSON values to a file, whole or not at all, under a checksum."""
    content = json.dumps(facts, indent=1)
    write_text(path, f"{_sha256(content)}\n{content}")


def read_facts(path: str | Path):
    """What `write_facts` wrote, or None where there is none or it is damaged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "facts.json"
        >>> write_facts(path, {"accuracy": 0.5})
        >>> read_facts(path)
        {'accuracy': 0.5}
        >>> _ = path.write_text(path.read_text().replace("0.5", "0.9"))
        >>> read_facts(path)
    """
    with contextlib.suppress(OSError, ValueError):
        checksum, _, content = Path(path).read_text("utf-8").partition("\n")
        return json.loads(content) if checksum == _sha256(content) else None
    return None


def file_digest(path: str | Path) -> str:
    """The SHA-256 of a file's content: 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a folder to write files to, which takes its name only once all are on the disk.

    To be used under the lock of `path`: what a killed process left is cleared away first.

    Args:
        path: the folder to write; one that is there is replaced.

    Yields:
        An empty folder beside it.
    """
    path = Path(path)
    scratch = path.with_name(f".{path.name}.new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        for file in scratch.rglob("*"):
            flush(file)
        shutil.rmtree(path, ignore_errors=True)
        os.replace(scratch, path)
        flush(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def locked(path: str | Path, wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock beside a file or folder, so that one process at a time works on it.

    Args:
        path: what is worked on; the lock is a file beside it, its name with `.lock` added.
        wait: called once where another process holds the lock, before waiting for it; None to
            give up at once.

    Raises:
        TimeoutError: where another process holds it and `wait` is None.
    """
    from filelock import FileLock

    path = Path(path)
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        lock.acquire(timeout=0)
    except TimeoutError:
        if wait is None:
            raise
        wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _give_usual_mode(scratch) -> None:
    """`mkstemp` keeps a file to its owner; other files follow the user's mask."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        scratch.chmod(0o666 & ~mask)


def flush(path) -> None:
    """Have the system write a file, or a folder's list of names, to the disk itself."""
    if os.name != "posix" and Path(path).is_dir():
        return
    handle = os.open(path, os.O_RDONLY if Path(path).is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
    content = np.ascontiguousarray(value).reshape(-1)
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
    reads, writes = set(), set()
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

    parts = []
    for node in nodes_of(model):
        for output in node.outputs:
            numbers[id(output)] = f"#{len(numbers)} {output.shape} {output.dtype}"
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
