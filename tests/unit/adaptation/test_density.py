import tracemalloc

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from tltk.adaptation import DensityRatio, effective_sample_size, stack_domains, stack_tables
from tltk.adaptation.density import CERTAIN, _log_odds, fit_logistic


def fitted(source, target, **settings):
    X, _, domain = stack_domains(source, target)
    return DensityRatio(**settings).fit(X, domain=domain)


def normals(n=3000, m=3000, shift=1.0, width=1, seed=0):
    random = np.random.default_rng(seed)
    source, target = random.normal(size=(n, width)), random.normal(size=(m, width))
    target[:, 0] += shift
    return source, target


@pytest.mark.parametrize("m", [1000, 3000])
def test_ratio_of_normals_is_known(m):
    """exp(x - 1/2), however many rows the target has."""
    source, target = normals(m=m)
    found = fitted(source, target)
    points = np.array([[-1.0], [0.0], [1.0], [2.0]])
    np.testing.assert_allclose(found.weigh(points), np.exp(points[:, 0] - 0.5), rtol=0.25)
    assert found.weights_.mean() == pytest.approx(1)


def test_calibration_saves_the_ratio_with_more_features_than_rows():
    """Uncalibrated, a classifier of 300 features and 200 rows would be far too sure."""
    source, target = normals(100, 100, shift=0.0, width=300)
    assert effective_sample_size(fitted(source, target, penalty=1e-3).weights_) > 80


def test_ratio_of_widths_takes_a_classifier_that_can_see_it():
    random = np.random.default_rng(1)
    source, target = random.normal(size=(4000, 1)), 0.5 * random.normal(size=(4000, 1))
    classifier = make_pipeline(PolynomialFeatures(2), LogisticRegression(C=10))
    found, blind = fitted(source, target, classifier=classifier), fitted(source, target)
    points = np.array([[0.0], [1.0], [-1.0]])
    truth = 2 * np.exp(-1.5 * points[:, 0] ** 2)
    np.testing.assert_allclose(found.weigh(points), truth, rtol=0.2)
    assert np.abs(blind.weigh(points) - 1).max() < 0.2


def test_mixed_columns_through_a_pipeline():
    random = np.random.default_rng(2)
    column = lambda p, n: random.choice(["a", "b"], n, p=[p, 1 - p]).astype(object)  # noqa: E731
    sides = [np.column_stack([column(p, 2000), column(0.5, 2000)]) for p in (0.5, 0.8)]
    X, _, domain = stack_tables(*sides)
    encoder = make_column_transformer((OneHotEncoder(), [0, 1]))
    found = DensityRatio(make_pipeline(encoder, LogisticRegression())).fit(X, domain=domain)
    weights = found.weigh(np.array([["a", "b"], ["b", "b"]], dtype=object))
    np.testing.assert_allclose(weights, [1.6, 0.4], rtol=0.15)


def test_new_rows_are_weighed_by_a_classifier_of_all_rows():
    source, target = normals(60, 40, width=2)
    found, rows = fitted(source, target, folds=2), np.vstack([source, target])
    slopes, bias = fit_logistic(rows, np.repeat([0, 1], [60, 40]), np.ones((100, 1)), 2.0)
    odds = found.slope_ * (rows[:5] @ slopes + bias)[:, 0]
    ratios = found.weigh(rows[:5])
    np.testing.assert_allclose(ratios / ratios[0], np.exp(odds - odds[0]), rtol=1e-3)


class Sure:
    """Knows the domain of every row but the last."""

    classes_ = np.array([0, 1])

    def predict_proba(self, X):
        return np.array([[1.0, 0], [0, 1], [0.75, 0.25]])


def test_a_classifier_that_is_certain_is_believed_up_to_a_millionth():
    most = np.log((1 - CERTAIN) / CERTAIN)
    np.testing.assert_allclose(_log_odds(Sure(), None), [-most, most, -np.log(3)])


def test_weights_are_cut_off():
    found = fitted(*normals(500, 500, shift=2.0), bound=3.0)
    raw = fitted(*normals(500, 500, shift=2.0))
    assert found.weights_.max() / found.weights_.min() <= 3.01 / raw.weights_.min()
    assert found.weigh([[50.0]])[0] == 3.0


def test_a_weight_does_not_hang_on_the_unit_of_a_column():
    source, target = normals(300, 300, width=2)
    first = fitted(source, target).weights_
    second = fitted(source * [1000, 1] + [0, 7], target * [1000, 1] + [0, 7]).weights_
    np.testing.assert_allclose(first, second, rtol=1e-2)


def test_large_arrays_are_not_copied():
    random = np.random.default_rng(3)
    X = random.normal(size=(30_000, 64)).astype("float32")
    domain = np.repeat([0, 1], 15_000)
    X[domain == 1, 0] += 0.5
    tracemalloc.start()
    DensityRatio().fit(X, domain=domain)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * X.nbytes  # 8 MB, with weights, answers and one chunk of float64


def test_constant_features_change_nothing():
    source, target = normals(200, 200)
    with_constant = fitted(*(np.hstack([each, np.ones((200, 1))]) for each in (source, target)))
    plain = fitted(source, target, penalty=2)
    np.testing.assert_allclose(with_constant.weights_, plain.weights_, rtol=1e-3)


def test_without_domain_weights_are_one_and_that_is_said():
    with pytest.warns(UserWarning, match="Received: domain=None"):
        found = DensityRatio().fit(np.zeros((3, 2)))
    assert found.weights_.tolist() == found.weigh(np.zeros((3, 2))).tolist() == [1, 1, 1]


def test_a_domain_of_one_row_is_refused():
    with pytest.raises(ValueError, match="of each domain. Received: domain with 1 rows of one"):
        fitted(np.zeros((5, 2)), np.ones((1, 2)))


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        DensityRatio().fit(np.array([[np.nan], [1.0], [2.0], [3.0]]), domain=[0, 0, 1, 1])


def test_effective_size_by_hand():
    assert effective_sample_size([3, 1]) == pytest.approx(16 / 10)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0], [[1.0]], []])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError, match="weights must be.* Received: weights"):
        effective_sample_size(weights)


def test_scaled_pipeline_gives_the_same_as_the_own_classifier():
    source, target = normals(800, 800, width=3)
    other = make_pipeline(StandardScaler(), LogisticRegression(C=1 / 3))
    ours, theirs = fitted(source, target), fitted(source, target, classifier=other)
    np.testing.assert_allclose(ours.weights_, theirs.weights_, rtol=0.02)


@pytest.mark.parametrize("unit", [1e-200, 1e90])
def test_the_size_of_rows_of_any_unit(unit):
    assert effective_sample_size(np.array([1.0, 1, 0, 2]) * unit) == pytest.approx(16 / 6)
