import keras
import numpy as np
import pytest

from tltk.tuning import build_multitask
from tltk.tuning.tasks import label_parts, task_examples, tasks_of

X = np.zeros((4, 2), "float32")
LABELS = {"kind": [2, -1, 0, np.nan], "size": [1.5, np.nan, np.nan, np.nan]}


@pytest.fixture(scope="module")
def model():
    body = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(1.0)])
    return build_multitask(body, {"kind": 3, "size": "regression"})


def test_rows_hold_what_is_known_and_how_much_it_counts(model):
    rows = task_examples(model, (X, LABELS)).labels
    assert rows.tolist() == [
        [0, 0, 1, 1.5, 2, 4],
        [0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 2, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert rows[:, 4:].mean(axis=0).tolist() == [1, 1]


def test_rows_come_apart_as_they_went_together(model):
    parts = label_parts(tasks_of(model), task_examples(model, (X, LABELS)).labels)
    assert [each.tolist() for each in parts["kind"]] == [[0, 2], [2, 0]]
    assert [each.tolist() for each in parts["size"]] == [[0], [1.5]]


def test_a_split_gives_its_rows_and_not_its_labels(model):
    from tltk.inputs.examples import examples_of

    split = examples_of((X, [0, 1, 0, 1]))
    assert task_examples(model, (split, LABELS)).labels.shape == (4, 6)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"kind": [-1] * 4}, "no training label at all for 'kind'"),
        ({"size": [np.nan] * 4}, "no training label at all for 'size'"),
        ({"kind": [3, 0, 0, 0]}, r"from 0 to 2, or -1\. Received: 3"),
        ({"kind": [0.5, 0, 0, 0]}, r"Received: 0\.5"),
        ({"size": [np.inf, 0, 0, 0]}, "must be finite.*Received: labels of 'size'.*=inf, 1 not"),
        ({"kind": [0, 1]}, "Received: 2 labels of 'kind' for 4 rows"),
        ({"more": [0] * 4}, "labels for kind, size, more"),
    ],
)
def test_labels_that_do_not_fit_are_refused(model, changed, says):
    with pytest.raises(ValueError, match=says):
        task_examples(model, (X, LABELS | changed))


def test_labels_come_as_a_dict(model):
    with pytest.raises(ValueError, match=r"a pair \(inputs, labels\)"):
        task_examples(model, (X, [0, 1, 2, 0]))
