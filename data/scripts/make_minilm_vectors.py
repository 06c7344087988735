"""Make data/sentiment/minilm.npz: what the sentence encoder MiniLM makes of every bundled text.

Usage: PYTHONPATH=. python data/scripts/make_minilm_vectors.py FOLDER

FOLDER holds the network in Hugging Face format (config.json, model.safetensors, vocab.txt,
tokenizer.json). A text's vector is the mean of its word pieces' vectors in the last block, padding
left out, no text cut, before its length is made one. The numbers of a dimension are written as
whole numbers from -127 to 127 on a scale of its own, which is the same in all domains. Needs
keras-hub, tensorflow-text and safetensors; some minutes of a CPU core. On another machine single
numbers may differ by one step.
"""

import sys
from pathlib import Path

import keras_hub
import numpy as np
from plain_npz import write_arrays

from tltk.inputs._tables import read_columns

DOMAINS, LONGEST, BATCH = ("films", "products", "editorials", "tweets"), 256, 64


def mean_vectors(texts: list[str], folder: str) -> np.ndarray:
    """The mean over the pieces of each text, which are encoded by length."""
    make = keras_hub.models.BertTextClassifierPreprocessor.from_preset
    pieces = {
        name: np.asarray(column)
        for name, column in make(folder, sequence_length=LONGEST)(texts).items()
    }
    lengths = pieces["padding_mask"].sum(axis=1)
    if lengths.max() == LONGEST:
        raise ValueError("A text is longer than the network reads.")
    network = keras_hub.models.BertBackbone.from_preset(folder, dropout=0.0)
    vectors = np.empty((len(texts), network.hidden_dim), "float32")
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        cut = {name: column[rows, : lengths[rows].max()] for name, column in pieces.items()}
        mask = cut["padding_mask"].astype("float32")[..., None]
        sequence = np.asarray(network.predict_on_batch(cut)["sequence_output"])
        vectors[rows] = (sequence * mask).sum(axis=1) / mask.sum(axis=1)
    return vectors


def whole_numbers(vectors: np.ndarray) -> dict[str, np.ndarray]:
    """Each dimension as int8 between its extremes: vector = middle + step * number."""
    low, high = vectors.min(axis=0), vectors.max(axis=0)
    middle, step = (low + high) / 2, (high - low) / 254
    numbers = np.rint((vectors - middle) / step).astype("int8")
    return {"numbers": numbers, "middle": middle, "step": step}


if __name__ == "__main__":
    folder = Path(__file__).parents[1] / "sentiment"
    texts = {name: read_columns(folder / f"{name}.tsv.xz", ("text",))[0] for name in DOMAINS}
    vectors = mean_vectors([text for some in texts.values() for text in some], sys.argv[1])
    if len(sys.argv) > 2:
        np.save(sys.argv[2], vectors)
    coded = whole_numbers(vectors)
    ends = np.cumsum([len(some) for some in texts.values()])
    arrays = dict(zip(DOMAINS, np.split(coded.pop("numbers"), ends[:-1]), strict=True)) | coded
    out = folder / "minilm.npz"
    write_arrays(out, arrays)
    print(len(vectors), "texts,", out.stat().st_size, "bytes")
