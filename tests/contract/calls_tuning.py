"""Heads, freezing, features and training."""

import keras
import numpy as np
import tiny
from bad_values import (
    NAN,
    Call,
    above,
    at_least,
    blocks,
    built,
    choice,
    class_list,
    classifier,
    count,
    file_but,
    flag,
    labelled,
    names,
    network,
    optional,
    seed,
    share,
    unlabelled,
    verbosity,
)
from tiny import BODY, CLASSIFIER, FOLDER, NAMES, PICTURES, WAVES, X, Y

from tltk import inputs, tuning
from tltk.tuning.pretraining import contrastive_augmentation, nt_xent
from tltk.tuning.tasks import best_log_variance

ENCODER = keras.Sequential(
    [keras.Input((None, 2)), keras.layers.Conv1D(4, 3, padding="same", name="block1_conv")]
)
PICTURE_ENCODER = tiny.picture_body()
TASKS = {"kind": ["a", "b", "c"], "weight": "regression"}
OF_TASKS = tuning.build_multitask(tiny.body(), TASKS)
SENSES = {"left": tiny.body(), "right": tiny.body()}
OF_SENSES = tuning.build_multimodal(SENSES, NAMES)
TASK_LABELS = {"kind": Y, "weight": X[:, 0]}
FORECASTER = keras.Sequential([keras.Input((16, 2)), keras.layers.Flatten(), keras.layers.Dense(2)])
SCALING = inputs.learn_scaling(WAVES.reshape(-1, 2))


def below_one(good):
    return {which: bad for which, bad in share(good).items() if which != "0"} | {"1": 1.0}


def tasks(_):
    return {
        "none": {},
        "None": None,
        "a list": ["kind"],
        "one class": {"kind": ["a"]},
        "twice": {"kind": ["a", "a"]},
        "a slash": {"a/b": 2},
        "text": {"kind": "cat"},
        "1": {"kind": 1},
        "2.5": {"kind": 2.5},
        "None among": {"kind": [None, "a"]},
        "a number": {5: 2},
    }


def senses(good):
    [first, second] = good.values()
    return {
        "none": {},
        "one": {"left": first},
        "the same": {"left": first, "right": first},
        "None": None,
        "a list": [first, second],
        "a name": {"left": first, "right": "mobilenet_v2"},
        "present": {"present": first, "right": second},
        "two words": {"the left": first, "right": second},
        "a number": {5: first, "right": second},
    }


def sensed(good):
    return {
        "none": {},
        "None": None,
        "an array": X,
        "other": {"up": X},
        "lengths": {"left": X, "right": X[:5]},
        "NaN": {"left": X * np.nan},
        "width": {"left": X[:, :2]},
        "text": {"left": "photos"},
    }


def present(_):
    return {
        "lengths": {"left": [True]},
        "other": {"up": np.ones(24, bool)},
        "numbers": {"left": np.full(24, 0.5)},
        "text": {"left": ["yes"] * 24},
        "an array": np.ones((24, 2)),
    }


def strengths(_):
    nan = float("nan")
    wrong = (), (-1.0,), (0.0,), 1.0, ("a",), (nan,), None, "0.1", (True,), (float("inf"),)
    return {repr(each): each for each in wrong}


def imbalance(_):
    nan = float("nan")
    wrong = "smote", {}, {"zebra": 2.0}, {9: 1.0}, {0: -1.0}, {0: nan}, {0: "x"}, 5, [1, 2, 3], True
    return {repr(each): each for each in wrong}


def model_file(good):
    return file_but("films.csv", "photos/a/0.png", "body.weights.h5")(good) | {"a model": X}


def known_model(good):
    return model_file(good) | {"an array": X, "a layer": keras.layers.Dense(2)}


def patterns(_):
    wrong = "block1_dense", [], ["nope"], 5, [None]
    return {repr(each): each for each in wrong}


def task_data(good):
    x, labels = good
    return {
        "None": None,
        "no labels": x,
        "one answer": (x, Y),
        "a task too few": (x, {"kind": Y}),
        "a task too many": (x, labels | {"more": Y}),
        "lengths": (x, labels | {"kind": Y[:-1]}),
        "beyond": (x, labels | {"kind": Y + 5}),
        "2**32": (x, labels | {"kind": Y + 2**32}),
        "names": (x, labels | {"kind": [f"class {each}" for each in Y]}),
        "fractions": (x, labels | {"kind": Y + 0.5}),
        "infinity": (x, labels | {"weight": np.full(24, np.inf)}),
        "complex": (x, labels | {"weight": X[:, 0] * 1j}),
        "NaN": (x * np.nan, labels),
        "width": (x[:, :2], labels),
        "text": "photos",
        "generator": (row for row in x),
    }


def loss_weights(_):
    wrong = "equals", {}, {"kind": 1.0}, {"kind": -1.0, "weight": 1.0}, 5, None, ["equal"]
    return {repr(each): each for each in wrong}


def scaling(_):
    return {"None": None, "a number": 2.0, "text": "mean"}


def callbacks(_):
    wrong = [3], 5, "EarlyStopping", [keras.callbacks.ReduceLROnPlateau]
    return {repr(each): each for each in wrong}


def augment(_):
    wrong = 5, "flip", [1], {"flip": True}, (True, -1), (True, 1.5), (True, "2"), (None, 3), (5, 2)
    return {repr(each): each for each in wrong}


def engine(_):
    wrong = "nonsense", "", 5, None, NAN, ["keras"], ("keras", "int8"), ("keras",), (True, True)
    return {repr(each): each for each in wrong}


def checkpoint(_):
    return {"5": 5, "''": "", "a file": FOLDER / "films.csv", "True": True, "[]": []}


def lora_blocks(good):
    return blocks(good) | {"0": 0}


def add_lora(**given):
    model = tiny.build_classifier(tiny.body(), NAMES)
    return tuning.add_lora(**{"model": model, **given})


TRAINING = {
    "model": CLASSIFIER,
    "train": (X, Y),
    "val": (X, Y),
    "unfreeze_blocks": 1,
    "head_epochs": 0,
    "epochs": 1,
    "head_lr": 1e-3,
    "base_lr": 1e-4,
    "lr_decay": 0.7,
    "batch_size": 8,
    "patience": 5,
    "seed": 0,
    "checkpoint": None,
    "cache": True,
    "verbose": 0,
}
OF_TRAINING = {
    "model": classifier,
    "unfreeze_blocks": blocks,
    "head_epochs": optional(at_least(0)),
    "epochs": at_least(0),
    "head_lr": above(0),
    "base_lr": above(0),
    "lr_decay": above(0),
    "batch_size": count,
    "patience": count,
    "seed": seed,
    "checkpoint": checkpoint,
    "cache": engine,
    "verbose": verbosity,
}

CALLS = [
    Call(
        tuning.build_classifier,
        {"backbone": BODY, "classes": NAMES, "kind": "one_label", "pooling": "avg", "dropout": 0.2},
        {
            "backbone": lambda g: network(g) | {"a classifier": CLASSIFIER, "outputs": OF_TASKS},
            "classes": class_list,
            "kind": choice,
            "pooling": choice,
            "dropout": below_one,
        },
    ),
    Call(
        tuning.build_multitask,
        {"backbone": BODY, "tasks": TASKS, "pooling": "avg", "dropout": 0.2, "hidden": 0},
        {
            "backbone": network,
            "tasks": tasks,
            "pooling": choice,
            "dropout": below_one,
            "hidden": at_least(0),
        },
    ),
    Call(tuning.tasks_of, {"model": OF_TASKS}, {"model": lambda g: network(g) | {"one": BODY}}),
    Call(
        tuning.build_multimodal,
        {"backbones": SENSES, "classes": NAMES, "kind": "one_label", "width": 4}
        | {"missing": "learned", "modality_dropout": 0.3, "pooling": "avg", "dropout": 0.2},
        {
            "backbones": senses,
            "classes": class_list,
            "kind": choice,
            "width": count,
            "missing": choice,
            "modality_dropout": below_one,
            "pooling": choice,
            "dropout": below_one,
        },
    ),
    Call(
        tuning.modality_examples,
        {"model": OF_SENSES, "inputs": {"left": X}, "labels": Y, "present": None},
        {
            "model": lambda g: network(g) | {"one sense": BODY},
            "inputs": sensed,
            "labels": lambda g: {"too few": g[:-1], "names": g.astype(str), "text": "abc", "5": 5},
            "present": present,
        },
    ),
    Call(tuning.freeze, {"model": CLASSIFIER}, {"model": built}),
    Call(
        tuning.unfreeze,
        {"model": CLASSIFIER, "blocks": 1, "train_batch_norm": False},
        {"model": built, "blocks": blocks, "train_batch_norm": flag},
    ),
    Call(tuning.trainable_table, {"model": CLASSIFIER}, {"model": built}),
    Call(
        add_lora,
        {"rank": 2, "blocks": 1, "alpha": 1.0, "layers": None, "seed": 0},
        {
            "rank": count,
            "blocks": lora_blocks,
            "alpha": optional(above(0)),
            "layers": patterns,
            "seed": seed,
        },
    ),
    Call(tuning.merge_lora, {"model": BODY}, {"model": built}),
    Call(
        best_log_variance,
        {"loss": 0.5, "kind": "classes"},
        {"loss": above(0), "kind": choice},
    ),
    Call(contrastive_augmentation, {"seed": 0}, {"seed": seed}),
    Call(tuning.default_augmentation, {"seed": 0}, {"seed": seed}),
    Call(
        nt_xent,
        {"first": X, "second": X, "temperature": 0.5},
        {"temperature": above(0)},
    ),
    Call(
        tuning.load_model,
        {"path": FOLDER / "classifier.keras", "trust": False},
        {"path": model_file, "trust": flag},
    ),
    Call(
        tuning.save_model,
        {"model": CLASSIFIER, "path": FOLDER / "saved.keras", "class_names": NAMES},
        {
            "model": built,
            "path": lambda g: {"None": None, "5": 5, "": "", "suffix": FOLDER / "saved.h5"},
            "class_names": names,
        },
    ),
    Call(tuning.metadata, {"model": CLASSIFIER}, {"model": known_model}),
    Call(
        tuning.unscale_forecaster,
        {"model": FORECASTER, "scaling": SCALING},
        {"model": network, "scaling": scaling},
    ),
    Call(
        tuning.compiled_trainer,
        {"model": CLASSIFIER, "batch_size": 8},
        {"model": network, "batch_size": count},
    ),
    Call(
        tuning.extract_features,
        {"model": BODY, "data": X, "labels": Y, "pooling": "avg", "batch_size": 8}
        | {"dtype": "float32", "engine": "keras", "precision": "float32", "cache": True}
        | {"key": None, "verify": False, "verbose": 0},
        {
            "model": network,
            "data": unlabelled,
            "labels": lambda g: {
                "too few": g[:-1],
                "names": [f"class {each}" for each in g],
                "NaN": g * float("nan"),
                "2**32": g.astype("int64") + 2**32,
                "masked": np.ma.masked_array(g, mask=g == 0),
            },
            "pooling": optional(choice),
            "batch_size": count,
            "dtype": choice,
            "engine": choice,
            "precision": choice,
            "cache": flag,
            "key": lambda g: {"5": 5, "''": "", "True": True},
            "verify": flag,
            "verbose": verbosity,
        },
    ),
    Call(
        tuning.fit_linear_head,
        {"model": CLASSIFIER, "train": (X, Y), "val": (X, Y), "strengths": (0.1,)}
        | {"imbalance": None, "batch_size": 8, "cache": True, "verbose": 0},
        {
            "model": classifier,
            "train": labelled,
            "val": optional(labelled),
            "strengths": strengths,
            "imbalance": imbalance,
            "batch_size": count,
            "cache": flag,
            "verbose": verbosity,
        },
    ),
    Call(
        tuning.find_learning_rate,
        {"model": CLASSIFIER, "train": (X, Y), "lowest": 1e-5, "highest": 0.1, "steps": 10}
        | {"batch_size": 8, "seed": 0},
        {
            "model": classifier,
            "train": labelled,
            "lowest": lambda g: above(0)(g) | {"beyond": 1.0},
            "highest": lambda g: above(0)(g) | {"below lowest": 1e-9},
            "steps": lambda g: count(g) | {"1": 1},
            "batch_size": count,
            "seed": seed,
        },
    ),
    Call(
        tuning.fine_tune,
        TRAINING
        | {"l2_sp": 0.0, "imbalance": None, "augment": None, "train_batch_norm": False}
        | {"callbacks": ()},
        OF_TRAINING
        | {
            "train": labelled,
            "val": optional(labelled),
            "l2_sp": at_least(0),
            "imbalance": imbalance,
            "augment": augment,
            "train_batch_norm": flag,
            "callbacks": callbacks,
        },
    ),
    Call(
        tuning.fine_tune_tasks,
        TRAINING
        | {
            "model": OF_TASKS,
            "train": (X, TASK_LABELS),
            "val": (X, TASK_LABELS),
            "loss_weights": "equal",
        },
        OF_TRAINING
        | {
            "model": lambda g: network(g) | {"one task": BODY},
            "train": task_data,
            "val": optional(task_data),
            "loss_weights": loss_weights,
        },
    ),
    Call(
        tuning.pretrain_masked,
        {"encoder": ENCODER, "data": WAVES, "share": 0.3, "stretch": 2, "epochs": 1, "lr": 1e-3}
        | {"batch_size": 8, "seed": 0, "verbose": 0},
        {
            "encoder": network,
            "data": unlabelled,
            "share": lambda g: share(g) | {"1": 1.0},
            "stretch": count,
            "epochs": count,
            "lr": above(0),
            "batch_size": count,
            "seed": seed,
            "verbose": verbosity,
        },
    ),
    Call(
        tuning.pretrain_contrastive,
        {"encoder": PICTURE_ENCODER, "data": PICTURES, "augment": None, "epochs": 1, "lr": 1e-3}
        | {"batch_size": 8, "temperature": 0.5, "width": 4, "seed": 0, "verbose": 0},
        {
            "encoder": network,
            "data": unlabelled,
            "augment": augment,
            "epochs": count,
            "lr": above(0),
            "batch_size": lambda g: count(g) | {"1": 1},
            "temperature": above(0),
            "width": count,
            "seed": seed,
            "verbose": verbosity,
        },
    ),
]
