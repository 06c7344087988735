"""What a model file knows about itself: class names, backbone, versions."""

from __future__ import annotations

import functools
import json
import warnings
import zipfile
from pathlib import Path

import keras

from tltk._keras import all_layers
from tltk.tuning.adapters import merge_lora
from tltk.tuning.freezing import compiled_objects, true_rates

MEMBER = "tltk.json"


def attach_metadata(model: keras.Model, **entries) -> keras.Model:
    """Attach facts to a model; its `save` writes them into the `.keras` file.

    The file stays a plain Keras file: `keras.models.load_model` reads it without tltk, or after
    `import tltk` where it holds a layer of ours, as for texts and sounds (but then forgets the
    facts: read it with `tltk.load_model` to keep them when saving again).

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
    text = json.dumps({**metadata(model), **entries})
    model._tltk_metadata = text
    model.save = functools.partial(_save_with_metadata, model)
    return model


def metadata(model: keras.Model | str | Path) -> dict:
    """The facts attached to a model or kept in a `.keras` file; empty where there are none.

    Args:
        model: a model, or the path of a `.keras` file.

    Returns:
        `class_names`, `kind`, `backbone` and `versions` for a classifier of ours, else `{}`.

    Raises:
        FileNotFoundError: where there is no such file.

    Example:
        >>> metadata(keras.Sequential([keras.layers.Dense(1)]))
        {}
    """
    if not isinstance(model, str | Path):
        return json.loads(getattr(model, "_tltk_metadata", "{}"))
    path = Path(model)
    if not path.exists():
        raise FileNotFoundError(
            f"A saved model is a .keras file. Received: {path}, which does not exist. "
            'Save one with model.save("photos.keras").'
        )
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(MEMBER)) if MEMBER in archive.namelist() else {}


def load_model(path: str | Path, trust: bool = False) -> keras.Model:
    """Load a `.keras` file in safe mode, with its class names where it has them.

    What was frozen is frozen again, also inside layers of layers such as KerasHub's transformers,
    of which plain Keras makes the inner ones trainable. A model of texts or sounds holds a layer of
    ours: in a program that uses plain `keras.models.load_model`, `import tltk` comes before it.

    Args:
        path: a file written by `model.save`.
        trust: leave safe mode, for a file that holds code or names a SavedModel (a Hub network);
            whatever it says is run, so only for files whose source you trust.

    Returns:
        The compiled model; `metadata(model)` gives what the file knows.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: in safe mode, a file that holds code or names a SavedModel.

    Example:
        >>> model = load_model("photos.keras")  # doctest: +SKIP
    """
    facts = metadata(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        model = keras.models.load_model(path, safe_mode=not trust)
    merge_lora(model)
    _freeze_inside(model)
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
        with compiled_objects(model):
            model.compile_from_config(model.get_compile_config())


def _save_with_metadata(model, filepath, *args, **kwargs) -> None:
    with true_rates(model):
        type(model).save(model, filepath, *args, **kwargs)
    if zipfile.is_zipfile(filepath):
        with zipfile.ZipFile(filepath, "a") as archive:
            archive.writestr(MEMBER, model._tltk_metadata)
