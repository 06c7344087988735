import sys
import warnings

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import _num_samples

from tltk.adaptation import OptimalTransport, stack_domains

ot = pytest.importorskip("ot")


def two_domains(rows=(40, 30), width=3, seed=0):
    random = np.random.default_rng(seed)
    source, target = random.normal(0, 1, (rows[0], width)), random.normal(2, 1, (rows[1], width))
    return source, target, *stack_domains(source, target)[::2]


def test_one_dimension_is_sorting():
    random = np.random.default_rng(0)
    source, target = random.normal(size=(8, 1)), random.exponential(3, (8, 1))
    X, domain = stack_domains(source, target)[::2]
    moved = OptimalTransport(0.005, iterations=1000).fit_transform(X, domain=domain)[:8]
    expected = np.empty_like(target)
    expected[source.ravel().argsort()] = np.sort(target, axis=0)
    assert np.allclose(moved, expected, atol=0.5)
    assert np.corrcoef(moved[:, 0], expected[:, 0])[0, 1] > 0.999


def test_without_entropy_it_is_the_best_assignment():
    source, target, X, domain = two_domains((9, 9), width=2)
    moved = OptimalTransport(0.005, iterations=1000).fit_transform(X, domain=domain)[:9]
    _, partner = linear_sum_assignment(cdist(source, target, "sqeuclidean"))
    assert cdist(moved, target).argmin(axis=1).tolist() == partner.tolist()


def test_it_is_the_plan_that_pot_finds_by_another_method():
    source, target, X, domain = two_domains()
    model = OptimalTransport(0.2).fit(X, domain=domain)
    costs = cdist(source, target, "sqeuclidean")
    assert model.strength_ == pytest.approx(0.2 * np.median(costs))
    plan = ot.sinkhorn(np.full(40, 1 / 40), np.full(30, 1 / 30), costs, model.strength_, "sinkhorn")
    expected = plan @ target / plan.sum(axis=1, keepdims=True)
    moved = model.transform(X, domain=domain)
    assert np.allclose(moved[:40], expected, atol=1e-5)
    assert np.array_equal(moved[40:], target)


def test_the_means_agree_and_much_entropy_leaves_nothing_but_the_mean():
    _, target, X, domain = two_domains()
    moved = OptimalTransport(0.05).fit_transform(X, domain=domain)[:40]
    assert np.allclose(moved.mean(axis=0), target.mean(axis=0), atol=1e-3)
    flat = OptimalTransport(1e6).fit_transform(X, domain=domain)[:40]
    assert np.allclose(flat, target.mean(axis=0), atol=1e-3)


def test_rows_without_a_domain_are_the_targets():
    _, target, X, domain = two_domains()
    model = OptimalTransport().fit(X, domain=domain)
    assert np.array_equal(model.transform(target), target)


def test_more_rows_than_fit_are_drawn():
    _, target, X, domain = two_domains()
    model = OptimalTransport(max_rows=20).fit(X, domain=domain)
    assert model.targets_.shape == (20, 3)
    assert {tuple(row) for row in model.targets_} <= {tuple(row) for row in target}
    assert model.transform(X, domain=domain).shape == (70, 3)


def test_a_bend_is_followed_that_means_and_covariances_do_not_see():
    """Half of the target moves up, the other half down; each row's partner is known."""
    random = np.random.default_rng(1)
    source = np.column_stack([random.uniform(-4, 4, 80), random.normal(0, 0.1, 80)])
    target = source + np.column_stack([np.zeros(80), np.abs(source[:, 0])])
    X, domain = stack_domains(source, target[random.permutation(80)])[::2]
    moved = OptimalTransport(0.01).fit_transform(X, domain=domain)[:80]
    assert np.abs(moved - target).mean() < 0.25 * np.abs(source - target).mean()


def test_constant_rows_move_onto_the_target():
    X, domain = stack_domains(np.zeros((4, 2)), np.ones((3, 2)))[::2]
    assert np.allclose(OptimalTransport().fit_transform(X, domain=domain), 1)


@pytest.mark.parametrize("wrong", [0, -1, np.nan])
def test_a_weight_of_the_entropy_that_is_not_positive(wrong):
    _, _, X, domain = two_domains()
    with pytest.raises(ValueError, match="above 0. Received: regularization="):
        OptimalTransport(wrong).fit(X, domain=domain)


def test_without_pot(monkeypatch):
    _, _, X, domain = two_domains()
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ValueError, match="pip install POT"):
        OptimalTransport().fit(X, domain=domain)


class Halved(OptimalTransport):
    """The same where every second row is a target row, for checks that know no domain."""

    def fit(self, X, y=None, *, domain=None):
        count = _num_samples(X)
        return super().fit(X, y, domain=np.arange(count) % 2 if domain is None else domain)

    def fit_transform(self, X, y=None, *, domain=None):
        return self.fit(X).transform(X)


EITHER = [OptimalTransport(), Halved(iterations=50)]


@pytest.mark.parametrize("adapter", EITHER, ids=["without", "with"])
def test_scikit_learn_checks_it_with_and_without_domain(adapter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(adapter)
