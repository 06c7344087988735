import keras
import numpy as np
import pytest

from tltk.few_labels import adapt, adaptation_curve
from tltk.few_labels.episodes import TO_TEST, task_numbers

layers = keras.layers


def dense_network():
    return keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, "tanh", name="body"), layers.Dense(2, name="head")]
    )


def convolution():
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(2, 3, activation="tanh", name="body"),
            layers.Flatten(),
            layers.Dense(2, name="head"),
        ]
    )


def task_of(model):
    shape = model.input_shape[1:]

    def task(number):
        random = np.random.default_rng(number)
        x, y = random.normal(size=(7, *shape)), random.normal(size=(7, 2))
        return tuple(part.astype("float32") for part in (x[:4], y[:4], x[4:], y[4:]))

    return task


@pytest.fixture(params=[dense_network, convolution], ids=["dense", "convolution"])
def model(request):
    keras.utils.set_random_seed(0)
    return request.param()


def test_adapting_is_keras_own_gradient_descent(model):
    x, y, query_x, _ = task_of(model)(0)
    before = model.get_weights()
    adapted = adapt(model, x, y, "mse", steps=3, lr=0.1)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, y, batch_size=4, epochs=3, verbose=0)
    for ours, theirs in zip(adapted.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert adapted.predict(query_x, verbose=0).shape == (3, 2)


def test_the_head_alone_moves_where_asked(model):
    x, y, *_ = task_of(model)(0)
    adapted = adapt(model, x, y, "mse", lr=0.1, inner_layers=["head"])
    pairs = zip(model.get_weights(), adapted.get_weights(), strict=True)
    assert [np.array_equal(a, b) for a, b in pairs] == [True, True, False, False]


def test_a_rate_for_each_weight(model):
    """Rates of zero for the body, and of 0.1 for the head, move the head alone."""
    x, y, *_ = task_of(model)(0)
    pairs = zip(model.get_weights(), (0, 0, 0.1, 0.1), strict=True)
    rates = [np.full(weight.shape, rate) for weight, rate in pairs]
    ours, theirs = (
        adapt(model, x, y, "mse", **how).get_weights()
        for how in ({"lr": rates}, {"lr": 0.1, "inner_layers": "head"})
    )
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("names", [None, "head"])
def test_the_curve_is_that_of_adapted_copies(model, names):
    task, how = task_of(model), {"lr": 0.1, "inner_layers": names}
    curves = adaptation_curve(model, task, "mse", steps=2, count=3, seed=5, **how)
    for number, curve in zip(task_numbers(5, 3, TO_TEST), curves, strict=True):
        x, y, query_x, query_y = task(number)
        networks = [model, *(adapt(model, x, y, "mse", steps=k, **how) for k in (1, 2))]
        errors = [np.mean((each.predict(query_x, verbose=0) - query_y) ** 2) for each in networks]
        np.testing.assert_allclose(curve, errors, atol=1e-5)


def test_the_curve_of_another_score():
    """Accuracy 0 before, 1 after: the label is told by the sign of the only input."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(2, "softmax", use_bias=False)])
    model.set_weights([np.array([[1.0, -1.0]])])
    x, y = np.array([[-1.0], [1.0]], "float32"), np.array([0, 1], "int32")
    model.compile(loss="sparse_categorical_crossentropy")
    curve = adaptation_curve(
        model, lambda _: (x, y, x, y), score="accuracy", steps=1, lr=9, count=2
    )
    assert curve.tolist() == [[0, 1]] * 2


def test_a_task_that_runs_away_leaves_the_steps_before_and_other_tasks_alone():
    """Slope w at x = 1: a rate of 1e30 throws w from 0 to 2e30 y, and then beyond all numbers."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[0.0]])])
    first = task_numbers(0, 2, TO_TEST)[0]

    def task(number):
        x = np.array([[1.0 if number == first else 0.0]], "float32")
        return x, x, x, x

    away, still = adaptation_curve(model, task, "mse", steps=3, lr=1e30, count=2)
    assert away[0] == 1
    assert not np.isfinite(away[2:]).any()
    assert still.tolist() == [0] * 4


def test_an_unknown_score_is_refused():
    with pytest.raises(ValueError, match="Received: score='acuracy'"):
        adaptation_curve(dense_network(), task_of(dense_network()), "mse", score="acuracy")


def test_batch_normalisation_and_dropout_are_as_in_prediction():
    model = keras.Sequential(
        [keras.Input((3,)), layers.BatchNormalization(), layers.Dropout(0.9), layers.Dense(2)]
    )
    plain = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    norm, head = model.layers[0], model.layers[-1]
    norm.trainable = False
    norm.moving_mean.assign([1.0, 2.0, 3.0])
    norm.moving_variance.assign(np.full(3, 4 - norm.epsilon))
    plain.set_weights(head.get_weights())
    x, y, *_ = task_of(model)(0)
    adapted = adapt(model, x, y, "mse", steps=2, lr=0.1)
    oracle = adapt(plain, (x - [1, 2, 3]).astype("float32") / 2, y, "mse", steps=2, lr=0.1)
    for ours, theirs in zip(adapted.layers[-1].get_weights(), oracle.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert adapted.layers[0].moving_mean.numpy().tolist() == [1, 2, 3]


def test_a_loss_is_needed():
    with pytest.raises(ValueError, match="need a loss. Received: loss=None"):
        adapt(dense_network(), np.ones((1, 3)), np.ones((1, 2)))


@pytest.mark.parametrize("names", [["neck"], []])
def test_unknown_layers_are_refused(names):
    with pytest.raises(ValueError, match="Received: inner_layers=.*body, head"):
        adapt(dense_network(), np.ones((1, 3)), np.ones((1, 2)), "mse", inner_layers=names)


def test_a_frozen_network_is_refused():
    model = dense_network()
    model.trainable = False
    with pytest.raises(ValueError, match="none; unfreeze some"):
        adapt(model, np.ones((1, 3)), np.ones((1, 2)), "mse")


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"lr": -1}])
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match="Received"):
        adapt(dense_network(), np.ones((1, 3)), np.ones((1, 2)), "mse", **wrong)
