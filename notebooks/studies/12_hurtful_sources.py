"""Sources that should hurt, and one that should help: does compare_transfer say so (chapter 12)?

The target is five of the ten bundled CIFAR-10 classes at 32 pixels, a four-layer network its model
(`small_cnn`). Four sources give the same network its first weights:

- `other photos`: the other five classes, the related source;
- `shuffled labels`: the very same pictures, their labels shuffled;
- `digits`: MNIST, another domain;
- `temperatures`: another modality, windows of an hourly temperature series drawn as pictures (an
  outer difference), to be told apart by the season.

From each, the network is frozen under a solved head, and tuned exactly as it is trained from
scratch: all weights, the same rate, steps and batches, so the arms differ in nothing but the first
weights. Five seeds; 100 labels per class; the 500 test pictures of the five classes.

About five minutes on two CPU cores. Finished runs are kept in the cache folder, so that the same
call goes on after an interruption:

    python notebooks/studies/12_hurtful_sources.py
"""

import time

import keras
import numpy as np

import tltk
from tltk.evaluation import keep_study, study_folder
from tltk.evaluation._arms import trained_from_scratch
from tltk.evaluation.comparison import passes_of
from tltk.inputs import splits_of
from tltk.inputs import bundle_folder

SIZE, CLASSES, LABELS, SEEDS, EPOCHS, SOURCE_EPOCHS = 32, 5, 100, 5, 8, 8
BATCH = 32


def of_classes(split, classes):
    """The examples of some classes, numbered from 0."""
    chosen = split.take(np.isin(split.labels, classes))
    return chosen.replace(labels=(chosen.labels - min(classes)).astype("int32"))


def photos(classes):
    whole = tltk.load_dataset("cifar10_small", image_size=SIZE, val=0.3)
    parts = {part: of_classes(getattr(whole, part), classes) for part in ("train", "val", "test")}
    return splits_of(parts, [whole.class_names[number] for number in classes])


def everything(split):
    return split.arrays()


def temperature_pictures():
    """Windows of 32 hours of two cities as pictures of their outer differences; the quarter."""
    series = tltk.series_file(bundle_folder() / "series" / "temperatures.csv", time="time")
    starts = np.arange(0, len(series.values) - SIZE, SIZE // 2)
    windows = np.concatenate([series.values[start : start + SIZE].T for start in starts])
    windows = np.nan_to_num(windows)
    differences = windows[:, :, None] - windows[:, None, :]
    pixels = np.clip(128 + 6 * differences, 0, 255).astype("uint8")
    quarter = np.minimum(np.repeat(starts, 2) // (24 * 91), 3).astype("int32")
    return np.repeat(pixels[..., None], 3, axis=-1), quarter


def sources():
    pictures, labels = everything(photos(range(CLASSES)).train)
    shuffled = np.random.default_rng(0).permutation(labels)
    digits = tltk.load_dataset("mnist_small", image_size=SIZE, per_class=len(labels) // 10)
    return {
        "other photos": (pictures, labels),
        "shuffled labels": (pictures, shuffled),
        "digits": everything(digits.train),
        "temperatures": temperature_pictures(),
    }


def body():
    return tltk.load_backbone("small_cnn", weights=None, input_shape=SIZE)


def pretrained_weights(x, y):
    """The body's weights after training on a source, every weight at Adam's usual rate."""
    keras.utils.set_random_seed(0)
    network = body()
    model = tltk.build_classifier(network, int(max(y)) + 1)
    tltk.unfreeze(model, "all", train_batch_norm=True)
    model.compile("adam", model.loss, metrics=["accuracy"])
    history = model.fit(x, y, batch_size=BATCH, epochs=SOURCE_EPOCHS, verbose=0)
    return network.get_weights(), history.history["accuracy"][-1]


def methods_of(name, weights, class_names, epochs):
    """Frozen under a solved head, and tuned as from scratch."""

    def model():
        network = body()
        network.set_weights(weights)
        return tltk.build_classifier(network, class_names)

    def frozen(train, val, seed):
        built = model()
        tltk.fit_linear_head(built, train, val)
        return built

    def tuned(train, val, seed):
        return trained_from_scratch(model(), train, val, seed, epochs)

    return {f"{name}, frozen": frozen, f"{name}, tuned": tuned}


def main():
    began = time.monotonic()
    target = photos(range(CLASSES, 2 * CLASSES))
    passes = passes_of(EPOCHS, LABELS * CLASSES)
    methods, learned = {}, {}
    for name, (x, y) in sources().items():
        weights, learned[name] = pretrained_weights(x, y)
        print(f"{name}: {len(x)} pictures, training accuracy {learned[name]:.2f}", flush=True)
        methods |= methods_of(name, weights, target.class_names, passes)
    found = tltk.compare_transfer(
        body_of_no_use,
        target,
        SEEDS,
        LABELS,
        methods=methods,
        arms=["from scratch"],
        epochs=EPOCHS,
        checkpoint=study_folder(__file__),
    )
    for row in found.verdicts:
        row["source_accuracy"] = learned[row["method"].split(",")[0]]
    about = (
        "Five CIFAR-10 classes from networks of four sources, against the same network from "
        f"scratch: {SEEDS} seeds, {LABELS} labels per class, 98 % intervals."
    )
    print(keep_study(__file__, about, found.verdicts, time.monotonic() - began))


def body_of_no_use():
    """The architecture; `from scratch` draws its own weights."""
    keras.utils.set_random_seed(0)
    return body()


if __name__ == "__main__":
    main()
