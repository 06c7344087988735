"""Where a network's ImageNet weights are: bundle, classroom folder, Keras's cache, download."""

import os
import urllib.error
import urllib.request
from pathlib import Path

import keras

from tltk._checks import check_flag
from tltk.backbones.table import Architecture, architecture
from tltk.inputs.places import bundle_folder, home_folder

HOST = "https://storage.googleapis.com"
PATIENCE_S = 5
PUBLISHED_SHAPE = (224, 224, 3)


def find_weights(name: str, include_top: bool = False) -> Path | None:
    """Find a network's ImageNet weights on this machine, without downloading.

    Looks in the bundle, then in `$TLTK_HOME/models`, then in Keras's own cache, for
    `<name>_notop.weights.h5`, `<name>.weights.h5` and the official Keras file names (a file with
    the classifier serves a network without it). Files are only read, never changed or removed.

    Args:
        name: one of `list_backbones()`.
        include_top: whether the ImageNet classifier is wanted too.

    Returns:
        The first file found, or None.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> find_weights("mobilenet_v2").name
        'mobilenet_v2.weights.h5'
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
        whole.append(f"{name}.safetensors")
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
    build = getattr(keras.applications, row.keras_class)
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
