"""What to unfreeze, and what to copy, as labels grow (chapter 03).

Two questions on the bundled CIFAR-10 pictures at 96 pixels, three seeds each:

- `unfreeze`: the linear probe on the frozen network, then 0, 2, 6 or all 19 blocks fine-tuned
  from that probe (5 epochs, 3e-4 for the last block and 0.7 times that for each block before it),
  with 20, 100 and 200 training pictures per class.
- `copy`: only the first 0, 6, 12 or 17 blocks take the pretrained weights and stay frozen; the
  rest starts fresh and is trained (10 epochs, 1e-3), with 100 pictures per class. Copying 0 blocks
  transfers the structure alone; copying 19 is the probe.

Epochs and the strength of the probe are chosen on 500 validation pictures, accuracy is measured on
the 1000 bundled test pictures. About 20 minutes on two CPU cores. Finished runs are written down
in the cache folder, so that the same call goes on after an interruption:

    python notebooks/studies/03_what_to_unfreeze.py
"""

import time

import keras

import tltk
from tltk._cache import read_facts, write_facts
from tltk.evaluation import keep_study, study_folder

SEEDS, LABELS, IMAGE_SIZE = (0, 1, 2), (100, 20, 200), 96
UNFROZEN, COPIED, BLOCKS = (2, 6, 19), (0, 6, 12, 17), 19
FINISHED = study_folder(__file__) / "rows.json"


def photos_of(labels, seed):
    return tltk.load_dataset(
        "cifar10_small", image_size=IMAGE_SIZE, per_class=labels, val=1 / 6, seed=seed
    )


def classifier(photos, copied=None):
    shape = (IMAGE_SIZE, IMAGE_SIZE, 3)
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=shape, copy_blocks=copied)
    return tltk.build_classifier(backbone, photos.class_names)


def probe_and_unfreeze(photos, seed):
    """Yield (unfrozen blocks, model), all of them starting from one probe."""
    probe = classifier(photos)
    tltk.fit_linear_head(probe, photos.train, photos.val)
    yield 0, probe
    for blocks in UNFROZEN:
        model = classifier(photos)
        model.get_layer("head_output").set_weights(probe.get_layer("head_output").get_weights())
        tltk.fine_tune(
            model, photos.train, photos.val, head_epochs=0, epochs=5, unfreeze_blocks=blocks,
            base_lr=3e-4, seed=seed, verbose=0,
        )  # fmt: skip
        yield blocks, model


def copy_and_train(photos, seed):
    """Yield (copied blocks, model), the other blocks trained from fresh weights."""
    for copied in COPIED:
        keras.utils.set_random_seed(seed)
        model = classifier(photos, copied)
        tltk.fine_tune(
            model, photos.train, photos.val, head_epochs=0, epochs=10, base_lr=1e-3, lr_decay=1.0,
            unfreeze_blocks=BLOCKS - copied, train_batch_norm=True, patience=10, seed=seed,
            verbose=0,
        )  # fmt: skip
        yield copied, model


def run(question, method, labels, seed):
    photos = photos_of(labels, seed)
    rows, began = [], time.perf_counter()
    for blocks, model in method(photos, seed):
        measured = {
            "val_accuracy": model.evaluate(photos.val, verbose=0)[1],
            "accuracy": model.evaluate(photos.test, verbose=0)[1],
        }
        row = {"question": question, "labels_per_class": labels, "seed": seed, "blocks": blocks}
        rows.append({**row, **measured, "seconds": round(time.perf_counter() - began, 1)})
        print(rows[-1], flush=True)
        began = time.perf_counter()
    return rows


def keep(rows):
    seeds = sorted({row["seed"] for row in rows})
    about = (
        "CIFAR-10 (bundled), mobilenet_v2 at 96 px: test accuracy by unfrozen blocks and by "
        f"copied blocks, seeds {seeds}."
    )
    return keep_study(__file__, about, rows, sum(row["seconds"] for row in rows))


def main():
    rows = read_facts(FINISHED) or []
    done = {(row["question"], row["labels_per_class"], row["seed"]) for row in rows}
    for seed in SEEDS:
        jobs = [("unfreeze", probe_and_unfreeze, labels) for labels in LABELS]
        for question, method, labels in [*jobs, ("copy", copy_and_train, 100)]:
            if (question, labels, seed) not in done:
                new = run(question, method, labels, seed)
                rows += new
                write_facts(FINISHED, rows)
    print(keep(rows))


if __name__ == "__main__":
    main()
