"""What learns from few labels."""

import keras
import numpy as np
import tiny
from bad_values import (
    Call,
    above,
    choice,
    class_numbers,
    classes,
    classifier,
    count,
    fitted,
    flag,
    labelled,
    network,
    number,
    numbers,
    optional,
    rows,
    seed,
    share,
    unlabelled,
    verbosity,
)
from tiny import CLASSIFIER

from tltk import datasets, few_labels
from tltk.backbones.text import WordVectors
from tltk.few_labels.metric_learning import prototypical_loss, siamese_loss

RNG = np.random.default_rng(0)
Y = np.arange(60) % 4
X = RNG.normal(size=(60, 3)) + Y[:, None]
VECTORS = RNG.normal(size=(4, 2))
HALF = np.where(np.arange(60) < 20, Y, -1)
WORDS = WordVectors(("cat", "dog"), np.eye(2, dtype="float32"))
GALLERY = few_labels.Gallery().add("owl", X[:3]).add("fox", X[3:6])
LABELLED, OF_LABELLED = {"X": X, "y": Y}, {"X": rows, "y": classes}
SEEN, OF_SEEN = LABELLED | {"vectors": VECTORS}, {"X": rows, "y": class_numbers, "vectors": rows}


def half_numbers(good):
    """-1 is a row without a label."""
    kept = class_numbers(good)
    return kept | {"negative": np.asarray(good) - 5, "all labelled": np.abs(good)}


def queries(good):
    return count(good) | {"[1.0, 2.0]": [1.0, 2.0], "too many": [1] * 9}


def parts(_):
    wrong = float("nan"), "half", None, True, -1, 1.0, 99, [99], [0, 0]
    return {repr(each): each for each in wrong}


def name_lists(_):
    return {
        "text": "cat",
        "none": [],
        "numbers": [1, 2],
        "None": None,
    }


def row_numbers(_):
    wrong = [0, 0], [-1], [60], [0.5], ["a"], None, 3, [[1]], [True]
    return {repr(each): each for each in wrong}


def grids(_):
    return {"none": {}, "None": None, "list": [1, 2]}


def gallery_names(_):
    return {repr(each): each for each in ("", 3, None, "a\0b", ["owl"])}


def gallery_rows(good):
    return {which: bad for which, bad in rows(good).items() if which not in ("one axis", "width")}


def predicting(embeddings):
    return GALLERY.predict(embeddings)


def adding(name, embeddings):
    return few_labels.Gallery().add("first", X[0]).add(name, embeddings)


def setting(strangers, false_accepts):
    return GALLERY.set_threshold(strangers, false_accepts)


def with_threshold(threshold):
    GALLERY.threshold = threshold
    GALLERY.threshold = None


def task_makers(_):
    return {
        "None": None,
        "5": 5,
        "of None": lambda seed: None,
        "of two": lambda seed: (ONE, ONE),
        "NaN": lambda seed: (ONE * np.nan, ONE, ONE, ONE),
        "lengths": lambda seed: (ONE, ONE[:1], ONE, ONE),
        "width": lambda seed: (np.ones((3, 2), "float32"), ONE, ONE, ONE),
        "text": lambda seed: ("a", "b", "c", "d"),
    }


def losses(_):
    return {repr(each): each for each in ("nope", 5, "", ["mse"])}


def patterns(_):
    return {repr(each): each for each in (["nope"], [], "dense", 5, [None])}


def rates(_):
    return above(0)(_) | {"too many": [0.1] * 9}


def shots(good):
    return {
        "None": None,
        "text": "abc",
        "NaN": good * np.nan,
        "width": np.ones((3, 2), "float32"),
        "too few": good[:-1],
        "empty": good[:0],
        "complex": good * 1j,
        "masked": np.ma.masked_array(good, mask=[[True], [False], [False]]),
    }


def line():
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="line_dense")])


def name_lists_of_known(_):
    return {"text": "cat", "numbers": [1, 2], "None": None, "5": 5}


ONE = np.array([[1.0], [2.0], [3.0]], "float32")
LINE = line()
DRAW = datasets.make_sinusoid_tasks(3, 3)
META = {"model": LINE, "tasks": DRAW, "loss": "mse", "inner_lr": 0.01, "inner_steps": 1}
META |= {"lr": 0.01, "meta_batch": 1, "iterations": 1, "seed": 0}
OF_META = {
    "model": network,
    "tasks": task_makers,
    "loss": losses,
    "inner_lr": above(0),
    "inner_steps": count,
    "lr": above(0),
    "meta_batch": count,
    "iterations": count,
    "seed": seed,
}
METRIC = {"encoder": tiny.body(), "data": tiny.X, "labels": tiny.Y, "n_way": 2, "lr": 0.01}
METRIC |= {"seed": 0, "verbose": 0}
OF_METRIC = {
    "encoder": network,
    "data": unlabelled,
    "labels": classes,
    "n_way": lambda g: count(g) | {"99": 99, "1": 1},
    "lr": above(0),
    "seed": seed,
    "verbose": verbosity,
}
CALLS = [
    fitted(
        few_labels.AnomalyDetector,
        {"X": X},
        {
            "X": rows,
            "distance": choice,
            "neighbours": count,
            "false_alarms": share,
            "unit_length": flag,
            "random_state": seed,
        },
        distance="neighbours",
        neighbours=2,
        false_alarms=0.2,
        unit_length=True,
        random_state=0,
    ),
    fitted(
        few_labels.BayesianPrototype,
        LABELLED,
        OF_LABELLED | {"prior": lambda _: {"number": 3, "array": X}},
        prior=None,
    ),
    Call(few_labels.learn_prior, LABELLED, OF_LABELLED),
    fitted(
        few_labels.NearestPrototype, LABELLED, OF_LABELLED | {"metric": choice}, metric="cosine"
    ),
    fitted(
        few_labels.FeatureNormalizer,
        {"X": X},
        {"X": rows, "power": above(0), "center": flag, "unit_length": flag},
        power=0.5,
        center=True,
        unit_length=True,
    ),
    fitted(
        few_labels.SinkhornPrototype,
        LABELLED,
        OF_LABELLED | {"strength": above(0), "step": share, "rounds": count, "balanced": flag},
        strength=20.0,
        step=0.4,
        rounds=2,
        balanced=True,
    ),
    fitted(
        few_labels.SelfTraining,
        {"X": X, "y": HALF},
        {
            "X": rows,
            "y": half_numbers,
            "rounds": count,
            "threshold": optional(share),
            "balanced": flag,
            "patience": count,
        },
        rounds=1,
        threshold=0.9,
        balanced=True,
        patience=2,
    ),
    fitted(
        few_labels.ESZSL, SEEN, OF_SEEN | {"gamma": above(0), "lam": above(0)}, gamma=1.0, lam=1.0
    ),
    fitted(
        few_labels.CalibratedStacking,
        SEEN,
        OF_SEEN | {"splits": count, "share": share, "random_state": seed},
        splits=1,
        share=0.4,
        random_state=0,
    ),
    fitted(
        few_labels.ConSE, {"source_vectors": VECTORS}, {"source_vectors": rows, "top": count}, top=2
    ),
    Call(
        few_labels.choose_to_label,
        {
            "features": X,
            "labelled": np.arange(8),
            "n": 2,
            "method": "margin",
            "labels": Y[:8],
            "unit_length": True,
            "seed": 0,
        },
        {
            "features": rows,
            "labelled": row_numbers,
            "n": lambda good: count(good) | {"more than there are": 53},
            "method": choice,
            "labels": lambda good: class_numbers(good) | {"one class": good * 0},
            "unit_length": flag,
            "seed": seed,
        },
    ),
    Call(
        few_labels.choose_settings,
        {
            "learner": few_labels.ESZSL(),
            "grid": {"gamma": [1.0]},
            **SEEN,
            "splits": 1,
            "share": 0.4,
            "seed": 0,
        },
        {**OF_SEEN, "grid": grids, "splits": count, "share": share, "seed": seed},
    ),
    Call(
        few_labels.harmonic_mean,
        {"truth": Y, "answers": Y, "seen": np.array([0, 1])},
        {"truth": class_numbers, "answers": class_numbers, "seen": class_numbers},
        {"seen": {"too few"}},
    ),
    Call(
        few_labels.select_source_rows,
        {
            "source": X,
            "target": X[:30],
            "source_labels": Y,
            "target_labels": Y[:30],
            "by": "class_means",
            "share": 0.25,
            "unit_length": False,
            "seed": 0,
        },
        {
            "source": rows,
            "target": rows,
            "source_labels": class_numbers,
            "target_labels": class_numbers,
            "by": choice,
            "share": share,
            "unit_length": flag,
            "seed": seed,
        },
    ),
    Call(
        few_labels.sample_episode,
        {"data": X, "labels": Y, "n_way": 2, "n_shot": 1, "n_query": 2, "seed": 0},
        {
            "data": numbers,
            "labels": classes,
            "n_way": count,
            "n_shot": count,
            "n_query": queries,
            "seed": seed,
        },
        {
            "data": {"names", "None among", "one axis more"},
            "n_query": {"[1.0, 2.0]"},
            "seed": {"[1]"},
        },
    ),
    Call(
        few_labels.split_classes,
        {"labels": Y, "test": 0.5, "val": 0.25, "seed": 0},
        {"labels": classes, "test": parts, "val": parts, "seed": seed},
        {"labels": {"too few"}},
    ),
    Call(
        few_labels.class_vectors,
        {"names": ["cat"], "vectors": WORDS, "unknown": "skip"},
        {"names": name_lists, "unknown": choice},
    ),
    Call(
        adding,
        {"name": "owl", "embeddings": X},
        {"name": gallery_names, "embeddings": gallery_rows},
        name="Gallery.add",
    ),
    Call(predicting, {"embeddings": X}, {"embeddings": rows}, name="Gallery.predict"),
    Call(
        setting, {"strangers": X, "false_accepts": 0.1}, {"strangers": rows, "false_accepts": share}
    ),
    Call(
        with_threshold,
        {"threshold": 0.5},
        {"threshold": optional(number)},
        {"threshold": {"inf", "-inf"}},
    ),
    Call(
        few_labels.known_names,
        {"names": ["cat"], "vectors": WORDS},
        {"names": name_lists_of_known, "vectors": lambda g: {"5": 5, "nope": "nope", "None": None}},
    ),
    Call(
        few_labels.adapt,
        {"model": LINE, "x": ONE, "y": ONE, "loss": "mse", "steps": 1, "lr": 0.01}
        | {"inner_layers": None},
        {
            "model": network,
            "x": shots,
            "y": lambda g: {k: v for k, v in shots(g).items() if k != "width"},
            "loss": losses,
            "steps": count,
            "lr": rates,
            "inner_layers": patterns,
        },
    ),
    Call(
        few_labels.adaptation_curve,
        {"model": LINE, "tasks": DRAW, "loss": "mse", "score": "accuracy", "steps": 1, "lr": 0.01}
        | {"inner_layers": None, "count": 2, "seed": 0},
        {
            "model": network,
            "tasks": task_makers,
            "loss": losses,
            "score": losses,
            "steps": count,
            "lr": rates,
            "inner_layers": patterns,
            "count": count,
            "seed": seed,
        },
    ),
    Call(
        few_labels.maml,
        META | {"inner_layers": None, "first_order": False, "learn_rates": False},
        OF_META | {"inner_layers": patterns, "first_order": flag, "learn_rates": flag},
    ),
    Call(
        few_labels.reptile,
        META | {"inner_batch": None},
        OF_META | {"inner_batch": optional(count)},
    ),
    Call(
        few_labels.self_train_head,
        {
            "model": CLASSIFIER,
            "train": (tiny.X, tiny.Y),
            "unlabelled": tiny.X,
            "val": (tiny.X, tiny.Y),
        }
        | {"rounds": 1, "threshold": 0.9, "balanced": True, "batch_size": 8, "cache": True},
        {
            "model": classifier,
            "train": labelled,
            "unlabelled": unlabelled,
            "val": optional(labelled),
            "rounds": count,
            "threshold": optional(share),
            "balanced": flag,
            "batch_size": count,
            "cache": flag,
        },
    ),
    Call(
        few_labels.train_prototypical,
        METRIC | {"n_shot": 1, "n_query": 1, "episodes": 1},
        OF_METRIC
        | {
            "n_shot": lambda g: count(g) | {"99": 99},
            "n_query": lambda g: count(g) | {"99": 99},
            "episodes": count,
        },
        {"labels": {"complex"}},
    ),
    Call(
        few_labels.train_siamese,
        METRIC | {"n_each": 2, "margin": 1.0, "steps": 1},
        OF_METRIC
        | {
            "n_each": lambda g: count(g) | {"99": 99, "1": 1},
            "margin": above(0),
            "steps": count,
        },
        {"labels": {"complex"}},
    ),
    Call(
        prototypical_loss,
        {"embeddings": keras.ops.convert_to_tensor(tiny.X[:8]), "n_way": 2, "n_shot": 2},
        {"n_way": lambda g: count(g) | {"3": 3}, "n_shot": lambda g: count(g) | {"4": 4}},
    ),
    Call(
        siamese_loss,
        {"embeddings": tiny.X, "numbers": tiny.Y, "margin": 1.0},
        {"margin": above(0)},
    ),
]
