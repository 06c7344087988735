import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tltk.adaptation._weighted_fit import fit_weighted, random_of, seeded


def test_whole_weights_are_rows_repeated():
    random = np.random.default_rng(0)
    X, y, counts = random.normal(size=(20, 2)), random.normal(size=20), random.integers(0, 4, 20)
    found = fit_weighted(Ridge(), X, y, counts.astype(float))
    other = Ridge().fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(found.coef_, other.coef_)


def test_a_pipeline_inside_a_pipeline():
    X, y = np.arange(4.0)[:, None], np.array([0.0, 1, 2, 30])
    inner = make_pipeline(StandardScaler(), LinearRegression())
    found = fit_weighted(make_pipeline(StandardScaler(), inner), X, y, np.array([1, 1, 1, 1e-9]))
    assert found.predict([[3.0]])[0] == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize("wrap", [lambda model: model, make_pipeline], ids=["plain", "pipeline"])
def test_an_estimator_without_weights_is_refused(wrap):
    with pytest.raises(ValueError, match="Received: KNeighborsClassifier"):
        fit_weighted(wrap(KNeighborsClassifier()), np.eye(2), np.array([0, 1]), np.ones(2))


def test_seeds_are_drawn_for_every_step():
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier())
    random = random_of(0)
    first, second = (seeded(model, random).steps[-1][1].random_state for _ in range(2))
    assert first != second
    assert seeded(model, None).steps[-1][1].random_state is None
