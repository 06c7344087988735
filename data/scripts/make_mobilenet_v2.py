"""Make data/mobilenet_v2.weights.h5 from torchvision's weights, kernels in float16.

The layout is that of Keras's `.weights.h5`, except that groups are numbered, not called by class:
so stock Keras refuses the file instead of loading it into its differently padded network. The
empty layer `Conv1_pad`, which only our network has, marks the file.

Usage: python data/scripts/make_mobilenet_v2.py mobilenet_v2_torchvision.npz imagenet_labels.json
"""

import json
import sys
from pathlib import Path

import h5py
import numpy as np

from tltk.backbones.weights import PADDED_MARK, keras_layers

DATA = Path(__file__).parents[1]


def write_weights(archive: str, path: Path) -> None:
    layers = keras_layers(dict(np.load(archive)), "mobilenet_v2") | {PADDED_MARK: []}
    with timeless_file(path) as file:
        all_layers = timeless_group(file, "layers")
        for number, (layer, arrays) in enumerate(layers.items()):
            group = timeless_group(timeless_group(all_layers, str(number)), "vars")
            group.attrs["name"] = layer
            for index, array in enumerate(arrays):
                group.create_dataset(str(index), data=np.ascontiguousarray(array), **storage(array))
    print(path.stat().st_size, "bytes in", path)


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


def write_labels(labels: str, path: Path) -> None:
    names = json.loads(Path(labels).read_text())
    path.write_text(json.dumps(names, indent=0) + "\n")


if __name__ == "__main__":
    write_weights(sys.argv[1], DATA / "mobilenet_v2.weights.h5")
    write_labels(sys.argv[2], DATA / "imagenet_labels.json")
