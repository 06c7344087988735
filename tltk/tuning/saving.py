"""What a model file knows of itself: class names, backbone, versions, how inputs were made."""

from __future__ import annotations

import json
import re
import traceback
import warnings
import weakref
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import keras

from tltk._cache import whole_file, writing
from tltk._checks import as_names, check_flag, shown
from tltk._keras import all_layers, check_model, obey_flags
from tltk._paths import user_path
from tltk.inputs._unpacking import most_bytes
from tltk.tuning.adapters import merge_lora

MEMBER = "tltk.json"
_LARGEST = 2**24  # bytes of facts; a thousand class names take a few ten thousand
_facts: weakref.WeakKeyDictionary[keras.Model, str] = weakref.WeakKeyDictionary()


def attach_metadata(model: keras.Model, **entries) -> keras.Model:
    """Note facts about a model; `save_model` writes them beside it.

    They are kept apart from the model, which stays as it is, and go when it goes. Copies that
    Keras makes of it know nothing of them.

    Args:
        model: any Keras model.
        **entries: JSON values, such as `class_names`.

    Returns:
        The same model.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> metadata(attach_metadata(model, backbone="tiny"))["backbone"]
        'tiny'
    """
    _facts[model] = json.dumps({**metadata(model), **entries})
    return model


def note_preparation(model: keras.Model, examples) -> None:
    """Note how the inputs were made that a model is trained on, where the examples know it."""
    preparation = getattr(examples, "preparation", None)
    if preparation:
        attach_metadata(model, preparation=dict(preparation))


def metadata(model: keras.Model | str | Path) -> dict:
    """The facts noted about a model or kept in a `.keras` file; empty where there are none.

    Args:
        model: a model, or the path of a `.keras` file.

    Returns:
        `class_names`, `kind`, `backbone` and `versions` for a classifier of ours, and
        `preparation`, how its inputs were made, once it was trained on a split; else `{}`.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for anything else that is no model, and for a damaged file.

    Example:
        >>> metadata(keras.Sequential([keras.layers.Dense(1)]))
        {}
    """
    if isinstance(model, keras.Model):
        return json.loads(_facts.get(model, "{}"))
    if not isinstance(model, str | Path):
        raise ValueError(
            "Facts are known of a Keras model or of a .keras file. "
            f"Received: {shown(model)}. Pass the model, or the path it was saved to."
        )
    path = user_path(model, "model")
    if not path.exists():
        raise FileNotFoundError(
            f"A saved model is a .keras file. Received: {path}, which does not exist. "
            'Save one with tltk.save_model(model, "photos.keras").'
        )
    if path.is_dir() or not (zipfile.is_zipfile(path) or _is_hdf5(path)):
        raise _not_whole(path)
    if not zipfile.is_zipfile(path):
        if path.name.endswith(".weights.h5"):
            raise _weights_alone(path)
        return {}
    with zipfile.ZipFile(path) as archive:
        return _facts_in(archive, path)


def save_model(
    model: keras.Model,
    path: str | Path,
    class_names: Sequence[str] | None = None,
    preparation: dict | None = None,
) -> None:
    """Write a model to a `.keras` file, with the facts that predicting from the file needs.

    Keras writes the file, so plain `keras.models.load_model` reads it; our facts are one more
    member of it (`model.save` leaves them out). The file appears whole or not at all.

    Args:
        model: any Keras model.
        path: ends in `.keras`; a file there is replaced.
        class_names: the name of each output; None for those that the model is known to have.
        preparation: how its inputs were made; None for those of the split it was trained on.

    Raises:
        ValueError: for another kind of path, and for names that do not fit the outputs.
        OSError: where the file cannot be written; the message says how much room it needs.

    Example:
        >>> import tempfile
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        >>> file = Path(tempfile.mkdtemp()) / "pets.keras"
        >>> save_model(model, file, class_names=["cat", "dog"])
        >>> metadata(load_model(file))["class_names"]
        ['cat', 'dog']
    """
    check_model(model)
    path = user_path(path)
    if path.suffix != ".keras":
        raise ValueError(
            f"A model is saved to a .keras file. Received: {path}. "
            f"Call it {path.name.removesuffix(path.suffix) or 'model'}.keras."
        )
    if class_names is not None:
        attach_metadata(model, class_names=_fitting_names(model, class_names))
    if preparation is not None:
        attach_metadata(model, preparation=dict(preparation))
    attach_metadata(model, versions={"keras": keras.__version__})
    need = sum(weight.numpy().nbytes for weight in model.weights) / 1e6
    cure = f"It takes about {need:,.1f} MB. Free some space, or choose another folder."
    with writing("Models", path, cure), whole_file(path) as scratch:
        keras.saving.save_model(model, scratch)
        with zipfile.ZipFile(scratch, "a") as archive:
            archive.writestr(MEMBER, _facts[model])


def load_model(
    path: str | Path, class_names: Sequence[str] | None = None, trust: bool = False
) -> keras.Model:
    """Load a `.keras` file with its facts, running no code of it unless it is trusted.

    What was frozen is frozen again, also inside layers of layers such as KerasHub's transformers,
    of which plain Keras makes the inner ones trainable. A model of texts or sounds holds a layer of
    ours: in a program that uses plain `keras.models.load_model`, `import tltk` comes before it.

    Args:
        path: a file written by `save_model`, or by Keras.
        class_names: the name of each output, where the file does not hold them, or others.
        trust: load code that the file holds (a Lambda) or names (a Hub model) too. Only for files
            of which you know who wrote them: they can do anything.

    Returns:
        The compiled model; `metadata(model)` gives what the file knows. A file that knows nothing
        is warned about.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a damaged file, one that needs trust, and one with layers of your own that
            are not registered.

    Example:
        >>> model = load_model("photos.keras")  # doctest: +SKIP
    """
    path = user_path(path)
    check_flag("trust", trust)
    facts = metadata(path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            model = keras.models.load_model(path, safe_mode=not trust)
    except Exception as error:
        explained = _explained(error, path)
        if explained is None:
            raise
        raise explained from error
    merge_lora(model)
    _freeze_inside(model)
    if class_names is not None:
        facts = {**facts, "class_names": _fitting_names(model, class_names)}
    if not facts:
        warnings.warn(
            "A file written by tltk.save_model knows its class names and how its inputs are "
            f"made. Received: {path}, written by model.save, which knows neither. Pass "
            "class_names=[…] to load_model, and size and resize to predict.",
            stacklevel=2,
        )
    return attach_metadata(model, **facts)


def _freeze_inside(model) -> None:
    thawed = [
        layer
        for layer in all_layers(model, itself=False)
        if not layer.trainable and any(variable.trainable for variable in layer.variables)
    ]
    for inner in (inner for layer in thawed for inner in all_layers(layer)):
        inner.trainable = False
    if thawed and model.compiled:
        obey_flags(model)


def _fitting_names(model, class_names) -> list[str]:
    names = list(as_names("class_names", class_names))
    outputs = getattr(model, "outputs", None) or []
    units = outputs[0].shape[-1] if len(outputs) == 1 else None
    if units not in (None, len(names)):
        raise ValueError(
            f"Every output has a name of its own. Received: class_names={names} for "
            f"{units or 'the'} outputs. Pass one name for each, in the order of the class numbers."
        )
    return names


def _facts_in(archive, path) -> dict:
    members = archive.namelist()
    if "config.json" not in members or not any(m.startswith("model.weights") for m in members):
        raise _not_whole(path)
    declared = sum(part.file_size for part in archive.infolist() if part.filename != MEMBER)
    if declared > most_bytes(path.stat().st_size):
        raise _not_whole(path)
    if MEMBER not in members:
        return {}
    size = archive.getinfo(MEMBER).file_size
    if size > _LARGEST:
        raise ValueError(
            f"The facts about a model take at most {_LARGEST:,} bytes. Received: {path}, whose "
            f"{MEMBER} takes {size:,}. Do not use this file; save the model again."
        )
    try:
        facts = json.loads(archive.read(MEMBER))
    except (ValueError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
        raise _not_whole(path) from error
    if not isinstance(facts, dict):
        raise _not_whole(path)
    return facts


def _weights_alone(path) -> ValueError:
    return ValueError(
        "A model file holds a network and its weights. "
        f"Received: {path}, with weights alone. Build the network and call load_weights."
    )


def _is_hdf5(path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(path))


def _what_is_missing(said) -> str:
    named = re.search(r"(Could not locate|Unknown layer)[^\n.]{,100}", said)
    return named[0] if named else said.splitlines()[0][:200]


def _written_by(path) -> str:
    """The version of Keras that wrote a file, or "" where it does not tell."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("metadata.json"))["keras_version"]
        import h5py

        with h5py.File(path, "r") as file:
            found = file.attrs.get("keras_version", "")
            return found.decode() if isinstance(found, bytes) else str(found)
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _not_whole(path) -> ValueError:
    kind = "a folder" if path.is_dir() else "damaged, cut off, or another kind of file"
    cure = 'Copy it again, or write it anew with tltk.save_model(model, "photos.keras").'
    if path.is_dir():
        cure = "Pass a .keras file in it."
        if (path / "saved_model.pb").is_file():
            kind, cure = (
                "a SavedModel",
                "Load it with tltk.backbones.load_hub_backbone(FOLDER), if you trust it.",
            )
    return ValueError(
        f"A saved model is a whole .keras file. Received: {path}, which is {kind}. {cure}"
    )


def _explained(error, path) -> Exception | None:
    """What to do about an error of loading, where it does not say so itself."""
    said = str(error)
    if "Received: " in said:
        return None
    if any(word in said for word in ("safe_mode", "safe mode", "unsafe", "trust=True")):
        return ValueError(
            "A file that holds or names code runs it, so it is loaded only where it is trusted. "
            f"Received: {path}, with such a layer. Pass trust=True if you know who wrote it. "
            f"({said.splitlines()[0][:200]})"
        )
    version = _written_by(path)
    if version.startswith("2."):
        return ValueError(
            f"A saved model is a file of Keras 3. Received: {path}, written by Keras {version}, "
            "which Keras 3 cannot make again. Pass it to load_backbone(NAME, weights=PATH) where "
            "it is a network of the table; or load it with tf_keras, call its export(FOLDER), and "
            f"take load_hub_backbone(FOLDER). ({said.splitlines()[0][:80]})"
        )
    if "Could not locate" in said or "Unknown layer" in said:
        return ValueError(
            "Layers and functions of your own are found by name. Received: "
            f"{path}, which needs one that is not known here. Load it inside "
            "`with keras.saving.custom_object_scope({'Name': Name}):`, or put "
            "`@keras.saving.register_keras_serializable()` before its definition. "
            f"({_what_is_missing(said)})"
        )
    if "No model config" in said:
        return _weights_alone(path)
    damaged = (OSError, EOFError, KeyError, UnicodeError, json.JSONDecodeError, zlib.error)
    if isinstance(error, (*damaged, zipfile.BadZipFile)) or "h5py" in _raised_in(error):
        return _not_whole(path)
    if not isinstance(error, ValueError | TypeError | AttributeError):
        return None
    reason = f"{type(error).__name__}: {said.splitlines()[0][:200] if said else ''}"
    return ValueError(
        "A saved model is a file of this version of Keras, or of one that it can read. Received: "
        f"{path}, which is damaged or of another ({reason}). "
        f"Copy it again, or write it anew with Keras {keras.__version__}."
    )


def _raised_in(error) -> str:
    return traceback.extract_tb(error.__traceback__)[-1].filename
