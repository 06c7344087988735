"""Training the last stage of ResNet50 from files on disk: tltk against the official Keras recipe.

Both sides train the `conv5_…` layers and a dense softmax layer at one learning rate with Adam, with
batch normalisation frozen, without dropout, and validate after every epoch. Counted and not counted
is what head_only.py says. Fewer pictures than in that benchmark are used, and few epochs are
measured: both sides' later epochs are alike, so the last one measured stands for those left out.

The bound counts the multiply-adds of the whole network, forward in every epoch and backward through
the part that trains, against the frozen part once and the rest in every epoch (operations.py); for
OpenVINO the frozen part counts less by its own speed-up over `predict`, measured in the same run.
"""

from functools import partial

import common
import keras
from extraction import speed_ups
from operations import training_bound
from recipe import recipe_seconds

import tltk
from tltk.tuning._cutting import cut_frozen

RATE = 1e-4
SHARE = 0.9  # of the bound, the goal
TIMED = ("unfrozen", "side", "epochs", "measured", "repeats")
FULL = {
    "network": "resnet50",
    "unfrozen": "conv5",
    "side": 224,
    "train": 192,
    "val": 64,
    "epochs": 10,
    "measured": 2,
    "repeats": 1,
    "probe": 64,
}
QUICK = FULL | {
    "network": "small_cnn",
    "unfrozen": "block4",
    "side": 32,
    "train": 20,
    "val": 10,
    "repeats": 1,
    "probe": 0,
}


def blocks_of(network, unfrozen):
    return [name for name in tltk.backbones.block_names(network) if name.startswith(unfrozen)]


def tuned_seconds(
    folder, network, unfrozen, side, epochs, measured, engine="keras", precision="float32"
):
    """Seconds that tltk takes for `epochs` epochs, from `measured` of them."""
    history = []

    def run():
        photos = tltk.image_folder(folder, image_size=side, test=0)
        model = tltk.build_classifier(network, photos.class_names, dropout=0)
        found = tltk.fine_tune(
            model,
            photos.train,
            photos.val,
            unfreeze_blocks=blocks_of(network, unfrozen),
            head_epochs=0,
            epochs=measured,
            base_lr=RATE,
            lr_decay=1.0,
            callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate)],
            patience=measured,
            verbose=0,
            cache=(engine, precision),
        )
        history.extend(found.history["seconds"])

    return common.seconds_of(run) + (epochs - measured) * history[-1]


def timings(load, folder, engines, unfrozen, side, epochs, measured, repeats):
    def plain():
        trained = {"unfrozen": unfrozen, "rate": RATE}
        return recipe_seconds(folder, load(), side, epochs, measured - 1, **trained)[0]

    def ours(how):
        network = load()
        with common.fresh_cache():
            return tuned_seconds(folder, network, unfrozen, side, epochs, measured, **how)

    sides = {"Keras recipe": plain}
    sides |= {f"tltk, {label}": lambda how=how: ours(how) for label, how in engines}
    return common.interleaved(sides, repeats)


def bounds(load, engines, settings):
    """For each engine what the multiply-adds allow, and the frozen part's speed-up."""
    network = load()
    model = tltk.build_classifier(network, 10, dropout=0)
    tltk.unfreeze(model, blocks_of(network, settings["unfrozen"]))
    counts = [settings[each] for each in ("epochs", "train", "val")]
    sizes = settings["side"], settings["probe"]
    faster = speed_ups(cut_frozen(model).prefix, engines, *sizes, pooling=None)
    return {
        label: {"speed_up": each, "bound": training_bound(model, *counts, each)}
        for label, each in faster.items()
    }


def main(arguments=None):
    chosen, settings, began, engines, remarks, weights = common.begin(
        __doc__, arguments, FULL, QUICK
    )
    epochs = settings["epochs"]
    load = partial(common.fresh_network, settings["network"], weights, settings["side"])
    with common.picture_folder(settings["train"], settings["val"]) as folder:
        run = {each: settings[each] for each in TIMED}
        measured = timings(load, folder, engines, **run)
    allowed = bounds(load, engines, settings)

    findings = [
        common.finding(
            f"last stage, {epochs} epochs, on {label}, against the Keras recipe",
            common.ratios(measured["Keras recipe"], measured[f"tltk, {label}"]),
            goal=float(f"{SHARE * allowed[label]['bound']:.3g}"),
            bound=allowed[label]["bound"],
        )
        for label, _ in engines
    ]
    remarks += [
        f"{each['what']}: {each['median'] / each['bound']:.0%} of the bound." for each in findings
    ]
    remarks += [
        f"{settings['train']} training and {settings['val']} validation pictures; {epochs} epochs "
        f"follow from {settings['measured']} measured with tltk and {settings['measured'] - 1} "
        "(behind a first step that takes in the tracing) with the recipe.",
    ]
    facts = {"weights": weights, "settings": settings, "allowed": allowed}
    rows = common.rows_of(measured, "Keras recipe")
    return common.report(__file__, __doc__, began, chosen, rows, findings, remarks, **facts)


if __name__ == "__main__":
    main()
