"""A check-up: what this machine has, what tltk finds on it, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import re
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from tltk._cache import bundle_folder, cache_folder, home_folder
from tltk._extras import DISTRIBUTION, install_command
from tltk.backbones.registry import ARCHITECTURES, list_backbones
from tltk.backbones.weights import (
    find_weights,
    keras_cache_folder,
    known_sums,
    sums_of,
    weight_folders,
)
from tltk.datasets._tfds import tfds_package

__all__ = ["doctor"]

PACKAGES = (
    "tensorflow keras numpy scipy scikit-learn threadpoolctl pandas soundfile pillow matplotlib "
    "h5py filelock"
).split()
EXTRAS = {
    "course": "nbclient nbconvert latex2mathml ipykernel jupyter networkx psutil".split(),
    "tfds": ["tensorflow-datasets", "tensorflow-metadata", "protobuf"],
    "hub": ["tensorflow-hub", "setuptools"],
}
OPTIONAL = ("safetensors", "openvino", "keras-hub")
ABILITIES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
HOSTS = {"storage.googleapis.com": "weights and data sets", "www.kaggle.com": "TF-Hub models"}
WEIGHT_FILES = "*.weights.h5 *.h5 *.keras *.safetensors".split()
ADVICE = "-> "


def doctor() -> str:
    """Report versions, processor, memory, GPU, weights, data, cache and network in plain text.

    A line that begins with `->` says what to do. Nothing is downloaded or written, and a question
    that this machine cannot answer is reported in its place.

    Returns:
        The report, of several titled sections.

    Example:
        >>> print(doctor().splitlines()[0])
        Versions
    """
    sections = {
        "Versions": versions,
        "Machine": machine,
        "GPU": gpu,
        "Weights": weights,
        "Data": data,
        "Cache": cache,
        "Network": network,
    }
    return "\n\n".join(section(title, lines) for title, lines in sections.items())


def section(title: str, lines: Callable[[], Iterator[str]]) -> str:
    """A titled block; an error while looking is one of its lines, never the report's end."""
    shown: list[str] = []
    try:
        shown.extend(lines())
    except Exception as error:
        shown.append(f"could not tell: {type(error).__name__}: {error}")
    return "\n".join([title, *(f"  {line}" for line in shown)])


def versions() -> Iterator[str]:
    python = sys.version_info[:2]
    yield f"{'Python':20} {platform.python_version()}  {sys.executable}"
    if not (3, 11) <= python <= (3, 13):
        yield f"{ADVICE}tltk is tested on Python 3.11 to 3.13"
    yield f"{DISTRIBUTION:20} {version(DISTRIBUTION) or 'not installed, run from a clone'}"
    yield from another_tltk()
    for name in PACKAGES:
        found = version(name)
        yield f"{name:20} {found or 'missing'}"
        if found is None:
            yield f"{ADVICE}pip install {name}"
    for extra, names in EXTRAS.items():
        for name in names:
            yield f"{name:20} {version(name) or f'not installed (extra {extra!r})'}"
        if not all(map(version, names)):
            yield f"{ADVICE}for the extra {extra!r}: {install_command(extra)}"
    for name in OPTIONAL:
        yield f"{name:20} {version(name) or f'not installed (optional: pip install {name})'}"
    wanted = wanted_keras()
    if wanted:
        yield f'{ADVICE}keras-hub {version("keras-hub")} needs it: pip install "keras{wanted}"'
    setuptools = version("setuptools")
    if setuptools and int(setuptools.split(".")[0]) >= 81:
        yield f'{ADVICE}tensorflow-hub needs pkg_resources: pip install "setuptools<81"'


def another_tltk() -> Iterator[str]:
    """Tell of the package index's `tltk`, which installs its files over these."""
    owners = metadata.packages_distributions().get("tltk", [])
    if "tltk" in owners:
        yield f"{'tltk':20} {version('tltk')}, the Thai Language Toolkit: another package"
        yield (
            f"{ADVICE}its files lie over ours: pip uninstall tltk, then install {DISTRIBUTION} "
            "again"
        )


def version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def wanted_keras() -> str | None:
    """The oldest Keras that the installed KerasHub works with, where this one is older."""
    asked = (metadata.requires("keras-hub") or []) if version("keras-hub") else []
    found = next(filter(None, (re.fullmatch(r"keras>=([\d.]+)", each) for each in asked)), None)
    oldest, here = (
        [int(part) for part in re.findall(r"\d+", text)[:2]]
        for text in (found[1] if found else "0.0", version("keras") or "0.0")
    )
    return f">={found[1]}" if found and here < oldest else None


def machine() -> Iterator[str]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield f"{platform.system()} {platform.release()}, {platform.machine()}"
    flags = cpu_flags()
    known = " ".join(name for name in ABILITIES if name in flags) if flags else "not told here"
    yield f"CPU: {usable} cores for us of {os.cpu_count()}; abilities: {known or 'none of ours'}"
    if version("openvino"):
        import openvino

        able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        yield f"OpenVINO on this CPU: {' '.join(able)}"
    if not version("psutil"):
        yield "Memory: not told without psutil (extra 'course')"
        return
    import psutil

    memory = psutil.virtual_memory()
    yield f"Memory: {gigabytes(memory.available)} free of {gigabytes(memory.total)}"
    if memory.available < 2e9:
        yield f"{ADVICE}close other programs, or use a smaller image_size and batch_size"


def cpu_flags() -> set[str]:
    """The processor's abilities as Linux lists them; empty on other systems."""
    source = Path("/proc/cpuinfo")
    lines = source.read_text().splitlines() if source.is_file() else []
    listed = (line.split(":", 1)[1] for line in lines if line.startswith(("flags", "Features")))
    return set(next(listed, "").split())


def gpu() -> Iterator[str]:
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    for device in found:
        name = tf.config.experimental.get_device_details(device).get("device_name", device.name)
        yield f"{device.name} {name}"
    if not found:
        yield "none that TensorFlow sees; every chapter runs on the CPU"
        if Path("/dev/nvidiactl").exists():
            yield f'{ADVICE}there is an NVIDIA driver: pip install "tensorflow[and-cuda]"'


def weights() -> Iterator[str]:
    home = home_folder()
    yield from place("bundle", bundle_folder, WEIGHT_FILES)
    if home is None:
        yield "TLTK_HOME: not set (a classroom folder whose models/ holds weight files)"
    else:
        yield from place("TLTK_HOME", lambda: home / "models", WEIGHT_FILES)
        if not (home / "models").is_dir():
            yield f"{ADVICE}put weight files into {home / 'models'} or correct TLTK_HOME"
    yield from place("Keras cache", keras_cache_folder, WEIGHT_FILES)
    for folder in weight_folders():
        for path in files_in(folder, WEIGHT_FILES):
            known = known_sums(path)
            if known and known.isdisjoint(sums_of(path).split()):
                yield f"{ADVICE}{path} is damaged or not whole: delete it and download it again"
    here = [name for name in list_backbones() if find_weights(name)]
    yield f"Backbones that need no download: {', '.join(here)}"
    missing = [name for name in list_backbones() if name not in here]
    published = [name for name in missing if ARCHITECTURES[name].official]
    if published:
        yield f"{ADVICE}go online once or fill TLTK_HOME/models for: {', '.join(published)}"
    for name in missing:
        if not ARCHITECTURES[name].pretrained:
            yield f"{name} needs no weights: it is trained from scratch, with weights=None"
        elif name not in published:
            yield (
                f"{ADVICE}Keras does not publish {name}: put torchvision's weights into "
                f"TLTK_HOME/models as {name}.safetensors"
            )


def data() -> Iterator[str]:
    yield from place("bundle", bundle_folder, ["*/"])
    home = home_folder()
    if home is not None:
        yield from place("TLTK_HOME", lambda: home / "datasets", ["*/"])
    try:
        folder = Path(tfds_package().core.constants.DATA_DIR)
    except ImportError as error:
        yield f"{ADVICE}tensorflow-datasets: {error}"
        return
    yield from place("tensorflow-datasets", lambda: folder, ["*/"])


def place(name: str, find: Callable[[], Path], patterns: list[str]) -> Iterator[str]:
    """Name a folder and what lies in it."""
    try:
        folder = find()
    except FileNotFoundError as error:
        yield f"{name}: {error}"
        return
    found = files_in(folder, patterns)
    yield f"{name}: {folder}" + ("" if folder.is_dir() else " (no such folder yet)")
    for path in found:
        yield f"  {path.name}  {megabytes(size_of(path))}"


def files_in(folder: Path, patterns: list[str]) -> list[Path]:
    """What lies in a folder under one of the patterns, but for the bundle's own scripts."""
    found = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted(found - {folder / "scripts"})


def cache() -> Iterator[str]:
    folder = cache_folder()
    yield f"{folder}: {megabytes(size_of(folder))} (TLTK_CACHE moves it; it may be deleted)"
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    if not os.access(existing, os.W_OK):
        yield f"{ADVICE}{existing} is not writable: set TLTK_CACHE to a folder that is"


def network() -> Iterator[str]:
    answers = {host: reachable(host) for host in HOSTS}
    for host, purpose in HOSTS.items():
        yield f"{host} ({purpose}): {'reachable' if answers[host] else 'not reachable'}"
    if not all(answers.values()):
        yield f"{ADVICE}the bundle works offline; other weights go into TLTK_HOME/models"


def reachable(host: str, seconds: float = 1.5) -> bool:
    """Whether the host's web port answers in time; a thread, for looking up a name has no limit."""
    answers: Queue[bool] = Queue()

    def attempt() -> None:
        try:
            socket.create_connection((host, 443), seconds).close()
            answers.put(True)
        except OSError:
            answers.put(False)

    Thread(target=attempt, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return False


def size_of(path: Path) -> int:
    """Bytes in a file, or in all the files of a folder; 0 where there is nothing."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
