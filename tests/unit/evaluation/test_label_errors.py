import numpy as np
import pytest
from cleanlab.rank import get_label_quality_scores, order_label_issues
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from tltk.evaluation import find_label_errors


@pytest.fixture(scope="module")
def flipped():
    """Three clusters; 30 of 300 labels are wrong."""
    rng = np.random.default_rng(0)
    truth = np.arange(300) % 3
    x = 3 * np.eye(3)[truth] + rng.normal(size=(300, 3))
    labels = truth.copy()
    wrong = rng.permutation(300)[:30]
    labels[wrong] = (truth[wrong] + rng.integers(1, 3, 30)) % 3
    return x, labels, truth


def out_of_fold(classifier, x, labels, folds, seed):
    """Probabilities by a plain loop."""
    found = np.empty((len(x), len(np.unique(labels))))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, labels):
        found[test] = classifier.fit(x[train], labels[train]).predict_proba(x[test])
    return found


def test_confidence_and_order_are_those_of_cleanlab(flipped):
    x, labels, _ = flipped
    expected = out_of_fold(LogisticRegression(), x, labels, 4, 7)
    found = find_label_errors(x, labels, LogisticRegression(), folds=4, seed=7)
    quality = get_label_quality_scores(labels, expected, method="self_confidence")
    assert found.confidence == pytest.approx(quality[found.rows])
    everything = np.ones(len(x), bool)
    theirs = order_label_issues(everything, labels, expected, rank_by="self_confidence")
    assert quality[theirs] == pytest.approx(quality[found.rows])


def test_suggestions_are_the_most_probable_other_classes(flipped):
    x, labels, _ = flipped
    expected = out_of_fold(LogisticRegression(), x, labels, 5, 0)
    found = find_label_errors(x, labels, LogisticRegression())
    for row, suggestion in zip(found.rows, found.suggestions, strict=True):
        others = [each for each in range(3) if each != labels[row]]
        assert suggestion == max(others, key=lambda each: expected[row, each])


def test_wrong_labels_stand_first(flipped):
    x, labels, truth = flipped
    found = find_label_errors(x, labels)
    wrong = labels != truth
    assert roc_auc_score(wrong[found.rows], -found.confidence) > 0.9
    assert wrong[found.rows[:15]].mean() > 0.7
    assert (found.suggestions[:15] == truth[found.rows[:15]]).mean() > 0.7


def test_every_row_is_listed_once_in_order(flipped):
    x, labels, _ = flipped
    found = find_label_errors(x, labels)
    assert sorted(found.rows) == list(range(300))
    assert (np.diff(found.confidence) >= 0).all()


def test_class_numbers_with_gaps_keep_their_meaning(flipped):
    x, labels, _ = flipped
    names = np.array([2, 5, 9])
    plain, gaps = find_label_errors(x, labels), find_label_errors(x, names[labels])
    assert plain.rows.tolist() == gaps.rows.tolist()
    assert names[plain.suggestions].tolist() == gaps.suggestions.tolist()


def test_copies_vouch_for_each_other_unless_they_are_a_group():
    """Each wrong row comes three times. A nearest neighbour believes the copies."""
    rng = np.random.default_rng(1)
    truth = np.arange(60) % 2
    x = 6.0 * truth[:, None] + rng.normal(size=(60, 2))
    labels = np.where(np.arange(60) < 4, 1 - truth, truth)
    rows = np.repeat(np.arange(60), 3)
    x, labels = x[rows] + 1e-6 * rng.normal(size=(180, 2)), labels[rows]
    nearest = KNeighborsClassifier(1)
    alone = find_label_errors(x, labels, nearest)
    grouped = find_label_errors(x, labels, nearest, groups=rows)
    assert alone.confidence[rows[alone.rows] < 4].mean() > 0.7
    assert grouped.confidence[rows[grouped.rows] < 4].max() == 0


def test_a_class_needs_examples_for_all_folds(flipped):
    x, labels, _ = flipped
    few = np.where(np.arange(300) < 3, 3, labels)
    with pytest.raises(ValueError, match="3 examples of class 3"):
        find_label_errors(x, few)
    with pytest.raises(ValueError, match="groups of class"):
        find_label_errors(x, labels, groups=labels)


def test_a_classifier_without_probabilities_is_refused(flipped):
    x, labels, _ = flipped
    with pytest.raises(ValueError, match="predict_proba"):
        find_label_errors(x, labels, SVC())
