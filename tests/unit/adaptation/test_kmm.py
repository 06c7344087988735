import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from tltk.adaptation import KMM, effective_sample_size, stack_domains
from tltk.adaptation.density import median_distance


def shifted(n=200, m=150, width=2, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, width)), random.normal(0.7, 0.7, size=(m, width))


def objective(weights, source, target, gamma):
    """The squared distance of the weighted means in the kernel's space, by its definition."""
    n, m = len(source), len(target)
    own = weights @ rbf_kernel(source, gamma=gamma) @ weights / n**2
    both = weights @ rbf_kernel(source, target, gamma=gamma).sum(axis=1) / (n * m)
    return own - 2 * both + rbf_kernel(target, gamma=gamma).mean()


def fitted(source, target, **settings):
    X, _, domain = stack_domains(source, target)
    return KMM(**settings).fit(X, domain=domain)


@pytest.mark.parametrize("bandwidth", [0.6, 1.0])
def test_no_weights_of_a_quadratic_solver_are_better(bandwidth):
    quadprog = pytest.importorskip("quadprog")
    source, target = shifted()
    gamma, n, slack = 1 / (2 * bandwidth**2), len(source), 1 - len(source) ** -0.5
    kernel = rbf_kernel(source, gamma=gamma)
    linear = n * rbf_kernel(source, target, gamma=gamma).mean(axis=1)
    sides = np.vstack([np.eye(n), -np.eye(n), np.ones((1, n)), -np.ones((1, n))])
    bounds = np.r_[np.zeros(n), np.full(n, -1000.0), n * (1 - slack), -n * (1 + slack)]
    other = quadprog.solve_qp(kernel + 1e-9 * np.eye(n), linear, sides.T, bounds)[0]
    found = fitted(source, target, bandwidth=bandwidth)
    ours, theirs = (objective(w, source, target, gamma) for w in (found.weights_, other))
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert ours - theirs < found.gap_ + 1e-9


def test_weights_are_at_least_as_good_as_those_of_skada(skada):
    source, target = shifted(80, 60)
    X, _, domain = stack_domains(source, target)
    other = skada.KMMReweightAdapter(gamma=0.5, max_iter=3000)
    other.fit(X, sample_domain=np.where(domain == 0, 1, -2))
    found = fitted(source, target, bandwidth=1.0)
    ours = objective(found.weights_, source, target, 0.5)
    theirs = objective(other.source_weights_, source, target, 0.5)
    assert ours <= theirs + 1e-7
    assert theirs - ours < 1e-3


def test_weights_follow_the_true_ratio():
    random = np.random.default_rng(1)
    source, target = random.normal(size=(400, 1)), random.normal(0.8, 1, size=(400, 1))
    truth = np.exp(0.8 * source[:, 0] - 0.32)
    found = fitted(source, target)
    # single weights are free where rows are many; what they say of the target is not
    x, mean = source[:, 0], lambda values: values @ found.weights_ / len(values)
    assert mean(x) == pytest.approx(target.mean(), abs=0.05)
    assert mean(np.abs(x)) == pytest.approx(np.abs(target).mean(), abs=0.1)
    near = np.abs(x - 0.8) < 0.8
    assert found.weights_[near].mean() > found.weights_[x < -0.5].mean()
    assert truth[near].mean() > truth[x < -0.5].mean()


def test_same_domains_need_no_weights():
    rows = np.random.default_rng(2).normal(size=(50, 3))
    found = fitted(rows, rows)
    assert objective(found.weights_, rows, rows, 1 / (2 * found.bandwidth_**2)) < 1e-6


def test_weights_keep_their_bounds():
    found = fitted(*shifted(), bound=3.0, slack=0.1)
    assert found.weights_.max() <= 3
    assert 0.9 <= found.weights_.mean() <= 1.1


def test_landmarks_come_close_to_the_exact_solution():
    source, target = shifted(400, 300)
    exact = fitted(source, target, bandwidth=1.0)
    rough = fitted(source, target, bandwidth=1.0, exact_rows=100, landmarks=200)
    assert exact.landmarks_ is None
    assert rough.landmarks_.shape == (200, 2)
    plain = objective(np.ones(400), source, target, 0.5)
    ours, best = (objective(each.weights_, source, target, 0.5) for each in (rough, exact))
    assert best - 1e-6 <= ours < best + 0.02 * (plain - best)


def test_all_rows_as_landmarks_are_exact():
    """Also where the kernel is so wide that its matrix has no full rank."""
    source, target = shifted(60, 40)
    for bandwidth in (1.0, 30.0):
        exact = fitted(source, target, bandwidth=bandwidth, exact_rows=60)
        other = fitted(source, target, bandwidth=bandwidth, exact_rows=59, landmarks=100)
        assert exact.landmarks_ is None
        assert other.landmarks_.shape == (100, 2)
        gamma = 1 / (2 * bandwidth**2)
        first, second = (objective(w.weights_, source, target, gamma) for w in (exact, other))
        assert second == pytest.approx(first, abs=1e-7)


def test_directions_of_the_landmarks_kernel_that_are_rounding_are_left_out():
    source, target = shifted(60, 40)
    model = fitted(source, target, bandwidth=3.0, exact_rows=0, landmarks=100)
    X, _, domain = stack_domains(source, target)
    factor = model._by_landmarks(X, domain, np.random.RandomState(0))[0].factor
    values = np.linalg.eigvalsh(rbf_kernel(X, gamma=1 / 18))
    kept, fewer, more = (int((values > share * values[-1]).sum()) for share in (1e-10, 1e-8, 1e-13))
    assert factor.shape == (60, kept)
    assert fewer < kept < more


@pytest.mark.parametrize(("slack", "mean"), [(None, 0.25), (0.1, 0.9), (5.0, 0.0)])
def test_source_rows_far_from_the_target_are_left_as_little_weight_as_the_slack_lets(slack, mean):
    source = np.arange(16.0)[:, None]
    found = fitted(source, source + 1e3, bandwidth=1.0, slack=slack)
    assert found.weights_.mean() == pytest.approx(mean, abs=1e-3)


@pytest.mark.parametrize(("slack", "mean"), [(0.05, 1.05), (0.5, 1.6 / (1 + 0.8**4))])
def test_rows_beside_the_target_have_more_weight_than_one_where_the_slack_lets(slack, mean):
    """Rows d to the left and right of it: c = exp(-d^2 / 2) = .8, so w = 2 c / (1 + c^4)."""
    away = np.sqrt(-2 * np.log(0.8))
    found = fitted([[-away], [away]], [[0.0]], bandwidth=1.0, slack=slack)
    assert found.weights_ == pytest.approx([mean, mean], abs=1e-3)


def test_constant_features_and_more_features_than_rows():
    source, target = shifted(20, 15, width=50)
    source[:, 0] = target[:, 0] = 3.0
    assert np.isfinite(fitted(source, target).weights_).all()
    same = np.ones((10, 2))
    weights = fitted(same, same[:5]).weights_
    assert effective_sample_size(weights) > 9.9


def test_one_source_row_counts_once():
    assert fitted(np.zeros((1, 2)), np.ones((3, 2))).weights_.tolist() == [1.0]


def test_bandwidth_is_the_median_distance_of_both_domains():
    rows = np.array([[0.0], [1.0], [5.0]])
    assert median_distance(rows, np.random.RandomState(0)) == 4.0


def test_without_domain_weights_are_one_and_that_is_said():
    with pytest.warns(UserWarning, match="Received: domain=None"):
        assert KMM().fit(np.zeros((3, 2))).weights_.tolist() == [1, 1, 1]


@pytest.mark.parametrize("setting", [{"bound": 1.0}, {"slack": 0.0}, {"bandwidth": -1.0}])
def test_settings_out_of_range_are_refused(setting):
    ((name, value),) = setting.items()
    with pytest.raises(ValueError, match=f"{name} must be a finite number .*{name}={value}"):
        fitted(*shifted(10, 10), **setting)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        KMM().fit(np.array([[np.nan], [1.0]]), domain=[0, 1])


def test_a_common_offset_changes_nothing():
    source, target = shifted(60, 40)
    near, far = fitted(source, target), fitted(source + 1e6, target + 1e6)
    assert far.weights_ == pytest.approx(near.weights_, abs=0.05 * near.weights_.max())
    assert far.gap_ <= 1e-8


def test_a_gap_that_is_not_reached_says_what_to_change(monkeypatch):
    def unsolved(*_):
        raise ArithmeticError("no")

    monkeypatch.setattr("tltk.adaptation.density.solve_box_with_sum", unsolved)
    with pytest.raises(
        ArithmeticError, match="solved to its gap. Received: .* bound=1000.*smaller"
    ):
        fitted(*shifted(10, 10))
