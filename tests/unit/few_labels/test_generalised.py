from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import recall_score

from tltk.few_labels import ESZSL, CalibratedStacking, harmonic_mean
from tltk.few_labels.zero_shot import _harmonic_by_penalty

BIAS = 5.0


class Biased(BaseEstimator):
    """Minus the squared distance to a class's vector, and more for each class it was fitted on."""

    def __init__(self, bias=BIAS):
        self.bias = bias

    def fit(self, X, y, vectors):
        self.seen_ = vectors
        return self

    def decision_function(self, X, vectors):
        known = (vectors[:, None] == self.seen_).all(axis=2).any(axis=1)
        return -((X[:, None] - vectors) ** 2).sum(axis=2) + self.bias * known


@pytest.fixture(scope="module")
def world():
    """Rows scattered around the vectors of ten classes, of which the last four are unseen."""
    rng = np.random.default_rng(0)
    y = np.arange(600) % 10
    vectors = rng.normal(size=(10, 4))
    X = vectors[y] + 0.4 * rng.normal(size=(600, 4))
    return X, y, vectors, (np.arange(600) < 300) & (y < 6), np.arange(600) >= 300


def test_a_worked_example():
    """Class 0 half right, class 1 all right, class 2 a third: (0.75, 1/3)."""
    found = harmonic_mean([0, 0, 1, 2, 2, 2], [0, 2, 1, 2, 0, 1], seen=[0, 1])
    assert found == pytest.approx((0.75, 1 / 3, 2 * 0.75 / 3 / (0.75 + 1 / 3)))
    assert harmonic_mean([0, 1], [1, 0], seen=[0]) == (0, 0, 0)


def test_sides_are_means_over_classes_as_scikit_learn_has_them():
    rng = np.random.default_rng(0)
    truth = rng.choice(5, 200, p=[0.5, 0.1, 0.2, 0.1, 0.1])
    answers = np.where(rng.random(200) < 0.6, truth, rng.integers(0, 5, 200))
    found = harmonic_mean(truth, answers, seen=[0, 1, 2])
    recalls = recall_score(truth, answers, average=None)
    assert found[:2] == pytest.approx((recalls[:3].mean(), recalls[3:].mean()))


def test_a_known_bias_towards_the_classes_seen_is_found_among_them_alone(world):
    X, y, vectors, train, test = world
    alone = Biased().fit(X[train], y[train], vectors[:6]).decision_function(X[test], vectors)
    free = alone - BIAS * (np.arange(10) < 6)
    plain, best = (harmonic_mean(y[test], s.argmax(axis=1), range(6)) for s in (alone, free))
    learner = CalibratedStacking(Biased()).fit(X[train], y[train], vectors[:6])
    stacked = harmonic_mean(y[test], learner.predict(X[test], vectors[6:]), range(6))
    assert learner.penalty_ == pytest.approx(BIAS, abs=1.5)
    assert learner.harmonic_[1] > learner.harmonic_[0] + 0.1
    assert plain.harmonic < best.harmonic - 0.15
    assert stacked.harmonic > best.harmonic - 0.05


def test_the_penalty_is_taken_off_the_seen_classes_alone(world):
    X, y, vectors, train, test = world
    learner = CalibratedStacking().fit(X[train], y[train], vectors[:6])
    expected = ESZSL().fit(X[train], y[train], vectors[:6]).decision_function(X[test], vectors)
    expected[:, :6] -= learner.penalty_
    np.testing.assert_allclose(learner.decision_function(X[test], vectors[6:]), expected)
    assert learner.predict(X[test], vectors[6:7]).max() <= 6


def test_the_harmonic_mean_of_each_penalty_equals_that_of_the_answers():
    """Scores at random: what the margins say is what penalised scores answer."""
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 5, 300), rng.normal(size=(300, 5))
    scores[np.arange(300), truth] += 1
    best_unseen, best_seen = scores[:, :2].argmax(axis=1), 2 + scores[:, 2:].argmax(axis=1)
    margins, penalties = scores[:, 2:].max(axis=1) - scores[:, :2].max(axis=1), [-1.0, 0, 0.4, 3]
    found = _harmonic_by_penalty(
        margins, truth, best_unseen == truth, best_seen == truth, 2, np.array(penalties)
    )
    for penalty, each in zip(penalties, found, strict=True):
        answers = (scores - penalty * (np.arange(5) >= 2)).argmax(axis=1)
        assert each == pytest.approx(harmonic_mean(truth, answers, [2, 3, 4]).harmonic)


def test_a_lead_as_large_as_the_penalty_does_not_exceed_it():
    """Two rows, one of an unseen class (0), one of a seen one (1), both with a lead of 1."""
    right_unseen, right_seen = np.array([True, False]), np.array([False, True])
    leads, truth, penalties = np.array([1.0, 1.0]), np.array([0, 1]), np.array([0.9, 1.0, 1.1])
    found = _harmonic_by_penalty(leads, truth, right_unseen, right_seen, 1, penalties)
    assert found.tolist() == [0, 0, 0]  # both are answered alike, so one side is 0
    leads = np.array([1.0, 2.0])
    found = _harmonic_by_penalty(leads, truth, right_unseen, right_seen, 1, penalties)
    assert found.tolist() == [0, 1, 1]


@pytest.mark.parametrize(("bias", "without"), [(0.0, 1.0), (1000.0, 0.0)])
def test_what_comes_without_a_penalty_is_told_beside_what_comes_with_it(bias, without):
    y = np.repeat(np.arange(6), 4)
    vectors = 10 * np.eye(6)
    X = vectors[y] + np.arange(24)[:, None] / 100
    learner = CalibratedStacking(Biased(bias), splits=3).fit(X, y, vectors)
    assert learner.harmonic_[0] == without
    assert learner.harmonic_[1] == 1


class Noted(Biased):
    """Notes how many classes and rows it was fitted on."""

    seen: ClassVar[list] = []

    def fit(self, X, y, vectors):
        self.seen.append((len(vectors), len(X)))
        return super().fit(X, y, vectors)


@pytest.mark.parametrize(("share", "fitted"), [(0.4, (4, 24)), (0.5, (3, 15)), (0.1, (5, 45))])
def test_the_share_of_classes_plays_the_unseen_and_of_rows_is_kept_to_be_judged(share, fitted):
    """Of six classes of ten rows: 2, 3 or 1 classes, and 4, 5 or 1 rows of each other class."""
    y, vectors = np.repeat(np.arange(6), 10), 10 * np.eye(6)
    Noted.seen.clear()
    CalibratedStacking(Noted(), splits=2, share=share).fit(vectors[y], y, vectors)
    assert Noted.seen == [fitted, fitted, (6, 60)]


def test_a_large_share_leaves_two_classes_and_a_row_of_each(world):
    _, _, vectors, *_ = world
    y = np.repeat(np.arange(5), 2)
    assert CalibratedStacking(share=0.99, splits=2).fit(vectors[y], y, vectors[:5]).penalty_ < 9


def test_it_is_an_estimator_and_its_seed_decides(world):
    X, y, vectors, train, _ = world
    learner = CalibratedStacking(ESZSL(2), splits=3, random_state=1)
    again = clone(learner)
    assert again.get_params()["learner__gamma"] == 2
    first, second = (each.fit(X[train], y[train], vectors[:6]) for each in (learner, again))
    assert first.penalty_ == second.penalty_


@pytest.mark.parametrize(
    ("truth", "answers", "seen", "message"),
    [
        ([0, 1], [0, 1], [0, 1], "Both sides are judged"),
        ([0, 1], [0, 1], [2], "Both sides are judged"),
        ([0, 0], [0, 0], [0], "Both sides are judged"),
        (
            [0, 1, 2],
            [0, 1],
            [0],
            r"numbers \(3,\).* answers=\[0, 1\]",
        ),
        ([0.0, np.nan], [0, 1], [0], r"Received: truth=\[0.0, nan\]"),
    ],
)
def test_judgement_takes_both_sides(truth, answers, seen, message):
    with pytest.raises(ValueError, match=message):
        harmonic_mean(truth, answers, seen)


@pytest.mark.parametrize(
    ("settings", "classes", "rows", "message"),
    [
        ({"splits": 0}, 6, 300, "splits=0"),
        ({"share": 1}, 6, 300, "share=1"),
        ({}, 2, 300, "3 classes at least"),
        ({}, 6, 6, "has two rows"),
    ],
)
def test_settings_and_classes_that_make_no_sense_are_refused(
    world, settings, classes, rows, message
):
    X, y, vectors, *_ = world
    kept = np.flatnonzero(y < classes)[:rows]
    with pytest.raises(ValueError, match=message):
        CalibratedStacking(**settings).fit(X[kept], y[kept], vectors[:classes])


def test_there_is_an_unseen_class_of_the_same_width(world):
    X, y, vectors, train, _ = world
    learner = CalibratedStacking(splits=1).fit(X[train], y[train], vectors[:6])
    with pytest.raises(ValueError, match="4 here. Received: vectors of 3"):
        learner.predict(X, vectors[6:, :3])
    with pytest.raises(ValueError, match=r"vectors must be finite numbers \(k, a\), at least one"):
        learner.predict(X, np.empty((0, 4)))
