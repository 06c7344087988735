"""Make data/mobilenet_v2.keras from torchvision's weights: a whole model, kernels in float16.

Plain Keras reads the file: stock layers, raw pixels in, pictures of any size. Its weights have the
layout of Keras's `.weights.h5`, kernels in float16, which loading copies into float32. The layer
`Conv1_pad`, which only our network has, marks it. What an older Keras does not know of a layer, and
is at its default, is left out of the description; the numbers by which Keras tells objects apart,
too, since they differ from run to run.

Usage: python data/scripts/make_mobilenet_v2.py mobilenet_v2_torchvision.npz imagenet_labels.json
"""

import io
import json
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from tltk.backbones._networks import build_network
from tltk.backbones.weights import PADDED_MARK, keras_layers
from tltk.inputs.decoding import prepared_images
from tltk.tuning.saving import MEMBER

DATA = Path(__file__).parents[1]
NEWER = {
    "input_axes": None,
    "output_axes": None,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}
SECOND = {517: "crane_machine", 639: "maillot_tank_suit"}  # of two classes with one name
SIZE = 224  # of the pictures that the classifier was trained on


def write_model(archive: str, class_names: list[str], path: Path) -> None:
    layers = keras_layers(dict(np.load(archive)), "mobilenet_v2") | {PADDED_MARK: []}
    model = build_network("mobilenet_v2", (None, None, 3), include_top=True)
    model.save(path)
    with zipfile.ZipFile(path) as plain:
        config = without_newer(json.loads(plain.read("config.json")))
        with h5py.File(io.BytesIO(plain.read("model.weights.h5"))) as file:
            groups = groups_by_layer(file)
    scratch = path.with_suffix(".h5")
    with timeless_file(scratch) as file:
        all_layers = timeless_group(file, "layers")
        for layer, arrays in sorted(layers.items(), key=lambda item: groups[item[0]]):
            group = timeless_group(timeless_group(all_layers, groups[layer]), "vars")
            group.attrs["name"] = layer
            for index, array in enumerate(arrays):
                group.create_dataset(str(index), data=np.ascontiguousarray(array), **storage(array))
    facts = {
        "class_names": [SECOND.get(number, name) for number, name in enumerate(class_names)],
        "kind": "one_label",
        "backbone": "mobilenet_v2",
        "preparation": prepared_images(SIZE, "bicubic"),
    }
    versions = {"keras_version": keras.__version__, "date_saved": "1980-01-01@00:00:00"}
    with zipfile.ZipFile(path, "w") as whole:
        for name, content in (
            ("metadata.json", json.dumps(versions)),
            ("config.json", json.dumps(config, separators=(",", ":"))),
            ("model.weights.h5", scratch.read_bytes()),
            (MEMBER, json.dumps(facts, ensure_ascii=False)),
        ):
            entry = zipfile.ZipInfo(name)  # dated 1980
            packed = zipfile.ZIP_STORED if name.endswith(".h5") else zipfile.ZIP_DEFLATED
            whole.writestr(entry, content, packed)
    scratch.unlink()
    print(path.stat().st_size, "bytes in", path)


def without_newer(config):
    if isinstance(config, list):
        return [without_newer(each) for each in config]
    if not isinstance(config, dict):
        return config
    return {
        key: without_newer(value)
        for key, value in config.items()
        if key != "shared_object_id" and not (key in NEWER and value == NEWER[key])
    }


def groups_by_layer(file: h5py.File) -> dict[str, str]:
    """What Keras calls the group of each layer."""
    return {group["vars"].attrs["name"]: key for key, group in file["layers"].items()}


def timeless_file(path: Path) -> h5py.File:
    """Create a file that does not hold the time of writing, so that every run gives its bytes."""
    compact, timeless = h5py.h5p.create(h5py.h5p.FILE_ACCESS), h5py.h5p.create(h5py.h5p.FILE_CREATE)
    compact.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    timeless.set_obj_track_times(False)
    name = str(path).encode()
    return h5py.File(h5py.h5f.create(name, h5py.h5f.ACC_TRUNC, fcpl=timeless, fapl=compact))


def timeless_group(parent: h5py.Group, name: str) -> h5py.Group:
    timeless = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    timeless.set_obj_track_times(False)
    return h5py.Group(h5py.h5g.create(parent.id, name.encode(), gcpl=timeless))


def storage(array: np.ndarray) -> dict:
    if array.ndim < 2:
        return {}
    return {"dtype": "float16", "shuffle": True, "compression": "gzip", "compression_opts": 9}


def write_labels(names: list[str], path: Path) -> None:
    path.write_text(json.dumps(names, indent=0) + "\n")


if __name__ == "__main__":
    names = json.loads(Path(sys.argv[2]).read_text())
    write_model(sys.argv[1], names, DATA / "mobilenet_v2.keras")
    write_labels(names, DATA / "imagenet_labels.json")
