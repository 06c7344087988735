import keras
import numpy as np
import pytest

from tltk.backbones import series_encoder
from tltk.tuning import build_classifier, compiled_trainer, fine_tune, unfreeze

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(21, 8, 1)).astype("float32"), RANDOM.normal(size=(21, 2))


def forecaster(dropout=0):
    keras.utils.set_random_seed(0)
    encoder = series_encoder((8, 1), filters=3, blocks=2, last_step=True)
    return build_classifier(encoder, 2, kind="regression", dropout=dropout)


def after(train, model, *settings, **more):
    train(*settings, **more)
    return model.get_weights()


def equal(some, others):
    return all(np.array_equal(one, other) for one, other in zip(some, others, strict=True))


def test_it_trains_as_keras_does_batch_by_batch():
    model, plain = forecaster(), forecaster()
    start = model.get_weights()
    found = after(compiled_trainer(model, batch_size=8), model, start, X, Y, 3, 0.01, seed=4)
    unfreeze(plain, "all")
    plain.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    random = np.random.default_rng(4)
    rows = np.concatenate([random.permutation(len(X)) for _ in range(3)])
    for first in range(0, len(rows), 8):
        plain.train_on_batch(X[rows[first : first + 8]], Y[rows[first : first + 8]])
    for one, other in zip(found, plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert not equal(found, start)


def test_a_run_knows_nothing_of_the_runs_before():
    model = forecaster(dropout=0.5)
    start, train = model.get_weights(), compiled_trainer(model)
    first = after(train, model, start, X, Y, 2, 0.01)
    other = after(train, model, first, X[:5], Y[:5], 3, 0.1)
    assert not equal(other, first)
    fine_tune(model, (X, Y), unfreeze_blocks=1, epochs=1, verbose=0)
    assert equal(after(train, model, start, X, Y, 2, 0.01), first)
    assert not equal(after(train, model, start, X, Y, 2, 0.01, seed=1), first)


def test_fewer_examples_than_a_batch_are_one_step_an_epoch():
    model = forecaster()
    start, train = model.get_weights(), compiled_trainer(model)
    once, thrice = (after(train, model, start, X[:5], Y[:5], n, 0.01) for n in (1, 3))
    step = max(np.abs(one - zero).max() for one, zero in zip(once, start, strict=True))
    way = max(np.abs(three - zero).max() for three, zero in zip(thrice, start, strict=True))
    assert 2 * step < way < 3.1 * step


def test_several_inputs_and_weights_of_examples():
    one, two = keras.Input((1,)), keras.Input((1,))
    outputs = keras.layers.Dense(1)(keras.layers.Concatenate()([one, two]))
    model = keras.Model([one, two], outputs)
    model.compile(loss="mean_squared_error")
    x, y = [np.ones((4, 1)), np.zeros((4, 1))], np.array([[1.0], [1], [9], [9]])
    start = [np.zeros((2, 1)), np.zeros(1)]
    compiled_trainer(model, batch_size=4)(
        start, x, y, 400, 0.02, sample_weight=np.array([1.0, 1, 0, 0])
    )
    assert model.predict(x, verbose=0)[0, 0] == pytest.approx(1.0, abs=0.05)
    assert model.get_weights()[0][1] == 0
