"""A pretrained sentence encoder beside the word vectors of chapter 06.

MiniLM (six transformer blocks, 384 numbers a text) is read by KerasHub from a folder in Hugging
Face format. Its preprocessor cuts texts into at most 64 word pieces; the features of a text are
the mean over its pieces, padding left out. Domains, draws of training texts, test texts, strengths
and balanced accuracy are those of the chapter, so that seeds 0, 1 and 2 pair with its own.

- `home`: a linear head on the frozen features, 50 to 1000 labels of a domain, five seeds;
- `away`: the heads of 1000 labels, asked about each domain;
- `tuned`: films, 1000 labels: the last two blocks trained with the head, three seeds;
- `cache`: films, 50 labels: the losses of two epochs with the frozen blocks run once and kept, and
  with the whole network run in every epoch.

The folder holds `config.json`, `model.safetensors`, `vocab.txt` and `tokenizer.json`; the chapter
says how to get one. Needs keras-hub, tensorflow-text and safetensors. About ten minutes on two CPU
cores:

    python notebooks/studies/06_sentence_encoder.py FOLDER
"""

import itertools
import sys
import time
from functools import cache

import keras
import keras_hub
import numpy as np
from sklearn.metrics import balanced_accuracy_score

import tltk
from tltk.evaluation import keep_study

DOMAINS, LABELS, LENGTH = ("films", "products", "editorials", "tweets"), (50, 200, 1000), 64
SEEDS, TUNED_SEEDS, STRENGTHS = (0, 1, 2, 3, 4), (0, 1, 2), (1e-3, 1e-2, 0.1, 1)
TUNE = {"unfreeze_blocks": 2, "base_lr": 1e-4, "epochs": 3, "verbose": 0}
CLASSES = ("negative", "positive")


def sentence_encoder(folder):
    """The mean of the network's features over a text's pieces."""
    bert = keras_hub.models.BertBackbone.from_preset(folder)
    mean = keras.layers.GlobalAveragePooling1D(name="mean_of_pieces")
    features = mean(bert.output["sequence_output"], mask=bert.input["padding_mask"])
    return keras.Model(bert.input, features, name="sentence_encoder")


@cache
def all_texts(domain):
    """Every text of a domain, its label, and its row by name."""
    data = tltk.load_dataset(f"sentiment_{domain}", val=0)
    parts = [data.train, data.test]
    texts = np.concatenate([part.arrays()[0] for part in parts])
    names = data.files["train"] + data.files["test"]
    row_of = {name: row for row, name in enumerate(names)}
    return texts.astype(str), np.concatenate([part.labels for part in parts]), row_of


@cache
def pieces(folder, domain):
    """Every text of a domain as the network takes it."""
    cut = keras_hub.models.BertTextClassifierPreprocessor.from_preset(
        folder, sequence_length=LENGTH
    )
    return {name: np.asarray(column) for name, column in cut(all_texts(domain)[0]).items()}


@cache
def features(folder, domain):
    return tltk.extract_features(sentence_encoder(folder), pieces(folder, domain))[0]


def draw(inputs, domain, labels, seed):
    """The chapter's training and test part of one draw, as pairs (x, y)."""
    _, y, row_of = all_texts(domain)
    data = tltk.load_dataset(f"sentiment_{domain}", per_class=labels // 2, seed=seed)
    parts = [[row_of[name] for name in data.files[part]] for part in ("train", "test")]
    return [(keras.tree.map_structure(lambda x, r=rows: x[r], inputs), y[rows]) for rows in parts]


def balanced(model, test):
    x, y = test
    return balanced_accuracy_score(y, model.predict(x, verbose=0).argmax(axis=1))


def frozen(folder):
    for domain, labels, seed in itertools.product(DOMAINS, LABELS, SEEDS):
        train, test = draw(features(folder, domain), domain, labels, seed)
        body = keras.Sequential([keras.Input(train[0].shape[1:]), keras.layers.Identity()])
        model = tltk.build_classifier(body, CLASSES, dropout=0)
        strength = tltk.fit_linear_head(model, train, strengths=STRENGTHS, cache=False)
        facts = {"method": "MiniLM", "labels": labels, "seed": seed}
        home = {"domain": domain, "strength": strength, "score": balanced(model, test)}
        yield {"question": "home", **facts, **home}
        for target in DOMAINS if labels == LABELS[-1] else ():
            _, test = draw(features(folder, target), target, labels, seed)
            score = balanced(model, test)
            yield {"question": "away", **facts, "source": domain, "target": target, "score": score}


def tuned(folder):
    domain, labels = DOMAINS[0], LABELS[-1]
    for seed in TUNED_SEEDS:
        train, test = draw(pieces(folder, domain), domain, labels, seed)
        model = tltk.build_classifier(sentence_encoder(folder), CLASSES)
        tltk.fine_tune(model, train, seed=seed, **TUNE)
        facts = {"method": "MiniLM, two blocks tuned", "domain": domain, "labels": labels}
        yield {"question": "tuned", **facts, "seed": seed, "score": balanced(model, test)}


def cached_and_not(folder):
    train, _ = draw(pieces(folder, DOMAINS[0]), DOMAINS[0], LABELS[0], 0)
    for kept in (True, False):
        model = tltk.build_classifier(sentence_encoder(folder), CLASSES)
        history = tltk.fine_tune(model, train, cache=kept, **TUNE | {"epochs": 2}).history
        yield {"question": "cache", "cache": kept, "losses": history["loss"]}


def main(folder):
    rows, began = [], time.perf_counter()
    for row in itertools.chain(*(each(folder) for each in (cached_and_not, frozen, tuned))):
        rows.append(row)
        print(row, f"{time.perf_counter() - began:.0f} s", flush=True)
    about = (
        "Sentiment in four domains and their twelve pairs: linear head on frozen MiniLM features, "
        f"{len(SEEDS)} seeds; on films also two blocks tuned, {len(TUNED_SEEDS)} seeds."
    )
    print(keep_study(__file__, about, rows, time.perf_counter() - began))


if __name__ == "__main__":
    main(*sys.argv[1:])
