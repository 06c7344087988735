import numpy as np
import pytest
from scipy import optimize
from scipy.optimize import OptimizeResult
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tltk.adaptation import density as logistic
from tltk.adaptation.density import calibrate, column_scales, fit_logistic, linear_answers


def problem(seed=0, n=200, width=4):
    random = np.random.default_rng(seed)
    rows = random.normal([0, 5, -3, 100], [1, 10, 0.1, 1], size=(n, width))
    return rows, (rows[:, 0] + random.normal(size=n) > 0).astype(int)


def test_each_regression_is_that_of_scikit_learn(monkeypatch):
    monkeypatch.setattr(logistic, "CHUNK", 33)
    rows, labels = problem()
    shares = np.column_stack([np.ones(200), np.arange(200) < 100, np.linspace(0, 2, 200)])
    slopes, bias = fit_logistic(rows, labels, shares, penalty=3.0)
    scaled = StandardScaler().fit_transform(rows)
    for model, weights in enumerate(shares.T):
        other = LogisticRegression(C=1 / 3.0, tol=1e-8).fit(scaled, labels, weights)
        ours = linear_answers(rows, slopes, bias)[:, model]
        np.testing.assert_allclose(ours, other.decision_function(scaled), atol=5e-3)


def test_scales_of_columns(monkeypatch):
    monkeypatch.setattr(logistic, "CHUNK", 7)
    rows = problem()[0]
    rows[:, 2] = 5.0
    mean, deviation = column_scales(rows.astype("float32"))
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(deviation[[0, 1, 3]], rows.std(axis=0)[[0, 1, 3]], rtol=1e-3)
    assert deviation[2] == np.inf


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_scales_of_columns_in_any_unit(unit):
    rows = problem()[0]
    mean, deviation = column_scales(rows * unit)
    np.testing.assert_allclose(mean / unit, rows.mean(axis=0))
    np.testing.assert_allclose(deviation / unit, rows.std(axis=0))


def test_the_loss_and_its_gradient_belong_together(monkeypatch):
    """The function that is minimised, against its finite differences and its definition."""
    rows, labels = problem(n=30)
    shares, seen = np.column_stack([np.ones(30), np.linspace(0, 2, 30)]), []
    monkeypatch.setattr(
        optimize, "minimize", lambda f, x, **_: seen.append(f) or OptimizeResult(x=x)
    )
    fit_logistic(rows, labels, shares, penalty=3.0)
    point = np.random.default_rng(0).normal(size=10)
    value, gradient = seen[0](point)
    slopes, bias = point[:8].reshape(4, 2), point[8:]
    margins = (2 * labels - 1)[:, None] * (StandardScaler().fit_transform(rows) @ slopes + bias)
    losses = (shares * np.log1p(np.exp(-margins))).sum() + 3 * (slopes**2).sum() / 2
    assert value == pytest.approx(losses / 30)
    expected = optimize.approx_fprime(point, lambda v: seen[0](v)[0])
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_calibration_takes_back_a_factor():
    random = np.random.default_rng(1)
    odds = random.normal(size=20_000)
    labels = (random.random(20_000) < 1 / (1 + np.exp(-odds))).astype(int)
    slope, intercept = calibrate(10 * odds + 3, labels)
    assert slope == pytest.approx(0.1, rel=0.1)
    assert intercept == pytest.approx(-0.3, abs=0.08)


def test_calibration_never_turns_answers_around():
    labels = np.arange(100) % 4 == 0
    slope, intercept = calibrate(-1.0 * labels, labels.astype(int))
    assert slope == 0
    assert intercept == pytest.approx(np.log(1 / 3))
