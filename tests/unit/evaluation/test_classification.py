import numpy as np
import pytest
from sklearn import metrics

from tltk.evaluation import Predictions, classification_table


def table(*args, **kwargs):
    return {row["class"]: row for row in classification_table(Predictions(*args, **kwargs))}


def test_one_label_worked_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    answers = np.array([0, 0, 1, 1, 0, 2])
    rows = table(labels, np.eye(3)[answers], ("a", "b", "c"))
    assert rows["a"] == {
        "class": "a",
        "precision": 2 / 3,
        "recall": 2 / 3,
        "f1": pytest.approx(2 / 3),
        "support": 3,
    }
    assert rows["b"] == {"class": "b", "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert rows["c"]["f1"] == 1
    assert rows["accuracy"] == {"class": "accuracy", "recall": 4 / 6, "support": 6}
    assert rows["balanced accuracy"]["recall"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)


def test_balanced_accuracy_equals_scikit_learns_where_a_class_is_absent():
    labels, answers = np.array([0, 0, 2, 2, 2]), np.array([0, 1, 2, 2, 0])
    rows = table(labels, np.eye(3)[answers], ("a", "b", "c"))
    balanced = np.mean(metrics.recall_score(labels, answers, labels=[0, 2], average=None))
    assert rows["balanced accuracy"]["recall"] == pytest.approx(balanced)
    assert rows["b"] == {"class": "b", "precision": 0, "recall": 0, "f1": 0, "support": 0}


def test_many_labels_with_their_threshold():
    labels = np.array([[1, 0], [1, 1], [0, 1]])
    probabilities = np.array([[0.9, 0.6], [0.4, 0.6], [0.1, 0.9]])
    rows = table(labels, probabilities, ("a", "b"), kind="many_labels")
    assert (rows["a"]["precision"], rows["a"]["recall"]) == (1, 0.5)
    assert (rows["b"]["precision"], rows["b"]["recall"]) == (pytest.approx(2 / 3), 1)
    assert rows["micro average"]["precision"] == 0.75
    assert rows["macro average"]["precision"] == pytest.approx((1 + 2 / 3) / 2)
    low = Predictions(labels, probabilities, ("a", "b"), kind="many_labels")
    assert classification_table(low, threshold=0.3)[0]["recall"] == 1
    assert classification_table(low, threshold=0.6)[1]["recall"] == 1  # from .6 on
    assert classification_table(low, threshold=0.61)[1]["recall"] == 0.5


def test_regression_worked_by_hand():
    truth, answers = np.array([[0.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [1.0]])
    (row,) = classification_table(Predictions(truth, answers, ("age",), kind="regression"))
    assert (row["output"], row["support"]) == ("age", 3)
    assert row["mae"] == pytest.approx(4 / 3)
    assert row["rmse"] == pytest.approx((10 / 3) ** 0.5)
    assert row["r2"] == pytest.approx(1 - 10 / 8)


def test_one_example_has_no_share_of_the_variance():
    one = Predictions(np.array([[2.0]]), np.array([[5.0]]), ("age",), kind="regression")
    (row,) = classification_table(one)
    assert (row["mae"], row["rmse"], row["r2"]) == (3, 3, None)
