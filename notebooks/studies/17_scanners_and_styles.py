"""Two more pairs of domains: scanners that differ by a margin, drawings that differ by style (17).

- `scanners`: MNIST and scikit-learn's digits, at 16 pixels, both ways. MNIST leaves a margin round
  a digit, the other scanner none. A small network from scratch, 1,000 steps of 30 rows: source
  only, DANN (a batch for each domain, the target's statistics afterwards), SHOT (500 steps on the
  source, 500 without it). Beside them the nearest neighbour on 8 x 8 pixels, of the images as they
  are and of images cropped to the ink: no network, no adaptation.
- `styles`: sweets drawn flat with outlines (noto) or shaded (fluent) on photographs, six classes,
  240 images to train on and 240 to test, made anew for each seed. Frozen features of MobileNetV2 at
  128 pixels, standardised by the source. A linear probe; the same with each domain standardised by
  itself; a dense layer with batch normalisation in front of the head, 1,000 steps of 30 rows:
  source only, with the target's statistics, DANN, SHOT as above; the probe trained on the target's
  labels; the nearest neighbour on 16 x 16 pixels cropped to the sweet.

Settings are the defaults of `adapt_domains` and `adapt_without_source`, written down before the
first run. A seed decides first weights, order and, for styles, the pictures.

About two minutes a seed on one idle core, ten seeds. Finished parts are kept in the cache folder;
with numbers it runs those seeds alone, and keeps a result of them if told so. Without numbers it
runs all ten and keeps the result:

    python notebooks/studies/17_scanners_and_styles.py
    python notebooks/studies/17_scanners_and_styles.py 0 1 2 keep
"""

import sys
from functools import partial

import keras
import numpy as np
from keras import layers
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

import tltk
from tltk.adaptation import adapt_batch_norm, adapt_domains, adapt_without_source
from tltk.datasets import make_sweets
from tltk.evaluation import finished_parts, keep_study
from tltk.inputs import resize_images

SEEDS, BATCH, STEPS, SIDE, ROWS = range(10), 30, 1000, 16, 240
WAYS = {"MNIST to scanner": 1, "scanner to MNIST": -1}


def scanners():
    """MNIST and scikit-learn's digits, each (train, test), each (x, y)."""
    digits, found = tltk.load_dataset("mnist_small", image_size=28, val=0), load_digits()
    grey = (found.images * (255 / 16)).astype("uint8")
    pictures = np.repeat(grey[..., None], 3, axis=-1)
    order = np.random.default_rng(0).permutation(len(grey))
    parts = [(pictures[rows], found.target[rows]) for rows in np.split(order, [1300])]
    return (digits.train.arrays(), digits.test.arrays()), tuple(parts)


def cropped(picture, side):
    """A picture cut down to what is brighter than 60 of 255."""
    ink = picture.max(-1) > 60
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def nearest(source, target, side):
    """Accuracy of the nearest neighbour on pictures made equally large."""
    (x, y), (x_test, y_test) = [
        (small(pictures, side), labels) for pictures, labels in (source, target)
    ]
    return float(KNeighborsClassifier(1).fit(x, y).score(x_test, y_test))


def small(pictures, side):
    sizes = [Image.fromarray(each).resize((side, side), Image.BICUBIC) for each in pictures]
    return np.array([np.asarray(each, "float32").ravel() for each in sizes])


def network(shape, seed, classes):
    """Two convolutions for pictures, and for both kinds of input a dense layer, under a head."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input(shape)
    x = inputs
    if len(shape) == 3:
        x = layers.Rescaling(1 / 127.5, -1)(x)
        for filters in (16, 32):
            x = normal(layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x))
        x = layers.Flatten()(x)
    x = normal(layers.Dense(64, use_bias=False)(x))
    return tltk.build_classifier(keras.Model(inputs, x), classes)


def normal(x):
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def filled(x, y=None):
    """Rows again and again, 3,000 in all, so that an epoch has 100 steps."""
    rows = np.resize(np.arange(len(x)), 100 * BATCH)
    return x[rows] if y is None else (x[rows], y[rows])


def arms(source, target, seed, classes):
    """Every trained arm of a pair: its name, and the model that serves the target."""
    (x, y), x_target = source[0], target[0][0]
    settings = {"unfreeze_blocks": "all", "train_batch_norm": True, "batch_size": BATCH}
    settings |= {"seed": seed, "verbose": 0}

    def trained(steps, **how):
        model = network(x.shape[1:], seed, classes)
        epochs = steps // 100
        adapt_domains(model, filled(x, y), x_target, epochs=epochs, **settings | how)
        return model

    plain = trained(STEPS, weight=0.0)
    yield "source only", plain
    yield "source only, then AdaBN", moved(plain, x_target)
    dann = trained(STEPS, method="dann", separate_domains=True)
    yield "DANN", moved(dann, x_target)
    shot = trained(STEPS // 2, weight=0.0)
    adapt_without_source(shot, filled(x_target), epochs=STEPS // 200, **settings)
    yield "SHOT", shot


def moved(model, x):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    adapt_batch_norm(copy, x, batch_size=500)
    return copy


def accuracy(model, data):
    x, y = data
    return float(np.mean(model(x).numpy().argmax(1) == y))


def on_scanners(seed):
    sets = scanners()
    sized = [tuple((resize_images(x, SIDE, "bicubic"), y) for x, y in each) for each in sets]
    for way, turn in WAYS.items():
        about = {"seed": seed, "pair": way}
        if seed == SEEDS[0]:
            yield from by_pixels(about, *sets[::turn])
        source, target = sized[::turn]
        for arm, model in arms(source, target, seed, 10):
            found = {"accuracy": accuracy(model, target[1])}
            yield about | {"arm": arm, "source_accuracy": accuracy(model, source[1])} | found


def by_pixels(about, source, target):
    """The nearest neighbour, which has no seed."""
    cut = [[([cropped(p, SIDE) for p in x], y) for x, y in each] for each in (source, target)]
    for arm, (home, away) in {"pixels": (source, target), "pixels, cropped": cut}.items():
        found = {"source_accuracy": nearest(home[0], home[1], 8)}
        yield about | {"arm": arm, "accuracy": nearest(home[0], away[1], 8)} | found


def on_styles(seed):
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=128)
    sets, pixels = {}, {}
    for style in ("noto", "fluent"):
        parts = [
            make_sweets(ROWS, 128, style=style, part=part, most_objects=1, seed=seed)
            for part in ("train", "test")
        ]
        sets[style] = [(features_of(backbone, each.images), each.labels) for each in parts]
        pixels[style] = [(sweets_of(each), each.labels) for each in parts]
    scaler = StandardScaler().fit(sets["noto"][0][0])
    source, target = [[(scaler.transform(x), y) for x, y in sets[s]] for s in ("noto", "fluent")]
    rows = dict(probes(source, target))
    rows["pixels, cropped"] = [nearest(pixels["noto"][0], pixels[s][1], 16) for s in pixels]
    for arm, model in arms(source, target, seed, 6):
        rows[arm] = [accuracy(model, source[1]), accuracy(model, target[1])]
    for arm, (home, away) in rows.items():
        about = {"seed": seed, "pair": "noto to fluent", "arm": arm}
        yield about | {"accuracy": away, "source_accuracy": home}


def probes(source, target):
    """Linear probes: of the source, with each domain standardised by itself, of the target."""

    def scores(train, *tests):
        probe = LogisticRegression(C=0.05, max_iter=300).fit(*train)
        return [float(probe.score(*test)) for test in tests]

    own = StandardScaler().fit(target[0][0])
    yield "linear probe", scores(source[0], source[1], target[1])
    away = own.transform(target[1][0]), target[1][1]
    yield "linear probe, standardised", scores(source[0], source[1], away)
    yield "target's labels", scores(target[0], source[1], target[1])


def features_of(backbone, images):
    parts = np.split(images.astype("float32"), len(images) // 48)
    return np.concatenate([backbone(part).numpy().mean((1, 2)) for part in parts])


def sweets_of(sweets):
    boxes = [each[0][1:] for each in sweets.boxes]
    return [
        p[top:bottom, left:right]
        for p, (left, top, right, bottom) in zip(sweets.images, boxes, strict=True)
    ]


def main():
    seeds = [int(each) for each in sys.argv[1:] if each != "keep"]
    parts = []
    for seed in seeds or SEEDS:
        parts.append((f"scanners, seed {seed}", partial(on_scanners, seed)))
        parts.append((f"styles, seed {seed}", partial(on_styles, seed)))
    rows, seconds = finished_parts(__file__, parts)
    if not seeds or "keep" in sys.argv:
        about = (
            "Two scanners of digits and two styles of drawing: accuracy in the target without its "
            f"labels, and in the source, seeds {list(seeds or SEEDS)}."
        )
        print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
