import keras
import numpy as np
import pytest

from tltk.few_labels import adapt, adaptation_curve, maml, reptile
from tltk.few_labels.meta_learning import InnerLoop, maml_gradient, reptile_gradient

layers = keras.layers
RATE = 0.2


def slope_network(weight=0.0):
    """y = w x, whose loss at x = 1 is a parabola in w."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[weight]])])
    return model


def network(*body):
    """A network of float64 that ends in two classes."""
    keras.utils.set_random_seed(0)
    head = layers.Dense(2, "softmax", dtype="float64", name="head")
    return keras.Sequential([*body, head])


def dense_network():
    return network(
        keras.Input((3,), dtype="float64"),
        layers.Dense(4, "tanh", dtype="float64", name="body"),
    )


def convolution():
    return network(
        keras.Input((5, 5, 1), dtype="float64"),
        layers.Conv2D(2, 3, activation="tanh", dtype="float64", name="body"),
        layers.MaxPooling2D(2, dtype="float64"),
        layers.Flatten(dtype="float64"),
    )


def task_of(model, number=0):
    random = np.random.default_rng(number)
    x, y = random.normal(size=(9, *model.input_shape[1:])), random.integers(2, size=9)
    return x[:4], y[:4], x[4:], y[4:]


def learner_of(model, names=None):
    return InnerLoop(model, "sparse_categorical_crossentropy", names)


def values_of(model):
    return [weight.numpy() for weight in model.trainable_variables]


def by_differences(function, values, step=1e-5):
    """The gradient of a function of several arrays, one number moved at a time."""
    gradients = [np.zeros_like(value) for value in values]
    for value, gradient in zip(values, gradients, strict=True):
        for place in np.ndindex(value.shape):
            kept = value[place]
            ends = []
            for value[place] in (kept + step, kept - step):
                ends.append(float(function(values)))
            value[place] = kept
            gradient[place] = (ends[0] - ends[1]) / (2 * step)
    return gradients


def assert_all_close(ours, theirs, **tolerance):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize("names", [None, "head"], ids=["MAML", "ANIL"])
@pytest.mark.parametrize("make", [dense_network, convolution])
def test_second_order_gradient_against_finite_differences(make, names):
    model = make()
    learner, task = learner_of(model, names), task_of(model)
    rates, values = learner.rates(0.5), values_of(model)

    def objective(values):
        return maml_gradient(learner, values, rates, task, 2, first_order=False)[0]

    _, ours = maml_gradient(learner, values, rates, task, 2, first_order=False)
    theirs = by_differences(objective, values)
    assert_all_close(ours, theirs, atol=1e-7)
    _, first = maml_gradient(learner, values, rates, task, 2, first_order=True)
    assert max(np.abs(a - b).max() for a, b in zip(first, theirs, strict=True)) > 1e-3


def test_gradient_by_the_learning_rates_against_finite_differences():
    model = dense_network()
    learner, task = learner_of(model), task_of(model)
    values = values_of(model)
    values += [np.full(value.shape, 0.5) for value in values]

    def objective(values):
        return maml_gradient(learner, values, None, task, 2, first_order=False)[0]

    _, ours = maml_gradient(learner, values, None, task, 2, first_order=False)
    assert_all_close(ours, by_differences(objective, values), atol=1e-7)


def test_first_order_gradient_is_that_at_the_adapted_weights():
    model = dense_network()
    learner, task = learner_of(model), task_of(model)
    adapted = values_of(adapt(model, *task[:2], learner.loss, steps=2, lr=0.5))

    def loss_there(values):
        return learner.error(values, *task[2:])

    value, ours = maml_gradient(
        learner, values_of(model), learner.rates(0.5), task, 2, first_order=True
    )
    assert float(value) == pytest.approx(float(loss_there(adapted)), abs=1e-12)
    assert_all_close(ours, by_differences(loss_there, adapted), atol=1e-7)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_gradients_on_a_parabola(steps):
    """Loss (w - 3)^2 to learn from, (w - 1)^2 to be tested on, at w = 0; worked out by hand."""
    learner = InnerLoop(slope_network(), "mse")
    task = tuple(np.array([[each]], "float32") for each in (1, 3, 1, 1))
    shrunk = (1 - 2 * RATE) ** steps
    after = 3 - 3 * shrunk
    values, rates = values_of(learner.model), learner.rates(RATE)
    value, [exact] = maml_gradient(learner, values, rates, task, steps, first_order=False)
    _, [first] = maml_gradient(learner, values, rates, task, steps, first_order=True)
    _, [way] = reptile_gradient(learner, values, rates, task, steps, None)
    assert float(value) == pytest.approx((after - 1) ** 2, rel=1e-4)
    assert exact.numpy().item() == pytest.approx(2 * (after - 1) * shrunk, rel=1e-4)
    assert first.numpy().item() == pytest.approx(2 * (after - 1), rel=1e-4)
    assert way.numpy().item() == pytest.approx(-after, rel=1e-4)


def test_reptile_of_one_step_is_joint_gradient_descent():
    keras.utils.set_random_seed(0)
    layer = [keras.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(1)]
    model = keras.Sequential(layer)
    joint, seen = keras.models.clone_model(model), []
    joint.set_weights(model.get_weights())

    def task(number):
        random = np.random.default_rng(number)
        x, y = random.normal(size=(6, 3)).astype("float32"), random.normal(size=(6, 1))
        seen.append((x, y))
        return x[:2], y[:2], x[2:], y[2:]

    reptile(model, task, "mse", inner_lr=0.1, inner_steps=1, lr=1.0, meta_batch=2, iterations=4)
    joint.compile(keras.optimizers.SGD(0.1), "mse")
    for done in range(4):
        x, y = (np.concatenate(part) for part in zip(*seen[2 * done : 2 * done + 2], strict=True))
        joint.optimizer.learning_rate = 0.1 * (1 - done / 4)
        joint.train_on_batch(x, y)
    assert_all_close(model.get_weights(), joint.get_weights(), atol=1e-6)


def test_rows_of_inner_batches_take_turns():
    """Two rows, one a step: w goes to 2 for the first, then to 5; and so again."""
    learner = InnerLoop(slope_network(), "mse")
    task = (np.ones((2, 1), "float32"), np.array([[2.0], [5.0]], "float32"))
    for steps, expected in ((1, 2), (2, 5), (3, 2)):
        values = values_of(learner.model)
        _, [way] = reptile_gradient(learner, values, learner.rates(0.5), task, steps, 1)
        assert way.numpy().item() == pytest.approx(-expected)


def lines(number):
    """Lines of slope about 3: the best place to begin is a slope of 3."""
    random = np.random.default_rng(number)
    x = random.uniform(-1, 1, (10, 1)).astype("float32")
    y = x * np.float32(3 + random.uniform(-1, 1))
    return x[:5], y[:5], x[5:], y[5:]


@pytest.mark.parametrize("learn", [maml, reptile])
def test_training_finds_the_place_from_which_all_tasks_are_near(learn):
    model = slope_network()
    before = adaptation_curve(model, lines, "mse", steps=2, lr=0.05, count=50)
    rate = {"lr": 0.1} if learn is maml else {}
    history = learn(model, lines, "mse", inner_lr=0.05, iterations=250, **rate)
    after = adaptation_curve(model, lines, "mse", steps=2, lr=history.inner_lr, count=50)
    assert model.get_weights()[0].item() == pytest.approx(3, abs=0.3)
    assert (after.mean(axis=0) < 0.2 * before.mean(axis=0)).all()
    assert len(history.history["loss"]) == len(history.epoch) == 3
    assert history.model is model


def test_a_convolution_learns_too():
    model = convolution()
    history = maml(
        model, lambda number: task_of(model, 0), "sparse_categorical_crossentropy", lr=0.05,
        meta_batch=2, iterations=101,
    )  # fmt: skip
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]


def test_learned_rates_are_better_than_the_one_they_began_with():
    """One step on a parabola of second derivative 2 is perfect with a rate of 1/2."""
    model = slope_network()

    def task(number):
        y = np.random.default_rng(number).normal(size=(1, 1)).astype("float32")
        return np.ones((1, 1), "float32"), y, np.ones((1, 1), "float32"), y

    history = maml(model, task, "mse", inner_lr=0.05, learn_rates=True, lr=0.02, iterations=300)
    assert history.inner_lr[0].item() == pytest.approx(0.5, abs=0.05)
    adapted = adapt(model, [[1.0]], [[4.0]], "mse", steps=1, lr=history.inner_lr)
    assert adapted.get_weights()[0].item() == pytest.approx(4, abs=0.5)


def test_the_seed_decides_all():
    found = []
    for seed in (0, 0, 1):
        model = slope_network()
        reptile(model, lines, "mse", inner_batch=2, iterations=5, seed=seed)
        found.append(model.get_weights()[0].item())
    assert found[0] == found[1] != found[2]


def test_stopped_by_hand_the_model_keeps_what_it_learned():
    model, drawn = slope_network(), []

    def task(number):
        drawn.append(number)
        if len(drawn) > 500:
            raise KeyboardInterrupt
        return lines(number)

    with pytest.raises(KeyboardInterrupt):
        maml(model, task, "mse", lr=0.1, iterations=1000)
    assert model.get_weights()[0].item() > 1


def test_a_loss_that_runs_away_is_refused_and_undone():
    model = slope_network(2.0)
    with pytest.raises(ValueError, match="stay finite. Received: .*smaller inner_lr"):
        maml(model, lines, "mse", inner_lr=1e30, inner_steps=5, iterations=10)
    assert model.get_weights()[0].item() == 2


@pytest.mark.parametrize(
    "wrong",
    [{"inner_steps": 0}, {"iterations": 0}, {"meta_batch": 1.5}, {"inner_lr": 0}, {"lr": 0}],
)
@pytest.mark.parametrize("learn", [maml, reptile])
def test_settings_are_checked(learn, wrong):
    with pytest.raises(ValueError, match="Received"):
        learn(slope_network(), lines, "mse", **wrong)


def test_rates_are_not_learned_without_second_order():
    with pytest.raises(ValueError, match="Received: first_order=True, learn_rates=True"):
        maml(slope_network(), lines, "mse", first_order=True, learn_rates=True)
