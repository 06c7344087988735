import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from tltk.adaptation import KMM, DensityRatio, Reweighted, SourceOnly, stack_domains


def bent(n, middle, seed):
    """A parabola, which a line can only fit where its rows lie."""
    random = np.random.default_rng(seed)
    x = random.normal(middle, 0.7, size=(n, 1))
    return x, x[:, 0] ** 2 + 0.1 * random.normal(size=n)


@pytest.mark.parametrize("weigher", [None, KMM()], ids=["ratio", "KMM"])
def test_a_line_fits_where_the_target_lies(weigher):
    source, target = bent(400, 0, 0), bent(300, 1, 1)
    X, y, domain = stack_domains(source, target[0])
    model = Reweighted(LinearRegression(), weigher).fit(X, y, domain=domain)
    plain = SourceOnly(LinearRegression()).fit(X, y, domain=domain)
    errors = [np.mean((each.predict(target[0]) - target[1]) ** 2) for each in (model, plain)]
    assert errors[0] < errors[1] / 2
    assert 1 < model.effective_size_ < 400


def test_it_is_a_fit_with_the_weights_it_shows():
    source, target = bent(200, 0, 0), bent(200, 1, 1)
    X, y, domain = stack_domains(source, target[0])
    model = Reweighted(LinearRegression(), DensityRatio(bound=5.0)).fit(X, y, domain=domain)
    other = LinearRegression().fit(*source, sample_weight=model.weights_)
    np.testing.assert_allclose(model.predict(X), other.predict(X))
    assert model.weights_.mean() == pytest.approx(1)


def test_labels_of_target_rows_are_not_read():
    source, target = bent(100, 0, 0), bent(100, 1, 1)
    names = np.where(source[1] > 0.5, "far", "near")
    X, y, domain = stack_domains((source[0], names), target[0])
    first = Reweighted(LogisticRegression()).fit(X, y, domain=domain)
    second = Reweighted(LogisticRegression()).fit(X, np.where(domain == 1, "far", y), domain=domain)
    assert first.classes_.tolist() == ["far", "near"]
    np.testing.assert_array_equal(first.predict(X), second.predict(X))


class Given(BaseEstimator):
    """Weighs source rows as it was told to."""

    def __init__(self, weights=()):
        self.weights = weights

    def fit(self, X, y=None, *, domain=None):
        self.weights_ = np.array(self.weights)
        return self


def test_weights_of_any_mean_are_brought_to_the_mean_one():
    X, y, domain = stack_domains(([[0.0], [1], [2]], [1.0, 0, 5]), [[1.0]])
    model = Reweighted(LinearRegression(), Given((2.0, 4, 6))).fit(X, y, domain=domain)
    assert model.weights_.tolist() == [0.5, 1, 1.5]
    assert model.effective_size_ == pytest.approx(9 / 3.5)
