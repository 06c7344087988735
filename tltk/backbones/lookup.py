"""Where a network's ImageNet weights are, and whether a file is the one that was published."""

import hashlib
import inspect
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

import keras

from tltk._cache import bundle_folder, file_digest, home_folder, remembered_digests
from tltk._checks import check_flag
from tltk.backbones.table import ARCHITECTURES, Architecture, architecture

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
    module = inspect.getmodule(inspect.unwrap(getattr(keras.applications, row.keras_class)))
    tables = [each for each in vars(module).values() if hasattr(each, "WEIGHTS_HASHES")]
    texts = map(inspect.getsource, {module, *filter(inspect.ismodule, tables)})
    return {found for text in texts for found in re.findall(r'"([0-9a-f]{32,64})"', text)}


def sums_of(path: Path) -> str:
    """The MD5 and the SHA-256 of a file, with a blank between them."""
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    return f"{md5} {file_digest(path)}"
