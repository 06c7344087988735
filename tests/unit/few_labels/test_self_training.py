import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from tltk.few_labels import SelfTraining
from tltk.few_labels.self_training import default_classifier


class FromTable:
    """Answers with the probabilities that its rows hold; remembers what it was fitted on."""

    def __init__(self, seen=None):
        self.seen = [] if seen is None else seen

    def get_params(self, deep=True):
        return {"seen": self.seen}

    def __sklearn_clone__(self):
        return FromTable(self.seen)

    def fit(self, X, y):
        self.seen.append((X[:, 0].tolist(), y.tolist()))
        return self

    def predict_proba(self, X):
        return np.column_stack([X[:, 0], 1 - X[:, 0]])

    def predict(self, X):
        return (X[:, 0] < 0.5).astype(int)


TABLE = np.array([[1.0], [0.0], [0.9], [0.8], [0.7], [0.6], [0.55], [0.3]])
LABELS = np.array([0, 1, -1, -1, -1, -1, -1, -1])


@pytest.fixture(scope="module")
def blobs():
    """Ten classes in sixty features, of which the training rows are mostly unlabelled."""
    rng = np.random.default_rng(0)
    means = 0.55 * rng.normal(size=(10, 60))
    truth = np.arange(1500) % 10
    x = means[truth] + rng.normal(size=(1500, 60))
    labels = np.where(np.arange(1500) < 50, truth, -1)
    labels[1000:] = -1
    return x, truth, labels


def test_rows_are_taken_by_confidence_a_growing_share_of_each_class():
    """Of six rows and three rounds: two, four and six in all, half of them of each class."""
    classifier = FromTable()
    learner = SelfTraining(classifier, rounds=3).fit(TABLE, LABELS)
    rows = [sorted(x, reverse=True) for x, _ in classifier.seen]
    assert rows == [
        [1.0, 0.0],
        [1.0, 0.9, 0.3, 0.0],
        [1.0, 0.9, 0.8, 0.3, 0.0],
        [1.0, 0.9, 0.8, 0.7, 0.3, 0.0],
    ]
    assert learner.pseudo_labels_.tolist() == [0, 1, 0, 0, 0, -1, -1, 1]
    assert [h["by_class"] for h in learner.history_][1:3] == [{0: 1, 1: 1}, {0: 2, 1: 1}]


def test_without_balance_the_most_confident_are_taken():
    classifier = FromTable()
    SelfTraining(classifier, rounds=3, balanced=False).fit(TABLE, LABELS)
    assert sorted(classifier.seen[1][0]) == [0.0, 0.8, 0.9, 1.0]
    assert sorted(classifier.seen[3][0]) == sorted(TABLE[:, 0].tolist())


def test_a_threshold_takes_all_that_reach_it_and_stops_where_nothing_changes():
    learner = SelfTraining(FromTable(), threshold=0.7, balanced=False).fit(TABLE, LABELS)
    assert learner.pseudo_labels_.tolist() == [0, 1, 0, 0, 0, -1, -1, 1]
    assert [entry["pseudo_labelled"] for entry in learner.history_] == [0, 4]


def test_it_beats_the_labels_alone_and_equals_them_in_round_0(blobs):
    x, truth, labels = blobs
    alone = default_classifier().fit(x[:50], truth[:50])
    learner = SelfTraining().fit(x[:1000], labels[:1000])
    assert learner.score(x[1000:], truth[1000:]) > alone.score(x[1000:], truth[1000:]) + 0.03
    one = SelfTraining(rounds=1).fit(x[:1000], labels[:1000], val=(x[:50], truth[:50]))
    assert one.round_ == 0  # the labelled rows themselves cannot be answered better
    np.testing.assert_allclose(one.predict_proba(x), alone.predict_proba(x))


def test_wrong_labels_are_taken_back():
    """The middle row is first taken for the left class, later for the right one."""

    class Changing(FromTable):
        def __sklearn_clone__(self):
            return Changing(self.seen)

        def predict_proba(self, X):
            left = np.where((X[:, 0] == 0.6) & (len(self.seen) > 1), 0.1, X[:, 0])
            return np.column_stack([left, 1 - left])

    table, labels = np.array([[1.0], [0.0], [0.6], [0.3]]), np.array([0, 1, -1, -1])
    learner = SelfTraining(Changing(), rounds=2, balanced=False).fit(table, labels)
    assert [entry["changed"] for entry in learner.history_] == [0, 0, 0]
    learner = SelfTraining(Changing(), threshold=0.6, balanced=False).fit(table, labels)
    assert learner.pseudo_labels_.tolist() == [0, 1, 1, 1]
    assert [entry["changed"] for entry in learner.history_] == [0, 0, 1]
    assert learner.history_[2] == {
        "round": 2,
        "pseudo_labelled": 2,
        "by_class": {0: 0, 1: 2},
        "changed": 1,
        "val_accuracy": None,
    }


def test_validation_chooses_the_round_and_ends_the_run(blobs):
    x, truth, labels = blobs
    learner = SelfTraining(rounds=12, patience=2).fit(
        x[:1000], labels[:1000], val=(x[1000:], truth[1000:])
    )
    scores = [entry["val_accuracy"] for entry in learner.history_]
    assert learner.round_ == int(np.argmax(scores))
    assert len(scores) <= 13
    assert learner.score(x[1000:], truth[1000:]) == pytest.approx(max(scores))
    hurt = SelfTraining(FromTable(), rounds=8).fit(TABLE, LABELS, val=(TABLE, TABLE[:, 0] < 0.5))
    assert (hurt.round_, len(hurt.history_)) == (0, 3)


def test_any_classifier_with_probabilities_serves(blobs):
    x, truth, labels = blobs
    learner = SelfTraining(KNeighborsClassifier(3), rounds=2).fit(x[:1000], labels[:1000] + 0)
    assert learner.predict_proba(x).shape == (1500, 10)
    assert learner.score(x, truth) > 0.7
    assert learner.get_params()["rounds"] == 2


@pytest.mark.parametrize(
    ("settings", "labels", "message"),
    [
        ({}, np.array(["a"] * 8), "y must be class numbers (8,)"),
        ({}, np.array([0, 1]), "Received: y=int64 of shape (2,)"),
        ({}, np.array([0, 1] * 4), "0 rows without a label, 2 classes"),
        ({}, np.array([0] + [-1] * 7), "7 rows without a label, 1 classes"),
        ({"classifier": LinearSVC()}, LABELS, "needs predict_proba"),
        ({"rounds": 0}, LABELS, "rounds=0"),
        ({"threshold": 1.5}, LABELS, "threshold=1.5"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, labels, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        SelfTraining(**settings).fit(TABLE, labels)
