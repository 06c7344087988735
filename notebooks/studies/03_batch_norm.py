"""What batch normalisation does to naive fine-tuning, at three learning rates (chapter 03).

A pretrained mobilenet_v2 at 96 pixels is unfrozen as a whole and trained with plain Keras as the
official transfer guide says (the base called with `training=False`), on 20 CIFAR-10 pictures per
class in batches of 8 with Adam, 2 epochs, from a solved linear head. Beside it the same run with
`bn.trainable = False`. Learning rates 0, 1e-5 (the guide's) and 1e-4,
three seeds, accuracy on the 1000 bundled test pictures.

About 4 minutes on two CPU cores. Finished runs are written down in the cache folder, so that the
same call goes on after an interruption:

    python notebooks/studies/03_batch_norm.py
"""

import time

import keras
import numpy as np

import tltk
from tltk._cache import read_facts, write_facts
from tltk.evaluation import keep_study, study_folder

SEEDS, RATES, PER_CLASS, SHAPE = (0, 1, 2), (0.0, 1e-5, 1e-4), 20, (96, 96, 3)
FINISHED = study_folder(__file__) / "rows.json"


def solved_head(photos):
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=SHAPE)
    model = tltk.build_classifier(backbone, photos.class_names)
    tltk.fit_linear_head(model, photos.train, photos.val)
    return model.get_layer("head_output").get_weights()


def guide_model(rate, protect, head):
    """The guide's model; return it with its moving statistics."""
    base = tltk.load_backbone("mobilenet_v2", input_shape=SHAPE)
    for layer in base.layers:
        layer.trainable = not (protect and isinstance(layer, keras.layers.BatchNormalization))
    inputs = keras.Input(SHAPE)
    pooled = keras.layers.GlobalAveragePooling2D()(base(inputs, training=False))
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(pooled))
    model.layers[-1].set_weights(head)
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model, [weight for weight in base.weights if "moving" in weight.path]


def train(photos, head, rate, protect, seed):
    keras.utils.set_random_seed(seed)
    model, moving = guide_model(rate, protect, head)
    before = [weight.numpy() for weight in moving]
    model.fit(*photos.train.arrays(), batch_size=8, epochs=2, verbose=0)
    pairs = zip(moving, before, strict=True)
    drift = [np.linalg.norm(now - old) / np.linalg.norm(old) for now, old in pairs]
    accuracy = model.evaluate(photos.test, verbose=0)[1]
    return {"drift": float(np.median(drift)), "accuracy": accuracy}


def keep(rows):
    seeds = sorted({row["seed"] for row in rows})
    about = (
        "CIFAR-10 (bundled), mobilenet_v2 at 96 px, 20 labels per class, batches of 8: naive "
        f"fine-tuning with and without protected batch norm, seeds {seeds}."
    )
    return keep_study(__file__, about, rows, sum(row["seconds"] for row in rows))


def main():
    rows = read_facts(FINISHED) or []
    done = {(row["seed"], row["rate"], row["protected"]) for row in rows}
    for seed in SEEDS:
        photos = tltk.load_dataset(
            "cifar10_small", image_size=SHAPE[0], per_class=PER_CLASS, val=1 / 6, seed=seed
        )
        head = solved_head(photos)
        for rate in RATES:
            for protect in (False, True):
                if (seed, rate, protect) in done:
                    continue
                began = time.perf_counter()
                measured = train(photos, head, rate, protect, seed)
                row = {"seed": seed, "rate": rate, "protected": protect, **measured}
                rows.append({**row, "seconds": round(time.perf_counter() - began, 1)})
                write_facts(FINISHED, rows)
                print(rows[-1], flush=True)
    print(keep(rows))


if __name__ == "__main__":
    main()
