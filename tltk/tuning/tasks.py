"""Several heads on one backbone: a model that answers several questions about one input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras

from tltk._checks import check_count, check_share, refuse, shown
from tltk._keras import as_functional, check_model, input_structure, operation_of
from tltk.tuning.heads import check_backbone, compiled_frozen, pooled_features

REGRESSION = "regression"
OUTPUT = "head_output_"
ACTIVATION = {"classes": "softmax", REGRESSION: "linear"}
LOSS = {"classes": "sparse_categorical_crossentropy", REGRESSION: "mean_squared_error"}
METRIC = {"classes": "accuracy", REGRESSION: "mean_absolute_error"}


class Task(NamedTuple):
    """One question: its name, "classes" or "regression", and the number of its answers."""

    name: str
    kind: str
    units: int


def build_multitask(
    backbone: keras.Model,
    tasks: Mapping[str, Sequence[str] | int | str],
    pooling: str = "avg",
    dropout: float = 0.2,
    hidden: int = 0,
) -> keras.Model:
    """Put a head for each of several tasks on one frozen backbone.

    What the tasks share is what trains below their heads: the unfrozen blocks and the hidden
    layer. Without either each head is a probe of its own, and nothing passes between them.

    Args:
        backbone: a headless network, as for `build_classifier`; its layers are shared, not copied.
        tasks: for each task by name its class names, or their number, or "regression" for one
            number; a task with several labels at once is several tasks of yes or no.
        pooling: "avg" or "max", for features with space or time.
        dropout: the share of features dropped in training, before the heads.
        hidden: units of a layer that all heads share; 0 for none.

    Returns:
        A compiled model with the backbone frozen and named outputs: a dict of probabilities (b, k),
        or of numbers (b, 1), by task. Train it with `fine_tune_tasks`, where labels may be missing.

    Raises:
        ValueError: for a task that is not described as above, a name that Keras cannot take, and
            what `build_classifier` refuses.

    Example:
        >>> body = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
        >>> model = build_multitask(body, {"animal": ["cat", "dog"], "weight": "regression"})
        >>> {name: output.shape for name, output in model.output.items()}
        {'animal': (None, 2), 'weight': (None, 1)}

    Reference:
        Caruana, Multitask learning, 1997.
    """
    check_share("dropout", dropout)
    check_count("hidden", hidden, least=0)
    if not isinstance(tasks, Mapping):
        refuse("tasks must be a dict by name", f"tasks={shown(tasks)}", 'Pass {"animal": 2}, say')
    described = {name: _checked_task(name, answers) for name, answers in tasks.items()}
    if not described:
        raise ValueError(
            "A model of tasks needs at least one. Received: none. "
            'Pass tasks={"animal": ["cat", "dog"], "weight": "regression"}.'
        )
    check_backbone(backbone, pooling)
    features = pooled_features(backbone, pooling, name="head_pool")
    if hidden:
        features = keras.layers.Dense(hidden, "relu", name="head_hidden")(features)
    if dropout:
        features = keras.layers.Dropout(dropout, name="head_dropout")(features)
    kinds = {
        name: REGRESSION if names == REGRESSION else "classes" for name, names in described.items()
    }
    outputs = {
        name: keras.layers.Dense(
            1 if kinds[name] == REGRESSION else len(names),
            activation=ACTIVATION[kinds[name]],
            dtype="float32",
            name=OUTPUT + name,
        )(features)
        for name, names in described.items()
    }
    model = keras.Model(input_structure(backbone), outputs, name=f"{backbone.name}_tasks")
    losses = {name: LOSS[kind] for name, kind in kinds.items()}
    metrics = {name: [METRIC[kind]] for name, kind in kinds.items()}
    facts = {"tasks": described, "kind": "tasks", "backbone": backbone.name}
    return compiled_frozen(model, losses, metrics, **facts)


def tasks_of(model: keras.Model) -> dict[str, Task]:
    """The tasks of a model with named outputs, read from its graph alone.

    Args:
        model: what `build_multitask` made, also after plain Keras loaded it.

    Returns:
        A `Task` by name.

    Raises:
        ValueError: for a model without named outputs.

    Example:
        >>> body = keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(1.0)])
        >>> tasks_of(build_multitask(body, {"weight": "regression"}))
        {'weight': Task(name='weight', kind='regression', units=1)}
    """
    return {name: task_of_head(_head_of(tensor)) for name, tensor in task_outputs(model).items()}


def task_outputs(model: keras.Model) -> dict:
    """The output tensors of a model of tasks, by name."""
    check_model(model)
    outputs = getattr(as_functional(model), "output", None)
    if not isinstance(outputs, dict) or not all(
        getattr(_head_of(tensor), "name", "").startswith(OUTPUT) for tensor in outputs.values()
    ):
        raise ValueError(
            "A model of tasks has named outputs. "
            f"Received: {model.name!r}, which has not. Make it with build_multitask."
        )
    return dict(outputs)


def task_of_head(head: keras.layers.Layer) -> Task:
    """What a task's dense layer tells of it."""
    kind = REGRESSION if head.activation.__name__ == "linear" else "classes"
    return Task(head.name.removeprefix(OUTPUT), kind, head.units)


def _head_of(tensor):
    return operation_of(tensor)


def _checked_task(name, answers) -> list[str] | str:
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(
            "A task's name is a word without a slash, which Keras keeps for paths. "
            f"Received: {name!r} among the tasks. Choose another."
        )
    if isinstance(answers, str) and answers == REGRESSION:
        return REGRESSION
    names = answers
    if isinstance(answers, int) and not isinstance(answers, bool):
        names = list(map(str, range(answers)))
    names = list(names) if isinstance(names, list | tuple) else []
    fits = all(isinstance(each, str | int) for each in names)
    if len(names) < 2 or len(set(names)) < len(names) or not fits:
        raise ValueError(
            "A task is described by at least two different class names, by their number, or by "
            f'"regression". Received: {answers!r} for {name!r} among the tasks. For a single '
            'answer of yes or no use ["no", "yes"].'
        )
    return names
