import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tltk.evaluation.transferability import (
    _on_held_out,
    linear_probe_accuracy,
    neighbour_accuracy,
)


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    means = rng.normal(size=(3, 4))
    return rng.normal(size=(60, 4)) + means[labels], labels


def test_cross_validated_probe_is_scikit_learns(blobs):
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300, tol=1e-3))
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    expected = cross_val_score(probe, *blobs, cv=folds).mean()
    assert linear_probe_accuracy(*blobs, strengths=(0.1,), seed=3) == pytest.approx(expected)


def test_held_out_examples_judge(blobs):
    features, labels = blobs
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300, tol=1e-3))
    expected = probe.fit(features[:30], labels[:30]).score(features[30:], labels[30:])
    held_out = features[30:], labels[30:]
    found = linear_probe_accuracy(features[:30], labels[:30], held_out, strengths=(0.01,))
    assert found == pytest.approx(expected)


def test_the_strength_has_the_lowest_log_loss():
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=(240, 30)), rng.integers(0, 2, 240)
    labels = np.where(features[:, 0] > 0, 1, labels)
    fit, held_out = (features[:40], labels[:40]), (features[40:], labels[40:])
    each = [linear_probe_accuracy(*fit, held_out, (c,)) for c in (1e-3, 1e-1, 1e3)]
    assert linear_probe_accuracy(*fit, held_out, (1e-3, 1e-1, 1e3)) in each[:2]


def test_neighbours_by_hand():
    """By angle, each of the first two lies next to one of its class; by distance they would not."""
    features, labels = np.array([[1.0, 0.0], [0, 1]]), [4, 9]
    held_out = np.array([[100.0, 1], [1, 100], [0.02, 0.01], [1, 2]]), [4, 9, 4, 4]
    assert neighbour_accuracy(features, labels, held_out, neighbours=1) == 3 / 4


def test_a_class_that_was_never_seen_counts_as_wrong():
    features, labels = np.array([[0.0, 1], [1, 0]] * 3), [0, 1] * 3
    held_out = np.array([[0.0, 1], [1, 1]]), [0, 2]
    assert neighbour_accuracy(features, labels, held_out, neighbours=1) == 0.5
    assert linear_probe_accuracy(features, labels, held_out) == 0.5


@pytest.mark.parametrize("accuracy", [linear_probe_accuracy, neighbour_accuracy])
def test_what_is_refused(accuracy):
    features = np.arange(8.0).reshape(4, 2)
    with pytest.raises(ValueError, match="two examples of each class"):
        accuracy(features, [0, 0, 0, 1])
    with pytest.raises(ValueError, match="one width. Received: features of 2, held_out of 3"):
        accuracy(features, [0, 0, 1, 1], (np.eye(3), [0, 1, 1]))
    with pytest.raises(ValueError, match=r"features\[3, 1\]=inf"):
        accuracy(np.where(features < 7, features, np.inf), [0, 0, 1, 1])


@pytest.mark.parametrize("accuracy", [linear_probe_accuracy, neighbour_accuracy])
def test_two_examples_of_each_class_make_two_folds(accuracy):
    features = np.array([[0.0, 9], [0, 10], [9, 0], [10, 0]])
    more = {"neighbours": 1} if accuracy is neighbour_accuracy else {}
    assert accuracy(features, [0, 0, 1, 1], **more) == 1
    assert accuracy(features, [0, 1, 1, 0], **more) < 1


@pytest.mark.parametrize("held_out", [[np.eye(2), [0, 1]], (np.eye(2),), (np.eye(2), [0, 1], 3)])
def test_what_is_held_out_is_a_pair(held_out):
    with pytest.raises(ValueError, match="held_out must be a pair"):
        linear_probe_accuracy(np.eye(2), [0, 1], held_out)


def test_log_loss_on_held_out_rows_is_scikit_learns():
    features, labels = np.array([[-2.0], [-1], [1], [2]] * 5), np.array([0, 0, 1, 1] * 5)
    new, truth = np.array([[-1.5], [1.5], [3.0]]), np.array([1, 0, 1])
    classifier = LogisticRegression(C=0.1)
    loss, accuracy = _on_held_out(classifier, features, labels, (new, truth))
    assert loss == pytest.approx(log_loss(truth, classifier.predict_proba(new)))
    assert accuracy == pytest.approx(1 / 3)
