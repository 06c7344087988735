"""Make data/glove.npz: the 20,000 most frequent GloVe words that plain text can contain.

Usage: python data/scripts/make_glove.py glove_6b_50d_60k.npz

Words are looked up in lower case and without punctuation, so a word that this would change is left
out: it could never be found.
"""

import re
import sys
from pathlib import Path

import numpy as np
from plain_npz import write_arrays

COUNT = 20_000
STRIPPED = re.compile(r'[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\']')

if __name__ == "__main__":
    archive = np.load(sys.argv[1])
    words = archive["words"].tolist()
    kept = [i for i, word in enumerate(words) if word and word == STRIPPED.sub("", word.lower())]
    kept = kept[:COUNT]
    arrays = {
        "words": np.frombuffer("\n".join(words[i] for i in kept).encode(), "uint8"),
        "vectors": archive["vectors"][kept].astype("float16"),
    }
    out = Path(__file__).parents[1] / "glove.npz"
    write_arrays(out, arrays)
    print(len(kept), "words,", out.stat().st_size, "bytes")
