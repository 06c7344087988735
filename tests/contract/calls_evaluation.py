"""What is computed from arrays and predictions."""

import numpy as np
from bad_values import (
    Call,
    above,
    at_least,
    choice,
    class_numbers,
    count,
    number,
    numbers,
    optional,
    probabilities,
    rows,
    seed,
    share,
)

from tltk import evaluation
from tltk.evaluation import Predictions

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
    Call(evaluation.label_worth, CURVES, KINDS),
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
    Call(evaluation.fit_temperature, {"validation": SEEN}, {"validation": predictions}),
    Call(
        evaluation.tempered,
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
]
