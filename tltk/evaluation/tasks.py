"""Which task gains from which: every pair of tasks, and all together, against each alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from tltk._checks import (
    as_names,
    as_probabilities,
    check_choice,
    check_count,
    check_mapping,
    check_present,
    refuse,
    shown,
)
from tltk.evaluation.statistics import mean_interval, paired_interval
from tltk.evaluation.verdicts import transfer_verdict
from tltk.inputs.examples import Data
from tltk.tuning._checks import check_each
from tltk.tuning._loop import ShuffledBatches
from tltk.tuning.tasks import REGRESSION, label_parts, task_examples, tasks_of

ALL = "all"


class TaskGains(NamedTuple):
    """What a comparison of tasks found, as rows for `format_table`.

    Attributes:
        rows: one for each run and task: "task", "with" (the others it was trained with, "" for
            none), "seed" and "score".
        gains: one for each task and partner, or "all" others: its score "alone" and "together",
            the paired "gain" (mean, half width) and the "verdict".
    """

    rows: list[dict]
    gains: list[dict]


def task_gains(
    learn: Callable[[list[str], int], keras.Model],
    tasks: Sequence[str],
    test: tuple[Data, Mapping[str, Any]],
    seeds: int = 5,
    *,
    margin: float = 0.01,
    level: float = 0.98,
    verbose: int = 0,
) -> TaskGains:
    """Train each task alone, with each other, and with all, and say which gains from which.

        gain of a from b = score of a when trained with b - score of a when trained alone

    paired by seed. A negative gain is negative transfer between tasks. The verdict is that of
    `transfer_verdict`.

    Args:
        learn: a function of (task names, seed) that returns a trained model of these tasks, with
            the same data, labels and steps for every set of tasks of one seed. It builds the model
            anew: one that comes back trained would carry what the tasks before it taught.
        tasks: the names of at least two tasks.
        test: `(inputs, labels)` to judge with, labels a dict by task, as for `fine_tune_tasks`.
        seeds: how many runs of each set; n tasks cost n + n (n - 1) / 2 + 1 models a seed.
        margin: the smallest mean gain that matters, in the unit of the scores.
        level: confidence level of the paired intervals.
        verbose: 1 to print each set of tasks as it is done.

    Returns:
        `TaskGains`; the scores are accuracies, and R2 for regression.

    Raises:
        ValueError: for fewer than two tasks, test labels that lack one, and a model of other tasks.

    Example:
        >>> from tltk.tuning import build_multitask, fine_tune_tasks
        >>> x = np.random.default_rng(0).normal(size=(40, 2))
        >>> labels = {"right": (x[:, 0] > 0) * 1, "sum": x.sum(axis=1)}
        >>> kinds = {"right": 2, "sum": "regression"}
        >>> def learn(names, seed):
        ...     body = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(1.0)])
        ...     model = build_multitask(body, {n: kinds[n] for n in names})
        ...     fine_tune_tasks(model, (x, {n: labels[n] for n in names}), unfreeze_blocks=0,
        ...                     seed=seed, cache=False, verbose=0)
        ...     return model
        >>> found = task_gains(learn, ["right", "sum"], (x, labels), seeds=1)
        >>> [(row["task"], row["with"], row["verdict"]) for row in found.gains]
        [('right', 'sum', 'cannot tell'), ('sum', 'right', 'cannot tell')]

    References:
        - Standley et al., Which tasks should be learned together in multi-task learning?, 2020.
        - Fifty et al., Efficiently identifying task groupings for multi-task learning, 2021.
    """
    tasks = list(as_names("tasks", tasks))
    check_each(verbose=verbose)
    if not callable(learn):
        advice = "Pass a function that builds and trains a model"
        refuse("learn must be a function of names and seed", f"learn={shown(learn)}", advice)
    _check(tasks, test, seeds)
    transfer_verdict([0.0], margin, level)
    alone = [(name,) for name in tasks]
    sets = [*alone, *itertools.combinations(tasks, 2), tuple(tasks)]
    rows = []
    for names in dict.fromkeys(sets):
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            scores = _scores(learn(list(names), seed), names, test)
            for name, score in scores.items():
                others = [each for each in names if each != name]
                partner = ALL if len(others) > 1 else "".join(others)
                rows.append({"task": name, "with": partner, "seed": seed, "score": score})
        if verbose:
            print(f"{' + '.join(names)}: done, {seeds} seeds", flush=True)
    return TaskGains(rows, _gains(rows, tasks, margin, level))


def task_scores(
    model: keras.Model, data: tuple[Data, Mapping[str, Any]], batch_size: int = 256
) -> list[dict]:
    """Judge a model of tasks on the labels there are.

    Args:
        model: what `build_multitask` made, trained.
        data: `(inputs, labels)`, as for `fine_tune_tasks`; missing labels are left out.
        batch_size: rows a step.

    Returns:
        A row for each task: "task", "labels" (how many), "measure" ("accuracy" or "R2", which is
        one less the share of these labels' variance that is left) and "score".

    Raises:
        ValueError: for labels that do not fit the tasks, and a task without any.

    Example:
        >>> from tltk.tuning import build_multitask
        >>> body = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(1.0)])
        >>> model = build_multitask(body, {"big": ["no", "yes"]})
        >>> weights = [np.array([[0, 1], [0, 0]]), np.zeros(2)]
        >>> model.get_layer("head_output_big").set_weights(weights)
        >>> task_scores(model, (np.eye(2), {"big": [1, -1]}))
        [{'task': 'big', 'labels': 1, 'measure': 'accuracy', 'score': 1.0}]
    """
    check_count("batch_size", batch_size)
    tasks = tasks_of(model)
    examples = task_examples(model, data, "test")
    outputs = model.predict(ShuffledBatches(examples, batch_size), verbose=0)
    rows = []
    for name, (places, labels) in label_parts(tasks, examples.labels).items():
        given = outputs[name][places]
        if tasks[name].kind == REGRESSION:
            left = np.mean((labels - given[:, 0]) ** 2) / (np.var(labels) or 1.0)
            measure, score = "R2", 1 - left
        else:
            measure, score = "accuracy", np.mean(given.argmax(axis=1) == labels)
        row = {"task": name, "labels": len(places), "measure": measure, "score": float(score)}
        rows.append(row)
    return rows


def _gains(rows, tasks, margin, level) -> list[dict]:
    scores: dict[tuple, list] = {}
    for row in rows:
        scores.setdefault((row["task"], row["with"]), []).append(row["score"])
    found = []
    for name in tasks:
        alone = scores[name, ""]
        for partner in [*(each for each in tasks if each != name), ALL]:
            if (name, partner) in scores:
                together = scores[name, partner]
                gaps = np.subtract(together, alone)
                row = {"task": name, "with": partner, "alone": mean_interval(alone, level)}
                row["together"] = mean_interval(together, level)
                row["gain"] = paired_interval(together, alone, level)
                found.append(row | {"verdict": transfer_verdict(gaps, margin, level)})
    return found


def _scores(model, names, test) -> dict[str, float]:
    if not isinstance(model, keras.Model) or set(tasks_of(model)) != set(names):
        received = list(tasks_of(model)) if isinstance(model, keras.Model) else type(model).__name__
        raise ValueError(
            "The function returns a model of just the tasks it was asked for. "
            f"Received: {received} from learn, asked for {', '.join(names)}. "
            "Build it with {name: … for name in names}."
        )
    inputs, labels = test
    own = (inputs, {name: labels[name] for name in names})
    return {row["task"]: row["score"] for row in task_scores(model, own)}


def _check(tasks, test, seeds) -> None:
    check_count("seeds", seeds)
    if len(tasks) < 2 or len(set(tasks)) < len(tasks) or ALL in tasks:
        raise ValueError(
            "Gains are between at least two different tasks, none of them called 'all'. "
            f"Received: tasks={tasks}. Name them as the model does."
        )
    if not isinstance(test, tuple) or len(test) != 2 or not isinstance(test[1], Mapping):
        received, advice = f"test={shown(test)}", "Pass (x, {task: labels})"
        refuse("test must be a pair of inputs and labels by task", received, advice)
    missing = [name for name in tasks if name not in test[1]]
    if missing:
        raise ValueError(
            "Every task is judged, so it needs test labels. "
            f"Received: none for tasks={missing}. Pass test=(x, {{task: labels}})."
        )


def late_fusion(
    probabilities: Mapping[str, np.ndarray], present: Mapping[str, np.ndarray] | None = None
) -> np.ndarray:
    """Average the probabilities of one classifier for each modality over those that are present.

    It is the baseline of everything multimodal: nothing is learned together, and a modality that is
    missing is left out.

    Args:
        probabilities: by modality (n, k), of the same rows and classes.
        present: by modality booleans (n,); left out: present everywhere.

    Returns:
        (n, k); where a row has no modality at all, all classes alike.

    Raises:
        ValueError: for no modality, or shapes that differ.

    Example:
        >>> late_fusion({"sight": np.array([[0.9, 0.1]]), "sound": np.array([[0.5, 0.5]])}).tolist()
        [[0.7, 0.3]]

    Reference:
        Kittler, Hatef, Duin and Matas, On combining classifiers, 1998.
    """
    check_mapping("probabilities", probabilities, what="arrays")
    if present is not None:
        check_mapping("present", present, what="arrays")
    given = {}
    for name in present or {}:
        check_choice("present", name, probabilities, "Name the modalities as in probabilities")
    check_present(present or {})
    for name, each in probabilities.items():
        here = np.asarray((present or {}).get(name, True))
        looked_at = each
        if here.ndim == 1 and np.shape(each)[:1] == here.shape and not here.all():
            looked_at = np.where(here[:, None], each, 1 / np.shape(each)[-1])
        given[name] = as_probabilities(f"probabilities[{name!r}]", looked_at)
    shapes = {name: each.shape for name, each in given.items()}
    shapes |= {f"present of {name}": np.shape(each) for name, each in (present or {}).items()}
    rows, wide = {shape[:1] for shape in shapes.values()}, set(map(np.shape, given.values()))
    if len(wide) != 1 or len(rows) != 1 or len(next(iter(wide))) != 2:
        raise ValueError(
            "Fusion averages probabilities (n, k) of the same rows and classes. "
            f"Received: probabilities and present of shapes {shapes}. "
            "Predict the same rows with every classifier."
        )
    total: float | np.ndarray = 0.0
    votes: float | np.ndarray = 0.0
    for name, each in given.items():
        here = np.asarray((present or {}).get(name, np.ones(len(each))), dtype="float64")[:, None]
        total, votes = total + here * np.where(here > 0, each, 0.0), votes + here
    classes = next(iter(wide))[1]
    return np.where(votes > 0, total / np.maximum(votes, 1), 1 / classes)
