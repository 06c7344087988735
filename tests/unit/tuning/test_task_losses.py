import keras
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from tltk.tuning import build_multitask
from tltk.tuning.tasks import (
    SCALE,
    TasksLoss,
    best_log_variance,
    joined_model,
    own_columns,
    task_examples,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype("float32")
LABELS = {"kind": np.array([0, 1, 1, -1, 0, -1, -1, 1]), "size": RNG.normal(size=8)}
LABELS["size"][[0, 4, 5]] = np.nan
TASKS = {"kind": 2, "size": "regression"}


def model_of_tasks(seed=0):
    keras.utils.set_random_seed(seed)
    body = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(1.0)])
    return build_multitask(body, TASKS, dropout=0, hidden=4)


def losses_by_keras(model):
    """Each task's mean loss over the rows that have its label, by Keras's own functions."""
    answers = {name: np.array(each) for name, each in model(X).items()}
    known = {"kind": LABELS["kind"] >= 0, "size": ~np.isnan(LABELS["size"])}
    entropy = keras.losses.SparseCategoricalCrossentropy()
    squares = keras.losses.MeanSquaredError()
    return {
        "kind": float(entropy(LABELS["kind"][known["kind"]], answers["kind"][known["kind"]])),
        "size": float(squares(LABELS["size"][known["size"], None], answers["size"][known["size"]])),
    }


@pytest.mark.parametrize("kind", ["classes", "regression"])
@pytest.mark.parametrize("loss", [0.02, 0.7, 30.0])
def test_the_best_s_is_where_a_search_finds_it(kind, loss):
    def weighted(s):
        return SCALE[kind] * loss * np.exp(-s) + s / 2

    best = best_log_variance(loss, kind)
    assert best == pytest.approx(minimize_scalar(weighted).x, abs=1e-5)
    assert SCALE[kind] * np.exp(-best) == pytest.approx(1 / (2 * loss))


def test_a_loss_of_nothing_has_no_best_s():
    with pytest.raises(ValueError, match="above 0"):
        best_log_variance(0.0)


@pytest.mark.parametrize("learned", [False, True])
def test_loss_is_the_weighted_sum_over_the_labels_there_are(learned):
    model = model_of_tasks()
    start = {"kind": 0.5, "size": 2.0}
    joined = joined_model(model, {"size": 2.0}, start, learned)
    found = joined.loss(task_examples(model, (X, LABELS)).labels, joined(X))
    own = losses_by_keras(model)
    plain = 0.5 * own["kind"] + 2 * own["size"]
    uncertain = np.exp(-0.5) * own["kind"] + 0.25 + 0.5 * np.exp(-2) * own["size"] + 1
    assert float(found) == pytest.approx(uncertain if learned else plain, rel=1e-5)


def test_measures_are_those_of_the_labels_there_are():
    model = model_of_tasks()
    joined = joined_model(model, {"size": 2.0}, {"kind": 1, "size": 1}, True)
    rows = task_examples(model, (X, LABELS)).labels
    found = joined.evaluate(X, rows, batch_size=3, verbose=0, return_dict=True)
    own, answers = losses_by_keras(model), np.array(model(X)["kind"])
    known = LABELS["kind"] >= 0
    right = np.mean(answers.argmax(axis=1)[known] == LABELS["kind"][known])
    assert found["kind_loss"] == pytest.approx(own["kind"], rel=1e-5)
    assert found["size_loss"] == pytest.approx(own["size"], rel=1e-5)
    assert found["kind_accuracy"] == pytest.approx(right)
    assert found["size_r2"] == pytest.approx(1 - own["size"] / 2, rel=1e-5)
    assert found["score"] == pytest.approx((found["kind_accuracy"] + found["size_r2"]) / 2)
    assert found["size_weight"] == pytest.approx(0.5 * np.exp(-1), rel=1e-6)


def test_a_row_without_a_label_moves_nothing():
    """One step over all rows is the same step over the rows that have a label, to rounding."""
    stepped = []
    for rows in (np.arange(8), np.flatnonzero(LABELS["kind"] >= 0)):
        model = model_of_tasks()
        labels = {"kind": LABELS["kind"][rows], "size": np.where(rows == 1, 1.0, np.nan)}
        joined = joined_model(model, {}, {"kind": 1, "size": 0}, False)
        joined.compile(keras.optimizers.SGD(0.1), loss=joined.loss)
        joined.train_on_batch(X[rows], task_examples(model, (X[rows], labels)).labels)
        stepped.append(model.get_weights())
    for one, other in zip(*stepped, strict=True):
        assert np.allclose(one, other, atol=1e-7)
    assert not np.allclose(stepped[0][0], model_of_tasks().get_weights()[0], atol=1e-4)


def test_learned_weights_come_to_rest_at_their_closed_form():
    model = model_of_tasks()
    joined = joined_model(model, {}, {"kind": 0.0, "size": 0.0}, True)
    for layer in model.layers:
        layer.trainable = False
    joined.compile(keras.optimizers.Adam(1e-3), loss=joined.loss)
    rows = task_examples(model, (X, LABELS)).labels
    many = np.tile(X, (150, 1)), np.tile(rows, (150, 1))
    joined.fit(*many, batch_size=8, shuffle=False, verbose=0)
    own = losses_by_keras(model)
    expected = [best_log_variance(own["kind"]), best_log_variance(own["size"], "regression")]
    assert np.array(joined(X))[0, -2:] == pytest.approx(expected, abs=0.02)


def test_an_impossible_answer_still_has_a_gradient():
    columns, sure = [["kind", "classes", 2, 1.0]], np.array([[1.0, 0.0, 1.0]], "float32")
    loss = TasksLoss(columns, False)(np.array([[0.0, 1.0, 1.0]], "float32"), sure)
    assert np.isfinite(float(loss))


def test_columns_of_a_task_are_the_last_ones():
    columns = [["a", "classes", 2, 1.0], ["b", "regression", 1, 1.0]]
    rows = np.arange(10.0).reshape(2, 5)
    assert own_columns(columns, 1, rows, -rows)[1].tolist() == [-4, -9]
