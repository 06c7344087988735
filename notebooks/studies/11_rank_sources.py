"""Do scores before training tell what fine-tuning gives? (chapter 11)

Three targets of ten classes, 20 labels per class: the bundled CIFAR-10 and MNIST pictures and
scikit-learn's digits. Candidates to start from:

- mobilenet_v2 of ImageNet at 32, 48, 64, 96 and 128 px; at 96 px cut after block_13, block_6 and
  block_3; and with fresh weights;
- small_cnn with fresh weights, and trained here for EPOCHS epochs on all bundled training pictures
  of CIFAR-10 and of MNIST, with their labels and with shuffled ones (none is offered to its own
  target, but for the shuffled ones, which have learned no label);
- resnet50 and inception_v3 of ImageNet at 96 px, where their weights are on this machine (not in
  the kept results).

So LEEP and NCE, which need a source head, have eight candidates or nine, the other scores 13 or 14.

For every target, candidate and seed (which draws the training labels): the scores of
`rank_backbones`, with 200 validation pictures for probe and neighbours; then `fine_tune` of the
last two blocks behind a solved head, its epochs chosen on the same validation pictures; then the
accuracy on 500 test pictures, which nothing before has seen. A cut network loses its later blocks
for good: what is fine-tuned is what was scored.

Kept are all runs, and for each score and target the weighted tau of the means over the seeds, with
its interval over candidates and seeds, and what following the score costs: the best candidate's accuracy
less that of the one it puts first.

About half an hour on two CPU cores. Finished runs are written down in the cache folder, so
that the same call goes on after an interruption:

    python notebooks/studies/11_rank_sources.py
"""

import itertools
import time

import keras
import numpy as np

import tltk
from tltk._cache import read_facts, write_facts
from tltk.backbones import find_weights, layers_by_block
from tltk.evaluation import keep_study, rank_agreement, study_folder
from tltk.evaluation.ranking import SCORES
from tltk.inputs import Splits, examples_of, resize_images

TARGETS, SEEDS, LABELS = ("cifar10_small", "mnist_small", "digits"), (0, 1, 2), 20
VAL, TEST, EPOCHS, STRENGTHS = 200, 500, 8, (1e-3, 1e-2, 1e-1)
TUNE = {"unfreeze_blocks": 2, "head_epochs": 0, "epochs": 5, "base_lr": 1e-4, "verbose": 0}
FINISHED = study_folder(__file__) / "rows.json"


def pictures(name):
    """All labelled pictures, in their own size."""
    if name == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        grey = np.round(digits.images * 255 / 16).astype("uint8")
        order = np.random.default_rng(0).permutation(len(grey))
        return np.repeat(grey[order, :, :, None], 3, axis=3), digits.target[order].astype("int32")
    bundled = tltk.load_dataset(name, image_size=28 if "mnist" in name else 32, val=0)
    parts = (bundled.train, bundled.test)
    x, y = zip(*(part.arrays() for part in parts), strict=True)
    return np.concatenate(x), np.concatenate(y)


def draw(name, size, seed):
    """Training, validation and test arrays; only the training rows depend on the seed."""
    x, y = pictures(name)
    pool, test = np.split(np.arange(len(x)), [-TEST if name == "digits" else -1000])
    pool = np.random.default_rng(0).permutation(pool)
    val, pool = np.split(pool, [VAL])
    shuffled = np.random.default_rng(seed).permutation(pool)
    train = np.concatenate([shuffled[y[shuffled] == each][:LABELS] for each in range(10)])
    rows = (train, val, test[:TEST])
    return [(resize_images(x[some], (size, size), "bicubic"), y[some]) for some in rows]


def mobilenet(size, weights="imagenet", until=None):
    keras.utils.set_random_seed(0)
    if until is None and weights:
        whole = tltk.load_backbone("mobilenet_v2", weights, size, include_top=True)
        return tltk.load_backbone("mobilenet_v2", weights, size), whole
    network = tltk.load_backbone("mobilenet_v2", weights, size)
    if until:
        cut = layers_by_block(network)[until][-1].output
        network = keras.Model(network.input, cut, name="mobilenet_v2")
    return network, network


def small_cnn(source=None, shuffled=False):
    """The network, and the classifier of its own source."""
    keras.utils.set_random_seed(0)
    network = tltk.load_backbone("small_cnn", None, 32)
    if source is None:
        return network, network
    x, y = pictures(source)
    x, y = resize_images(x[:3000], (32, 32), "bicubic").astype("float32"), y[:3000]
    y = np.random.default_rng(0).permutation(y) if shuffled else y
    classifier = tltk.build_classifier(network, 10)
    tltk.unfreeze(classifier, "all", train_batch_norm=True)
    classifier.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=0)
    return network, classifier


def stock(name):
    network = tltk.load_backbone(name, "imagenet", 96)
    return network, network


CANDIDATES = {
    "mobilenet_v2 96 px": (96, mobilenet, (96,)),
    "mobilenet_v2 32 px": (32, mobilenet, (32,)),
    "mobilenet_v2 to block_13": (96, mobilenet, (96, "imagenet", "block_13")),
    "mobilenet_v2 to block_6": (96, mobilenet, (96, "imagenet", "block_6")),
    "small_cnn untrained": (32, small_cnn, ()),
    "small_cnn of photographs": (32, small_cnn, ("cifar10_small",)),
    "small_cnn of digits": (32, small_cnn, ("mnist_small",)),
    "small_cnn of shuffled photographs": (32, small_cnn, ("cifar10_small", True)),
    "mobilenet_v2 to block_3": (96, mobilenet, (96, "imagenet", "block_3")),
    "mobilenet_v2 untrained": (96, mobilenet, (96, None)),
    "mobilenet_v2 48 px": (48, mobilenet, (48,)),
    "mobilenet_v2 64 px": (64, mobilenet, (64,)),
    "mobilenet_v2 128 px": (128, mobilenet, (128,)),
    "small_cnn of shuffled digits": (32, small_cnn, ("mnist_small", True)),
    "resnet50 96 px": (96, stock, ("resnet50",)),
    "inception_v3 96 px": (96, stock, ("inception_v3",)),
}


def scores(target, scored, size, seed):
    train, val, _ = draw(target, size, seed)
    served = Splits(*map(examples_of, (train, val)), None, (), {})
    (row,) = tltk.rank_backbones({"it": scored}, served)
    return {score: row[score] for score in SCORES}


def fine_tuned(target, model, size, seed):
    """Accuracy on the test pictures; the model is as before afterwards."""
    train, val, (x, y) = draw(target, size, seed)
    before = model.get_weights()
    tltk.fit_linear_head(model, train, val, strengths=STRENGTHS)
    tltk.fine_tune(model, train, val, seed=seed, **TUNE)
    answers = [np.argmax(model(part, training=False), axis=1) for part in np.array_split(x, 5)]
    model.set_weights(before)
    return float(np.mean(np.concatenate(answers) == y))


def run(asked, network, scored, size):
    """The scores of a candidate for every target and seed, then what it is after fine-tuning."""
    before = time.perf_counter()
    told = [scores(target, scored, size, seed) for _, target, seed in asked]
    share = (time.perf_counter() - before) / len(asked)
    model = tltk.build_classifier(network, 10)
    for (name, target, seed), row in zip(asked, told, strict=True):
        began = time.perf_counter()
        accuracy = fine_tuned(target, model, size, seed)
        seconds = round(share + time.perf_counter() - began, 1)
        facts = {"kind": "run", "candidate": name, "target": target, "seed": seed}
        yield {**facts, **row, "accuracy": accuracy, "seconds": seconds}


def agreements(rows):
    """For each target and score: tau with its interval, and what following the score costs."""
    for target, score in itertools.product(TARGETS, SCORES):
        found = {
            name: [(r[score], r["accuracy"]) for r in some]
            for name in CANDIDATES
            if (some := [r for r in rows if (r["target"], r["candidate"]) == (target, name)])
            and len(some) == len(SEEDS)
            and some[0][score] is not None
        }
        told, came = np.moveaxis(list(found.values()), 2, 0)
        tau, low, high = rank_agreement(told, came)
        told, came = told.mean(axis=1), came.mean(axis=1)
        first = list(found)[int(np.argmax(told))]
        facts = {"kind": "agreement", "target": target, "score": score, "candidates": len(found)}
        lost = float(came.max() - came[np.argmax(told)])
        yield {**facts, "tau": tau, "low": low, "high": high, "first": first, "lost": lost}


def main():
    rows = read_facts(FINISHED) or []
    done = {(row["candidate"], row["target"], row["seed"]) for row in rows}
    for name, (size, build, arguments) in CANDIDATES.items():
        own = arguments[:1] if build is small_cnn and len(arguments) == 1 else ()
        asked = [
            (name, target, seed)
            for target, seed in itertools.product(TARGETS, SEEDS)
            if target not in own and (name, target, seed) not in done
        ]
        if not asked or (build is stock and find_weights(*arguments) is None):
            continue
        began = time.perf_counter()
        network, scored = build(*arguments)
        built = time.perf_counter() - began
        for row in run(asked, network, scored, size):
            row["seconds"] += round(built / len(asked), 1)
            rows.append(row)
            write_facts(FINISHED, rows)
            print(row, flush=True)
        keras.backend.clear_session()
    keep(rows)


def keep(rows):
    count = len({row["candidate"] for row in rows})
    about = (
        f"{LABELS} labels per class of three targets: seven scores of {count} candidates beside "
        f"their test accuracy after fine-tuning, {len(SEEDS)} seeds."
    )
    told = list(agreements(rows))
    print(tltk.plotting.format_table(told))
    print(keep_study(__file__, about, rows + told, sum(row["seconds"] for row in rows)))


if __name__ == "__main__":
    main()
