import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from tltk.few_labels import FeatureNormalizer, NearestPrototype

TRIANGLE = np.array([[0.0, 0], [2, 0], [10, 0], [12, 0], [0, 20], [0, 22]])
NAMES = np.repeat(["a", "b", "c"], 2)


def test_with_an_identity_encoder_the_answers_are_known():
    model = NearestPrototype().fit(TRIANGLE, NAMES)
    assert model.prototypes_.tolist() == [[1, 0], [11, 0], [0, 21]]
    assert model.similarity([[1, 0], [5, 3]]).tolist() == [[0, -100, -442], [-25, -45, -349]]
    assert model.predict([[5.9, 3], [6.1, 3], [1, 11]]).tolist() == ["a", "b", "c"]


def test_cosines_see_the_direction_alone():
    model = NearestPrototype("cosine").fit(TRIANGLE[2:], NAMES[2:])
    assert model.predict([[100, 1], [0.001, 0.002]]).tolist() == ["b", "c"]
    assert model.similarity([[3, 4]])[0] == pytest.approx([0.6, 0.8])


def test_it_is_the_nearest_centroid_and_with_one_row_the_nearest_neighbour():
    rng = np.random.default_rng(0)
    X, y, query = rng.normal(size=(60, 4)), np.arange(60) % 6, rng.normal(size=(100, 4))
    ours = NearestPrototype().fit(X, y).predict(query)
    assert (ours == NearestCentroid().fit(X, y).predict(query)).all()
    one = NearestPrototype().fit(X[:6], y[:6]).predict(query)
    assert (one == KNeighborsClassifier(1).fit(X[:6], y[:6]).predict(query)).all()


def test_each_step_of_normalising_does_what_it_says():
    X = np.array([[4.0, -9.0], [16.0, 1.0]])
    plain = FeatureNormalizer(power=1, center=False, unit_length=False)
    assert plain.fit_transform(X).tolist() == X.tolist()
    root = FeatureNormalizer(center=False, unit_length=False)
    assert root.fit_transform(X).tolist() == [[2, -3], [4, 1]]
    centred = FeatureNormalizer(unit_length=False).fit(X)
    assert centred.mean_.tolist() == [3, -1]
    assert centred.transform([[4.0, 9.0]]).tolist() == [[-1, 4]]
    every = FeatureNormalizer().fit(X).transform([[4.0, 9.0], [9.0, -1.0]])
    assert every[0] == pytest.approx(np.array([-1, 4]) / 17**0.5)
    assert every[1].tolist() == [0, 0]  # at the mean of the source there is no direction


def test_without_normalising_one_large_feature_decides():
    """Two classes that differ in ten features, beside one that is noise and large."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = np.exp(rng.normal(size=(400, 10)) + 1.5 * y[:, None])
    X = np.column_stack([X, np.exp(rng.normal(3, 1.5, 400))])
    first = NearestPrototype().fit(X[:10], y[:10]).score(X[10:], y[10:])
    X = FeatureNormalizer(power=0.1).fit(X).transform(X)
    assert NearestPrototype().fit(X[:10], y[:10]).score(X[10:], y[10:]) > first + 0.1


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: NearestPrototype("manhattan").fit(TRIANGLE, NAMES), "metric='manhattan'"),
        (lambda: NearestPrototype().fit(TRIANGLE, NAMES[1:]), "inconsistent numbers"),
        (lambda: NearestPrototype().fit(TRIANGLE * np.nan, NAMES), "NaN"),
        (lambda: NearestPrototype().fit(TRIANGLE, NAMES).predict([[1.0]]), "1 features"),
        (lambda: FeatureNormalizer(power=0).fit(TRIANGLE), "power=0"),
        (lambda: FeatureNormalizer().fit(TRIANGLE).transform([[1.0]]), "1 features"),
    ],
)
def test_what_makes_no_sense_is_refused(action, message):
    with pytest.raises(ValueError, match=message):
        action()


def test_unfitted_it_says_so():
    with pytest.raises(NotFittedError):
        NearestPrototype().predict(TRIANGLE)
