"""What adapts arrays between domains."""

import numpy as np
import pandas
import tiny
from bad_values import (
    Call,
    above,
    at_least,
    blocks,
    choice,
    class_list,
    classes,
    classifier,
    count,
    domain,
    fitted,
    flag,
    labelled,
    numbers,
    optional,
    probabilities,
    rows,
    seed,
    share,
    unlabelled,
    verbosity,
)
from sklearn.linear_model import LogisticRegression
from tiny import NAMES

from tltk import adaptation, tuning
from tltk.adaptation.losses import rising_strength
from tltk.adaptation.source_free import pseudo_labels

RNG = np.random.default_rng(0)
SOURCE, TARGET = RNG.normal(size=(30, 3)), RNG.normal(0.5, 1, (20, 3))
X, DOMAIN = np.vstack([SOURCE, TARGET]), np.repeat([0, 1], [30, 20])
Y = (X[:, 0] > 0).astype(int)
P = np.c_[np.linspace(0.1, 0.9, 20), 1 - np.linspace(0.1, 0.9, 20)]
GRAPH = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]])
DATA, OF_DATA = {"X": X, "domain": DOMAIN}, {"X": rows, "domain": domain}
LABELLED, OF_LABELLED = DATA | {"y": Y}, OF_DATA | {"y": classes}
CANDIDATES = {"a": P, "b": P[:, ::-1]}
WEIGHED = "importance-weighted validation"


def whole_share(_):
    """A share of which both ends are fine."""
    return {which: bad for which, bad in share(_).items() if which != "0"}


def random_state(good):
    """scikit-learn's, which takes None and generators too."""
    return {which: bad for which, bad in seed(good).items() if which not in ("None", "True")}


def candidates(good):
    return {
        "none": {},
        "a list": list(good.values()),
        "None": None,
        "NaN": {"a": good["a"] * np.nan, "b": good["b"]},
        "logits": {"a": good["a"] * 9, "b": good["b"]},
    }


def scores(_):
    nan = float("nan")
    return {"other": {"a": 0.5}, "NaN": {"a": 0.5, "b": nan}, "text": {"a": 0.5, "b": "x"}, "1": 1}


def weights(good):
    return numbers(good) | {"negative": -np.asarray(good), "zeros": 0 * np.asarray(good)}


def graph(good):
    return rows(good) | {"one-way": np.triu(good), "negative": -good, "no edges": 0 * good}


def side(good):
    return {which: bad for which, bad in rows(good).items() if which != "two"}


def priors(_):
    nan = float("nan")
    wrong = [0.9, 0.9], [1.0], [1.0, 0.0], [nan, 1.0], [-0.5, 1.5], "half", None, 0.5
    return {str(each): each for each in wrong}


def sweep(_):
    nan = float("nan")
    return {str(each): each for each in ((), (-1.0,), (nan,), ("a",), None, 0.5)}


def components(_):
    wrong = 0, -1, 1.5, "3", None, True, float("nan"), 1000
    return {repr(each): each for each in wrong}


def names(_):
    return {"text": "ab", "one": ("a",), "None": None, "number": 2}


def frames(good):
    return {
        "None": None,
        "text": "table",
        "5": 5,
        "a list": [1, 2],
        "none": good[:0],
        "one axis": good["a"],
    }


def with_batch_norm():
    return tiny.build_classifier(tiny.normalized_body(), NAMES)


TABLE = pandas.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
ADAPTED = {"model": tiny.CLASSIFIER, "target": tiny.X, "unfreeze_blocks": 1, "epochs": 1}
ADAPTED |= {"lr": 1e-3, "augment": None, "train_batch_norm": False, "batch_size": 8, "seed": 0}
ADAPTED |= {"verbose": 0}
OF_ADAPTED = {
    "model": classifier,
    "target": unlabelled,
    "unfreeze_blocks": lambda g: blocks(g) | {"0": 0},
    "epochs": at_least(0),
    "lr": above(0),
    "augment": lambda g: {repr(each): each for each in (5, "flip", [1])},
    "train_batch_norm": flag,
    "seed": seed,
    "verbose": verbosity,
}
CALLS = [
    fitted(adaptation.DomainScaler, DATA, OF_DATA),
    fitted(adaptation.CORAL, DATA, OF_DATA | {"shrinkage": whole_share}, shrinkage=0.5),
    fitted(
        adaptation.SubspaceAlignment,
        DATA,
        OF_DATA | {"n_components": components},
        n_components=2,
    ),
    fitted(
        adaptation.TCA,
        DATA,
        OF_DATA
        | {
            "n_components": optional(components),
            "mu": above(0),
            "kernel": choice,
            "gamma": optional(above(0)),
            "max_rows": count,
            "landmarks": at_least(2),
            "random_state": random_state,
        },
        n_components=2,
        mu=0.1,
        kernel="rbf",
        gamma=1.0,
        max_rows=5000,
        landmarks=10,
        random_state=0,
    ),
    fitted(
        adaptation.OptimalTransport,
        DATA,
        OF_DATA
        | {
            "regularization": above(0),
            "max_rows": count,
            "iterations": count,
            "random_state": random_state,
        },
        regularization=0.5,
        max_rows=2000,
        iterations=500,
        random_state=0,
    ),
    fitted(
        adaptation.KMM,
        DATA,
        OF_DATA
        | {
            "bandwidth": optional(above(0)),
            "bound": above(1),
            "slack": optional(above(0)),
            "exact_rows": at_least(0),
            "landmarks": count,
            "random_state": random_state,
        },
        bandwidth=1.0,
        bound=10.0,
        slack=0.5,
        exact_rows=5000,
        landmarks=10,
        random_state=0,
    ),
    fitted(
        adaptation.DensityRatio,
        DATA,
        OF_DATA
        | {
            "penalty": optional(at_least(0)),
            "folds": at_least(2),
            "bound": optional(above(0)),
            "random_state": random_state,
        },
        penalty=1.0,
        folds=2,
        bound=9.0,
        random_state=0,
    ),
    fitted(  # rows of the target are not read
        adaptation.SourceOnly, LABELLED, OF_LABELLED, {"X": {"NaN"}}, estimator=LogisticRegression()
    ),
    fitted(adaptation.Reweighted, LABELLED, OF_LABELLED, estimator=LogisticRegression()),
    fitted(
        adaptation.WeightSweep,
        LABELLED,
        OF_LABELLED | {"weights": sweep, "folds": at_least(2), "random_state": random_state},
        estimator=LogisticRegression(),
        weights=(0.1, 1.0),
        folds=2,
        random_state=0,
    ),
    fitted(
        adaptation.TrAdaBoost,
        LABELLED,
        OF_LABELLED | {"n_estimators": count, "random_state": random_state},
        {"X": {"None among"}},  # tables of objects are for the pipeline to read
        n_estimators=2,
        random_state=0,
    ),
    fitted(
        adaptation.TrAdaBoostR2,
        DATA | {"y": X[:, 0]},
        OF_DATA | {"y": numbers, "n_estimators": count},
        {"y": {"one axis more"}, "X": {"None among"}},
        n_estimators=2,
    ),
    fitted(
        adaptation.PairedAlignment,
        {"X": X, "Y": X[:, :2]},
        {
            "X": rows,
            "Y": rows,
            "method": choice,
            "shrinkage": whole_share,
            "n_components": optional(components),
        },
        method="cca",
        shrinkage=0.1,
        n_components=1,
    ),
    Call(
        adaptation.stack_domains,
        {"source": SOURCE, "target": TARGET},
        {"source": rows, "target": rows},
    ),
    Call(adaptation.effective_sample_size, {"weights": [1.0, 2.0]}, {"weights": weights}),
    Call(
        adaptation.correct_label_shift,
        {"probabilities": P, "source_priors": [0.5, 0.5]},
        {"probabilities": probabilities, "source_priors": priors},
    ),
    Call(adaptation.target_entropy, {"probabilities": P}, {"probabilities": probabilities}),
    Call(adaptation.infomax, {"probabilities": P}, {"probabilities": probabilities}),
    Call(
        adaptation.soft_neighbourhood_density,
        {"probabilities": P, "temperature": 0.05},
        {"probabilities": probabilities, "temperature": above(0)},
    ),
    Call(
        adaptation.importance_weighted_risk,
        {"losses": [0.1, 0.2, 0.3], "weights": [1.0, 2.0, 1.0], "control_variate": True},
        {"losses": numbers, "weights": weights, "control_variate": flag},
    ),
    Call(
        adaptation.select_without_labels,
        {"probabilities": CANDIDATES, "criterion": "InfoMax"},
        {"probabilities": candidates, "criterion": choice},
    ),
    Call(
        adaptation.select_without_labels,
        {
            "probabilities": CANDIDATES,
            "criterion": WEIGHED,
            "losses": {"a": [0.1, 0.2], "b": [0.2, 0.3]},
            "weights": [1.0, 2.0],
        },
        {
            "losses": lambda _: {"None": None, "other": {"a": [0.1, 0.2]}, "list": [0.1, 0.2]},
            "weights": weights,
        },
        name="select_without_labels by losses",
    ),
    Call(
        adaptation.compare_criteria,
        {"probabilities": CANDIDATES, "oracle_scores": {"a": 0.5, "b": 0.6}},
        {"probabilities": candidates, "oracle_scores": scores},
    ),
    Call(
        adaptation.structural_features,
        {"adjacency": GRAPH, "rounds": 1, "relative": True},
        {"adjacency": graph, "rounds": at_least(0), "relative": flag},
    ),
    Call(adaptation.mean_over_neighbours, {"adjacency": GRAPH}, {"adjacency": graph}),
    Call(
        adaptation.message_passing_network,
        {"features": 3, "class_names": ("a", "b"), "filters": 4, "blocks": 1},
        {"features": count, "class_names": names, "filters": count, "blocks": count},
    ),
    Call(
        rising_strength,
        {"progress": 0.5, "steepness": 10.0},
        {"steepness": at_least(0)},
    ),
    Call(
        adaptation.stack_tables,
        {"source": TABLE, "target": TABLE},
        {"source": frames, "target": frames},
    ),
    Call(
        adaptation.adapt_domains,
        ADAPTED
        | {"source": (tiny.X, tiny.Y), "val": (tiny.X, tiny.Y), "method": "dann", "weight": None}
        | {
            "labelled_target": (tiny.X, tiny.Y),
            "base_lr": None,
            "lr_decay": 1.0,
            "weight_decay": 0.0,
        }
        | {"steepness": 10.0, "cache": True, "callbacks": (), "separate_domains": False},
        OF_ADAPTED
        | {
            "separate_domains": flag,
            "source": labelled,
            "val": optional(labelled),
            "method": choice,
            "weight": optional(at_least(0)),
            "labelled_target": optional(labelled),
            "base_lr": optional(above(0)),
            "lr_decay": above(0),
            "weight_decay": at_least(0),
            "steepness": at_least(0),
            "cache": flag,
            "callbacks": lambda g: {repr(each): each for each in ([3], 5)},
            "batch_size": count,
        },
    ),
    Call(
        adaptation.adapt_without_source,
        ADAPTED | {"pseudo_weight": 0.3},
        OF_ADAPTED | {"pseudo_weight": at_least(0), "batch_size": count},
    ),
    Call(
        adaptation.adapt_batch_norm,
        {"model": with_batch_norm(), "target": tiny.X, "batch_size": 8},
        {
            "model": lambda g: classifier(g) | {"without": tiny.CLASSIFIER},
            "target": unlabelled,
            "batch_size": count,
        },
    ),
    Call(
        adaptation.message_passing_network,
        {"features": 3, "class_names": ("a", "b"), "filters": 2, "blocks": 1},
        {"features": count, "class_names": class_list, "filters": count, "blocks": count},
    ),
    Call(rising_strength, {"progress": 0.5, "steepness": 10.0}, {"steepness": at_least(0)}),
    Call(
        adaptation.mmd_loss,
        {"source": tiny.X, "target": tiny.X, "kernel": "gaussian"},
        {"kernel": choice},
    ),
    Call(tuning.RandomColours, {"seed": 0}, {"seed": seed}),
    Call(
        pseudo_labels,
        {"features": X[30:], "probabilities": P, "rounds": 1},
        {"features": rows, "probabilities": probabilities, "rounds": count},
    ),
]
