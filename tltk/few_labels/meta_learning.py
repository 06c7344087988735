"""Learn to learn: train the weights from which a few steps on a new task get far."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

from tltk._checks import (
    as_numbers,
    check_count,
    check_flag,
    check_number,
    check_seed,
    refuse,
    shown,
)
from tltk._keras import all_layers, check_model
from tltk.few_labels.episodes import (
    TO_LEARN,
    TO_TEST,
    check_rates,
    checked_task,
    stacked_tasks,
    task_numbers,
)
from tltk.tuning._checks import fits_shape
from tltk.tuning._loop import history_of, value_and_gradient


def adapt(
    model: keras.Model,
    x,
    y,
    loss=None,
    *,
    steps: int = 10,
    lr: float | Sequence = 0.01,
    inner_layers: Sequence[str] | None = None,
) -> keras.Model:
    """Copy a network and fit the copy to one small task by a few steps of gradient descent.

        w <- w - lr * gradient of the mean loss of all rows

    Args:
        model: a network, meta-trained or not; it stays as it is.
        x: the task's inputs (n, ...).
        y: their labels or targets.
        loss: a Keras loss or its name; None for that of a compiled model.
        steps: gradient steps, each on all rows.
        lr: the learning rate, or one array for each weight that moves, as `maml` learns them.
        inner_layers: names of the layers whose weights move; None for all.

    Returns:
        The adapted copy, a plain Keras model.

    Raises:
        ValueError: for a model without a loss where none is given, an unknown layer, or a learning
            rate that is not positive.

    Example:
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
        >>> model.set_weights([np.array([[1.0]])])
        >>> adapted = adapt(model, [[1.0]], [[3.0]], "mean_squared_error", steps=1, lr=0.25)
        >>> adapted.get_weights()[0].item(), model.get_weights()[0].item()  # 1 - 0.25 * 2 * (1 - 3)
        (2.0, 1.0)
    """
    check_count("steps", steps)
    learner = InnerLoop(model, loss, inner_layers)
    rates = learner.rates(lr)
    x, y = as_numbers("x", x, ""), as_numbers("y", y, "")
    if len(x) != len(y):
        raise ValueError(
            "There must be a label for each row. "
            f"Received: x of {len(x)} rows and y of {len(y)}. Pass as many."
        )
    check_task_fits(model, x, "x")
    kind = keras.backend.result_type("float32", model.trainable_variables[0].dtype)
    x, y = ops.convert_to_tensor(x, kind), ops.convert_to_tensor(y, kind)
    weights = [variable.value for variable in model.trainable_variables]
    for _ in range(steps):
        weights = learner.step(weights, rates, x, y)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for variable, weight in zip(copy.trainable_variables, weights, strict=True):
        variable.assign(weight)
    return copy


def adaptation_curve(
    model: keras.Model,
    tasks: Callable[[int], tuple],
    loss=None,
    *,
    score=None,
    steps: int = 10,
    lr: float | Sequence = 0.01,
    inner_layers: Sequence[str] | None = None,
    count: int = 600,
    seed: int = 0,
) -> np.ndarray:
    """How well a network does on the queries of new tasks, after each of its gradient steps.

    Args:
        model: a network, meta-trained or not; it stays as it is.
        tasks: a function of a whole number to (x, y, query x, query y), as `maml` takes it; from
            classes, for instance, that training never saw.
        loss: a Keras loss or its name; None for that of a compiled model.
        score: "accuracy", the share of rows whose class is told; None for the loss itself; or a
            function of labels and outputs to a score for each row (m,), in `keras.ops`.
        steps: gradient steps, each on all rows of (x, y), as in `adapt`.
        lr: their learning rate, or one array for each weight that moves.
        inner_layers: names of the layers whose weights move; None for all.
        count: number of tasks.
        seed: decides which; methods compared on one seed see the same tasks.

    Returns:
        The mean score of each task's queries after 0, 1, ... steps (count, steps + 1).

    Raises:
        ValueError: as `adapt`, for an unknown score, and for tasks that are not four arrays of
            one shape throughout.

    Example:
        >>> from tltk.datasets import make_sinusoid_tasks
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> curves = adaptation_curve(model, make_sinusoid_tasks(5), "mse", steps=2, count=3)
        >>> curves.shape
        (3, 3)
    """
    check_count("steps", steps)
    check_count("count", count)
    learner = InnerLoop(model, loss, inner_layers)
    rates = learner.rates(lr)
    score = _score_of(score, learner)
    values = [variable.value for variable in model.trainable_variables]
    apart = has_kernels(learner.moving(values))

    def score_and_step(given):
        (x, y, query_x, query_y), moving = given
        weights = learner.merged(values, moving)
        found = ops.mean(score(query_y, learner.outputs(weights, query_x)))
        return found, learner.moving(learner.step(weights, rates, x, y))

    def curves(drawn):
        def one_step(done, state):
            curve, moving = state
            found, moving = for_each_task(score_and_step, (drawn, moving), apart)
            now = ops.arange(steps + 1) == done
            return ops.where(now, ops.cast(found[:, None], curve.dtype), curve), moving

        rows = ops.shape(drawn[0])[0]
        moving = [ops.broadcast_to(w, (rows, *w.shape)) for w in learner.moving(values)]
        state = ops.zeros((rows, steps + 1)), moving
        return ops.fori_loop(0, steps + 1, one_step, state)[0]

    check_seed("seed", seed)
    drawn = stacked_tasks(tasks, task_numbers(seed, count, TO_TEST))
    check_task_fits(model, drawn[0][0], "tasks")
    return _Tester(curves).predict(drawn, verbose=0)


class InnerLoop:
    """A network as a function of its trainable weights, and one step of gradient descent on them.

    All layers run as in prediction: dropout is silent, and batch normalisation uses the moving
    statistics that it has and keeps them.

    Args:
        model: a built network.
        loss: a Keras loss or its name; None for the compiled one.
        inner_layers: names of the layers whose weights move; None for all.
    """

    def __init__(self, model: keras.Model, loss, inner_layers=None):
        check_model(model, functional=True)
        loss = getattr(model, "loss", None) if loss is None else loss
        if loss is None:
            raise ValueError(
                "Gradient steps need a loss. Received: loss=None, and a model that is not "
                'compiled. Name one, such as loss="mean_squared_error".'
            )
        self.model, self.loss = model, _loss_of(loss)
        self._moves = _moving(model, inner_layers)
        self.one_by_one = has_kernels(model.trainable_variables)

    def rates(self, lr, name: str = "lr") -> list:
        """A learning rate for each weight that moves."""
        moving = self.moving(self.model.trainable_variables)
        check_rates(lr, [tuple(weight.shape) for weight in moving], name)
        each = [lr] * len(moving) if np.isscalar(lr) else lr
        return [ops.cast(rate, weight.dtype) for rate, weight in zip(each, moving, strict=True)]

    def moving(self, weights) -> list:
        """Those of the weights that the steps move."""
        return [weight for weight, moves in zip(weights, self._moves, strict=True) if moves]

    def outputs(self, weights, x):
        """What the network says of x with these weights."""
        others = [variable.value for variable in self.model.non_trainable_variables]
        return self.model.stateless_call(weights, others, x, training=False)[0]

    def error(self, weights, x, y):
        """The mean loss with these weights, a scalar."""
        return ops.mean(self.loss(y, self.outputs(weights, x)))

    def step(self, weights, rates, x, y) -> list:
        """The weights after one step on all rows."""
        moving = self.moving(weights)

        def error(values):
            return self.error(self.merged(weights, values), x, y)

        _, slopes = value_and_gradient(error, moving)
        after = [w - rate * s for w, rate, s in zip(moving, rates, slopes, strict=True)]
        return self.merged(weights, after)

    def merged(self, weights, moved) -> list:
        """All weights, those that move replaced by `moved`."""
        moved = iter(moved)
        pairs = zip(weights, self._moves, strict=True)
        return [next(moved) if moves else weight for weight, moves in pairs]


def for_each_task(function: Callable, tasks, one_by_one: bool):
    """Apply a function to tasks that are stacked along the first axis.

    Dense layers of many tasks are one product of matrices; convolutions whose kernels differ from
    task to task are not, so those run one after the other.
    """
    return (ops.map if one_by_one else ops.vectorized_map)(function, tasks)


def has_kernels(weights) -> bool:
    """Whether there are convolutions among the weights."""
    return any(len(weight.shape) > 2 for weight in weights)


class _Tester(keras.Model):
    """Runs a function of stacked tasks, compiled, by `predict`."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def predict_step(self, data):
        tasks, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._function(tasks)


def _loss_of(loss):
    """A Keras loss, of which a name is one of Keras's."""
    try:
        found = keras.losses.get(loss)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "The loss is one of Keras, or its name. "
            f'Received: loss={loss!r}. Pass "mean_squared_error", say.'
        ) from error
    return found


def check_task_fits(model: keras.Model, x, name: str) -> None:
    """Refuse rows of another shape than a network takes."""
    wanted = model.inputs[0].shape[1:]
    if not fits_shape(np.shape(x)[1:], wanted):
        received = f"{name} with rows of shape {np.shape(x)[1:]}"
        refuse(f"Rows must have the shape the network takes, {wanted}", received, "Reshape them")


def _score_of(score, learner):
    """A function of labels and outputs."""
    known = {None: learner.loss, "accuracy": _right}
    if not (callable(score) or score is None or (isinstance(score, str) and score in known)):
        raise ValueError(
            'The score is "accuracy", None for the loss, or a function of labels and outputs. '
            f"Received: score={score!r}. Pass one of these."
        )
    return score if callable(score) else known[score]


def _right(labels, outputs):
    return ops.cast(ops.cast(labels, "int32") == ops.argmax(outputs, axis=-1), "float32")


def _moving(model, names) -> list[bool]:
    """Which trainable weights the steps move."""
    weights = model.trainable_variables
    if not (names is None or isinstance(names, str | list | tuple)):
        refuse("inner_layers must list names", f"inner_layers={shown(names)}", "Pass [name]")
    known = {layer.name: layer for layer in all_layers(model, itself=False)}
    chosen = known if names is None else [names] if isinstance(names, str) else names
    layers = [known.get(name) for name in chosen]
    moved = {id(w) for layer in layers if layer is not None for w in layer.trainable_variables}
    if not weights or None in layers or not moved:
        have = [name for name, layer in known.items() if layer.trainable_variables]
        raise ValueError(
            "The steps move trainable weights of layers that the model has. Received: "
            f"inner_layers={names!r}. Those with trainable weights are: "
            f"{', '.join(have) or '(none; unfreeze some)'}."
        )
    return [names is None or id(weight) in moved for weight in weights]


BLOCK, STEPS_AT_ONCE = 100, 10


def maml(
    model: keras.Model,
    tasks: Callable[[int], tuple],
    loss=None,
    *,
    inner_lr: float = 0.01,
    inner_steps: int = 1,
    inner_layers: Sequence[str] | None = None,
    first_order: bool = False,
    learn_rates: bool = False,
    lr: float = 1e-3,
    meta_batch: int = 4,
    iterations: int = 1000,
    seed: int = 0,
) -> keras.callbacks.History:
    """Train a network so that a few gradient steps on a new task make it good at that task.

        minimise over w the mean over tasks of L_query(w'),  w' = w - inner_lr * gradient of L(w)

    The gradient goes through the inner steps, second derivatives included; `first_order` takes that
    of L_query at w' instead, as if w' did not depend on w.

    Args:
        model: any network with trainable weights; it is trained in place. All layers run as in
            prediction: no dropout, and batch normalisation keeps the moving statistics it has.
        tasks: a function of a whole number to (x, y, query x, query y), the same shapes each time:
            `tltk.datasets.make_sinusoid_tasks()`, or episodes of a data set.
        loss: a Keras loss or its name; None for that of a compiled model.
        inner_lr: learning rate of the steps within a task.
        inner_steps: their number, each on all rows of (x, y).
        inner_layers: names of the layers that move within a task; None for all. With the head
            alone this is ANIL.
        first_order: leave second derivatives out: cheaper, and often as good.
        learn_rates: train a learning rate for each single weight too (Meta-SGD), from `inner_lr`.
        lr: learning rate of Adam, which trains the weights from which each task begins.
        meta_batch: tasks an iteration.
        iterations: steps of Adam.
        seed: decides which tasks come.

    Returns:
        The history: "loss" is that of the queries after the inner steps, the mean of each hundred
        iterations. Its `inner_lr` is what `adapt` takes as `lr`: the number given, or the rates
        learned. Stopped by hand, the model keeps what it has learned.

    Raises:
        ValueError: for a model without a loss, tasks of unequal shape, an unknown layer, learning
            rates that are not positive, `learn_rates` with `first_order`, or a loss that is no
            longer finite; the model then has the weights from before that hundred iterations.

    Example:
        >>> from tltk.datasets import make_sinusoid_tasks
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> history = maml(model, make_sinusoid_tasks(5), "mean_squared_error", iterations=200)
        >>> len(history.history["loss"])
        2

    References:
        - Finn, Abbeel and Levine, Model-agnostic meta-learning, 2017.
        - Raghu et al., Rapid learning or feature reuse?, 2020 (ANIL).
        - Li et al., Meta-SGD, 2017 (learned rates).
    """
    check_count("inner_steps", inner_steps)
    check_number("lr", lr, above=0)
    check_flag("first_order", first_order)
    check_flag("learn_rates", learn_rates)
    if first_order and learn_rates:
        raise ValueError(
            "Learning rates are trained through the inner steps, which first_order leaves out. "
            "Received: first_order=True, learn_rates=True. Choose one."
        )
    learner = InnerLoop(model, loss, inner_layers)
    rates = learner.rates(inner_lr, "inner_lr")
    learned = []
    if learn_rates:
        shapes = [weight.shape for weight in learner.moving(model.trainable_variables)]
        rates = [ops.broadcast_to(rate, each) for rate, each in zip(rates, shapes, strict=True)]
        learned = [keras.Variable(rate, dtype=rate.dtype) for rate in rates]

    def gradient(values, task):
        return maml_gradient(learner, values, rates, task, inner_steps, first_order)

    optimizer = keras.optimizers.Adam(lr)
    history = _train(learner, gradient, learned, optimizer, tasks, meta_batch, iterations, seed)
    history.inner_lr = [ops.convert_to_numpy(rate) for rate in learned] or inner_lr
    return history


def reptile(
    model: keras.Model,
    tasks: Callable[[int], tuple],
    loss=None,
    *,
    inner_lr: float = 0.01,
    inner_steps: int = 8,
    inner_batch: int | None = None,
    lr: float = 1.0,
    meta_batch: int = 4,
    iterations: int = 1000,
    seed: int = 0,
) -> keras.callbacks.History:
    """Train a network on one task after another, and move it only part of the way each time.

        w <- w + e (mean over tasks of w' - w),  w' = w after the inner steps on a task

    No query is needed, so a task's queries are rows to learn from like the others. With one inner
    step on all rows it is plain training on all tasks at once; what it learns beyond that comes
    from the steps after the first.

    Args:
        model: any network with trainable weights, as for `maml`; it is trained in place.
        tasks: a function of a whole number to (x, y, query x, query y), as for `maml`.
        loss: a Keras loss or its name; None for that of a compiled model.
        inner_lr: learning rate of the steps within a task.
        inner_steps: their number.
        inner_batch: rows of each such step, which take turns; None for all of the task.
        lr: e at the beginning; it falls to zero in a straight line.
        meta_batch: tasks an iteration.
        iterations: how often w moves.
        seed: decides which tasks come, and the order of their rows.

    Returns:
        The history: "loss" is that of the task's rows after the inner steps, the mean of each
        hundred iterations. Its `inner_lr` is the number given. Stopped by hand, the model keeps
        what it has learned.

    Raises:
        ValueError: as `maml`.

    Example:
        >>> from tltk.datasets import make_sinusoid_tasks
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> history = reptile(model, make_sinusoid_tasks(5), "mean_squared_error", iterations=200)
        >>> len(history.history["loss"])
        2

    Reference:
        Nichol, Achiam and Schulman, On first-order meta-learning algorithms, 2018.
    """
    check_count("inner_steps", inner_steps)
    check_count("iterations", iterations)
    check_number("lr", lr, above=0)
    if inner_batch is not None:
        check_count("inner_batch", inner_batch)
    learner = InnerLoop(model, loss)
    rates = learner.rates(inner_lr, "inner_lr")

    def shuffled(number):
        if not callable(tasks):
            advice = "It returns (x, y, query x, query y)"
            refuse("tasks must be a function of a number", f"tasks={shown(tasks)}", advice)
        return _one_heap(tasks(number), np.random.default_rng([number, 1]))

    def way_back(weights, task):
        return reptile_gradient(learner, weights, rates, task, inner_steps, inner_batch)

    rate = keras.optimizers.schedules.PolynomialDecay(lr, iterations, 0.0)
    optimizer = keras.optimizers.SGD(rate)
    history = _train(learner, way_back, [], optimizer, shuffled, meta_batch, iterations, seed)
    history.inner_lr = inner_lr
    return history


def maml_gradient(learner: InnerLoop, values, rates, task, steps: int, first_order: bool):
    """The loss of one task's queries after the inner steps, and its gradient by all values.

    Args:
        learner: the network and its loss.
        values: the weights before the steps, and after them any learning rates that are trained.
        rates: the learning rates, where none is trained.
        task: (x, y, query x, query y).
        steps: inner steps.
        first_order: take the gradient where the steps end, and none by way of them.

    Returns:
        (loss, gradients), the gradients shaped as `values`.
    """
    x, y, query_x, query_y = task
    count = len(learner.model.trainable_variables)

    def adapted(values):
        weights = values[:count]
        for _ in range(steps):
            weights = learner.step(weights, values[count:] or rates, x, y)
        return weights

    def error(weights):
        return learner.error(weights, query_x, query_y)

    if first_order:
        return value_and_gradient(error, adapted(values))
    return value_and_gradient(lambda values: error(adapted(values)), values)


def reptile_gradient(learner: InnerLoop, weights, rates, task, steps: int, batch: int | None):
    """The loss of one task after the inner steps, and the way back: weights before less after.

    Args:
        learner: the network and its loss.
        weights: those before the steps.
        rates: the learning rate of each.
        task: (x, y, ...); the rest is not looked at.
        steps: inner steps.
        batch: rows of each step, or None for all.

    Returns:
        (loss, differences), the differences shaped as `weights`.
    """
    x, y, *_ = task
    after, count = weights, x.shape[0]
    for done in range(steps):
        part = (x, y)
        if batch is not None:
            turn = (done * batch + np.arange(batch)) % count
            part = ops.take(x, turn, axis=0), ops.take(y, turn, axis=0)
        after = learner.step(after, rates, *part)
    way = [old - new for old, new in zip(weights, after, strict=True)]
    return learner.error(after, x, y), way


class _MetaTrainer(keras.Model):
    """Moves weights against the mean of what a function of (weights, task) gives, by `fit`."""

    def __init__(self, gradient, trained, one_by_one):
        super().__init__()
        self._gradient, self._trained, self._one_by_one = gradient, trained, one_by_one
        self._error = keras.metrics.Mean("loss")

    def train_step(self, data):
        tasks, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        values = [variable.value for variable in self._trained]
        errors, gradients = for_each_task(
            lambda task: self._gradient(values, task), tasks, self._one_by_one
        )
        self.optimizer.apply([ops.mean(each, axis=0) for each in gradients], self._trained)
        self._error.update_state(errors)
        return {"loss": self._error.result()}


def _train(learner, gradient, more, optimizer, tasks, meta_batch, iterations, seed):
    """Meta-train on tasks that are drawn a hundred iterations at a time."""
    check_count("meta_batch", meta_batch)
    check_count("iterations", iterations)
    check_seed("seed", seed)
    trained = [*learner.model.trainable_variables, *more]
    optimizer.build(trained)
    trainer = _MetaTrainer(gradient, trained, learner.one_by_one)
    trainer.compile(optimizer, steps_per_execution=STEPS_AT_ONCE)
    numbers = task_numbers(seed, meta_batch * iterations, TO_LEARN)
    block, losses = meta_batch * BLOCK, []
    for start in range(0, len(numbers), block):
        before = [variable.numpy() for variable in trained]
        rows = stacked_tasks(tasks, numbers[start : start + block])
        check_task_fits(learner.model, rows[0][0], "tasks")
        run = trainer.fit(rows, batch_size=meta_batch, shuffle=False, verbose=0)
        losses += run.history["loss"]
        if not np.isfinite(losses[-1]):
            for variable, value in zip(trained, before, strict=True):
                variable.assign(value)
            raise ValueError(
                "The loss must stay finite. Received: "
                f"{losses[-1]} in iterations {start // meta_batch} to {start // meta_batch + BLOCK}"
                "; the model has the weights from before them. Use a smaller inner_lr or lr."
            )
    return history_of(learner.model, [{"loss": loss} for loss in losses])


def _one_heap(task, random):
    """The rows of a task in random order, support and queries together, as (x, y, x, y)."""
    x, y, query_x, query_y = checked_task(task)
    x, y = np.concatenate([x, query_x]), np.concatenate([y, query_y])
    order = random.permutation(len(x))
    return x[order], y[order], x[:1], y[:1]
