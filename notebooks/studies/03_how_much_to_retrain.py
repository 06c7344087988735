"""How much of a network to retrain: depth, rate and steps, as labels grow (chapter 03).

CIFAR-10 (bundled) at 96 pixels, `mobilenet_v2`, ten seeds. Each run starts from the linear probe on
the frozen network and fine-tunes 2, 6 or all 19 blocks for 160 steps of 32 images with Adam, batch
normalisation frozen, at a constant rate of 1e-4 or 3e-4 for the head and the last block, and 0.7
times that for each block before it. It has 20 or 100 training images a class. After 0, 40, 80 and
160 steps the accuracy is measured on 300 validation images and on the 1000 bundled test
images; which of the four is kept is chosen on validation. A seed draws the training and the
validation images and their order. All runs take the same number of steps, whatever the number of
labels.

The rival: the probe alone on the same images at 160 pixels.

About 85 minutes of processor time. Finished runs are kept in the cache folder, so that the same
call goes on after an interruption:

    python notebooks/studies/03_how_much_to_retrain.py
"""

from functools import partial
from itertools import product

import keras
import numpy as np

import tltk
from tltk.backbones import layers_by_block
from tltk.evaluation import finished_parts, keep_study

SEEDS, LABELS, DEPTHS, RATES = range(10), (100, 20), (2, 6, 19), (1e-4, 3e-4)
IMAGE_SIZE, LARGER, BATCH, CHECKPOINTS = 96, 160, 32, (0, 40, 80, 160)
VALIDATION = 1 / 10  # of the 3000 bundled training images


class Watch(keras.callbacks.Callback):
    """Measures validation and test accuracy after the given numbers of steps.

    The frozen blocks see the images once; each measurement runs the retrained blocks only.
    """

    def __init__(self, model, depth, sets):
        super().__init__()
        blocks = layers_by_block(model)
        first = [name for name in blocks if name != "head"][-depth]
        entry = model.input if depth == max(DEPTHS) else blocks[first][0].input
        self.tail, frozen = keras.Model(entry, model.output), keras.Model(model.input, entry)
        self.sets = {name: (in_batches(frozen, x), y) for name, (x, y) in sets.items()}
        self.steps, self.rows = 0, []
        self.measure()

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps in CHECKPOINTS:
            self.measure()
        if self.steps >= CHECKPOINTS[-1]:
            self.model.stop_training = True

    def measure(self):
        scores = {
            name: float(np.mean(np.argmax(in_batches(self.tail, x), -1) == y))
            for name, (x, y) in self.sets.items()
        }
        self.rows.append({"steps": self.steps, **scores})


def in_batches(model, x):
    return np.concatenate([model.predict_on_batch(x[i : i + 100]) for i in range(0, len(x), 100)])


def photos_of(labels, seed, image_size=IMAGE_SIZE):
    return tltk.load_dataset(
        "cifar10_small", image_size=image_size, per_class=labels, val=VALIDATION, seed=seed
    )


def probe_of(photos, image_size=IMAGE_SIZE):
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=image_size)
    model = tltk.build_classifier(backbone, photos.class_names)
    tltk.fit_linear_head(model, photos.train, photos.val)
    return model


def enlarge(labels, seed):
    """The linear probe on the same images, enlarged further; nothing of the network retrained."""
    photos = photos_of(labels, seed, LARGER)
    sets = {"val": photos.val.arrays(), "test": photos.test.arrays()}
    watch = Watch(probe_of(photos, LARGER), max(DEPTHS), sets)
    about = {"labels_per_class": labels, "seed": seed, "blocks": 0, "image_size": LARGER}
    return [about | watch.rows[0]]


def run(labels, seed, depth, rate):
    photos = photos_of(labels, seed)
    sets = {"val": photos.val.arrays(), "test": photos.test.arrays()}
    model = probe_of(photos)
    watch = Watch(model, depth, sets)
    epochs = -(-CHECKPOINTS[-1] // -(-photos.train.count // BATCH))
    constant = keras.callbacks.LearningRateScheduler(lambda epoch: rate)
    tltk.fine_tune(
        model,
        photos.train,
        unfreeze_blocks=depth,
        head_epochs=0,
        epochs=epochs,
        base_lr=rate,
        batch_size=BATCH,
        seed=seed,
        callbacks=[constant, watch],
        verbose=0,
    )
    about = {"labels_per_class": labels, "seed": seed, "blocks": depth, "rate": rate}
    about |= {"image_size": IMAGE_SIZE}
    return [about | row for row in watch.rows]


def main():
    parts = []
    for seed, labels, depth, rate in product(SEEDS, LABELS, DEPTHS, RATES):
        name = f"seed {seed} labels {labels} blocks {depth} rate {rate}"
        parts.append((name, partial(run, labels, seed, depth, rate)))
    for seed, labels in product(SEEDS, LABELS):
        parts.append(
            (f"seed {seed} labels {labels} at {LARGER} px", partial(enlarge, labels, seed))
        )
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "CIFAR-10 (bundled), mobilenet_v2 at 96 px: accuracy after so many steps by unfrozen "
        f"blocks, constant rate and labels, seeds {list(SEEDS)}."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
