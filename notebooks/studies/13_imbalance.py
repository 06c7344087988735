"""What helps where classes are of unequal size? (chapter 13)

The bundled CIFAR-10 pictures at 96 px through MobileNetV2 of ImageNet. The ten classes get from
200 training pictures down to 20 (1:10) or 2 (1:100), falling by a constant factor, and a quarter
as many validation pictures, at least one. Each seed deals the sizes to other classes and draws
other pictures. The test pictures, 100 of each class, are the same for all and choose nothing.

Three ways to learn, each with every method it knows:

- solved head: logistic regression on the frozen features (weights, logit adjustment);
- trained head: the same layer by 20 epochs of Adam (all methods of `fine_tune`);
- last blocks: from the solved head (focal: the trained one), the last two blocks for 3 epochs; three
  seeds instead of five.

Kept are balanced accuracy (the test being even, that is accuracy), the mean recall of the three
rarest classes and of the three most frequent, and for each method the paired gain over doing
nothing with its 95 % t interval over the seeds.

About ten minutes on one CPU core. Finished runs are written down in the cache folder, so that the
same call goes on after an interruption:

    python notebooks/studies/13_imbalance.py
"""

import itertools
import time

import keras
import numpy as np

import tltk
from tltk._cache import read_facts, write_facts
from tltk.evaluation import keep_study, paired_interval, study_folder
from tltk.tuning._imbalance import METHODS

RATIOS, MOST, SIZE, STRENGTHS = (10, 100), 200, 96, (1e-4, 1e-3, 1e-2, 1e-1)
SEEDS = {"solved head": range(5), "trained head": range(5), "last blocks": range(3)}
NOTHING = "nothing"
WAYS = {
    "solved head": (NOTHING, "class_weight", "logit_adjustment"),
    "trained head": (NOTHING, *METHODS),
    "last blocks": (NOTHING, *METHODS),
}
SCORES = ("balanced accuracy", "rare recall", "frequent recall")
FINISHED = study_folder(__file__) / "rows.json"


def draw(labels, ratio, seed):
    """Rows to train on and to validate on, and the classes from frequent to rare."""
    random = np.random.default_rng(seed)
    classes = random.permutation(10)
    sizes = np.round(MOST * float(ratio) ** (-np.arange(10) / 9)).astype(int)
    train, val = [], []
    for number, size in zip(classes, sizes, strict=True):
        own = random.permutation(np.flatnonzero(labels == number))
        train.append(own[:size])
        val.append(own[MOST : MOST + max(1, round(size / 4))])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(val)), classes


def on_features(parts, method, seed, solve):
    body = keras.Sequential([keras.Input((1280,)), keras.layers.Rescaling(1.0)])
    model = tltk.build_classifier(body, 10)
    if solve:
        tltk.fit_linear_head(model, *parts, imbalance=method, strengths=STRENGTHS, cache=False)
    else:
        how = {"unfreeze_blocks": 0, "head_epochs": 20, "cache": False, "verbose": 0}
        tltk.fine_tune(model, *parts, imbalance=method, seed=seed, **how)
    return model


def on_pictures(parts, method, seed):
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=SIZE)
    model = tltk.build_classifier(backbone, 10)
    how = {"unfreeze_blocks": 2, "base_lr": 1e-4, "epochs": 3, "verbose": 0}
    tltk.fine_tune(model, *parts, imbalance=method, seed=seed, **how)
    return model


def measured(model, test, classes):
    x, y = test
    right = model.predict(x, batch_size=100, verbose=0).argmax(axis=1) == y
    recalls = [float(right[y == number].mean()) for number in classes]
    found = (np.mean(recalls), np.mean(recalls[-3:]), np.mean(recalls[:3]))
    return dict(zip(SCORES, map(float, found), strict=True))


def main():
    rows = read_facts(FINISHED) or []
    done = {(row["way"], row["ratio"], row["seed"], row["method"]) for row in rows}
    photos = tltk.load_dataset("cifar10_small", image_size=SIZE, val=0)
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=SIZE)
    x, labels = tltk.extract_features(backbone, photos.train)
    test = tltk.extract_features(backbone, photos.test)
    pictures = photos.test.arrays()
    asked = [(w, r, seed) for w, r in itertools.product(WAYS, RATIOS) for seed in SEEDS[w]]
    for way, ratio, seed in asked:
        train, val, classes = draw(labels, ratio, seed)
        for method in WAYS[way]:
            if (way, ratio, seed, method) in done:
                continue
            began, chosen = time.perf_counter(), None if method == NOTHING else method
            if way == "last blocks":
                parts = [photos.train.take(some) for some in (train, val)]
                model, seen = on_pictures(parts, chosen, seed), pictures
            else:
                parts = [(np.array(x[some]), labels[some]) for some in (train, val)]
                model, seen = on_features(parts, chosen, seed, way == "solved head"), test
            facts = {"way": way, "ratio": ratio, "seed": seed, "method": method}
            row = {"kind": "run"} | facts | measured(model, seen, classes)
            row["seconds"] = round(time.perf_counter() - began, 1)
            rows.append(row)
            write_facts(FINISHED, rows)
            print(row, flush=True)
        keras.backend.clear_session()
    keep(rows)


def gains(rows):
    """For each way, ratio and method: the paired gain over doing nothing."""
    for way, ratio in itertools.product(WAYS, RATIOS):
        for method in WAYS[way][1:]:
            row = {"kind": "gain", "way": way, "ratio": ratio, "method": method}
            for score in SCORES:
                pair = [
                    [r[score] for s in SEEDS[way] for r in rows if key(r) == (way, ratio, s, each)]
                    for each in (method, NOTHING)
                ]
                row[score] = paired_interval(*pair)
            yield row


def key(row):
    return row["way"], row["ratio"], row["seed"], row["method"]


def keep(rows):
    about = (
        f"Methods against imbalance at 1:10 and 1:100: CIFAR-10 at {SIZE} px, 5 seeds (blocks: 3), "
        f"{MOST} training pictures of the most frequent class, an even test of 1,000."
    )
    told = list(gains(rows))
    print(tltk.plotting.format_table(told))
    print(keep_study(__file__, about, rows + told, sum(row["seconds"] for row in rows)))


if __name__ == "__main__":
    main()
