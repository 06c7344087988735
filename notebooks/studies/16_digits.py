"""Digits carried to other backgrounds and other scanners without a label there (chapter 16).

Three pairs of domains, the same small network from scratch on each, five seeds:

- `MNIST to MNIST-M`: the 3,000 bundled training digits, and the same digits blended with patches of
  two large photographs. Tested on the 1,000 bundled test digits, blended with patches of the other
  halves of the photographs. 28 pixels.
- `MNIST to scikit-learn digits` and back: another scanner of 8 x 8 pixels, both sets at 16 pixels;
  1,300 of its 1,797 pictures for training, the others for testing.

Methods: the source alone; the source in random colours (plain augmentation against a change of
colour, for MNIST-M only); adaptive batch normalisation, DANN, Deep CORAL and MMD from the same first
weights as the source-only network; SHOT (adaptation without the source) after either source
network; and the ceiling, trained on the target's labels. Target labels train and choose nothing but
the ceiling: epochs, rates and weights are the same for all seeds, and were set on another seed.

With each run go three criteria, computed on the target's training pictures without their labels:
entropy, InfoMax and soft neighbourhood density. `python notebooks/studies/16_digits.py 0 2` runs
those seeds alone; without numbers it runs what is missing and keeps the result.

About an hour on one CPU core, all methods on one pair and seed in less than twenty minutes.
Finished runs are written down in the cache folder, so that the same call goes on after an
interruption.
"""

import sys
import time

import keras
import numpy as np

from tltk._cache import read_facts, write_facts
import tltk
from tltk.tuning import RandomColours
from tltk.adaptation import (
    adapt_batch_norm,
    adapt_domains,
    adapt_without_source,
    infomax,
    soft_neighbourhood_density,
    target_entropy,
)
from tltk.evaluation import keep_study, study_folder
from tltk.datasets import blend_with_photos
from tltk.inputs import resize_images

SEEDS, EPOCHS, BATCH, SMALL = (0, 1, 2, 3, 4), 10, 64, 16
WEIGHTS = {"dann": 1.0, "coral": 100.0, "mmd": 1.0}
PAIRS = ("MNIST to MNIST-M", "MNIST to scikit-learn digits", "scikit-learn digits to MNIST")
FINISHED = study_folder(__file__)


def mnist(size):
    digits = tltk.load_dataset("mnist_small", image_size=size, val=0)
    return [digits.train.arrays(), digits.test.arrays()]


def scanned(size):
    """scikit-learn's 8 x 8 digits with their 17 grey values, the last 497 for testing."""
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = (found.images * (255 / 16)).astype("uint8")
    pictures = resize_images(np.repeat(grey[..., None], 3, axis=-1), size, "bicubic")
    order = np.random.default_rng(0).permutation(len(pictures))
    return [
        (pictures[rows], found.target[rows].astype("int32")) for rows in np.split(order, [1300])
    ]


def domains_of(pair):
    """Source (train, test) and target (train, test), each (x, y)."""
    if pair == PAIRS[0]:
        (x, y), (x_test, y_test) = digits = mnist(28)
        blended = blend_with_photos(x, half="left", seed=1)
        blended_test = blend_with_photos(x_test, half="right", seed=2)
        return digits, [(blended, y), (blended_test, y_test)]
    sets = [mnist(SMALL), scanned(SMALL)]
    return sets if pair == PAIRS[1] else sets[::-1]


def network(side, seed):
    """Three convolutions and a dense layer, each with batch normalisation, under a fresh head."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((side, side, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(inputs)
    for filters in (24, 48, 96):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = normal(keras.layers.MaxPooling2D()(x))
    x = keras.layers.Dense(96, use_bias=False)(keras.layers.Flatten()(x))
    return tltk.build_classifier(keras.Model(inputs, normal(x)), 10)


def normal(x):
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))


def trained(domains, seed, **settings):
    """A fresh network, trained on the source and, with a weight, towards the target."""
    (source, _), ((x, _), _) = domains
    model = network(x.shape[1], seed)
    how = {
        "unfreeze_blocks": "all",
        "train_batch_norm": True,
        "batch_size": BATCH,
        "epochs": EPOCHS,
    }
    adapt_domains(model, source, x, seed=seed, verbose=0, **{**how, "weight": 0.0, **settings})
    return model


def free_of_source(model, domains, seed):
    """The same network's copy: its statistics moved to the target, and then its features too."""
    x = domains[1][0][0]
    copy = keras.models.clone_model(model)
    copy.compile("adam", model.loss, metrics=["accuracy"])
    copy.set_weights(model.get_weights())
    adapt_batch_norm(copy, x)
    yield "AdaBN", copy
    how = {"batch_size": BATCH, "train_batch_norm": True, "seed": seed, "verbose": 0}
    adapt_without_source(copy, x, epochs=8, **how)
    yield "SHOT", copy


def runs_of(pair, domains, seed):
    """Each method's name with its model, one after the other."""
    plain = trained(domains, seed)
    yield "source only", plain
    yield from free_of_source(plain, domains, seed)
    for method, weight in WEIGHTS.items():
        yield NAMES[method], trained(domains, seed, method=method, weight=weight)
    if pair == PAIRS[0]:
        coloured = trained(domains, seed, augment=RandomColours(seed))
        yield "random colours", coloured
        for name, model in free_of_source(coloured, domains, seed):
            yield f"random colours, {name}", model
        both = trained(domains, seed, method="dann", weight=1.0, augment=RandomColours(seed))
        yield "random colours, DANN", both
    yield "target's labels", trained([domains[1], domains[1]], seed)


NAMES = {"dann": "DANN", "coral": "Deep CORAL", "mmd": "MMD"}


def criteria(model, pictures):
    """What can be seen without labels: each is better when higher."""
    answers = model.predict(pictures, batch_size=250, verbose=0)
    density = soft_neighbourhood_density(answers)
    return {"entropy": -target_entropy(answers), "infomax": infomax(answers), "density": density}


def measure(pair, seed):
    """The rows of one pair and seed, written down when all are done."""
    path = FINISHED / f"{PAIRS.index(pair)}_{seed}.json"
    kept = read_facts(path)
    if kept is not None:
        return kept
    domains, rows, began = domains_of(pair), [], time.monotonic()
    for method, model in runs_of(pair, domains, seed):
        guesses = [model.predict(side[1][0], batch_size=250, verbose=0) for side in domains]
        hits = [
            (g.argmax(1) == side[1][1]).mean() for g, side in zip(guesses, domains, strict=True)
        ]
        now = time.monotonic()
        row = {"pair": pair, "method": method, "seed": seed, "accuracy": hits[1]}
        row |= {"source_accuracy": hits[0], "seconds": now - began}
        rows.append(row | criteria(model, domains[1][0][0]))
        print(pair, seed, method, f"{hits[1]:.3f} {hits[0]:.3f}", round(now - began), flush=True)
        began = time.monotonic()
    write_facts(path, rows)
    return rows


CRITERIA = {"entropy": "entropy", "infomax": "InfoMax", "density": "neighbourhood density"}


def choices(rows):
    """What each criterion picks among the methods without target labels, run by run."""
    candidates = [row for row in rows if row["method"] != "target's labels"]
    found = []
    for pair, seed in sorted({(row["pair"], row["seed"]) for row in candidates}):
        these = [row for row in candidates if (row["pair"], row["seed"]) == (pair, seed)]
        [plain] = [row["accuracy"] for row in these if row["method"] == "source only"]
        picks = {f"by {told}": max(these, key=lambda r: r[name]) for name, told in CRITERIA.items()}
        picks["by the target's labels (oracle)"] = max(these, key=lambda row: row["accuracy"])
        for criterion, pick in picks.items():
            row = {"pair": pair, "seed": seed, "criterion": criterion, "picked": pick["method"]}
            found.append(row | {"accuracy": pick["accuracy"], "gain": pick["accuracy"] - plain})
    return found


def main():
    seeds = [int(each) for each in sys.argv[1:]] or SEEDS
    rows = [row for pair in PAIRS for seed in seeds for row in measure(pair, seed)]
    if seeds is not SEEDS:
        return
    about = (
        "Digits carried to another domain without its labels, a small network from scratch, seeds "
        f"{list(SEEDS)}: accuracy on the target's test pictures, and what each criterion picks."
    )
    seconds = sum(row.pop("seconds") for row in rows)
    kept = [{"kind": "run", **row} for row in rows]
    kept += [{"kind": "choice", **row} for row in choices(rows)]
    print(keep_study(__file__, about, kept, seconds))


if __name__ == "__main__":
    main()
