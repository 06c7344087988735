"""What training at a learning rate of zero does to a network with batch normalisation (chapter 03).

A pretrained mobilenet_v2 at 96 pixels with a linear probe on 20 CIFAR-10 images per class is
unfrozen as a whole and fitted for 2 epochs in batches of 8 with Adam at rate zero: no weight that
has a gradient can move, so that what changes is the moving statistics of batch normalisation. Once
they are left free, once `trainable = False` is set on batch normalisation. Ten seeds, accuracy on
the 1000 bundled test images, and how far statistics and weights moved.

About 15 minutes of processor time. Finished runs are kept in the cache folder, so that the same
call goes on after an interruption:

    python notebooks/studies/03_batch_norm.py
"""

import keras
import numpy as np

import tltk
from tltk.evaluation import finished_parts, keep_study

SEEDS, PER_CLASS, IMAGE_SIZE, BATCH, EPOCHS = range(10), 20, 96, 8, 2


def distance(before, after):
    """The median, over arrays, of the share of its own length by which an array moved."""
    pairs = zip(before, after, strict=True)
    return float(np.median([np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in pairs]))


def run(seed):
    photos = tltk.load_dataset(
        "cifar10_small", image_size=IMAGE_SIZE, per_class=PER_CLASS, val=1 / 6, seed=seed
    )
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=IMAGE_SIZE)
    model = tltk.build_classifier(backbone, photos.class_names)
    tltk.fit_linear_head(model, photos.train, photos.val)
    start = model.get_weights()
    rows = [{"batch norm": "probe, not fitted", "accuracy": accuracy(model, photos)}]
    for name, free in (("protected", False), ("free", True)):
        model.set_weights(start)
        keras.utils.set_random_seed(seed)
        for layer in model.layers:
            layer.trainable = free or not isinstance(layer, keras.layers.BatchNormalization)
        model.compile(keras.optimizers.Adam(0.0), "sparse_categorical_crossentropy")
        model.fit(*photos.train.arrays(), batch_size=BATCH, epochs=EPOCHS, verbose=0)
        statistics = ["moving" in weight.path for weight in model.weights]
        moved = {}
        for kind, wanted in (("statistics moved", True), ("weights moved", False)):
            chosen = [i for i, found in enumerate(statistics) if found == wanted and start[i].any()]
            after = model.get_weights()
            moved[kind] = distance([start[i] for i in chosen], [after[i] for i in chosen])
        rows.append({"batch norm": name, "accuracy": accuracy(model, photos), **moved})
    return [{"seed": seed, **row} for row in rows]


def accuracy(model, photos):
    x, y = photos.test.arrays()
    return float(np.mean(model.predict(x, batch_size=100, verbose=0).argmax(1) == y))


def main():
    parts = [(f"seed {seed}", lambda seed=seed: run(seed)) for seed in SEEDS]
    rows, seconds = finished_parts(__file__, parts)
    about = (
        f"CIFAR-10 (bundled), mobilenet_v2 at {IMAGE_SIZE} px, {PER_CLASS} labels per class: two "
        f"epochs at learning rate zero in batches of {BATCH}, seeds {list(SEEDS)}."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
