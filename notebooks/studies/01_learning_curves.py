"""What pretrained weights buy with 5 to 200 labels per class (chapter 01).

Five ways to classify the bundled CIFAR-10 pictures:

- `small_cnn from scratch`: four convolutions at the pictures' own 32 pixels;
- `mobilenet_v2 from scratch`: the very network that the others reuse, with fresh weights;
- `frozen 96 px`, `frozen 160 px`: pretrained mobilenet_v2, a linear probe on its features;
- `fine-tuned 96 px`: from that probe, the last blocks trained with it.

First, with seed 0 and 100 labels per class, settings are chosen on validation: learning rate and
epochs from scratch, bicubic or bilinear at 160 px. Then each method runs with the chosen ones (rows
with `chosen`). Fine-tuning has one setting, the last 8 blocks at 1e-4, from a few tried beforehand
on the same validation pictures; mobilenet_v2 from scratch sees 48 px, which costs half as much as
64. The strength of a probe is chosen on validation in every run. Validation is the same 100
pictures per class for every method, the test set the 1000 bundled pictures.

From scratch means Adam in batches of 32, a rate that falls to zero on half a cosine, pictures
flipped and shifted at random, and the last weights kept. EPOCHS says how long;
`times` multiplies it.

About an hour on two CPU cores. Finished runs are written down in the
cache folder, so that the same call goes on after an interruption:

    python notebooks/studies/01_learning_curves.py

It also draws docs/learning_curves.png.
"""

import itertools
import math
import time
from functools import cache
from pathlib import Path

import keras
import numpy as np

import tltk
from tltk._cache import read_facts, write_facts
from tltk.evaluation import keep_study, study_folder

LABELS, CHOSEN_AT, SEEDS = (5, 20, 100, 200), 100, (0, 1, 2)
EPOCHS = {5: 60, 20: 30, 100: 15, 200: 10}
CANDIDATES = {
    "frozen 160 px": [{"size": 160, "resize": each} for each in ("bicubic", "bilinear")],
    "fine-tuned 96 px": [{"blocks": 8, "rate": 1e-4}],
    "frozen 96 px": [{"size": 96, "resize": "bicubic"}],
    "small_cnn from scratch": [
        {"network": "small_cnn", "size": 32, "rate": rate, "times": times}
        for rate, times in [(1e-3, 2), (2e-3, 2)]
    ],
    "mobilenet_v2 from scratch": [
        {"network": "mobilenet_v2", "size": 48, "rate": rate, "times": times}
        for rate, times in [(1e-3, 1), (3e-3, 1)]
    ],
}
FINISHED = study_folder(__file__) / "rows.json"
FIGURE = Path(__file__).parents[2] / "docs" / "learning_curves.png"


def whole_set(size, resize):
    photos = tltk.load_dataset("cifar10_small", image_size=size, val=0, resize=resize)
    return [(photos.files["train"], photos.train), (photos.files["test"], photos.test)]


@cache
def all_pictures(size, resize="bicubic"):
    """Every bundled picture and its label, by file name."""
    found = {}
    for names, split in whole_set(size, resize):
        found.update(zip(names, zip(*split.arrays(), strict=True), strict=True))
    return found


@cache
def all_features(size, resize):
    """The frozen network's features of every bundled picture and its label, by file name."""
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=(size, size, 3))
    found = {}
    for names, split in whole_set(size, resize):
        found.update(
            zip(names, zip(*tltk.extract_features(backbone, split), strict=True), strict=True)
        )
    return found


def draw(source, labels, seed):
    """Training, validation and test arrays (x, y) for one seed."""
    photos = tltk.load_dataset("cifar10_small", image_size=32, per_class=labels, seed=seed)
    pairs = [[source[name] for name in photos.files[part]] for part in ("train", "val", "test")]
    return [tuple(map(np.stack, zip(*some, strict=True))) for some in pairs]


def scores(model, val, test):
    """Accuracy on validation and test arrays."""
    return {
        "val_accuracy": model.evaluate(*val, batch_size=50, verbose=0)[1],
        "accuracy": model.evaluate(*test, batch_size=50, verbose=0)[1],
    }


def frozen(labels, seed, size, resize):
    train, val, test = draw(all_features(size, resize), labels, seed)
    body = keras.Sequential([keras.Input(train[0].shape[1:]), keras.layers.Rescaling(1.0)])
    model = tltk.build_classifier(body, 10)
    strength = tltk.fit_linear_head(model, train, val, cache=False)
    return {"strength": strength, **scores(model, val, test)}


def fine_tuned(labels, seed, blocks, rate):
    train, val, test = draw(all_pictures(96), labels, seed)
    model = tltk.build_classifier(tltk.load_backbone("mobilenet_v2", input_shape=(96, 96, 3)), 10)
    settings = {"unfreeze_blocks": blocks, "base_lr": rate, "epochs": 6, "patience": 3}
    history = tltk.fine_tune(model, train, val, **settings, seed=seed, verbose=0).history
    return {**scores(model, val, test), "val_by_epoch": history["val_accuracy"]}


def fresh_weights(network, size, seed):
    keras.utils.set_random_seed(seed)
    body = tltk.load_backbone(network, weights=None, input_shape=(size, size, 3))
    return tltk.build_classifier(body, 10).get_weights()


@cache
def trainer(network, size):
    """A classifier, and the same under random flips and shifts, compiled once for all runs."""
    body = tltk.load_backbone(network, weights=None, input_shape=(size, size, 3))
    model = tltk.build_classifier(body, 10)
    tltk.unfreeze(model, "all", train_batch_norm=True)
    changes = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomTranslation(0.1, 0.1, fill_mode="reflect"),
    ]
    trained = keras.Sequential([keras.Input((size, size, 3)), *changes, model])
    trained.compile(keras.optimizers.Adam(), model.loss, metrics=["accuracy"])
    trained.optimizer.build(trained.trainable_variables)
    return model, trained


def from_scratch(labels, seed, network, size, rate, times):
    train, val, test = draw(all_pictures(size), labels, seed)
    model, trained = trainer(network, size)
    model.set_weights(fresh_weights(network, size, seed))
    for state in trained.optimizer.variables:
        state.assign(keras.ops.zeros_like(state))
    x, y = train[0].astype("float32"), train[1]
    epochs = EPOCHS[labels] * times
    cosine = keras.callbacks.LearningRateScheduler(
        lambda epoch: rate * (1 + math.cos(math.pi * (epoch + 0.5) / epochs)) / 2
    )
    watched = val if (labels, seed) == (CHOSEN_AT, 0) else None
    settings = {"batch_size": 32, "epochs": epochs, "callbacks": [cosine], "verbose": 0}
    history = trained.fit(x, y, validation_data=watched, **settings).history
    return {**scores(model, val, test), "val_by_epoch": history.get("val_accuracy")}


def method_of(settings):
    if "resize" in settings:
        return frozen
    return from_scratch if "network" in settings else fine_tuned


def run(rows, method, labels, seed, settings):
    """Run a method, unless this very run is finished; return its row."""
    asked = {"method": method, "labels_per_class": labels, "seed": seed, "settings": settings}
    for row in rows:
        if row | asked == row:
            return row
    began = time.perf_counter()
    measured = method_of(settings)(labels, seed, **settings)
    row = {**asked, **measured, "seconds": round(time.perf_counter() - began, 1)}
    rows.append(row)
    write_facts(FINISHED, rows)
    print(row, flush=True)
    return row


def draw_curves(rows):
    """The figure on the front page of the project."""
    order = [name for name in CANDIDATES if name != "mobilenet_v2 from scratch"]  # 48 px, too little
    rows = [row for row in rows if row["method"] in order]
    rows = sorted(rows, key=lambda row: order.index(row["method"]))
    figure = tltk.plotting.plot_learning_curves(rows, chance=0.1)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=143)


def main():
    rows = read_facts(FINISHED) or []
    chosen = {}
    for method, candidates in CANDIDATES.items():
        tried = [run(rows, method, CHOSEN_AT, 0, settings) for settings in candidates]
        chosen[method] = max(tried, key=lambda row: row["val_accuracy"])["settings"]
    for seed, method in itertools.product(SEEDS, CANDIDATES):
        for labels in LABELS:
            run(rows, method, labels, seed, chosen[method])
    rows = [{**row, "chosen": row["settings"] == chosen[row["method"]]} for row in rows]
    draw_curves([row for row in rows if row["chosen"]])
    about = (
        "CIFAR-10 (bundled), 5 to 200 labels per class: small_cnn and mobilenet_v2 from scratch, "
        "mobilenet_v2 frozen at 96 and 160 px and fine-tuned at 96 px; 3 seeds."
    )
    print(keep_study(__file__, about, rows, sum(row["seconds"] for row in rows)))


if __name__ == "__main__":
    main()
