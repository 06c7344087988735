import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.special import softmax

from tltk.few_labels import NearestPrototype, SinkhornPrototype
from tltk.few_labels.prototypes import _weights, transport_plan


@pytest.fixture
def task():
    rng = np.random.default_rng(0)
    means = 1.6 * rng.normal(size=(4, 6))
    labels = np.repeat(np.arange(4), 20)
    return means + rng.normal(size=(4, 6)), means[labels] + rng.normal(size=(80, 6)), labels


def test_a_plan_has_the_sums_asked_for():
    plan = transport_plan(np.random.default_rng(0).normal(size=(12, 3)))
    np.testing.assert_allclose(plan.sum(axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(plan.sum(axis=0), 4, atol=1e-12)


def test_a_plan_is_the_likeness_scaled_by_row_and_by_column():
    """What marks Sinkhorn's solution: log plan - likeness is a sum of a row and a column term."""
    likeness = np.random.default_rng(1).normal(size=(8, 4))
    rest = np.log(transport_plan(likeness)) - likeness
    rest = rest - rest.mean(axis=0) - rest.mean(axis=1, keepdims=True) + rest.mean()
    np.testing.assert_allclose(rest, 0, atol=1e-9)


def test_a_hard_plan_is_the_best_assignment():
    cost = np.random.default_rng(2).random((12, 3))
    rows, columns = linear_sum_assignment(np.repeat(cost, 4, axis=1))
    assert (transport_plan(-200 * cost).argmax(axis=1)[rows] == columns // 4).all()


def test_one_round_by_hand(task):
    support, query, _ = task
    model = SinkhornPrototype(5.0, step=0.5, rounds=1).fit(support, range(4))
    distance = cdist(query, support, "sqeuclidean")
    plan = transport_plan(-5 * distance / distance.mean())
    means = (support + plan.T @ query) / (1 + plan.sum(axis=0)[:, None])
    moved = (support + means) / 2
    expected = transport_plan(-5 * cdist(query, moved, "sqeuclidean") / distance.mean())
    np.testing.assert_allclose(model.transport(query), expected, atol=5e-3)


def test_one_round_with_free_columns_by_hand(task):
    """Soft k-means: shares are a softmax, prototypes the means of rows and shares."""
    support, query, _ = task
    model = SinkhornPrototype(5.0, step=1, rounds=1, balanced=False).fit(support, range(4))
    distance = cdist(query, support, "sqeuclidean")
    plan = softmax(-5 * distance / distance.mean(), axis=1)
    means = (support + plan.T @ query) / (1 + plan.sum(axis=0)[:, None])
    expected = softmax(-5 * cdist(query, means, "sqeuclidean") / distance.mean(), axis=1)
    np.testing.assert_allclose(model.transport(query), expected, rtol=1e-9)


def test_likeness_of_any_size_is_weighed_against_the_best_of_its_row():
    likeness = np.array([[5.0, 4], [-900, -1300], [1e4, 1e4 - 2]])
    expected = np.exp([[0.0, -1], [0, -300], [0, -2]])
    np.testing.assert_allclose(_weights(likeness), expected, rtol=1e-9)
    plan = transport_plan(np.array([[1e4, 0], [0, 1e4]]))
    np.testing.assert_allclose(plan, np.eye(2), atol=1e-9)


def test_queries_help_each_other(task):
    support, query, labels = task
    alone = NearestPrototype().fit(support, range(4)).score(query, labels)
    together = SinkhornPrototype().fit(support, range(4)).score(query, labels)
    assert together > alone + 0.05


def test_balance_is_forced_where_there_is_none():
    """All of one class, clearly: balanced, three quarters must be called something else."""
    query = np.random.default_rng(0).normal(size=(20, 4)) + 9 * np.eye(4)[0]
    balanced = SinkhornPrototype().fit(9 * np.eye(4), range(4)).predict(query)
    assert np.bincount(balanced, minlength=4).max() < 10
    free = SinkhornPrototype(balanced=False).fit(9 * np.eye(4), range(4)).predict(query)
    assert (free == 0).all()


def test_scale_and_order_of_rows_do_not_matter(task):
    support, query, _ = task
    model = SinkhornPrototype().fit(support, range(4))
    order = np.random.default_rng(0).permutation(80)
    np.testing.assert_allclose(model.transport(query[order]), model.transport(query)[order])
    larger = SinkhornPrototype().fit(1000 * support, range(4)).transport(1000 * query)
    np.testing.assert_allclose(larger, model.transport(query))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strength": 0}, "strength=0"),
        ({"step": 0}, "step=0"),
        ({"step": 1.5}, "step=1.5"),
        ({"rounds": 0}, "rounds must be a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(task, settings, message):
    with pytest.raises(ValueError, match=message):
        SinkhornPrototype(**settings).fit(task[0], range(4))
