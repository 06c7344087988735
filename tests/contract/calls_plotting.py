"""Tables and figures."""

import numpy as np
from bad_values import Call, choice, count, flag, number, optional, share, text
from calls_evaluation import SEEN, predictions
from tiny import FOLDER, PICTURES, TWO

from tltk import plotting
from tltk.evaluation import Predictions
from tltk.few_labels import OpenSetCurve
from tltk.plotting.comparisons import mutual_gains

RUNS = [
    {"method": method, "labels_per_class": size, "seed": seed, "accuracy": 0.5 + seed / 10}
    for method in ("frozen", "fine-tuned")
    for size in (5, 20)
    for seed in (0, 1)
]
GAINS = [{"method": "frozen", "higher start": (0.1, 0.05)}]
TASK_GAINS = [
    {"task": a, "with": b, "gain": (0.1, 0.05), "alone": (0.5, 0.1), "together": (0.6, 0.1)}
    | {"verdict": "helped"}
    for a, b in (("x", "y"), ("y", "x"))
]
RANKED = [{"candidate": "a", "linear_probe": 0.7, "multiply_adds": 3e8, "recommended": True}]
CURVE = OpenSetCurve(np.linspace(0, 1, 5), np.linspace(1, 0, 5), np.linspace(1, 0.5, 5))
WRONG = Predictions(TWO, np.tile([0.8, 0.2], (12, 1)), ("no", "yes"))
HISTORY = {"loss": [1.0, 0.5], "val_loss": [1.1, 0.9]}
TABLE = plotting.format_table(RUNS)


def records(good):
    first = good[0]
    return {
        "none": [],
        "None": None,
        "text": "rows",
        "5": 5,
        "a dict": first,
        "other keys": [{"a": 1}],
        "numbers": [1, 2],
        "None among": [None],
    }


def scored(good):
    return records(good) | {
        "text score": [dict(row, accuracy="high") for row in good],
        "NaN score": [dict(row, accuracy=float("nan")) for row in good],
    }


def key(_):
    return {repr(each): each for each in ("nope", "", None, 5, ["accuracy"])}


def history(_):
    return {
        "None": None,
        "none": {},
        "no epochs": {"loss": []},
        "lengths": {"loss": [1, 2], "val_loss": [1]},
        "text": {"loss": ["a", "b"]},
        "5": 5,
        "a list": [1, 2],
        "one number": {"loss": 0.5},
        "None among": {"loss": [None, None]},
    }


def curves(_):
    return {"None": None, "none": {}, "text": "curve", "a dict of none": {"a": None}, "5": 5}


def many(good):
    return predictions(good) | {"none": {}, "a dict of none": {"a": None}, "text": "seen"}


def one(good):
    return predictions(good) | {"text": "seen", "5": 5}


def columns(_):
    wrong = ["nope"], "method", 5, [], [None]
    return {repr(each): each for each in wrong}


def lines(_):
    return {
        "none": {},
        "None": None,
        "a list": [1, 2],
        "lengths": {"a": ([1, 2], [1, 2, 3])},
        "text": {"a": ["x", "y"]},
        "one number": {"a": 5},
        "two axes": {"a": [[1, 2], [3, 4]]},
        "None value": {"a": None},
    }


def along(_):
    return {"too few": [1, 2], "text": "abc", "5": 5}


def gallery(_):
    return {
        "None": None,
        "none": [],
        "5": 5,
        "missing": ["gone.png"],
        "vectors": [np.zeros(3)],
        "None among": [None],
    }


def answers(_):
    return {
        "None": None,
        "too few": [],
        "text": ["cat"],
        "numbers": [0.5],
        "pairs": [("cat", 0.5)],
        "probability": [[("cat", "high")]],
    }


def split(good):
    x, y = good
    return {
        "None": None,
        "text": "photos",
        "no labels": x,
        "lengths": (x, y[:-1]),
        "vectors": (x.reshape(len(x), -1), y),
        "NaN": (x * float("nan"), y),
        "empty": (x[:0], y[:0]),
    }


def other_split(good):
    return split(good) | {"other": (good[0], 1 - good[1])}


def tables(_):
    return {
        "text": "x",
        "None": None,
        "a list": [TABLE],
        "rows": {"a": RUNS},
        "of None": {"a": None},
    }


def figures(_):
    return {
        "text": "x",
        "None": None,
        "a list": [1],
        "of None": {"a": None},
        "paths": {"a": "x.png"},
    }


def out(_):
    return {"None": None, "5": 5, "no text": "", "a file": FOLDER / "films.csv", "a zero": "a\0b"}


def class_names(_):
    wrong = ["a"], "ab", 5, ["a", "a"]
    return {repr(each): each for each in wrong}


CALLS = [
    Call(
        plotting.format_table,
        {"rows": RUNS, "columns": ["method"], "digits": 3, "caption": None, "missing": ""},
        {
            "rows": lambda g: {
                k: v for k, v in records(g).items() if k not in ("none", "other keys")
            },
            "columns": columns,
            "digits": lambda g: {repr(each): each for each in (-1, "x", 1.5, None, True, 10**6)},
            "caption": lambda g: {"5": 5, "[]": ["a"]},
            "missing": lambda g: {"5": 5, "None": None},
        },
    ),
    Call(
        plotting.plot_history,
        {"history": HISTORY, "best": "val_loss"},
        {"history": history, "best": lambda g: {repr(each): each for each in (5, True, ["loss"])}},
    ),
    Call(
        plotting.plot_learning_curves,
        {"rows": RUNS, "chance": 0.1, "level": 0.95, "score": "accuracy"},
        {"rows": scored, "chance": optional(number), "level": share, "score": key},
    ),
    Call(
        plotting.plot_transfer_gains,
        {"rows": RUNS, "gains": GAINS, "score": "accuracy", "level": 0.95, "margin": 0.01},
        {"rows": scored, "gains": records, "score": key, "level": share, "margin": number},
    ),
    Call(plotting.plot_task_gains, {"gains": TASK_GAINS}, {"gains": records}),
    Call(mutual_gains, {"gains": TASK_GAINS}, {"gains": records}),
    Call(
        plotting.plot_ranking,
        {"rows": RANKED, "score": "linear_probe", "cost": "multiply_adds"},
        {"rows": records, "score": key, "cost": key},
    ),
    Call(plotting.plot_confusion_matrix, {"predictions": SEEN}, {"predictions": one}),
    Call(
        plotting.plot_precision_recall,
        {"predictions": SEEN, "positive": "yes", "thresholds": {"half": 0.5}},
        {
            "predictions": many,
            "positive": choice,
            "thresholds": lambda g: {
                "5": 5,
                "text": {"half": "x"},
                "list": [0.5],
                "NaN": {"a": np.nan},
            },
        },
    ),
    Call(
        plotting.plot_reliability,
        {"predictions": SEEN, "bins": 5, "positive": None},
        {"predictions": many, "bins": count, "positive": optional(choice)},
    ),
    Call(
        plotting.plot_open_set,
        {"curves": CURVE, "false_accepts": 0.05},
        {"curves": curves, "false_accepts": share},
        {"false_accepts": {"0"}},
    ),
    Call(
        plotting.plot_pictures,
        {"split": (PICTURES, TWO), "class_names": ["no", "yes"], "per_class": 2},
        {"split": split, "class_names": class_names, "per_class": count},
    ),
    Call(
        plotting.plot_mistakes,
        {"predictions": WRONG, "split": (PICTURES, TWO), "count": 2},
        {"predictions": one, "split": other_split, "count": count},
    ),
    Call(
        plotting.plot_predictions,
        {"pictures": [PICTURES[0]], "answers": [[("cat", 0.9), ("dog", 0.1)]], "count": 2},
        {"pictures": gallery, "answers": answers, "count": count},
    ),
    Call(
        plotting.plot_series,
        {"lines": {"a": [1, 2, 3]}, "x": [1, 2, 3], "xlabel": "time", "ylabel": "value"}
        | {"panels": False},
        {
            "lines": lines,
            "x": along,
            "panels": flag,
        },
    ),
    Call(
        plotting.write_report,
        {"folder": FOLDER / "report", "title": "Report", "tables": {"Runs": TABLE}, "figures": {}},
        {"folder": out, "title": text, "tables": tables, "figures": figures},
        {"title": {"''"}},
    ),
]
