"""Five characters nobody has seen: gradient steps from a good beginning, or prototypes? (chapter 22)

Tasks of five made-up characters, one or five drawings of each to learn from and five to be tested
on. The alphabets to learn from, to choose settings by and to test on share no character. Three
seeds, 300 test tasks each; methods of one seed and number of shots see the same tasks.

- `glyphs`: 28 pixels, two hidden layers (128, 64) and a head. Meta-trained for these tasks: MAML
  with an inner step of 0.3, its first order, ANIL and Reptile, 600 iterations of 4 tasks. Trained
  as a prototypical network: 600 episodes of 10 classes. Trained once, by naming all 168 characters
  to learn from: prototypes, and plain fine-tuning on top. Without any learning before: prototypes
  of pixels.
- `features`: the same characters at 96 pixels through the bundled MobileNetV2, which stays frozen.
  On its features a hidden layer of 64 units and a head, meta-trained by MAML or ANIL with inner
  steps of 0.05, or the layer trained by episodes; or nothing: prototypes, logistic regression.

On a new task all take ten steps. Fine-tuning takes the rate of three that does best on the alphabets
to choose by; the rates of meta-training are the best of two or three there, in short pilots with
another seed. The layers are dense because tasks side by side are then one product of matrices; a
pilot with convolutions took several times as long. Finished parts are kept in the cache folder, so
that the same call goes on after an interruption:

    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python notebooks/studies/22_glyph_tasks.py
"""

import itertools
import time
from functools import cache

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

import tltk
from tltk.evaluation import finished_parts, keep_study
from tltk.few_labels import (
    NearestPrototype,
    adaptation_curve,
    maml,
    reptile,
    train_prototypical,
)
from tltk.few_labels.episodes import TO_TEST, stacked_tasks, task_numbers
from tltk.datasets import make_glyphs

SEEDS, SHOTS, TESTED, CHOSEN_BY = range(3), (1, 5), 300, 100
WAYS, QUERIES, STEPS = 5, 5, 10
ALPHABETS, CHARACTERS, DRAWERS = 20, 14, 20
PARTS = {"learn": slice(0, 12), "choose": slice(12, 15), "test": slice(15, 20)}  # alphabets
ITERATIONS, TASKS = 600, 4
RATE, EPOCHS = {3: 0.3, 1: 0.05}, 15  # of pictures, of features
RATES = (0.03, 0.1, 0.3)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def by_character(rows, part):
    """(characters, drawers, ...) of the alphabets of one part."""
    return rows.reshape(ALPHABETS, CHARACTERS, DRAWERS, *rows.shape[1:])[PARTS[part]].reshape(
        -1, DRAWERS, *rows.shape[1:]
    )


@cache
def pictures(part):
    drawn = make_glyphs(ALPHABETS, CHARACTERS, DRAWERS).pictures[..., :1]
    return by_character(1 - drawn.astype("float32") / 255, part)


@cache
def features(part):
    drawn = make_glyphs(ALPHABETS, CHARACTERS, DRAWERS, size=96).pictures
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=96)
    rows = np.array(tltk.extract_features(backbone, drawn, np.zeros(len(drawn), int))[0])
    known = by_character(rows, "learn").reshape(-1, rows.shape[1])
    return by_character((rows - known.mean(axis=0)) / (known.std(axis=0) + 1e-3), part)


def tasks(rows, shots):
    """Tasks of five characters out of rows (characters, drawers, ...)."""

    def task(number):
        random = np.random.default_rng(number)
        ways = random.choice(len(rows), WAYS, replace=False)
        hands = random.permuted(np.tile(np.arange(DRAWERS), (WAYS, 1)), axis=1)
        drawn = rows[ways[:, None], hands[:, : shots + QUERIES]]
        x, query_x = (np.concatenate(part) for part in (drawn[:, :shots], drawn[:, shots:]))
        y, query_y = (np.repeat(np.arange(WAYS, dtype="int32"), n) for n in (shots, QUERIES))
        return x, y, query_x, query_y

    return task


def network(seed, inputs, outputs=WAYS):
    """Two hidden layers on pictures, or one on features, and a head."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    body = [layers.Flatten(), layers.Dense(128, "relu")] if len(inputs) == 3 else []
    body += [layers.Dense(64, "relu")]
    return keras.Sequential([keras.Input(inputs), *body, layers.Dense(outputs, name="head")])


def without_head(model):
    return keras.Model(model.inputs, model.layers[-1].input)


def with_new_head(model):
    """A copy of a network with an empty head for five classes."""
    body = without_head(keras.models.clone_model(model))
    body.set_weights(without_head(model).get_weights())
    head = keras.layers.Dense(WAYS, kernel_initializer="zeros", name="head")
    return keras.Sequential([keras.Input(model.input_shape[1:]), body, head])


@cache
def pretrained(data, seed):
    """A network that names all characters to learn from."""
    rows = data("learn")
    model = network(seed, rows.shape[2:], len(rows))
    model.compile(keras.optimizers.Adam(1e-3), LOSS)
    x = rows.reshape(-1, *rows.shape[2:])
    y = np.repeat(np.arange(len(rows)), DRAWERS)
    model.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=0)
    return model


def meta_trained(method, data, shots, seed):
    """A network, the rate of its steps and the layers that they move."""
    rows = data("learn")
    model, tasks_of = network(seed, rows.shape[2:]), tasks(rows, shots)
    rate = RATE[rows.ndim - 2]
    common = {"meta_batch": TASKS, "iterations": ITERATIONS, "seed": seed}
    if method == "Reptile":
        how = {"inner_lr": rate, "inner_steps": 8, "inner_batch": 10}
        return model, reptile(model, tasks_of, LOSS, **how, **common).inner_lr, None
    layers = ["head"] if method == "ANIL" else None
    how = {"inner_lr": rate, "lr": 2e-3, "inner_layers": layers}
    how["first_order"] = method == "first-order MAML"
    return model, maml(model, tasks_of, LOSS, **how, **common).inner_lr, layers


@cache
def prototypical(data, shots, seed):
    """An encoder trained so that queries lie nearest to the prototype of their class."""
    rows = data("learn")
    model = without_head(network(seed, rows.shape[2:]))
    x, y = rows.reshape(-1, *rows.shape[2:]), np.repeat(np.arange(len(rows)), DRAWERS)
    how = {"n_way": 10, "n_shot": shots, "n_query": QUERIES, "episodes": ITERATIONS, "seed": seed}
    train_prototypical(model, x, y, **how)
    return model


def by_steps(model, layers, data, rates, shots, seed):
    """Accuracy on test tasks after ten steps, at the rate that is best on other alphabets."""
    how = {"score": "accuracy", "steps": STEPS, "inner_layers": layers}
    rate = rates[0]
    if len(rates) > 1:
        others, best = tasks(data("choose"), shots), 0.0
        for each in rates:
            curves = adaptation_curve(model, others, LOSS, lr=each, count=CHOSEN_BY, **how)
            if curves[:, -1].mean() > best:
                rate, best = each, curves[:, -1].mean()
    new = tasks(data("test"), shots)
    curve = adaptation_curve(model, new, LOSS, lr=rate, count=TESTED, seed=seed, **how)
    means = curve.mean(axis=0).tolist()
    return {"accuracy": means[-1], "curve": means, "rate": rate}


def by_features(encode, data, shots, seed, logistic=False):
    """Accuracy on test tasks of prototypes, or of logistic regression, on features."""
    drawn = stacked_tasks(tasks(data("test"), shots), task_numbers(seed, TESTED, TO_TEST))
    x, query_x = (
        encode(part.reshape(-1, *part.shape[2:])).reshape(*part.shape[:2], -1)
        for part in (drawn[0], drawn[2])
    )
    judge = LogisticRegression(max_iter=1000) if logistic else NearestPrototype()
    tasks_of = zip(x, drawn[1], query_x, strict=True)
    said = [judge.fit(rows, labels).predict(new) for rows, labels, new in tasks_of]
    return {"accuracy": float(np.mean(said == drawn[3]))}


def encoder(where, data, shots, seed):
    """A function of inputs to features."""
    if where not in ("pretrained", "trained by episodes"):
        return lambda rows: rows
    known = prototypical(data, shots, seed) if "episodes" in where else pretrained(data, seed)
    body = known if "episodes" in where else without_head(known)
    return lambda rows: body.predict(rows, batch_size=500, verbose=0)


EPISODES = "prototypes, trained by episodes"
METHODS = {
    "features": ("MAML", "ANIL", EPISODES, "prototypes", "logistic regression"),
    "glyphs": (
        "MAML", "first-order MAML", "ANIL", "Reptile", EPISODES, "prototypes, pretrained",
        "fine-tuning, pretrained", "prototypes, pixels",
    ),
}  # fmt: skip
DATA = {"features": features, "glyphs": pictures}


def study(question, method, shots, seed):
    began, data = time.process_time(), DATA[question]
    how, _, where = method.partition(", ")
    if how in ("prototypes", "logistic regression"):
        encode = encoder(where, data, shots, seed)
        found = by_features(encode, data, shots, seed, how == "logistic regression")
    elif how == "fine-tuning":
        model = with_new_head(pretrained(data, seed))
        found = by_steps(model, None, data, RATES, shots, seed)
    else:
        model, rate, layers = meta_trained(method, data, shots, seed)
        found = by_steps(model, layers, data, [rate], shots, seed)
    seconds = time.process_time() - began
    facts = {"question": question, "method": method, "shots": shots, "seed": seed}
    return [facts | found | {"seconds": seconds}]


def main():
    parts = []
    for question, methods in METHODS.items():
        for seed, shots, method in itertools.product(SEEDS, SHOTS, methods):
            name = f"{question}_{method.replace(', ', '_').replace(' ', '_')}_{shots}_{seed}"
            parts.append((name, lambda given=(question, method, shots, seed): study(*given)))
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "Five characters of alphabets that nobody learned from: gradient steps from a meta-trained "
        "beginning, prototypes, and plain fine-tuning; on pictures with a small network and on "
        f"features of a frozen MobileNetV2; {len(SEEDS)} seeds, {TESTED} test tasks each."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
