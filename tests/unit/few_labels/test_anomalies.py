import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.covariance import LedoitWolf
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import NearestNeighbors

from tltk.few_labels import AnomalyDetector


@pytest.fixture(scope="module")
def normal():
    rng = np.random.default_rng(0)
    return rng.normal(size=(4000, 6)) @ rng.normal(size=(6, 6)) + 3


def test_mahalanobis_equals_scikit_learn(normal):
    detector = AnomalyDetector(unit_length=False).fit(normal[:50], val=normal[50:100])
    oracle = LedoitWolf().fit(normal[:50])
    np.testing.assert_allclose(-detector.score_samples(normal), oracle.mahalanobis(normal))


def test_neighbours_equal_scikit_learn(normal):
    detector = AnomalyDetector("neighbours", neighbours=3, unit_length=False).fit(
        normal[:50], val=normal[50:100]
    )
    oracle = NearestNeighbors(n_neighbors=3).fit(normal[:50])
    expected = oracle.kneighbors(normal)[0][:, 2]
    np.testing.assert_allclose(-detector.score_samples(normal), expected)


def test_of_normal_rows_the_square_is_chi_squared(normal):
    squares = (
        -AnomalyDetector(unit_length=False)
        .fit(normal[:2000], val=normal[2000:3000])
        .score_samples(normal)
    )
    for share in (0.5, 0.9):
        assert np.mean(squares[3000:] < chi2(6).ppf(share)) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("distance", ["mahalanobis", "neighbours"])
@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_false_alarms_are_as_many_as_stated(normal, distance, rate):
    detector = AnomalyDetector(distance, false_alarms=rate, unit_length=False).fit(
        normal[:1500], val=normal[1500:3000]
    )
    answers = detector.predict(normal[3000:])
    assert np.mean(answers == -1) == pytest.approx(rate, abs=0.04)
    assert (detector.predict(normal[:20] + 40) == -1).all()
    assert ((detector.decision_function(normal) < 0) == (detector.predict(normal) == -1)).all()


def test_the_threshold_has_the_rank_that_holds_the_rate():
    """Of 19 rows at 5 % it is the farthest, of 39 the second farthest; 18 are too few."""
    known = np.array([[0.0], [0.0]])
    for count, farthest in ((19, 19.0), (39, 38.0)):
        val = np.arange(1.0, count + 1)[:, None]
        detector = AnomalyDetector("neighbours", 1, unit_length=False).fit(known, val=val)
        assert detector.offset_ == -farthest
    with pytest.raises(ValueError, match="at least 19 normal rows for the threshold. Received: 18"):
        AnomalyDetector("neighbours", 1, unit_length=False).fit(known, val=np.ones((18, 1)))


def test_classes_are_measured_from_their_own_mean():
    """Between two classes lies nothing normal, which one mean for both does not see."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    rows = rng.normal(size=(400, 2)) + 20 * labels[:, None]
    middle = [[10.0, 10.0]]
    assert AnomalyDetector(unit_length=False).fit(rows).predict(middle) == [1]
    by_class = AnomalyDetector(unit_length=False).fit(rows, labels)
    assert by_class.predict(middle) == [-1]
    assert np.mean(by_class.predict(rows) == 1) > 0.9


@pytest.mark.parametrize("distance", ["mahalanobis", "neighbours"])
def test_at_unit_length_only_the_direction_counts(normal, distance):
    lengths = np.random.default_rng(1).uniform(0.1, 10, (len(normal), 1))
    rows = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    expected = AnomalyDetector(distance, unit_length=False).fit(rows[:300], val=rows[300:600])
    found = AnomalyDetector(distance).fit((lengths * normal)[:300], val=normal[300:600])
    np.testing.assert_allclose(found.score_samples(normal), expected.score_samples(rows), rtol=1e-5)
    assert found.offset_ == pytest.approx(expected.offset_)


def test_rows_are_held_out_by_the_seed(normal):
    offsets = [
        AnomalyDetector(random_state=seed, unit_length=False).fit(normal[:200]).offset_
        for seed in (0, 0, 1)
    ]
    assert offsets[0] == offsets[1]
    assert offsets[0] != offsets[2]


def test_fewer_rows_than_features():
    rng = np.random.default_rng(0)
    detector = AnomalyDetector(unit_length=False).fit(
        rng.normal(size=(30, 100)), val=rng.normal(size=(30, 100))
    )
    assert detector.predict(rng.normal(3, 1, (20, 100))).tolist() == [-1] * 20


@pytest.mark.parametrize(
    ("settings", "data", "message"),
    [
        ({"distance": "euclid"}, {}, "distance='euclid'"),
        ({"false_alarms": 0}, {}, "false_alarms=0"),
        ({"neighbours": 0}, {}, "neighbours=0"),
        ({}, {"y": [0, 1]}, r"for each row \(100,\). Received: y=\[0, 1\]"),
        ({}, {"val": np.zeros((30, 2))}, "width that was fitted, 6"),
    ],
)
def test_what_makes_no_sense_is_refused(normal, settings, data, message):
    with pytest.raises(ValueError, match=message):
        AnomalyDetector(**settings).fit(normal[:100], **data)


def test_an_unfitted_detector_says_so(normal):
    with pytest.raises(NotFittedError):
        AnomalyDetector().predict(normal)
