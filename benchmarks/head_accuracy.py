"""Training only a head on ResNet50: is tltk as accurate as the official Keras recipe?

Whole runs of both sides of head_only.py at equal settings, at a smaller size, on the bundled test
pictures, from the same first weights: the mean validation accuracy of the last epochs, for each
seed. The order of the pictures differs, so the gap is that of the means over the seeds. About a
quarter of an hour on two cores; run_all.py leaves it out.
"""

import statistics
from functools import partial

import common
import keras
from head_only import RATE, head_on_frozen
from recipe import fit, recipe

FULL = {
    "network": "resnet50",
    "side": 32,
    "train": 500,
    "val": 1000,
    "epochs": 20,
    "last": 5,
    "repeats": 8,
}
QUICK = FULL | {
    "network": "small_cnn",
    "train": 20,
    "val": 10,
    "epochs": 1,
    "last": 1,
    "repeats": 1,
}


def accuracies(load, engines, side, train, val, epochs, last, repeats):
    """Mean validation accuracy of the last epochs: side to one number a repeat."""

    def settled(history):
        return statistics.mean(history.history["val_accuracy"][-last:])

    found = {}
    with common.picture_folder(train, val, side) as folder:
        for seed in range(repeats):
            keras.utils.set_random_seed(seed)
            model, pictures, held = recipe(folder, load(side), side, rate=RATE, seed=seed)
            first = model.layers[-1].get_weights()
            fit(model, pictures, None, epochs - last)
            history = fit(model, pictures, held, last)
            found.setdefault("Keras recipe", []).append(settled(history))
            for label, how in engines:
                with common.fresh_cache():
                    history = head_on_frozen(folder, load(side), side, epochs, seed, first, **how)
                found.setdefault(f"tltk, {label}", []).append(settled(history))
    return found


def main(arguments=None):
    chosen, settings, began, engines, remarks, weights = common.begin(
        __doc__, arguments, FULL, QUICK
    )
    load = partial(common.fresh_network, settings["network"], weights)
    run = {name: value for name, value in settings.items() if name != "network"}
    found = accuracies(load, engines, **run)
    rows = [{"side": side, "accuracy": common.spread(each)} for side, each in found.items()]
    middle = {side: statistics.mean(each) for side, each in found.items()}
    findings = [
        common.finding(
            f"head only, on {label}: accuracy away from the recipe's",
            [100 * abs(middle["Keras recipe"] - middle[f"tltk, {label}"])],
            0.5,
            unit="points",
            at_most=True,
        )
        for label, _ in engines
    ]
    remarks.append(
        "{epochs} epochs at {side} px, the mean of the last {last}, {train} training and {val} "
        "other pictures, {repeats} seeds.".format(**settings)
    )
    facts = {"weights": weights, "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, remarks, **facts)


if __name__ == "__main__":
    main()
