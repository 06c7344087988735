"""Two claims about pretrained networks, tried on ImageNet's features: noise, length (chapter 12).

mobilenet_v2 on the ten bundled CIFAR-10 classes at SIZE pixels, LABELS labels per class: from fresh
weights, all trained, and from ImageNet's, with a solved head and the last two blocks tuned. Both
take as many steps at most, on the same training subsets, and stop on the same validation. Kept for
every seed and method: the accuracy on the test pictures, the same with noise of severity NOISE
(which no training has seen), and the validation accuracy after each epoch; where the head is
solved, the first entry is before any epoch.

About a quarter of an hour on two CPU cores. Finished runs are kept in the cache folder, so that the
same call goes on after an interruption:

    python notebooks/studies/12_claims.py
"""

import time

import tltk
from tltk._cache import read_facts, write_facts
from tltk.evaluation import keep_study, study_folder
from tltk.evaluation._kept_runs import KeptRuns, Run

SIZE, LABELS, SEEDS, EPOCHS, NOISE = 64, 100, 5, 10, 3
FOLDER = study_folder(__file__)
FROM_SCRATCH = {"unfreeze_blocks": "all", "head_epochs": 0, "base_lr": 1e-3, "lr_decay": 1.0}
FROM_SCRATCH |= {"train_batch_norm": True, "cache": False}
HOW = {"epochs": EPOCHS, "patience": EPOCHS, "verbose": 0}


def tuned(model, train, val, seed, name, **settings):
    """Train, and write down the validation accuracy after each epoch."""
    history = tltk.fine_tune(model, train, val, seed=seed, **HOW, **settings).history
    write_facts(FOLDER / f"{name} {seed}.epochs", history["val_accuracy"])
    return model


def from_scratch(train, val, seed):
    fresh = tltk.load_backbone("mobilenet_v2", input_shape=SIZE, copy_blocks=0)
    for layer in fresh.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.9  # as in compare_transfer: the run is short
    return tuned(tltk.build_classifier(fresh, 10), train, val, seed, "scratch", **FROM_SCRATCH)


def from_imagenet(train, val, seed):
    model = tltk.build_classifier(imagenet(), 10)
    return tuned(model, train, val, seed, "ImageNet", unfreeze_blocks=2)


def imagenet():
    return tltk.load_backbone("mobilenet_v2", input_shape=SIZE)


def main():
    began = time.monotonic()
    photos = tltk.load_dataset("cifar10_small", image_size=SIZE, val=1 / 3)
    found = tltk.compare_transfer(
        imagenet, photos, SEEDS, LABELS, methods={"ImageNet": from_imagenet},
        arms=["small network"], small=from_scratch, checkpoint=FOLDER,
    )  # fmt: skip
    kept, rows = KeptRuns(FOLDER, {}, {}), []
    for row in found.rows:
        name = "ImageNet" if row["method"] == "ImageNet" else "scratch"
        model = kept.model(Run(row["method"], LABELS, row["seed"]))
        noisy = tltk.evaluation.corruption_table(model, photos.test, ["noise"], [NOISE])[-1]["accuracy"]
        epochs = read_facts(FOLDER / f"{name} {row['seed']}.epochs")
        facts = {"method": name, "seed": row["seed"], "accuracy": row["accuracy"]}
        rows.append(facts | {"with_noise": noisy, "val_accuracy": epochs})
        print(rows[-1], flush=True)
    about = (
        f"mobilenet_v2 from scratch and from ImageNet on CIFAR-10 at {SIZE} pixels, {LABELS} "
        f"labels per class, {SEEDS} seeds: accuracy without and with noise, and by epoch."
    )
    print(keep_study(__file__, about, rows, time.monotonic() - began))


if __name__ == "__main__":
    main()
