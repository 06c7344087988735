"""Read a weight file layer by layer and pour it into a network, wholly or not at all."""

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import h5py
import keras
import numpy as np

from tltk._paths import user_path
from tltk.backbones.lookup import check_sum
from tltk.backbones.names import steady_names
from tltk.backbones.torch_names import DamagedFile, keras_layers, read_safetensors
from tltk.inputs.unpacking import most_bytes

UNREADABLE = (OSError, LookupError, RuntimeError, TypeError, EOFError, BadZipFile, zlib.error)
PADDED_MARK = "Conv1_pad"
PADDED_NETWORK = "mobilenet_v2"


class Layer(NamedTuple):
    """The weights of one layer in a file."""

    name: str
    arrays: list[np.ndarray]


class WeightFile(NamedTuple):
    """All layers of a file; `ordered` if they are in the network's order but named freely."""

    layers: list[Layer]
    ordered: bool


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Pour a weight file into a network, wholly or not at all.

    Args:
        model: a network of `build_network`; its name tells the architecture.
        path: a `.weights.h5`, `.keras` or older `.h5` file of Keras, or, for `mobilenet_v2` and
            `resnet18`, a `.safetensors` file with torchvision's names (timm has the same for
            `resnet18`). The file may hold a classifier although the network has none.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no weight file, not whole, or another architecture's.
    """
    path = user_path(path, "weights")
    if not path.is_file():
        raise FileNotFoundError(
            "The weights must be 'imagenet', None or an existing file. "
            f"Received: weights={str(path)!r}. "
            "Check the path."
        )
    check_sum(path)
    try:
        file = read_weights(path, model.name)
        check_padding(model, file)
        choose = arrays_in_order if file.ordered else arrays_by_name
        arrays = choose(model, without_pixel_scaling(file))
    except DamagedFile as damage:
        raise ValueError(
            "A weight file must be whole, and a .weights.h5, .keras or .h5 file of Keras or a "
            f".safetensors file. Received: {path}, of {path.stat().st_size:,} bytes: {damage}. "
            "Delete it and download or copy it again, or pass another file."
        ) from None
    except ValueError as misfit:
        raise ValueError(
            "A weight file must belong to the network's architecture. "
            f"Received: {path} for {model.name}: {misfit}. "
            "Load it under the name of its own architecture, or pass another file."
        ) from None
    for variable, array in zip(variables_of(model), arrays, strict=True):
        variable.assign(array)


def read_weights(path: Path, network: str) -> WeightFile:
    if path.suffix == ".safetensors":
        layers = keras_layers(read_safetensors(path), network)
        return WeightFile([Layer(*item) for item in layers.items()], ordered=False)
    try:
        with h5py.File(hdf5_part(path), "r") as file:
            check_declared(declared_bytes(file), path)
            root = file.get("model_weights", file)
            if "layer_names" in root.attrs or "layer_names0" in root.attrs:
                return WeightFile(list(older_layers(root)), ordered=True)
            return WeightFile(list(named_layers(file)), ordered=False)
    except UNREADABLE as error:
        raise DamagedFile(f"it is not a readable weight file ({error})") from None


def hdf5_part(path: Path) -> Path | io.BytesIO:
    if path.suffix != ".keras":
        return path
    with zipfile.ZipFile(path) as archive:
        check_declared(archive.getinfo("model.weights.h5").file_size, path)
        return io.BytesIO(archive.read("model.weights.h5"))


def declared_bytes(file: h5py.File) -> int:
    """How many bytes the arrays of a file would take in memory."""
    arrays: list[h5py.Dataset] = []
    file.visititems(lambda _, each: arrays.append(each) if hasattr(each, "dtype") else None)
    return sum(math.prod(each.shape or ()) * each.dtype.itemsize for each in arrays)


def check_declared(declared: int, path: Path) -> None:
    """Refuse what declares far more bytes than the file has, before they are taken."""
    if declared > most_bytes(path.stat().st_size):
        raise DamagedFile(f"it declares {declared:,} bytes of weights")


def named_layers(file: h5py.File) -> Iterator[Layer]:
    """Read Keras 3's `.weights.h5`: a group for each layer, with the layer's name on it."""
    names, kinds, arrays = [], [], []

    def visit(key: str, group: h5py.Group | h5py.Dataset) -> None:
        *folders, parent, last = ["", "", *key.split("/")]
        if last != "vars" or folders[-1:] != ["layers"]:
            return
        if "name" not in group.attrs:
            raise ValueError("it does not tell its layers' names; save it again with a newer Keras")
        names.append(group.attrs["name"])
        kinds.append(parent.rstrip("0123456789").rstrip("_"))
        arrays.append([group[str(number)][()] for number in range(len(group))])

    file.visititems(visit)
    for name, values in zip(steady_names(names, kinds), arrays, strict=True):
        yield Layer(name, values)


def older_layers(root: h5py.Group) -> Iterator[Layer]:
    """Read the `.h5` files of earlier Keras, in which layers stand in the network's order.

    A network inside another is one layer there, what trains in it first and its statistics last:
    its own layers are told by the names of their weights.
    """
    for name in listed(root, "layer_names"):
        group, inner = root[name], {name: []}
        for key in listed(group, "weight_names"):
            inner.setdefault(key.rpartition("/")[0] or name, []).append(group[key][()])
        yield from (Layer(*item) for item in inner.items())


def listed(group: h5py.Group, attribute: str) -> list[str]:
    """Read a list of names, which Keras spreads over numbered attributes where it is long."""
    parts = [attribute] if attribute in group.attrs else []
    while f"{attribute}{len(parts)}" in group.attrs:
        parts.append(f"{attribute}{len(parts)}")
    values = [value for part in parts for value in group.attrs[part]]
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def check_padding(model: keras.Model, file: WeightFile) -> None:
    """Tell our MobileNetV2, padded all round, from Keras's, whose weights have the same shapes."""
    names = {layer.name for layer in file.layers}
    marked = not names.isdisjoint((PADDED_MARK, PADDED_NETWORK))  # by name inside another network
    if "block_16_project" in names and marked != (model.name == PADDED_NETWORK):
        owner = PADDED_NETWORK if marked else f"{PADDED_NETWORK}_keras"
        raise ValueError(f"it holds the weights of {owner}, which pads differently")


def without_pixel_scaling(file: WeightFile) -> WeightFile:
    """Drop an input normalisation (mean, variance, count): the network holds it as constants."""
    scaling = [(3,), (3,), ()]
    layers = [layer for layer in file.layers if [a.shape for a in layer.arrays] != scaling]
    return file._replace(layers=layers)


def arrays_by_name(model: keras.Model, file: WeightFile) -> list[np.ndarray]:
    rest = {layer.name: layer.arrays for layer in file.layers}
    found = []
    for layer in layers_with_weights(model):
        arrays = rest.pop(layer.name, [])
        if len(arrays) != len(layer.weights):
            raise ValueError(f"{layer.name} has {len(arrays)} arrays, not {len(layer.weights)}")
        found.extend(arrays)
    fit(model, found, spare=[array for arrays in rest.values() for array in arrays])
    return found


def arrays_in_order(model: keras.Model, file: WeightFile) -> list[np.ndarray]:
    arrays = [array for layer in file.layers for array in layer.arrays]
    count = len(variables_of(model))
    if len(arrays) < count:
        raise ValueError(f"it has {len(arrays)} arrays, the network {count}")
    fit(model, arrays[:count], spare=arrays[count:])
    return arrays[:count]


def fit(model: keras.Model, arrays: list[np.ndarray], spare: list[np.ndarray]) -> None:
    """Refuse arrays of other shapes, and left-over ones that are not a classifier's."""
    for variable, array in zip(variables_of(model), arrays, strict=True):
        if variable.shape != array.shape:
            raise ValueError(f"an array is {array.shape} where {variable.path} is {variable.shape}")
    if [array.ndim for array in spare] != [2, 1] * (len(spare) // 2):
        raise ValueError(f"it has {len(spare)} arrays that the network has no place for")


def layers_with_weights(model: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if layer.weights]


def variables_of(model: keras.Model) -> list[keras.Variable]:
    return [variable for layer in layers_with_weights(model) for variable in layer.weights]
