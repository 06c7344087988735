import keras
import numpy as np
import pytest

from tltk.tuning import build_classifier, find_learning_rate, freeze, learning_rates, unfreeze


def test_weights_come_back_and_the_best_rate_is_inside(body, pictures):
    model = build_classifier(body(), 3)
    unfreeze(model, 1)
    before = model.get_weights()
    found = find_learning_rate(model, pictures, steps=40)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert len(found.rates) == len(found.losses) <= 40
    assert 1e-6 < found.suggestion <= 0.1
    assert found.suggestion == found.rates[found.losses <= 1.1 * found.losses.min()].max() / 10


def test_one_lucky_batch_at_a_tiny_rate_does_not_decide(body, pictures, monkeypatch):
    model = build_classifier(body(), 3)
    losses = np.array([0.18, 0.20, 0.19, 0.19, 0.6])
    monkeypatch.setattr(learning_rates, "_losses", lambda *_: losses)
    found = find_learning_rate(model, pictures, lowest=1e-5, highest=1e-1, steps=5)
    assert found.suggestion == pytest.approx(1e-2 / 10)


def test_nothing_trainable(body, pictures):
    backbone = body()
    freeze(backbone)
    backbone.compile(loss="mse")
    with pytest.raises(ValueError, match="in which none does"):
        find_learning_rate(backbone, pictures)


def test_no_loss(body, pictures):
    with pytest.raises(ValueError, match="not compiled"):
        find_learning_rate(body(), pictures)


def test_diverging_runs_end_early():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    x = np.linspace(-1, 1, 64)[:, None]
    found = find_learning_rate(model, (x, x[:, 0]), lowest=1e-3, highest=1e4, steps=100)
    assert len(found.losses) < 100
