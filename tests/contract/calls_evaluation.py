"""What is computed from arrays and predictions, and what asks models."""

import keras
import numpy as np
import tiny
from bad_values import (
    Call,
    above,
    at_least,
    blocks,
    choice,
    class_numbers,
    classes,
    classifier,
    count,
    file_but,
    flag,
    labelled,
    network,
    number,
    numbers,
    optional,
    probabilities,
    rows,
    seed,
    share,
    verbosity,
)
from sklearn.neighbors import KNeighborsClassifier
from tiny import BODY, CLASSIFIER, FOLDER, NAMES, PICTURE_CLASSIFIER, PICTURES, SPLITS, TWO

from tltk import evaluation, tuning
from tltk.evaluation import Predictions
from tltk.evaluation.calibration import apply_temperature, fit_temperature
from tltk.evaluation.studies import study_digest, study_state

RNG = np.random.default_rng(0)
Y = np.arange(60) % 3
X = RNG.normal(size=(60, 4)) + Y[:, None]
P = np.eye(3)[Y] * 0.7 + 0.1
SURE = RNG.uniform(0.05, 0.95, 40)
SEEN = Predictions(np.arange(40) % 2, np.c_[1 - SURE, SURE], ("no", "yes"))
CURVE = np.array([[0.3, 0.5, 0.8], [0.4, 0.5, 0.7], [0.3, 0.6, 0.8]])
GOOD = {"features": X, "labels": Y}
FIT = {"features": rows, "labels": class_numbers}
WINDOWS = {"inputs": RNG.normal(size=(3, 8, 2)), "horizon": 2, "target": 0}
LAST = {
    "inputs": rows,
    "horizon": count,
    "target": lambda g: number(g) | {"9": 9, "-3": -3, "0.5": 0.5},
}
GAP = {"NaN"}  # windows and histories may have gaps


def predictions(good):
    """What is no Predictions of one label."""
    told = good.probabilities
    return {
        "None": None,
        "an array": told,
        "NaN": good._replace(probabilities=told * np.nan),
        "logits": good._replace(probabilities=told * 9 - 4),
        "too few": good._replace(probabilities=told[:-1]),
        "one column": good._replace(probabilities=told[:, :1]),
        "none at all": good._replace(labels=good.labels[:0], probabilities=told[:0]),
    }


def held_out(good):
    return {
        "one array": good[0],
        "three": (*good, good[0]),
        "NaN": (good[0] * np.nan, good[1]),
        "lengths": (good[0], good[1][:-1]),
        "width": (good[0][:, :2], good[1]),
        "text": "val",
    }


def thresholds(_):
    return {
        "empty": {},
        "a number": 0.5,
        "text": {"half": "0.5"},
        "NaN": {"half": float("nan")},
        "None": None,
        "flag": {"half": True},
    }


def labels_of_curve(_):
    return {
        "unsorted": [10, 5, 40],
        "twice": [5, 5, 40],
        "zero": [0, 5, 40],
        "too few": [5, 40],
        "NaN": [5, float("nan"), 40],
        "names": ["a", "b", "c"],
        "None": None,
    }


def strengths(_):
    return {"zero": (0,), "NaN": (float("nan"),), "text": ("1",), "negative": (0.1, -1.0)}


def shrinkage(_):
    return {key: value for key, value in share(_).items() if key not in ("0", "None")} | {
        "much": "much"
    }


def names_of(good):
    wrong = "cat", ["a", "a", "b"], ["a"], [], 5, [None, "a", "b"]
    return {repr(each): each for each in wrong}


def picture(good):
    return {
        "None": None,
        "5": 5,
        "a dict": {"a": 1},
        "bytes": b"abc",
        "missing": "gone.png",
        "a folder": str(FOLDER / "photos"),
        "a table": str(FOLDER / "films.csv"),
        "no text": "",
        "NaN": np.full((8, 8, 3), np.nan),
        "infinity": np.full((8, 8, 3), np.inf),
        "beyond": np.full((8, 8, 3), 70000),
        "other size": np.zeros((9, 9, 3)),
        "complex": good * 1j,
        "masked": np.ma.masked_array(good, mask=good > 9),
        "names": good.astype(str),
        "five channels": np.zeros((8, 8, 5), "uint8"),
        "a split": SPLITS.train,
        "generator": (each for each in [good]),
    }


def model_or_path(good):
    return classifier(good) | file_but("films.csv", "photos/a/0.png")(good)


def methods(_):
    wrong = {}, [KNeighborsClassifier(1)], None, {"a": None}, {"a": "neighbour"}, {"a": 5}
    return {repr(each): each for each in wrong}


def compared(_):
    wrong = {"frozen": len}, {"m": 5}, ["m"], 5, {5: len}
    return {repr(each): each for each in wrong}


def arms(_):
    wrong = [], "frozen", ["frozen", "frozen"], ["frozen", "frozen", "small network"], ["nope"], 5
    return {repr(each): each for each in (*wrong, None)}


def sizes(_):
    wrong = 0, 10**6, [], "5", [3, 3], [0, 2], 2.5, [2.5], True, float("nan"), -1
    return {repr(each): each for each in wrong}


def splits(good):
    return {
        "None": None,
        "text": "photos",
        "a pair": (X, Y),
        "no test": good._replace(test=None),
        "no training": good._replace(train=None),
        "5": 5,
        "arrays": good._replace(train=X),
    }


def corruptions(_):
    wrong = ["rain"], "noise", [], 5, [None], None
    return {repr(each): each for each in wrong}


def severities(_):
    wrong = [-1], [], 5, ["x"], [float("nan")], [float("inf")], None, [True]
    return {repr(each): each for each in wrong}


def pixels(good):
    return {
        "None": None,
        "text": "photos",
        "NaN": good * np.nan,
        "one picture": good[0],
        "vectors": good[:, 0, 0],
        "empty": good[:0],
        "complex": good * 1j,
        "names": good.astype(str),
        "masked": np.ma.masked_array(good, mask=good > 9),
    }


def candidates(_):
    return {
        "none": {},
        "None": None,
        "text": "mobilenet_v2",
        "unknown": ["nope"],
        "twice": ["small_cnn", "small_cnn"],
        "numbers": [5],
        "None among": [None],
    }


def fused(good):
    return {
        "none": {},
        "None": None,
        "a list": list(good.values()),
        "lengths": {"a": good["a"], "b": good["b"][:-1]},
        "NaN": {"a": good["a"] * np.nan},
        "logits": {"a": good["a"] * 9 - 4},
        "text": {"a": "seen"},
        "masked": {"a": np.ma.masked_array(good["a"], mask=good["a"] > 0.5)},
        "complex": {"a": good["a"] * 1j},
    }


def there(_):
    return {
        "other": {"c": [True] * 60},
        "lengths": {"a": [True]},
        "NaN": {"a": np.full(60, np.nan)},
        "negative": {"a": np.full(60, -1)},
        "text": {"a": ["yes"] * 60},
        "a list": [True] * 60,
    }


def judged(good):
    first = good[0]
    return {
        "none": [],
        "None": None,
        "text": "rows",
        "a dict": first,
        "other keys": [{"a": 1}],
        "one missing": good[:-1],
        "NaN": [dict(row, accuracy=float("nan")) for row in good],
        "text score": [dict(row, accuracy="x") for row in good],
        "numbers": [1],
    }


def learners(_):
    return {"None": None, "5": 5, "of None": lambda names, seed: None, "of body": lambda n, s: BODY}


def task_names(_):
    wrong = [], ["kind"], ["kind", "kind"], ["kind", "all"], ["kind", "nope"], 5, "kind"
    return {repr(each): each for each in wrong}


def task_test(good):
    x, labels = good
    return {
        "None": None,
        "no labels": x,
        "a task too few": (x, {"kind": labels["kind"]}),
        "lengths": (x, labels | {"kind": labels["kind"][:-1]}),
        "NaN": (x * np.nan, labels),
        "width": (x[:, :2], labels),
        "beyond": (x, labels | {"kind": labels["kind"] + 9}),
    }


def study(_):
    return {"None": None, "5": 5, "nope": "nope", "up": "../../pyproject", "no text": "", "[]": []}


TASKS = {"kind": ["a", "b", "c"], "weight": "regression"}
OF_TASKS = tuning.build_multitask(tiny.body(), TASKS)
TASK_TEST = (tiny.X, {"kind": tiny.Y, "weight": tiny.X[:, 0]})
RUNS = [
    {"method": method, "labels_per_class": 5, "seed": n, "accuracy": 0.5, "val_accuracy": 0.5}
    for method in ("frozen", "from scratch")
    for n in (0, 1)
]


def same_body():
    keras.utils.set_random_seed(0)
    return tiny.body()


COMPARED = {
    "backbone": same_body,
    "data": SPLITS,
    "seeds": 1,
    "labels_per_class": None,
    "methods": None,
    "arms": ["small network", "fine-tuned"],
    "small": None,
    "epochs": 1,
    "unfreeze_blocks": "all",
    "score": "accuracy",
    "margin": 0.01,
    "level": 0.98,
    "budget_seconds": None,
    "checkpoint": None,
    "seed": 0,
    "verbose": 0,
}
EPISODES = {
    "methods": {"neighbour": KNeighborsClassifier(1)},
    "features": X,
    "labels": Y,
    "n_way": 2,
    "n_shot": 1,
    "n_query": 2,
    "episodes": 2,
    "seed": 0,
}
OF_EPISODES = {
    "methods": methods,
    "features": rows,
    "labels": classes,
    "n_way": lambda g: count(g) | {"99": 99},
    "n_shot": lambda g: count(g) | {"99": 99},
    "n_query": lambda g: {k: v for k, v in count(g).items() if not k.startswith(("[", "array"))},
    "episodes": count,
    "seed": seed,
}
CURVES = {"transferred": CURVE + 0.1, "baseline": CURVE, "labels": [5, 10, 40], "level": 0.95}
KINDS = {"transferred": rows, "baseline": rows, "labels": labels_of_curve, "level": share}
COSTS = {"miss_cost": above(0), "false_alarm_cost": above(0)}
PAIR = {"a": [0.1, 0.2, 0.3], "b": [0.1, 0.1, 0.2], "level": 0.95}

CALLS = [
    Call(evaluation.logme, {"features": X, "targets": Y}, {"features": rows}),
    Call(evaluation.h_score, GOOD | {"shrinkage": "auto"}, FIT | {"shrinkage": shrinkage}),
    Call(
        evaluation.nleep,
        GOOD | {"components_per_class": 2, "seed": 0},
        FIT | {"components_per_class": count, "seed": seed},
    ),
    Call(
        evaluation.leep,
        {"probabilities": P, "labels": Y},
        {"probabilities": probabilities, "labels": class_numbers},
    ),
    Call(
        evaluation.nce,
        {"source_labels": Y, "labels": Y},
        {"source_labels": class_numbers, "labels": class_numbers},
    ),
    Call(
        evaluation.domain_distance,
        {"a": X, "b": X + 1, "seed": 0, "permutations": 2, "subsample": 50},
        {"a": rows, "b": rows, "seed": seed, "permutations": count, "subsample": at_least(10)},
    ),
    Call(
        evaluation.ben_david_bound,
        {"source": X, "source_labels": Y, "target": X + 1, "target_labels": Y, "seed": 0},
        {
            "source": rows,
            "source_labels": class_numbers,
            "target": rows,
            "target_labels": class_numbers,
            "seed": seed,
        },
    ),
    Call(
        evaluation.linear_probe_accuracy,
        GOOD | {"held_out": (X, Y), "strengths": (0.1,), "seed": 0},
        FIT | {"held_out": held_out, "strengths": strengths, "seed": seed},
    ),
    Call(
        evaluation.neighbour_accuracy,
        GOOD | {"held_out": (X, Y), "neighbours": 3, "seed": 0},
        FIT | {"held_out": held_out, "neighbours": count, "seed": seed},
    ),
    Call(
        evaluation.mean_interval,
        {"values": [0.1, 0.2], "level": 0.95},
        {"values": numbers, "level": share},
    ),
    Call(evaluation.paired_interval, PAIR, {"a": numbers, "b": numbers, "level": share}),
    Call(
        evaluation.rank_agreement,
        {"scores": [1.0, 2, 3], "outcomes": [1.0, 3, 2], "level": 0.95, "seed": 0},
        {"scores": numbers, "outcomes": numbers, "level": share, "seed": seed},
    ),
    Call(
        evaluation.transfer_verdict,
        {"gaps": [0.1, 0.2, 0.1], "margin": 0.01, "level": 0.98},
        {"gaps": numbers, "margin": at_least(0), "level": share},
    ),
    Call(evaluation.transfer_gains, CURVES, KINDS),
    Call(evaluation.label_efficiency, CURVES, KINDS),
    Call(evaluation.naive_forecast, WINDOWS, LAST, {"inputs": GAP}),
    Call(
        evaluation.seasonal_naive_forecast,
        WINDOWS | {"period": 4},
        LAST | {"period": count},
        {"inputs": GAP},
    ),
    Call(
        evaluation.mase,
        {"truth": X[0], "forecasts": X[1], "history": X[:, 0], "period": 2},
        {"truth": numbers, "forecasts": numbers, "history": numbers, "period": count},
        {"history": GAP},
    ),
    Call(
        evaluation.choose_threshold,
        {"validation": SEEN, "positive": "yes", "miss_cost": 2.0, "false_alarm_cost": 1.0},
        {"validation": predictions, "positive": choice, **COSTS},
        {"miss_cost": {"None"}},
    ),
    Call(
        evaluation.choose_threshold,
        {"validation": SEEN, "positive": "yes", "recall": 0.9},
        {"recall": optional(share)},
        name="choose_threshold by recall",
    ),
    Call(
        evaluation.threshold_table,
        {
            "predictions": SEEN,
            "positive": "yes",
            "thresholds": {"half": 0.5},
            "miss_cost": 2.0,
            "false_alarm_cost": 1.0,
        },
        {"predictions": predictions, "positive": choice, "thresholds": thresholds, **COSTS},
    ),
    Call(fit_temperature, {"validation": SEEN}, {"validation": predictions}),
    Call(
        apply_temperature,
        {"predictions": SEEN, "temperature": 2.0},
        {"predictions": predictions, "temperature": above(0)},
    ),
    Call(
        evaluation.reliability_table,
        {"predictions": SEEN, "bins": 5, "positive": "yes"},
        {"predictions": predictions, "bins": count, "positive": optional(choice)},
    ),
    Call(
        evaluation.expected_calibration_error,
        {"predictions": SEEN, "bins": 5},
        {"predictions": predictions, "bins": count},
    ),
    Call(
        evaluation.predict,
        {"model_or_path": PICTURE_CLASSIFIER, "inputs": PICTURES[0], "top": 1}
        | {"class_names": ["no", "yes"], "on_error": "raise", "resize": None, "trust": False},
        {
            "model_or_path": model_or_path,
            "inputs": picture,
            "top": count,
            "class_names": optional(names_of),
            "on_error": choice,
            "resize": optional(choice),
            "trust": flag,
        },
        {"inputs": {"beyond", "five channels"}},  # with a warning; 8 grey pictures
    ),
    Call(
        evaluation.predict_split,
        {"model": CLASSIFIER, "split": (tiny.X, tiny.Y), "class_names": NAMES},
        {"model": network, "split": labelled, "class_names": optional(names_of)},
        {"split": {"floats"}},
    ),
    Call(
        evaluation.classification_table,
        {"predictions": SEEN, "threshold": 0.5},
        {"predictions": predictions, "threshold": share},
        {"threshold": {"0"}},
    ),
    Call(
        evaluation.calibrate,
        {"model": CLASSIFIER, "val": (tiny.X, tiny.Y)},
        {"model": classifier, "val": labelled},
        {"val": {"floats"}},
    ),
    Call(
        evaluation.corrupt_images,
        {"images": PICTURES, "corruption": "noise", "severity": 1, "rows": None, "seed": 0},
        {
            "images": pixels,
            "corruption": choice,
            "severity": lambda g: number(g) | {"-1": -1, "99": 99},
            "rows": lambda g: {"too few": [1], "5": 5, "text": "ab", "NaN": [float("nan")] * 12},
            "seed": seed,
        },
    ),
    Call(
        evaluation.corruption_table,
        {"model": PICTURE_CLASSIFIER, "split": (PICTURES, TWO), "corruptions": ["noise"]}
        | {"severities": [1], "seed": 0},
        {
            "model": lambda g: classifier(g) | {"vectors": CLASSIFIER},
            "split": labelled,
            "corruptions": corruptions,
            "severities": severities,
            "seed": seed,
        },
        {"split": {"floats"}},
    ),
    Call(
        evaluation.check_splits,
        {"splits": SPLITS, "groups": None, "backbone": BODY, "near": 0.05},
        {
            "splits": lambda g: {
                k: v for k, v in splits(g).items() if k not in ("no test", "arrays")
            },
            "groups": lambda g: {"5": 5, "lengths": {"train": [1]}, "text": "abc"},
            "backbone": optional(network),
            "near": at_least(0),
        },
    ),
    Call(
        evaluation.rank_backbones,
        {"candidates": {"body": BODY}, "data": (tiny.X, tiny.Y), "by": "logme", "pooling": "avg"}
        | {"most": 20, "batch_size": 8, "engine": "keras", "cache": True, "seed": 0}
        | {"verbose": 0},
        {
            "candidates": candidates,
            "data": labelled,
            "by": choice,
            "pooling": choice,
            "most": count,
            "batch_size": count,
            "engine": choice,
            "cache": flag,
            "seed": seed,
            "verbose": verbosity,
        },
        {"data": {"negative", "beyond", "2**32", "width", "splits"}, "candidates": {"text"}},
    ),
    Call(evaluation.episode_accuracies, EPISODES, OF_EPISODES),
    Call(
        evaluation.evaluate_episodes,
        EPISODES | {"baseline": "neighbour"},
        {"baseline": optional(choice)} | OF_EPISODES,
    ),
    Call(
        evaluation.late_fusion,
        {"probabilities": {"a": P, "b": P}, "present": None},
        {"probabilities": fused, "present": there},
    ),
    Call(
        evaluation.summarise_runs,
        {"rows": RUNS, "score": "accuracy", "margin": 0.01, "level": 0.98},
        {"rows": judged, "score": choice, "margin": at_least(0), "level": share},
    ),
    Call(
        evaluation.task_scores,
        {"model": OF_TASKS, "data": TASK_TEST, "batch_size": 8},
        {"model": network, "data": task_test, "batch_size": count},
    ),
    Call(
        evaluation.task_gains,
        {"learn": lambda names, seed: tuning.build_multitask(BODY, {n: TASKS[n] for n in names})}
        | {"tasks": ["kind", "weight"], "test": TASK_TEST, "seeds": 1, "margin": 0.01}
        | {"level": 0.98, "verbose": 0},
        {
            "learn": learners,
            "tasks": task_names,
            "test": task_test,
            "seeds": count,
            "margin": at_least(0),
            "level": share,
            "verbose": verbosity,
        },
    ),
    Call(
        evaluation.compare_transfer,
        COMPARED,
        {
            "backbone": lambda g: (
                {which: bad for which, bad in network(g).items() if which != "name"}
                | {"a function": lambda: None, "none such": "nope"}
            ),
            "data": splits,
            "seeds": count,
            "labels_per_class": optional(sizes),
            "methods": optional(compared),
            "arms": arms,
            "small": optional(network),
            "epochs": count,
            "unfreeze_blocks": blocks,
            "score": choice,
            "margin": at_least(0),
            "level": share,
            "budget_seconds": optional(above(0)),
            "checkpoint": lambda g: {"5": 5, "''": "", "a file": FOLDER / "films.csv"},
            "seed": seed,
            "verbose": verbosity,
        },
    ),
    Call(evaluation.kept_study, {"name": "01_learning_curves"}, {"name": study}),
    Call(study_state, {"name": "01_learning_curves"}, {"name": study}),
    Call(
        study_digest,
        {"script": FOLDER / "study.py"},
        {"script": file_but("photos/a/0.png")},
    ),
    Call(
        evaluation.study_folder,
        {"script": FOLDER / "study.py"},
        {"script": file_but("photos/a/0.png")},
    ),
    Call(
        evaluation.finished_parts,
        {"script": FOLDER / "study.py", "parts": [("seed 0", lambda: [{"a": 1}])]},
        {
            "script": file_but("photos/a/0.png"),
            "parts": lambda g: {
                "None": None,
                "5": 5,
                "a text": "seed 0",
                "one part": ("seed 0", list),
                "names": ["seed 0"],
                "no function": [("seed 0", [])],
                "no name": [(0, list)],
                "a name twice": [("seed 0", list), ("seed 0", list)],
            },
        },
    ),
]
