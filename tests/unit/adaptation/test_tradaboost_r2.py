import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from tltk.adaptation import TrAdaBoostR2
from tltk.adaptation.boosting import weighted_median


def two_rules(n=300, m=30, right=0.6, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n + m, 3))
    follows = (random.random(n + m) < right) | (np.arange(n + m) >= n)
    y = x[:, 0] + np.where(follows, 2, -2) * x[:, 1] + random.normal(scale=0.1, size=n + m)
    return x, y, np.repeat([0, 1], [n, m]), follows


def test_first_round_by_hand():
    """One column of zeros: the fit is the mean. y = 0, 0 | 4, 0 has mean 1, mistakes 1, 1, 3, 1.

    Divided by the largest: 1/3, 1/3, 1, 1/3. The target's mean is 2/3: no better than 1/2. With
    y = 0, 8 | 2, 4 the mean is 3.5, mistakes 3.5, 4.5, 1.5, .5, over 4.5: the target's mean is
    e = 2/9, beta_1 = 2/7; n = 2 and N = 1 give beta = 1 / (1 + sqrt(2 ln 2)).
    """
    zeros, domain = np.zeros((4, 1)), [0, 0, 1, 1]
    with pytest.warns(UserWarning, match=r"0\.67 in the first round, .* has 50\.0% of the weight"):
        TrAdaBoostR2(LinearRegression(), 1).fit(zeros, [0, 0, 4, 0], domain=domain)
    found = TrAdaBoostR2(LinearRegression(), 1).fit(zeros, [0, 8, 2, 4], domain=domain)
    assert found.errors_ == pytest.approx([2 / 9])
    assert np.exp(-found.votes_) == pytest.approx([2 / 7])
    beta = 1 / (1 + np.sqrt(2 * np.log(2)))
    weights = np.array([beta ** (7 / 9), beta, (7 / 2) ** (1 / 3), (7 / 2) ** (1 / 9)])
    np.testing.assert_allclose(found.weights_, weights / weights.mean())


def test_weight_ends_on_the_right_part_of_the_source():
    X, y, domain, right = two_rules()
    model = TrAdaBoostR2(LinearRegression(), 30).fit(X, y, domain=domain)
    source = domain == 0
    assert model.weights_[source & right].sum() > 0.8 * model.weights_[source].sum()
    fresh = two_rules(0, 1000, seed=1)
    pooled = LinearRegression().fit(X, y)
    error = [np.mean((each.predict(fresh[0]) - fresh[1]) ** 2) for each in (model, pooled)]
    assert error[0] < error[1] / 2


def test_median_by_hand():
    values = np.array([[1.0, 5.0, 3.0], [3.0, 2.0, 1.0]])
    assert weighted_median(values, np.array([1.0, 1.0, 1.0])).tolist() == [3, 2]
    assert weighted_median(values, np.array([1.0, 9.0, 1.0])).tolist() == [5, 2]
    assert weighted_median(values, np.array([2.0, 1.0, 1.0])).tolist() == [1, 2]


def test_a_perfect_fit_goes_on():
    X = np.arange(8.0)[:, None]
    model = TrAdaBoostR2(LinearRegression(), 4).fit(X, X[:, 0], domain=np.repeat([0, 1], 4))
    np.testing.assert_allclose(model.predict(X), X[:, 0], atol=1e-9)


@pytest.mark.parametrize("y", [["a", "b"], [np.nan, 1.0]])
def test_values_that_are_no_numbers_are_refused(y):
    with pytest.raises(ValueError, match="alues must be finite numbers|NaN"):
        TrAdaBoostR2().fit(np.eye(2), y, domain=[0, 1])


def test_without_domain_one_regressor_is_fitted_and_that_is_said():
    X, y, _, _ = two_rules()
    with pytest.warns(UserWarning, match="Received: domain=None"):
        model = TrAdaBoostR2(LinearRegression()).fit(X, y)
    np.testing.assert_allclose(model.predict(X), LinearRegression().fit(X, y).predict(X))
