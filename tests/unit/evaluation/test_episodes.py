import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from tltk.evaluation import episode_accuracies, evaluate_episodes
from tltk.few_labels import sample_episode

LABELS = np.repeat(np.arange(8), 20)


@pytest.fixture(scope="module")
def features():
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 5))[LABELS] + 0.7 * rng.normal(size=(160, 5))


def test_accuracies_are_those_of_the_same_episodes_drawn_one_by_one(features):
    found = episode_accuracies(
        {"n": NearestCentroid()}, features, LABELS, 3, n_shot=2, n_query=4, episodes=10, seed=7
    )["n"]
    for number in range(10):
        episode = sample_episode(features, LABELS, 3, 2, n_query=4, seed=[7, number])
        model = NearestCentroid().fit(episode.support, episode.support_labels)
        assert found[number] == model.score(episode.query, episode.query_labels)


def test_rows_hold_means_intervals_and_paired_gains(features):
    methods = {"one": KNeighborsClassifier(1), "mean": NearestCentroid()}
    settings = {"n_shot": 5, "n_query": 10, "episodes": 50}
    rows = evaluate_episodes(methods, features, LABELS, **settings, baseline="one")
    scores = episode_accuracies(methods, features, LABELS, **settings)
    gains = scores["mean"] - scores["one"]
    assert [row["method"] for row in rows] == ["one", "mean"]
    assert rows[0]["gain"] is None
    assert rows[0]["accuracy"][0] == pytest.approx(scores["one"].mean())
    assert rows[1]["gain"][0] == pytest.approx(gains.mean())
    assert rows[1]["gain"][1] == pytest.approx(2.0096 * gains.std(ddof=1) / 50**0.5, rel=1e-3)
    assert (rows[1]["ways"], rows[1]["shots"], rows[1]["episodes"]) == (5, 5, 50)


def test_naming_one_class_is_at_chance(features):
    guess = {"guess": DummyClassifier(strategy="most_frequent")}
    [row] = evaluate_episodes(guess, features, LABELS, 4, n_shot=1, n_query=10, episodes=200)
    assert row["accuracy"] == (0.25, 0.0)


def test_a_transductive_method_sees_all_queries_at_once(features):
    class Counts(ClassifierMixin, BaseEstimator):
        seen = ()

        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            Counts.seen = (*Counts.seen, len(X))
            return np.zeros(len(X), int)

    episode_accuracies(
        {"counts": Counts()}, features, LABELS, 3, n_shot=1, n_query=(5, 1, 2), episodes=4
    )
    assert Counts.seen == (8, 8, 8, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseline": "two"}, "baseline must be one of 'one'. Received: baseline='two'"),
        ({"methods": {}}, "methods must be a dict of names to classifiers"),
        ({"episodes": 0}, "episodes must be a whole number"),
        ({"n_way": 9}, "n_way=9, and 8 classes"),
        ({"n_query": 20}, "21 here. Received: n_shot=1, n_query=20, class 0 with 20"),
        ({"features": np.full((160, 2), np.nan)}, "features.*nan, 320 not finite"),
        ({"labels": LABELS[1:]}, r"\(160,\)"),
    ],
)
def test_what_makes_no_sense_is_refused(features, change, message):
    given = {"methods": {"one": KNeighborsClassifier(1)}, "features": features, "labels": LABELS}
    with pytest.raises(ValueError, match=message):
        evaluate_episodes(**given | change)
