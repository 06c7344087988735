import keras
import numpy as np
import pytest

from tltk.evaluation import task_gains, task_scores, transfer_verdict
from tltk.tuning import build_multitask

X = np.eye(4, dtype="float32")
LABELS = {"a": [0, 1, 0, 1], "b": [0, 0, 1, 1], "size": [0.0, 1.0, 2.0, 3.0]}
KINDS = {"a": 2, "b": 2, "size": "regression"}
WRONG = {"a": 1, "a+b": 0, "a+size": 2, "a+b+size": 1, "b": 0, "b+size": 3}


def taught(names, seed=0):
    """A model that is right on all rows but a known number of them."""
    body = keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(1.0)])
    model = build_multitask(body, {name: KINDS[name] for name in names}, dropout=0)
    for name in names:
        head = model.get_layer(f"head_output_{name}")
        if name == "size":
            head.set_weights([np.array(LABELS["size"])[:, None] + 0.5, np.zeros(1)])
            continue
        others = sorted(set(names) - {name})
        wrong = WRONG.get("+".join([name, *others]), 1)
        right = np.array(LABELS[name]) ^ (np.arange(4) < wrong)
        head.set_weights([10 * np.eye(2)[right], np.zeros(2)])
    return model


def test_scores_are_those_of_the_labels_there_are():
    labels = {"a": [0, -1, 0, -1], "size": [0.0, 1.0, np.nan, np.nan]}
    rows = task_scores(taught(["a", "size"]), (X, labels))
    assert rows[0] == {"task": "a", "labels": 2, "measure": "accuracy", "score": 0.5}
    assert (rows[1]["labels"], rows[1]["measure"]) == (2, "R2")
    assert rows[1]["score"] == pytest.approx(1 - 0.25 / 0.25)


def test_gains_are_paired_with_the_task_alone():
    asked = []

    def learn(names, seed):
        asked.append((*names, seed))
        return taught(names)

    found = task_gains(learn, ["a", "b", "size"], (X, LABELS), seeds=2)
    assert len(asked) == len(set(asked)) == 2 * (3 + 3 + 1)
    gains = {(row["task"], row["with"]): row for row in found.gains}
    assert set(gains) == {
        (one, other) for one in KINDS for other in [*KINDS, "all"] if one != other
    }
    expected = {("a", "b"): 0.25, ("a", "size"): -0.25, ("a", "all"): 0.0, ("b", "size"): -0.75}
    for pair, gain in expected.items():
        assert gains[pair]["gain"] == pytest.approx((gain, 0))
        assert gains[pair]["verdict"] == transfer_verdict([gain, gain])
    assert gains["a", "b"]["alone"][0] == 0.75
    assert gains["size", "a"]["gain"][0] == 0
    assert len(found.rows) == 2 * (3 + 6 + 3)


def test_two_tasks_have_no_all(capsys):
    found = task_gains(lambda names, seed: taught(names), ["a", "b"], (X, LABELS), 1, verbose=True)
    assert [(row["task"], row["with"]) for row in found.gains] == [("a", "b"), ("b", "a")]
    assert "a + b: done, 1 seeds" in capsys.readouterr().out


def test_a_model_of_other_tasks_is_refused():
    with pytest.raises(ValueError, match=r"Received: \['b'\] from learn, asked for a"):
        task_gains(lambda names, seed: taught(["b"]), ["a", "b"], (X, LABELS), 1)
    with pytest.raises(ValueError, match="Received: NoneType"):
        task_gains(lambda names, seed: None, ["a", "b"], (X, LABELS), 1)


def test_a_task_without_test_labels_is_refused():
    with pytest.raises(ValueError, match=r"none for tasks=\['size'\]"):
        task_gains(lambda names, seed: None, ["a", "size"], (X, {"a": LABELS["a"]}))


@pytest.mark.parametrize(
    ("tasks", "rule"),
    [
        (["a"], "at least two different tasks"),
        (["a", "a"], r"tasks must be different names. Received: tasks=\['a', 'a'\]"),
        (["a", "all"], "at least two different tasks"),
    ],
)
def test_gains_are_between_two_tasks(tasks, rule):
    with pytest.raises(ValueError, match=rule):
        task_gains(lambda names, seed: None, tasks, (X, LABELS))
