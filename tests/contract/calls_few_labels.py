"""What learns from few labels, where it takes arrays."""

import numpy as np
from bad_values import (
    Call,
    above,
    choice,
    class_numbers,
    classes,
    count,
    fitted,
    flag,
    number,
    numbers,
    optional,
    rows,
    seed,
    share,
)

from tltk import few_labels
from tltk.backbones import WordVectors

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
            "seed": seed,
        },
        distance="neighbours",
        neighbours=2,
        false_alarms=0.2,
        unit_length=True,
        seed=0,
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
        OF_SEEN | {"splits": count, "share": share, "seed": seed},
        splits=1,
        share=0.4,
        seed=0,
    ),
    fitted(
        few_labels.ConSE, {"source_vectors": VECTORS}, {"source_vectors": rows, "top": count}, top=2
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
        few_labels.borrow_rows,
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
    ),
    Call(predicting, {"embeddings": X}, {"embeddings": rows}),
    Call(
        setting, {"strangers": X, "false_accepts": 0.1}, {"strangers": rows, "false_accepts": share}
    ),
    Call(
        with_threshold,
        {"threshold": 0.5},
        {"threshold": optional(number)},
        {"threshold": {"inf", "-inf"}},
    ),
]
