"""Read a weight file layer by layer and pour it into a network, wholly or not at all."""

import hashlib
import inspect
import io
import math
import os
import re
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import h5py
import keras
import numpy as np

from tltk._cache import bundle_folder, file_digest, home_folder, remembered_digests
from tltk._checks import check_flag
from tltk._paths import user_path
from tltk.backbones._networks import steady_names
from tltk.backbones.registry import ARCHITECTURES, Architecture, architecture
from tltk.inputs._unpacking import most_bytes

HOST = "https://storage.googleapis.com"
PATIENCE_S = 5
PUBLISHED_SHAPE = (224, 224, 3)


def find_weights(name: str, include_top: bool = False) -> Path | None:
    """Find a network's ImageNet weights on this machine, without downloading.

    Looks in the bundle, then in `$TLTK_HOME/models`, then in Keras's own cache, for
    `<name>_notop.weights.h5`, `<name>.weights.h5` and the official Keras file names (a file with
    the classifier serves a network without it). Files are only read, never changed or removed.

    The file of `mobilenet_v2` is a whole model of stock layers: plain `keras.models.load_model`
    reads it, raw pixels of any size in, the probabilities of 1000 classes out. Its last layers are
    `out_relu`, `avg_pool` and `predictions`, to be cut where one likes.

    Args:
        name: one of `list_backbones()`.
        include_top: whether the ImageNet classifier is wanted too.

    Returns:
        The path of the first file found, or None.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> find_weights("mobilenet_v2").name
        'mobilenet_v2.keras'
        >>> whole = keras.models.load_model(find_weights("mobilenet_v2", include_top=True))
        >>> keras.Model(whole.input, whole.get_layer("avg_pool").output).output_shape
        (None, 1280)
    """
    check_flag("include_top", include_top)
    file_names = weight_file_names(name, include_top)
    candidates = (folder / file for folder in weight_folders() for file in file_names)
    return next((path for path in candidates if path.is_file()), None)


def weight_file_names(name: str, include_top: bool) -> list[str]:
    row = architecture(name)
    if not row.pretrained:
        return []
    headless, whole = [f"{name}_notop.weights.h5"], [f"{name}.weights.h5"]
    if row.official:
        headless.append(f"{row.official}{row.headless}.h5")
        whole.append(f"{row.official}.h5")
    else:
        whole += [f"{name}.keras", f"{name}.safetensors"]
    return whole if include_top else headless + whole


def weight_folders() -> list[Path]:
    home = home_folder()
    return [bundle_folder(), *([home / "models"] if home else []), keras_cache_folder()]


def keras_cache_folder() -> Path:
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras")) / "models"


def obtain_weights(name: str, include_top: bool = False) -> Path:
    """Find a network's ImageNet weights, or download them into Keras's cache.

    Raises:
        FileNotFoundError: if they are nowhere and cannot be downloaded; it names every place.
    """
    found = find_weights(name, include_top)
    if found:
        return found
    problem = download(architecture(name), include_top)
    found = find_weights(name, include_top)
    if found:
        return found
    raise FileNotFoundError(missing(name, include_top, problem))


def download(row: Architecture, include_top: bool) -> str:
    """Let Keras download a file that its cache lacks; return what went wrong, if anything.

    Building the network with `weights="imagenet"` makes Keras choose the address and check the
    hash. A quick request first keeps the answer within seconds where there is no network.
    """
    if not row.official:
        return "nobody publishes them under a Keras name"
    try:
        urllib.request.urlopen(HOST, timeout=PATIENCE_S).close()
    except urllib.error.HTTPError:
        pass
    except (OSError, ValueError) as error:
        return f"no connection to {HOST} ({error})"
    build = getattr(keras.applications, str(row.keras_class))
    try:
        shape = None if include_top else PUBLISHED_SHAPE
        build(weights="imagenet", include_top=include_top, input_shape=shape)
    except Exception as error:
        return str(error)
    return "the download left no file"


def missing(name: str, include_top: bool, problem: str) -> str:
    files = " or ".join(weight_file_names(name, include_top))
    online = "go online once, " if architecture(name).official else ""
    home = "" if home_folder() else " ($TLTK_HOME is not set)"
    return (
        f"The ImageNet weights of {name} must be on this machine or downloadable. "
        f"Received: no file {files} in any of "
        f"{', '.join(str(folder) for folder in weight_folders())}{home}; download: {problem}. "
        f"Put one of these files into $TLTK_HOME/models, pass weights=PATH, {online}use "
        "weights=None for fresh weights, or load_backbone('mobilenet_v2'), which needs no download."
    )


def check_sum(path: Path) -> None:
    """Refuse a weight file whose content is not what its publisher's checksum tells.

    The sum is taken once and remembered with the file's stamp; of a file of which no sum is known
    nothing is said.

    Raises:
        ValueError: where a sum is known and the file has another.
    """
    known = known_sums(path)
    if not known:
        return
    name = f"sums of {path.name}"
    found = remembered_digests(path.parent, {name: path}, lambda _: {name: sums_of(path)})
    if known.isdisjoint(found[name].split()):
        raise ValueError(
            f"A weight file must be the one that was published. Received: {path}, of "
            f"{path.stat().st_size:,} bytes, whose checksum is another: it is damaged or not "
            "whole. Delete it, and download or copy it again."
        )


def known_sums(path: Path) -> set[str]:
    """The checksums of which a weight file must have one; none where nobody published any.

    They come from a file `SHA256SUMS` beside it (as `sha256sum *.h5` writes it), from the bundle's
    SOURCES.md, and for a file that Keras publishes, by its name, from Keras.
    """
    listed = path.parent / "SHA256SUMS"
    lines = listed.read_text("utf-8").splitlines() if listed.is_file() else []
    found = {line.split()[0] for line in lines if line[64:].lstrip(" *") == path.name}
    folder = bundle_folder()
    if path.resolve().is_relative_to(folder):
        inside = path.resolve().relative_to(folder).as_posix()
        row = re.compile(rf"\| `{re.escape(inside)}` \|[^|]*\| `([0-9a-f]{{64}})` \|")
        found |= set(row.findall((folder / "SOURCES.md").read_text("utf-8")))
    for row in ARCHITECTURES.values():
        if row.official and path.name in (f"{row.official}{row.headless}.h5", f"{row.official}.h5"):
            found |= published_sums(row)
    return found


def published_sums(row: Architecture) -> set[str]:
    """The sums of weight files that the source of a network in `keras.applications` names."""
    module = inspect.getmodule(inspect.unwrap(getattr(keras.applications, str(row.keras_class))))
    tables = [each for each in vars(module).values() if hasattr(each, "WEIGHTS_HASHES")]
    modules: set = {module, *filter(inspect.ismodule, tables)}
    texts = map(inspect.getsource, modules)
    return {found for text in texts for found in re.findall(r'"([0-9a-f]{32,64})"', text)}


def sums_of(path: Path) -> str:
    """The MD5 and the SHA-256 of a file, with a blank between them."""
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    return f"{md5} {file_digest(path)}"


ARRAYS = ("weight", "bias", "running_mean", "running_var")
FIRST_KEY = {"resnet18": "layer1.0.conv1.weight", "mobilenet_v2": "features.0.0.weight"}
RESNET_ENDS = {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}
MOBILENET_ENDS = {
    "features.0.0": "Conv1",
    "features.0.1": "bn_Conv1",
    "features.18.0": "Conv_1",
    "features.18.1": "Conv_1_bn",
    "classifier.1": "predictions",
}
FIRST_BLOCK = {"0.0": "depthwise", "0.1": "depthwise_BN", "1": "project", "2": "project_BN"}
OTHER_BLOCKS = {
    "0.0": "expand",
    "0.1": "expand_BN",
    "1.0": "depthwise",
    "1.1": "depthwise_BN",
    "2": "project",
    "3": "project_BN",
}


class DamagedFile(ValueError):
    """A weight file that cannot be read, whatever network it is for."""


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Read every array of a `.safetensors` file by name."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise ImportError(
            f"A .safetensors file needs the safetensors package. Received: {path}. "
            "Run pip install safetensors."
        ) from error
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DamagedFile(f"it is not a readable safetensors file ({error})") from error


def keras_layers(state: dict[str, np.ndarray], network: str) -> dict[str, list[np.ndarray]]:
    """Sort a PyTorch state dict into Keras layers.

    Args:
        state: array by PyTorch name; all names may share a prefix such as `module.`.
        network: `mobilenet_v2` or `resnet18`.

    Returns:
        Keras layer name to its arrays, in Keras's order and axes.

    Raises:
        ValueError: if the names are not torchvision's.

    Example:
        >>> list(keras_layers({"module.layer1.0.conv1.weight": np.zeros((4, 3, 3, 3))}, "resnet18"))
        ['conv2_block1_1_conv']
    """
    if network not in FIRST_KEY:
        raise ValueError(f"PyTorch weights are understood for {' and '.join(FIRST_KEY)} only")
    anchor = next((key for key in state if key.endswith(FIRST_KEY[network])), None)
    if anchor is None:
        raise ValueError(f"it has no {FIRST_KEY[network]}, as torchvision's {network} has")
    prefix = anchor.removesuffix(FIRST_KEY[network])
    translate = resnet_layer if network == "resnet18" else mobilenet_layer
    layers: dict[str, dict] = {}
    for key in state:
        module, _, kind = key.rpartition(".")
        layer = translate(module.removeprefix(prefix))
        if kind == "num_batches_tracked":
            continue
        if layer is None or kind not in ARRAYS:
            raise ValueError(f"{key} is no name of torchvision's {network}")
        layers.setdefault(layer, {})[kind] = keras_axes(layer, state[key])
    return {
        layer: [arrays[kind] for kind in ARRAYS if kind in arrays]
        for layer, arrays in layers.items()
    }


def resnet_layer(module: str) -> str | None:
    match = re.fullmatch(r"layer(\d)\.(\d)\.(?:(conv|bn)(\d)|downsample\.([01]))", module)
    if not match:
        return RESNET_ENDS.get(module)
    kind, number = (match[3], match[4]) if match[3] else (("conv", "bn")[int(match[5])], 0)
    return f"conv{int(match[1]) + 1}_block{int(match[2]) + 1}_{number}_{kind}"


def mobilenet_layer(module: str) -> str | None:
    match = re.fullmatch(r"features\.(\d+)\.conv\.(.+)", module)
    if not match:
        return MOBILENET_ENDS.get(module)
    number = int(match[1]) - 1
    block, parts = (f"block_{number}", OTHER_BLOCKS) if number else ("expanded_conv", FIRST_BLOCK)
    return f"{block}_{parts[match[2]]}" if match[2] in parts else None


def keras_axes(layer: str, array: np.ndarray) -> np.ndarray:
    """Turn kernels from PyTorch's axes (out, in, h, w) to Keras's; leave vectors alone."""
    if array.ndim == 4:
        return array.transpose((2, 3, 0, 1) if layer.endswith("depthwise") else (2, 3, 1, 0))
    return array.T


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
        group = root[name]
        inner: dict[str, list] = {name: []}
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
