"""Digits carried to coloured backgrounds without a label there: domain confusion (chapter 17).

Source: the 3,000 bundled digits of MNIST. Target: the same digits blended with patches of two large
photographs, as MNIST-M was made; tested on the 1,000 bundled test digits, blended with patches of
the other halves of the photographs. 28 pixels. A seed decides first weights, order and patches.

Every arm has the same network (two convolutions and a dense layer, each with batch normalisation)
and 5,000 steps of 30 rows, of either domain where it sees both:

- `source only`, and `random colours`: the same with augmentation against a change of colour;
- `DANN, mixed`: both domains in one batch, so that batch normalisation mixes them; `DANN` and
  `CDAN`: a batch for each domain (`separate_domains`), and the target's statistics afterwards;
- `SHOT`: 2,500 steps on the source, then 2,500 without it;
- `100 labels`: the same first 2,500 steps, then 2,500 on ten labelled digits a class of the target;
- `target's labels`: 5,000 steps on all 3,000 labels of the target, the ceiling;
- `Tent`: one pass (100 steps) behind the 5,000 of `source only`; no step, but the target's batch
  statistics, in the arms that end in `AdaBN`.

Settings were written down before the first run: the rising strength and its end, 1, are those of
Ganin et al. (2016), all else are the defaults of `adapt_domains` (Adam at 0.001, a cosine) and
`adapt_without_source`; Tent's are those of Wang et al. (2021): Adam at 0.001, entropy alone, scales
and shifts of batch normalisation alone. Nothing was chosen by a label of the target.

Kept after 500, 1,000, 2,000 and 5,000 steps: accuracy in target and source; at the end three
criteria that need no label (on the target's training pictures), and how well a new classifier, five
nearest neighbours, tells the domains apart on features of digits that took no part in training.

About seven minutes a seed on one idle core. Finished parts are kept in the cache folder, so that
the same call goes on after an interruption; with numbers it runs those seeds alone, and keeps a
result of them if told so. Without numbers it runs all ten and keeps the result:

    python notebooks/studies/17_confuse_domains.py
    python notebooks/studies/17_confuse_domains.py 0 1 2
    python notebooks/studies/17_confuse_domains.py 0 1 2 keep
"""

import sys
from functools import partial

import keras
import numpy as np
from keras import layers
from sklearn.neighbors import KNeighborsClassifier

import tltk
from tltk.adaptation import (
    adapt_batch_norm,
    adapt_domains,
    adapt_without_source,
    infomax,
    soft_neighbourhood_density,
    target_entropy,
)
from tltk.datasets import blend_with_photos
from tltk.evaluation import finished_parts, keep_study
from tltk.tuning import RandomColours

SEEDS, BATCH, EPOCHS, MARKS = range(10), 30, 50, (5, 10, 20, 50)
STEPS = 100  # in an epoch: 3,000 rows by 30
APART = {"method": "dann", "weight": 1.0, "separate_domains": True}
ARMS = {
    "source only": {},
    "DANN, mixed": APART | {"separate_domains": False},
    "DANN": APART,
    "CDAN": APART | {"method": "cdan"},
    "random colours": {"augment": True},
    "target's labels": {},
}


def domains(seed):
    """Source and target, each (train, test), each (x, y)."""
    digits = tltk.load_dataset("mnist_small", image_size=28, val=0)
    (x, y), (x_test, y_test) = source = digits.train.arrays(), digits.test.arrays()
    blended = blend_with_photos(x, half="left", seed=seed)
    tested = blend_with_photos(x_test, half="right", seed=1000)
    return source, ((blended, y), (tested, y_test))


def network(seed):
    """A small network under a fresh head of ten classes."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((28, 28, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    for filters in (16, 32):
        x = layers.Conv2D(filters, 5, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Dense(64, use_bias=False)(layers.Flatten()(x))
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return tltk.build_classifier(keras.Model(inputs, x), 10)


def train(model, source, target, seed, epochs=EPOCHS, callbacks=(), **settings):
    settings = {"weight": 0.0, "batch_size": BATCH, "verbose": 0} | settings
    how = {"unfreeze_blocks": "all", "train_batch_norm": True, "seed": seed}
    return adapt_domains(
        model, source, target, epochs=epochs, callbacks=list(callbacks), **how, **settings
    )


def copy_of(model, statistics=None):
    """A copy; with pictures, its batch normalisation has their statistics."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    if statistics is not None:
        adapt_batch_norm(copy, statistics, batch_size=1000)
    return copy


def answers_of(model, x):
    """What a network says to pictures, called as it stands: to compile it takes longer."""
    return np.concatenate(
        [model(x[start : start + 500]).numpy() for start in range(0, len(x), 500)]
    )


def accuracies(model, source, target):
    """Of both test sets."""
    found = {"accuracy": target[1], "source_accuracy": source[1]}
    return {
        name: float(np.mean(answers_of(model, x).argmax(1) == y)) for name, (x, y) in found.items()
    }


def features_of(model, x):
    return answers_of(keras.Model(model.inputs[0], model.layers[-1].input), x)


def told_apart(at_home, away, source, target):
    """How well five nearest neighbours tell the domains apart, on digits new to them and to it."""
    (x_source, _), (x_target, _) = source[1], target[1]
    rows = [features_of(at_home, x_source[:500]), features_of(away, x_target[500:])]
    learned, tested = (np.concatenate([part[cut] for part in rows]) for cut in HALVES)
    domain = np.repeat([0, 1], 250)
    return float(KNeighborsClassifier(5).fit(learned, domain).score(tested, domain))


HALVES = slice(0, 250), slice(250, 500)


def criteria(model, target):
    """What can be seen without labels; higher is better."""
    answers = answers_of(model, target[0][0])
    density = soft_neighbourhood_density(answers)
    return {"entropy": -target_entropy(answers), "infomax": infomax(answers), "density": density}


def at_the_end(name, model, source, target, at_home=None):
    found = accuracies(model, source, target) | criteria(model, target)
    found["told_apart"] = told_apart(at_home or model, model, source, target)
    return {"arm": name, "steps": EPOCHS * STEPS} | found


def one_arm(arm, seed):
    """Train one arm; its accuracy at each mark, with and without the target's statistics."""
    source, target = domains(seed)
    x_target, rows, model = target[0][0], [], network(seed)
    apart = ARMS[arm].get("separate_domains", False)

    def note(epoch, logs):
        if epoch + 1 in MARKS[:-1]:
            seen = copy_of(model, x_target) if apart else model
            row = {"arm": arm, "steps": (epoch + 1) * STEPS}
            rows.append(row | accuracies(seen, source, target))

    settings = dict(ARMS[arm])
    if "augment" in settings:
        settings["augment"] = RandomColours(seed)
    trained_on = target[0] if arm == "target's labels" else source[0]
    watch = keras.callbacks.LambdaCallback(on_epoch_end=note)
    history = train(model, trained_on, x_target, seed, callbacks=[watch], **settings).history
    moved = copy_of(model, x_target)
    if apart:
        rows.append(at_the_end(arm, moved, source, target, copy_of(model, source[0][0])))
    else:
        rows.append(at_the_end(arm, model, source, target))
        at_home = copy_of(model, source[0][0])
        rows.append(at_the_end(f"{arm}, then AdaBN", moved, source, target, at_home))
    if arm == "source only":
        rows.append(at_the_end("Tent", tent(copy_of(model), x_target), source, target))
    if "domain_accuracy" in history:
        rows[-1]["domain_accuracy"] = [round(v, 4) for v in history["domain_accuracy"]]
    return rows


def tent(model, x):
    """One pass that lowers the entropy of the answers by the scales and shifts of batch norm."""

    def entropy(_, p):
        return -keras.ops.sum(p * keras.ops.log(p + 1e-7), axis=-1)

    for layer in model.layers:
        layer.trainable = isinstance(layer, layers.BatchNormalization)
    model.compile(keras.optimizers.Adam(1e-3), loss=entropy)
    model.fit(x, np.zeros(len(x)), batch_size=BATCH, epochs=1, verbose=0)
    return model


def in_two_stages(seed):
    """Half the steps on the source; the others without it, or on a few labels of the target."""
    source, target = domains(seed)
    (x_target, y_target), half, model = target[0], EPOCHS // 2, network(seed)
    train(model, source[0], x_target, seed, epochs=half)
    shot, few = copy_of(model), copy_of(model)
    how = {"batch_size": BATCH, "train_batch_norm": True, "seed": seed, "verbose": 0}
    adapt_without_source(shot, x_target, epochs=half, **how)
    yield at_the_end("SHOT", shot, source, target)
    random = np.random.default_rng(seed)
    rows = [random.choice(np.flatnonzero(y_target == k), 10, replace=False) for k in range(10)]
    rows = np.tile(np.concatenate(rows), STEPS * BATCH // 100)
    train(few, (x_target[rows], y_target[rows]), x_target, seed, epochs=half)
    yield at_the_end("100 labels", few, source, target)


def parts_of(seed):
    """The parts of one seed, in the order in which they run."""
    makers = {arm: partial(one_arm, arm, seed) for arm in ARMS}
    makers["two stages"] = partial(in_two_stages, seed)
    for name, make in makers.items():
        yield f"seed {seed}, {name}", lambda make=make: [{"seed": seed} | row for row in make()]


def main():
    seeds = [int(each) for each in sys.argv[1:] if each != "keep"]
    parts = [part for seed in seeds or SEEDS for part in parts_of(seed)]
    rows, seconds = finished_parts(__file__, parts)
    if not seeds or "keep" in sys.argv:
        about = (
            "Digits of MNIST carried to MNIST-M backgrounds without labels there: accuracy on 1,000 "
            f"test digits of the target over 5,000 steps, seeds {list(seeds or SEEDS)}."
        )
        print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
