"""Ten networks without training, read at five depths, beside the trained one (chapter 02).

Each draw takes 50 training images of each CIFAR-10 class from a fixed pool of 100. A network with
random weights, another one for every draw, turns them, 200 validation and 500 test images into
features at 96 pixels, averaged over places; a linear probe on standardised features is fitted at
five depths. Its regularisation strength is chosen for each draw and depth on the validation
images. Draws, images and probes are those of the chapter, which reads the trained network.

About 3 minutes on two CPU cores. Finished draws stay in the cache folder.

    python notebooks/studies/02_untrained.py
"""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import tltk
from tltk.evaluation import finished_parts, keep_study

DRAWS, POOL, LABELS, EVERY, IMAGE_SIZE = range(10), 100, 50, 2, 96
STRENGTHS = (0.01, 0.1)
LAYERS = (
    "expanded_conv_project_BN",
    "block_3_project_BN",
    "block_6_project_BN",
    "block_13_project_BN",
    "out_relu",
)


def read(seed, images):
    """Features of a network with random weights, by the name of the layer."""
    keras.utils.set_random_seed(seed)
    network = tltk.load_backbone("mobilenet_v2", weights=None, input_shape=IMAGE_SIZE)
    maps = [network.get_layer(name).output for name in LAYERS]
    means = [keras.layers.GlobalAveragePooling2D()(each) for each in maps]
    found = keras.Model(network.input, means).predict(images, batch_size=100, verbose=0)
    return dict(zip(LAYERS, found, strict=True))


def draw_rows(labels, seed):
    """Which images of the pool are to be trained on: as many of every class."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.flatnonzero(labels == k), LABELS, replace=False) for k in range(10)]
    return np.concatenate(rows)


def probe(train, val, test):
    """Accuracy on validation and test of the probe that is best on validation."""
    scaler = StandardScaler().fit(train[0])
    (x, y), (x_val, y_val), (x_test, y_test) = (
        (scaler.transform(rows), labels) for rows, labels in (train, val, test)
    )
    heads = [LogisticRegression(C=C, max_iter=5000, tol=1e-3).fit(x, y) for C in STRENGTHS]
    best = max(heads, key=lambda head: head.score(x_val, y_val))
    return best.score(x_val, y_val), best.score(x_test, y_test)


def measured(seed):
    photos = tltk.load_dataset(
        "cifar10_small", image_size=IMAGE_SIZE, per_class=POOL, val=1 / 15, seed=0
    )
    (x, y), (x_val, y_val), (x_test, y_test) = (part.arrays() for part in photos[:3])
    x_test, y_test = x_test[::EVERY], y_test[::EVERY]
    rows = draw_rows(y, seed)
    found = read(seed, np.concatenate([x[rows], x_val, x_test]))
    ends = [len(rows), len(rows) + len(x_val)]
    for layer, features in found.items():
        train, val, test = np.split(features, ends)
        scores = probe((train, y[rows]), (val, y_val), (test, y_test))
        print(seed, layer, scores, flush=True)
        yield {
            "features": "untrained",
            "layer": layer,
            "draw": seed,
            "val_accuracy": scores[0],
            "accuracy": scores[1],
        }


def main():
    parts = [(f"draw {seed}", lambda seed=seed: measured(seed)) for seed in DRAWS]
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "CIFAR-10 (bundled), 50 labels per class, 96 px: test accuracy of a linear probe on ten "
        "MobileNetV2 networks with random weights, read at five depths."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
