import keras
import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from tltk.evaluation import (
    Predictions,
    calibrate,
    expected_calibration_error,
    predict_split,
    reliability_table,
)
from tltk.evaluation.calibration import apply_temperature, fit_temperature
from tltk.tuning import build_classifier

NAMES = ("a", "b", "c", "d")


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def drawn(temperature, count=8000, seed=0):
    """Answers of a model whose logits are `temperature` times too large for the labels drawn."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 4)) * 1.5
    labels = np.array([rng.choice(4, p=row) for row in softmax(logits)])
    return Predictions(labels, softmax(logits * temperature).astype("float32"), NAMES)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature):
    seen = drawn(temperature)
    assert fit_temperature(seen) == pytest.approx(temperature, rel=0.08)
    after = apply_temperature(seen, fit_temperature(seen))
    assert expected_calibration_error(after) < 0.02
    assert temperature == 1 or expected_calibration_error(seen) > 0.06
    assert np.array_equal(after.probabilities.argmax(1), seen.probabilities.argmax(1))


def test_no_other_temperature_is_likelier():
    seen = drawn(2.0, count=500)
    best = fit_temperature(seen)
    losses = [
        log_loss(seen.labels, apply_temperature(seen, each).probabilities, labels=range(4))
        for each in (best, 0.95 * best, 1.05 * best)
    ]
    assert losses[0] < min(losses[1:])


def test_answers_that_are_all_right_end_at_the_bound():
    sure = Predictions(np.array([0, 1]), np.array([[1.0, 0.0], [0.4, 0.6]]), ("a", "b"))
    assert fit_temperature(sure) == pytest.approx(1 / 20, rel=0.01)


def test_a_calibrated_model_is_the_same_model_with_another_head(tmp_path):
    body = keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(1.0)])
    model = build_classifier(body, NAMES, dropout=0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4)).astype("float32")
    labels = np.array([rng.choice(4, p=row) for row in softmax(x)])
    model.layers[-1].set_weights([5 * np.eye(4), np.zeros(4)])
    before = predict_split(model, (x, labels))
    temperature = calibrate(model, (x, labels))
    after = predict_split(model, (x, labels))
    assert temperature == pytest.approx(5, rel=0.25)
    expected = apply_temperature(before, temperature).probabilities
    np.testing.assert_allclose(after.probabilities, expected, atol=1e-5)
    assert after.class_names == NAMES
    model.save(tmp_path / "calibrated.keras")
    loaded = keras.models.load_model(tmp_path / "calibrated.keras")
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in model.layers]


@pytest.mark.parametrize("temperature", [1e-4, 1e4])
def test_a_temperature_of_any_size_leaves_probabilities(temperature):
    even = Predictions(np.array([0, 1]), np.array([[0.5, 0.5], [0.9, 0.1]]), ("a", "b"))
    found = apply_temperature(even, temperature).probabilities
    assert found[0].tolist() == [0.5, 0.5]
    assert found[1] == pytest.approx([1, 0] if temperature < 1 else [0.5, 0.5], abs=1e-3)


def test_bins_are_those_of_scikit_learn():
    seen = drawn(2.0, count=700)
    sure, right = seen.probabilities.max(1), seen.probabilities.argmax(1) == seen.labels
    for positive, truth, scores in (
        (None, right, sure),
        ("b", seen.labels == 1, seen.probabilities[:, 1]),
    ):
        shares, confidences = calibration_curve(truth, scores, n_bins=10)
        rows = reliability_table(seen, 10, positive)
        assert [row["share"] for row in rows] == pytest.approx(shares)
        assert [row["confidence"] for row in rows] == pytest.approx(confidences)
        assert sum(row["count"] for row in rows) == 700


def test_the_error_worked_by_hand():
    sure = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.65, 0.35]])
    seen = Predictions(np.array([0, 1, 1, 0]), sure, ("a", "b"))
    assert expected_calibration_error(seen, 10) == pytest.approx((2 * 0.45 + 2 * 0.35) / 4)
    certain = Predictions(np.array([0, 0]), np.array([[1.0, 0.0], [1.0, 0.0]]), ("a", "b"))
    assert expected_calibration_error(certain) == 0


def test_refusals():
    many = Predictions(np.eye(2), np.eye(2), ("a", "b"), kind="many_labels")
    with pytest.raises(ValueError, match=r"one label. Received: predictions of kind 'many_labels'"):
        fit_temperature(many)
    assert reliability_table(many, positive="a")
    seen = drawn(1.0, count=5)
    with pytest.raises(ValueError, match=r"above 0. Received: temperature=0"):
        apply_temperature(seen, 0)
    with pytest.raises(ValueError, match="a whole number of at least 1. Received: bins=0"):
        reliability_table(seen, bins=0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Softmax(name="end")])
    with pytest.raises(
        ValueError, match=r"dense layer with softmax. Received: a model that ends in 'end'"
    ):
        calibrate(model, (np.eye(2), [0, 1]))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="scores")])
    with pytest.raises(ValueError, match="a model that ends in 'scores'"):
        calibrate(model, (np.eye(2), [0, 1]))
