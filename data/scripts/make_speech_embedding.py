"""Make data/speech_embedding.weights.h5 from the arrays of Google's speech embedding, in float32.

The layout is that of Keras's `.weights.h5`, its groups numbered and named after the layers of
tltk's `speech_embedding`. float16 would move the embedding by up to 0.4 where values reach 53.

Usage: PYTHONPATH=. python data/scripts/make_speech_embedding.py speech_embedding_weights.npz
"""

import sys
from pathlib import Path

import numpy as np
from make_mobilenet_v2 import timeless_file, timeless_group

from tltk.backbones import load_audio_backbone

PATH = Path(__file__).parents[1] / "speech_embedding.weights.h5"
PACKED = {"shuffle": True, "compression": "gzip", "compression_opts": 9}


def write_weights(archive: str) -> None:
    arrays = np.load(archive)
    layers = [layer for layer in load_audio_backbone(weights=None).layers if layer.weights]
    with timeless_file(PATH) as file:
        all_layers = timeless_group(file, "layers")
        for number, layer in enumerate(layers):
            group = timeless_group(timeless_group(all_layers, str(number)), "vars")
            group.attrs["name"] = layer.name
            group.create_dataset("0", data=arrays[f"w{number:02}"], **PACKED)
            group.create_dataset("1", data=arrays[f"b{number:02}"])
    print(PATH.stat().st_size, "bytes in", PATH)


if __name__ == "__main__":
    write_weights(sys.argv[1])
