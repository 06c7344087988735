"""Which pretrained network to take: scores and costs of every candidate, before any training."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from tltk._checks import check_choice, check_count, refuse, shown
from tltk.backbones import find_weights, load_backbone
from tltk.backbones._cost import largest_pass, multiply_adds
from tltk.backbones.registry import architecture
from tltk.evaluation.transferability import (
    checked_classes,
    h_score,
    leep,
    linear_probe_accuracy,
    logme,
    nce,
    neighbour_accuracy,
    nleep,
)
from tltk.inputs.examples import Data, Examples, Splits, as_network_input, examples_of
from tltk.tuning import extract_features
from tltk.tuning._checks import check_each
from tltk.tuning._cutting import body_below
from tltk.tuning._engines import chosen_engine, started
from tltk.tuning.features import pooled_once

SCORES = ("logme", "h_score", "nleep", "linear_probe", "neighbours", "leep", "nce")
TIMED_RUNS = 3


class Source(NamedTuple):
    """A network to take features from, and one that gives a source task's probabilities, if any.

    `head` is the layer that turns the features themselves into probabilities, where there is one.
    """

    network: keras.Model
    whole: keras.Model | None = None
    head: keras.layers.Layer | None = None


def rank_backbones(
    candidates: Sequence | Mapping[str, Any],
    data: Data | Splits,
    by: str = "linear_probe",
    *,
    pooling: str = "avg",
    most: int = 2000,
    batch_size: int = 32,
    engine: str = "keras",
    cache: bool = True,
    seed: int = 0,
    verbose: int = 0,
) -> list[dict]:
    """Score every candidate's features on your labels, and set its cost beside.

    Each network runs once over the training examples (and validation, where there is any), by way
    of `extract_features`, so a second call reads what the first one kept. Nothing is trained but
    the probe. The test split is never touched.

    Args:
        candidates: names of `list_backbones()`, pairs (name, weights) as `load_backbone` takes
            them, or Keras models, which take any kind of input; or a mapping from names of your own
            to these. A model that ends in a dense softmax layer is a source with a head: its
            features are what goes into that layer.
        data: what `load_dataset` and the other loaders return; one split; or a pair (x, y) of
            arrays. One class number for each example.
        by: the score to sort by: "logme", "h_score", "nleep", "linear_probe", "neighbours", "leep"
            or "nce".
        pooling: "avg" or "max", for feature maps and sequences.
        most: score this many training and as many validation examples at most, drawn at random.
        batch_size: examples a step, also where speed is measured.
        engine: what computes the features, as for `extract_features`; speed is always Keras's.
        cache: keep the features on disk for the next call.
        seed: decides fresh weights, the draw, the folds and the start of NLEEP's mixture.
        verbose: 1 to print each candidate as it is reached.

    Returns:
        One row for each candidate, the best first:
        "candidate"; "logme", "h_score", "nleep" on the training examples; "linear_probe" and
        "neighbours", accuracies on validation, or in five folds where there is none; "leep" and
        "nce" where a source head is at hand, else None; "features" (d); "parameters";
        "multiply_adds" of one example; "examples_per_second" as measured here; "memory_mb", a lower
        bound: weights, and the largest layer's input and output for one batch, in float32;
        "recommended": True for one row; "reason": why a candidate could not be had, else None.
        The one recommended takes the fewest multiply-adds among those whose linear probe is within
        one standard error of the best one's.

    Raises:
        ValueError: for an unknown name or score, candidates of one name, or labels that are not
            class numbers.

    Example:
        >>> pictures = np.random.default_rng(0).integers(0, 255, (20, 32, 32, 3)).astype("uint8")
        >>> (row,) = rank_backbones([("small_cnn", None)], (pictures, [0, 1] * 10))
        >>> row["candidate"], row["multiply_adds"]
        ('small_cnn, fresh weights', 15040512)

    Reference:
        Renggli et al., Which model to transfer? Finding the needle in the growing haystack, 2022.
    """
    named = _named(candidates)
    check_choice("by", by, SCORES, 'Use "linear_probe" if in doubt')
    check_choice("pooling", pooling, ("avg", "max"))
    chosen_engine(engine, "float32")
    check_each(batch_size=batch_size, seed=seed, cache=cache, verbose=verbose)
    train, val = _examples(data, most, seed)
    sample = as_network_input(train.fetch(np.arange(min(batch_size, train.count))))
    settings = {"pooling": pooling, "batch_size": batch_size, "engine": engine, "cache": cache}
    rows: list[dict] = []
    for name, candidate in named.items():
        if verbose:
            print(f"{name} ({len(rows) + 1} of {len(named)})", flush=True)
        try:
            source = _source(candidate, sample, seed)
            scored = _scores(source, train, val, settings, seed)
        except (ValueError, FileNotFoundError) as error:
            rows.append(_row(name, reason=str(error).split(" Received: ")[0]))
            continue
        costs = _costs(source.network, pooled_once(source.network, pooling), sample)
        rows.append(_row(name, **scored, **costs))
    had = [row for row in rows if row["reason"] is None]
    if had:
        _recommended(had, train if val is None else val)["recommended"] = True
    return sorted(rows, key=lambda row: -np.inf if row[by] is None else row[by], reverse=True)


def _named(candidates) -> dict[str, Any]:
    """Each candidate under a name; those of one name, and unknown ones, are refused."""
    if isinstance(candidates, str | keras.Model):
        candidates = [candidates]
    if not isinstance(candidates, Mapping | list | tuple):
        advice = "Pass names of list_backbones(), or {name: model}"
        refuse("candidates must be a list or a dict", f"candidates={shown(candidates)}", advice)
    named = (
        list(candidates.items())
        if isinstance(candidates, Mapping)
        else [(_name(each), each) for each in candidates]
    )
    names = [name for name, _ in named]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or not names:
        received = f"candidates with {', '.join(repeated)} twice" if repeated else "candidates={}"
        advice = 'Pass a mapping: {"a name": candidate, …}'
        refuse("Candidates need names that differ, one at least", received, advice)
    for _, candidate in named:
        if not isinstance(candidate, keras.Model):
            architecture(_pair(candidate)[0])
    return dict(named)


def _name(candidate) -> str:
    if isinstance(candidate, keras.Model):
        return candidate.name
    name, weights = _pair(candidate)
    if weights == "imagenet":
        return name
    return f"{name}, {'fresh weights' if weights is None else Path(weights).name}"


def _pair(candidate) -> tuple[str, Any]:
    pair = (candidate, "imagenet") if isinstance(candidate, str) else candidate
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[0], str):
        raise ValueError(
            "A candidate is a name, a pair (name, weights) or a Keras model. "
            f"Received: {candidate!r} among candidates. list_backbones() gives the names."
        )
    return tuple(pair)


def _examples(data, most, seed) -> tuple[Examples, Examples | None]:
    check_count("most", most)
    parts = (data.train, data.val) if isinstance(data, Splits) else (examples_of(data), None)
    train = _drawn(parts[0], most, seed)
    val = None if parts[1] is None else _drawn(parts[1], most, seed)
    checked_classes([] if train.labels is None else train.labels, train.count)
    return train, val


def _drawn(part, most, seed) -> Examples:
    examples = examples_of(part)
    if examples.count <= most:
        return examples
    return examples.take(np.random.default_rng(seed).permutation(examples.count)[:most])


def _source(candidate, sample, seed) -> Source:
    if isinstance(candidate, keras.Model):
        return _own_source(candidate, sample)
    name, weights = _pair(candidate)
    shape = np.shape(sample)[1:]
    if len(shape) != 3:
        raise ValueError(f"{name} takes pictures. Received: inputs of shape {shape}.")
    if weights is None:
        keras.utils.set_random_seed(seed)
    network = load_backbone(name, weights, shape)
    return Source(network, _with_top(name, shape) if weights == "imagenet" else None)


def _with_top(name, shape) -> keras.Model | None:
    """The network with its ImageNet classifier, where its weights are here and take this size."""
    if find_weights(name, include_top=True) is None:
        return None
    try:
        return load_backbone(name, input_shape=shape, include_top=True)
    except ValueError:
        return None


def _own_source(model, sample) -> Source:
    shapes = [leaf.shape[1:] for leaf in keras.tree.flatten(sample)]
    wanted = [tensor.shape[1:] for tensor in model.inputs]
    same = len(shapes) == len(wanted) and all(map(_fits, shapes, wanted))
    if not same:
        raise ValueError(f"It takes inputs of shape {wanted}, not {list(map(tuple, shapes))}.")
    last = model.layers[-1]
    if getattr(last, "activation", None) is keras.activations.softmax and hasattr(last, "kernel"):
        return Source(body_below(model, last), head=last)
    return Source(model)


def _fits(shape, wanted) -> bool:
    return len(shape) == len(wanted) and all(
        w is None or s == w for s, w in zip(shape, wanted, strict=True)
    )


def _scores(source, train, val, settings, seed) -> dict:
    features, labels = extract_features(source.network, train, **settings)
    features = features.reshape(len(features), -1)
    held_out = None
    if val is not None:
        new, truth = extract_features(source.network, val, **settings)
        held_out = new.reshape(len(new), -1), truth
    found = {
        "logme": logme(features, labels),
        "h_score": h_score(features, labels),
        "nleep": nleep(features, labels, seed=seed),
        "linear_probe": linear_probe_accuracy(features, labels, held_out, seed=seed),
        "neighbours": neighbour_accuracy(features, labels, held_out, seed=seed),
        "features": features.shape[1],
    }
    answers = None
    if source.head is not None:
        answers = keras.ops.convert_to_numpy(source.head(np.asarray(features)))
    elif source.whole is not None:
        answers = extract_features(source.whole, train, **{**settings, "pooling": None})[0]
    if answers is not None:
        found |= {"leep": leep(answers, labels), "nce": nce(answers.argmax(axis=1), labels)}
    return found


def _costs(network, pooled, sample) -> dict:
    """Counted for the network as it is, timed on the very run that gave the features."""
    count = len(keras.tree.flatten(sample)[0])
    run = started(pooled, "keras", "float32", "", sample)
    run(sample)
    seconds = []
    for _ in range(TIMED_RUNS):
        began = time.perf_counter()
        run(sample)
        seconds.append(time.perf_counter() - began)
    numbers = network.count_params() + count * largest_pass(network.layers)
    return {
        "parameters": network.count_params(),
        "multiply_adds": multiply_adds(network.layers),
        "examples_per_second": count / min(seconds),
        "memory_mb": 4 * numbers / 1e6,
    }


def _recommended(rows, judged: Examples) -> dict:
    best = max(row["linear_probe"] for row in rows)
    near = best - np.sqrt(best * (1 - best) / judged.count)
    good = [row for row in rows if row["linear_probe"] >= near]
    return min(good, key=lambda row: (row["multiply_adds"], -row["linear_probe"]))


def _row(candidate, **found) -> dict:
    costs = ("features", "parameters", "multiply_adds", "examples_per_second", "memory_mb")
    empty = dict.fromkeys([*SCORES, *costs])
    return {"candidate": candidate, **empty, "recommended": False, "reason": None, **found}
