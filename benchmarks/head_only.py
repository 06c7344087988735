"""Training only a head on ResNet50, from files on disk: tltk against the official Keras recipe.

Both sides train one dense softmax layer on the average-pooled features of the same frozen network,
without dropout, with Adam at 1e-3, batches of 32, and validate after every epoch. Counted on both:
listing and decoding the files, tracing, conversion to another engine, training, validation; on
neither: imports, and loading the network. tltk's cache is empty each time. The recipe runs its
whole network over all pictures in every epoch, alike each time, so a share `measured` of an epoch
is timed, after a first step that takes in the tracing, and stands for all `epochs`.

The bound counts passes of the frozen network: epochs x pictures against one x pictures, times the
engine's own speed-up over `predict`, measured in the same run. A ratio above it says that the
recipe takes longer than its arithmetic: decoding again in every epoch, and the steps' own cost.

Whether both sides end equally accurate is what head_accuracy.py says.
"""

from functools import partial

import common
import keras
from extraction import speed_ups
from recipe import recipe_seconds

import tltk

RATE = 1e-3
FULL = {
    "network": "resnet50",
    "side": 224,
    "train": 1000,
    "val": 200,
    "epochs": 20,
    "measured": 0.25,
    "repeats": 1,
    "probe": 64,
}
QUICK = FULL | {
    "network": "small_cnn",
    "side": 32,
    "train": 20,
    "val": 10,
    "epochs": 3,
    "repeats": 1,
    "probe": 0,
}
GOALS = {"Keras": 15, "OpenVINO bfloat16": 25}


def head_on_frozen(
    folder, network, side, epochs, seed=0, first=None, engine="keras", precision="float32"
):
    """Train a head with tltk, from given first weights or its own; return the history."""
    photos = tltk.image_folder(folder, image_size=side, test=0)
    model = tltk.build_classifier(network, photos.class_names, dropout=0)
    if first is not None:
        model.layers[-1].set_weights(first)
    return tltk.fine_tune(
        model,
        photos.train,
        photos.val,
        unfreeze_blocks=0,
        head_epochs=epochs,
        head_lr=RATE,
        callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate)],
        patience=epochs,
        seed=seed,
        verbose=0,
        cache=(engine, precision),
    )


def timings(load, folder, engines, side, epochs, measured, repeats):
    def plain():
        network = load(side)
        return recipe_seconds(folder, network, side, epochs, measured, rate=RATE)

    def ours(how):
        network = load(side)
        with common.fresh_cache():
            return common.seconds_of(head_on_frozen, folder, network, side, epochs, **how)

    one_epoch = []

    def recipe_side():
        whole, one = plain()
        one_epoch.append(one)
        return whole

    sides = {"Keras recipe": recipe_side}
    sides |= {f"tltk, {label}": lambda how=how: ours(how) for label, how in engines}
    return common.interleaved(sides, repeats), one_epoch


def main(arguments=None):
    chosen, settings, began, engines, remarks, weights = common.begin(
        __doc__, arguments, FULL, QUICK
    )
    side, epochs = settings["side"], settings["epochs"]
    load = partial(common.fresh_network, settings["network"], weights)
    with common.picture_folder(settings["train"], settings["val"]) as folder:
        run = {each: settings[each] for each in ("side", "epochs", "measured", "repeats")}
        measured, one_epoch = timings(load, folder, engines, **run)
    faster = speed_ups(load(side), engines, side, settings["probe"])
    rows = common.rows_of(measured, "Keras recipe")
    findings = [
        common.finding(
            f"head only, {epochs} epochs, on {label}, against the Keras recipe",
            common.ratios(measured["Keras recipe"], measured[f"tltk, {label}"]),
            GOALS.get(label),
            bound=epochs * faster[label],
        )
        for label, _ in engines
    ]
    remarks += [
        f"The recipe's {epochs} epochs follow from {settings['measured']} of one measured in each "
        f"repeat, {min(one_epoch):.3g} to {max(one_epoch):.3g} s for a whole one; tltk's runs are "
        "whole.",
        "The bound: {} epochs against one pass, times {}.".format(
            epochs, ", ".join(f"{label} {value:.3g}" for label, value in faster.items())
        ),
    ]
    facts = {
        "weights": weights,
        "settings": settings,
        "extrapolated": {
            "side": "Keras recipe",
            "measured_epochs": settings["measured"],
            "seconds_per_epoch": [round(each, 3) for each in one_epoch],
            "to_epochs": epochs,
        },
        "speed_up": faster,
    }
    return common.report(__file__, __doc__, began, chosen, rows, findings, remarks, **facts)


if __name__ == "__main__":
    main()
