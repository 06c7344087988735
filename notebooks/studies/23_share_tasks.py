"""Tasks that share a network, and senses that share a head (chapter 23).

Everything stands on frozen pretrained features, computed once; what is shared is a hidden layer of
32 units above them. Every set of tasks takes the same rows, labels and number of steps. Three
seeds.

- `tasks`: handwritten digits (MobileNetV2, 64 pixels), four tasks on each picture: which digit,
  odd or even, the slant in degrees as measured on the picture, and a lot: a class drawn by lot, of
  which nothing can be learned. Each alone, with each other, and all
  together, at 50 and 500 labelled pictures. Accuracy, or R2. Features are cut here at five
  deviations: in a first run without, a few test pictures far outside sent R2 of the slant to -6.
- `weights`: all four tasks of the digits at 500 pictures, slant in degrees or standardised, with
  equal weights, one over the variance of the labels, or uncertainty.
- `missing`: 50 pictures with a digit among 500 with the other labels: the digit alone, on the same
  50 with odd or even, on all 500, and the mistake of writing 0 where a digit is missing.
- `senses`: the digits seen, heard and measured. Pairs are made: a noisy handwritten digit
  (MobileNetV2) and a noisy spoken one (speech embedding) of the same class, and a table of six
  measurements of the clean picture, 30 % of them missing. 50 and 500 examples. One fused model with
  modality dropout, one without, late fusion, and each sense alone; on complete test examples, and
  with senses missing.

About six minutes on one CPU core. Finished parts are kept in the cache folder, so that the
same call goes on after an interruption:

    python notebooks/studies/23_share_tasks.py
"""

from functools import cache

import keras
import numpy as np

import tltk
from tltk.backbones import table_encoder
from tltk.evaluation import finished_parts, keep_study, late_fusion, task_gains, task_scores
from tltk.datasets import pair_by_class, make_rows_with_gaps
from tltk.inputs import resize_images
from tltk.tuning import build_multimodal, build_multitask, fine_tune_tasks, modality_examples

SEEDS, SIZES, HIDDEN, RATE = range(3), (50, 500), 32, 3e-3
EPOCHS = {50: 60, 500: 15}
DIGIT_TASKS = {
    "digit": 10,
    "odd": ["even", "odd"],
    "slant": "regression",
    "lot": 10,
}
PICTURE_NOISE, SOUND_NOISE, GAPS = 40, 0.2, 0.3  # so much that neither sense alone suffices
SENSES = ("picture", "sound", "table")
LOST = ((), ("picture",), ("sound",), ("picture", "sound"))


def body(width):
    return keras.Sequential([keras.Input((width,)), keras.layers.Rescaling(1.0)], name="features")


def standardised(train, *others):
    """In deviations of the training rows; what hardly varies there stays as it is."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(deviation > 0.01, deviation, 1.0)
    return [((each - mean) / deviation).astype("float32") for each in (train, *others)]


@cache
def digits():
    """Raw pictures (n, 28, 28) and digits of both parts."""
    data = tltk.load_dataset("mnist_small", image_size=28, val=0, per_class=100)
    parts = (data.train.arrays(), data.test.arrays())
    return [(pictures[..., 0], labels) for pictures, labels in parts]


def seen(pictures):
    """MobileNetV2's features of grey pictures."""
    large = resize_images(np.repeat(pictures[..., None], 3, axis=-1).astype("uint8"), 64)
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=(64, 64, 3))
    return np.array(tltk.extract_features(backbone, large, np.zeros(len(large)))[0])


def measured(pictures):
    """Slant (degrees), thickness (pixels), ink, height, width and share of ink above the middle."""
    rows = []
    for ink in pictures / 255.0:
        y, x = np.mgrid[:28, :28]
        total = ink.sum()
        down, across = y - (ink * y).sum() / total, x - (ink * x).sum() / total
        slant = np.degrees(np.arctan2(-(ink * down * across).sum(), (ink * down**2).sum()))
        edges = np.abs(np.diff(ink, axis=0)).sum() + np.abs(np.diff(ink, axis=1)).sum()
        tall, wide = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
        upper = (ink * (down < 0)).sum() / total
        rows.append([slant, 2 * total / edges, total, np.ptp(tall), np.ptp(wide), upper])
    return np.array(rows)


@cache
def digit_parts():
    """Features and labels of all four tasks, for training and test pictures."""
    (train, y), (test, test_y) = digits()
    x, test_x = standardised(seen(train), seen(test))
    parts = []
    for pictures, digit, seed in ((train, y, 1), (test, test_y, 2)):
        lot = np.random.default_rng(seed).integers(10, size=len(digit))
        labels = {"digit": digit, "odd": digit % 2, "slant": measured(pictures)[:, 0]}
        parts.append(labels | {"lot": lot})
    return (x, parts[0]), (test_x, parts[1])


def in_deviations(labels, known):
    """Regression labels in deviations of those that training sees."""
    return {
        name: (each - known[name].mean()) / known[name].std()
        if DIGIT_TASKS[name] == "regression"
        else each
        for name, each in labels.items()
    }


def drawn(labels, count, seed):
    """Row numbers, equally many of each class."""
    random, classes = np.random.default_rng(seed), np.unique(labels)
    each = [
        random.permutation(np.flatnonzero(labels == c))[: count // len(classes)] for c in classes
    ]
    return random.permutation(np.concatenate(each))


def taught(x, labels, tasks, seed, epochs, rows_a_step=64, loss_weights="equal"):
    """A hidden layer and heads, trained together for a fixed number of steps."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = build_multitask(body(x.shape[1]), tasks, hidden=HIDDEN)
    how = {"unfreeze_blocks": 0, "head_epochs": epochs, "head_lr": RATE, "epochs": 0}
    how |= {"batch_size": rows_a_step, "seed": seed, "cache": False, "verbose": 0}
    history = fine_tune_tasks(model, (x, labels), loss_weights=loss_weights, **how)
    return model, history.history


def study_tasks(size):
    (x, labels), (test_x, test_labels) = digit_parts()
    x, test_x = (np.clip(each, -5, 5) for each in (x, test_x))

    def learn(names, seed):
        rows = drawn(labels["digit"], size, seed)
        own = in_deviations({n: labels[n][rows] for n in names}, labels)
        return taught(x[rows], own, {n: DIGIT_TASKS[n] for n in names}, seed, EPOCHS[size])[0]

    test = (test_x, in_deviations(test_labels, labels))
    found = task_gains(learn, list(DIGIT_TASKS), test, len(SEEDS))
    facts = {"question": "tasks", "labels": size}
    for row in found.rows:
        yield {**facts, "kind": "run", **row, "with": row["with"] or "alone"}
    yield from ({**facts, "kind": "gain", **row} for row in found.gains)


def study_weights(seed):
    (x, labels), (test_x, test_labels) = digit_parts()
    rows, size = drawn(labels["digit"], 500, seed), 500
    for unit in ("degrees", "deviations"):
        own, held = ({n: each[rows] for n, each in labels.items()}, test_labels)
        if unit == "deviations":
            own, held = (in_deviations(each, labels) for each in (own, held))
        by_hand = {
            n: 1 / float(np.var(y)) if DIGIT_TASKS[n] == "regression" else 1.0
            for n, y in own.items()
        }
        ways = {"equal": "equal", "one over variance": by_hand, "uncertainty": "uncertainty"}
        for way, weights in ways.items():
            if unit == "deviations" and way == "one over variance":
                continue  # it is the same as equal there
            model, history = taught(
                x[rows], own, DIGIT_TASKS, seed, EPOCHS[size], loss_weights=weights
            )
            for row in task_scores(model, (test_x, held)):
                name = row["task"]
                learned = history.get(f"{name}_weight", [None])[-1]
                facts = {"question": "weights", "unit": unit, "weights": way, "seed": seed}
                yield {**facts, "task": name, "score": row["score"], "weight": learned}


def study_missing(seed):
    (x, labels), (test_x, test_labels) = digit_parts()
    many = drawn(labels["digit"], 500, seed)
    few = np.concatenate([many[labels["digit"][many] == c][:5] for c in range(10)])
    known = np.isin(many, few)
    digit, odd = labels["digit"], labels["odd"]
    test = (test_x, {"digit": test_labels["digit"], "odd": test_labels["odd"]})
    marked, filled = np.where(known, digit[many], -1), np.where(known, digit[many], 0)
    cases = {
        "digit alone, 50": (few, {"digit": digit[few]}),
        "with odd, the same 50": (few, {"digit": digit[few], "odd": odd[few]}),
        "with odd, 450 more": (many, {"digit": marked, "odd": odd[many]}),
        "with odd, 450 more, missing digits written 0": (many, {"digit": filled, "odd": odd[many]}),
        "digit alone, 500": (many, {"digit": digit[many]}),
    }
    for case, (rows, own) in cases.items():
        epochs = EPOCHS[500] if len(rows) > 50 else 8 * EPOCHS[500]  # as many steps
        model, _ = taught(x[rows], own, {n: DIGIT_TASKS[n] for n in own}, seed, epochs)
        held = (test_x, {name: test[1][name] for name in own})
        for row in task_scores(model, held):
            facts = {"question": "missing", "case": case, "seed": seed}
            yield {**facts, "task": row["task"], "score": row["score"]}


@cache
def senses():
    """Rows of each sense for training and test: features, and the labels that pairs go by."""
    random = np.random.default_rng(0)
    pictures, tables, sounds = [], [], []
    for raw, y in digits():
        noisy = np.clip(raw + random.normal(scale=PICTURE_NOISE, size=raw.shape), 0, 255)
        pictures.append((seen(noisy), y))
        rows = measured(raw)
        tables.append(np.where(random.random(rows.shape) < GAPS, np.nan, rows))
    data = tltk.load_dataset("spoken_words", val=0)
    backbone = tltk.load_audio_backbone()
    for part in (data.train, data.test):
        x, y = part.arrays()
        noisy = (x + random.normal(scale=SOUND_NOISE, size=x.shape)).astype("float32")
        sounds.append((np.array(tltk.extract_features(backbone, noisy, y)[0]), y))
    pairs = [pair_by_class(p[1], s[1], seed=0) for p, s in zip(pictures, sounds, strict=True)]
    parts = []
    for number, (one, other) in enumerate(pairs):
        (p, y), (s, _) = pictures[number], sounds[number]
        rows = {"picture": p[one], "sound": s[other], "table": tables[number][one]}
        parts.append((rows, y[one]))
    for name in ("picture", "sound"):
        scaled = standardised(parts[0][0][name], parts[1][0][name])
        for (rows, _), each in zip(parts, scaled, strict=True):
            rows[name] = each
    return parts


def bodies(table):
    train, _ = senses()
    widths = {name: train[0][name].shape[1] for name in ("picture", "sound")}
    return {name: body(width) for name, width in widths.items()} | {"table": table_encoder(table)}


def with_gaps(rows):
    return rows | {"table": make_rows_with_gaps(rows["table"])}


def answers(model, examples):
    return model.predict(examples.fetch(slice(None)), batch_size=512, verbose=0)


def study_senses(seed):
    (train, y), (test, test_y) = senses()
    for size in SIZES:
        rows = drawn(y, size, seed)
        own = {name: each[rows] for name, each in train.items()}
        alone = {}
        for name, each in bodies(own["table"]).items():
            model = tltk.build_classifier(each, 10)
            given = make_rows_with_gaps(own[name], y[rows])
            tltk.fit_linear_head(model, given, cache=False)
            alone[name] = model.predict(test[name], batch_size=512, verbose=0)
        fused = {}
        for name, rate in (("fused", 0.3), ("fused, no modality dropout", 0.0)):
            keras.backend.clear_session()
            keras.utils.set_random_seed(seed)
            model = build_multimodal(bodies(own["table"]), 10, modality_dropout=rate)
            examples = modality_examples(model, with_gaps(own), y[rows])
            how = {"unfreeze_blocks": 0, "head_epochs": EPOCHS[size], "head_lr": RATE, "epochs": 0}
            tltk.fine_tune(model, examples, **how, seed=seed, cache=False, verbose=0)
            fused[name] = model
        for lost in LOST:
            here = {name: np.full(len(test_y), name not in lost) for name in SENSES}
            given = {name: each for name, each in test.items() if name not in lost}
            found = {"late fusion": late_fusion(alone, here)}
            found |= {f"{name} alone": alone[name] for name in SENSES if name not in lost}
            for name, model in fused.items():
                left = given | ({"table": make_rows_with_gaps(given["table"])})
                found[name] = answers(model, modality_examples(model, left))
            facts = {"question": "senses", "labels": size, "seed": seed}
            facts["missing at test"] = " and ".join(lost) or "nothing"
            for method, p in found.items():
                yield {**facts, "method": method, "score": float((p.argmax(1) == test_y).mean())}


def main():
    parts = [(f"senses_{seed}", lambda s=seed: study_senses(s)) for seed in SEEDS]
    parts += [(f"missing_{seed}", lambda s=seed: study_missing(s)) for seed in SEEDS]
    parts += [(f"weights_{seed}", lambda s=seed: study_weights(s)) for seed in SEEDS]
    parts += [(f"tasks_{size}", lambda s=size: study_tasks(s)) for size in SIZES]
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "Tasks that share a hidden layer of 32 units on frozen features: four of handwritten "
        "digits, each alone, with each other and all (50 and 500 labels); equal weights, by hand, "
        "and uncertainty; labels missing per task. And digits seen, heard and measured, made "
        "pairs: fused, late fusion and alone, with senses missing. "
        f"{len(SEEDS)} seeds; accuracy, or R2 for slant."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
