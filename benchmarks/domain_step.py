"""A step of domain-adversarial training against a plain step on as many pictures.

The same network from scratch (`small_cnn`, all of it trained, batch normalisation too) sees 32
pictures of the source and 32 of the target in a step of `adapt_domains`, or 64 pictures of the
source in plain Keras, in the same order and with the same optimizer. What adaptation adds is the
domain classifier, its reversed gradient and the weights of its own. The first epoch of each side,
in which Keras traces, is left out; each number is the fastest of the others.
"""

import common

FULL = {
    "network": "small_cnn",
    "side": 32,
    "pictures": 1024,
    "batch": 32,
    "epochs": 3,
    "repeats": 3,
}
QUICK = {**FULL, "pictures": 16, "batch": 4, "epochs": 2, "repeats": 1}


def pictures_of(count, side):
    import numpy as np

    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (2, count, side, side, 3), dtype="uint8")
    return pictures, random.integers(0, 10, (2, count), dtype="int32")


def classifier(network, side):
    import tltk

    body = common.fresh_network(network, None, side)
    model = tltk.build_classifier(body, 10)
    tltk.unfreeze(model, "all", train_batch_norm=True)
    return model


def adversarial_step(settings):
    """Seconds of a step of `adapt_domains`."""
    from tltk.adaptation import adapt_domains

    (source, target), (labels, _) = pictures_of(settings["pictures"], settings["side"])
    history = adapt_domains(
        classifier(settings["network"], settings["side"]),
        (source, labels),
        target,
        method="dann",
        unfreeze_blocks="all",
        train_batch_norm=True,
        batch_size=settings["batch"],
        epochs=settings["epochs"],
        verbose=0,
    )
    steps = settings["pictures"] / settings["batch"]
    return min(history.history["seconds"][1:]) / steps


def plain_step(settings):
    """Seconds of a step of plain Keras on twice the batch."""
    import keras
    import numpy as np

    from tltk.inputs import examples_of
    from tltk.tuning._loop import ShuffledBatches

    pictures, labels = map(np.concatenate, pictures_of(settings["pictures"], settings["side"]))
    model = classifier(settings["network"], settings["side"])
    batches = ShuffledBatches(examples_of((pictures, labels)), 2 * settings["batch"], seed=0)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, settings["epochs"] * len(batches))
    model.compile(keras.optimizers.Adam(rate), model.loss, metrics=["accuracy"])
    model.fit(batches, epochs=1, shuffle=False, verbose=0)
    epochs = range(1, settings["epochs"])
    seconds = [common.seconds_of(model.fit, batches, shuffle=False, verbose=0) for _ in epochs]
    return min(seconds) / len(batches)


def main(arguments=None):
    chosen = common.options(__doc__, arguments)
    settings = QUICK if chosen.quick else FULL
    began = common.start()
    sides = {
        "plain step": lambda: plain_step(settings),
        "DANN": lambda: adversarial_step(settings),
    }
    measured = common.interleaved(sides, settings["repeats"])
    findings = [
        common.finding(
            "a DANN step against a plain step on as many pictures",
            common.ratios(measured["DANN"], measured["plain step"]),
            1.3,
            unit="share",
            at_most=True,
        )
    ]
    rows = common.rows_of(measured, "plain step")
    facts = {"weights": None, "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, **facts)


if __name__ == "__main__":
    main()
