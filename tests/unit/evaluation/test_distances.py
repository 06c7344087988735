import itertools

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import kstest
from sklearn.linear_model import Ridge

from tltk.evaluation import ben_david_bound, domain_distance
from tltk.evaluation.distances import _beside_chance, _coral, _frechet, _mmd, _proxy_a_distance


def sides(rows):
    return np.split(np.arange(len(rows)), 2)


def two_domains(seed, rows=40, width=5, shift=0.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, width)), rng.normal(size=(rows, width)) + shift


@pytest.mark.parametrize("width", [3, 100])
def test_frechet_is_its_closed_form(width):
    rng = np.random.default_rng(width)
    a, b = rng.normal(size=(60, width)), 2 + 3 * rng.normal(size=(60, width))
    covariances = np.cov(a.T), np.cov(b.T)
    root = sqrtm(covariances[0] @ covariances[1]).real
    means = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    expected = means + np.trace(sum(covariances) - 2 * root)
    rows = np.vstack([a, b])
    assert _frechet(rows)(*sides(rows)) == pytest.approx(expected, rel=1e-4)


def test_frechet_between_known_moments():
    """Means 3 apart, deviations 1 and 2: 3^2 + (2 - 1)^2 in each of two dimensions."""
    rng = np.random.default_rng(0)

    def whitened():
        rows = rng.normal(size=(50, 2))
        root = np.linalg.cholesky(np.cov(rows.T))
        return np.linalg.solve(root, (rows - rows.mean(axis=0)).T).T

    rows = np.vstack([whitened(), 3 + 2 * whitened()])
    assert _frechet(rows)(*sides(rows)) == pytest.approx(20)


def test_coral_is_its_formula():
    a, b = two_domains(0, width=7)
    difference = np.cov(a.T) - np.cov(2 * b.T)
    rows = np.vstack([a, 2 * b])
    expected = (difference**2).sum() / (4 * 7**2)
    assert _coral(rows)(*sides(rows)) == pytest.approx(expected)


def test_mmd_by_hand():
    """Points 0, 1 and 3, 4: squared distances 1, 1, 4, 9, 9, 16 with median (4 + 9) / 2."""
    rows = np.array([[0.0], [1], [3], [4]])
    kernel = lambda square: np.exp(-square / (2 * 6.5))  # noqa: E731
    between = (2 * kernel(9) + kernel(16) + kernel(4)) / 4
    assert _mmd(rows)(*sides(rows)) == pytest.approx(2 * kernel(1) - 2 * between)


def test_proxy_a_distance_is_that_of_ridge_regression_in_folds():
    a, b = two_domains(1, shift=0.5)
    rows = np.vstack([a, b])
    found = _proxy_a_distance(rows, np.random.default_rng(3))(*sides(rows))
    rows, truth = (rows - rows.mean(axis=0)) / rows.std(axis=0), np.repeat([1, -1], 40)
    wrong = 0
    for held in np.array_split(np.random.default_rng(3).permutation(80), 5):
        fit = np.setdiff1d(np.arange(80), held)
        ridge = Ridge(alpha=rows.shape[1]).fit(rows[fit], truth[fit])
        wrong += (ridge.predict(rows[held]) * truth[held] <= 0).sum()
    assert found == pytest.approx(2 * (1 - 2 * wrong / 80))


def test_far_domains_have_the_largest_proxy_a_distance():
    rows = domain_distance(*two_domains(2, shift=20.0), permutations=10)
    assert rows[0]["value"] == 2
    assert all(
        row["p_value"] == pytest.approx(1 / 11) for row in rows if row["distance"] != "CORAL"
    )


def test_null_distribution_is_that_of_all_deals():
    """Six rows can be dealt out in twenty ways; many random ones have their mean and quantile."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(20, 2))
    measure = _mmd(rows[:6])
    halves = [np.array(half) for half in itertools.combinations(range(6), 3)]
    every = [measure(half, np.setdiff1d(np.arange(6), half)) for half in halves]
    dealt = [measure(*np.split(rng.permutation(6), 2)) for _ in range(3000)]
    assert np.mean(dealt) == pytest.approx(np.mean(every), abs=0.01)
    found = domain_distance(rows[:10], rows[10:], permutations=50)[1]
    assert found["null_mean"] <= found["null_95"]


@pytest.fixture(scope="module")
def p_values():
    """Of 150 pairs of one domain, and of 40 pairs whose means differ by half a deviation."""

    def found(pairs, shift):
        rows = [
            domain_distance(*two_domains(s, shift=shift), seed=s, permutations=39)
            for s in range(pairs)
        ]
        names = [row["distance"] for row in rows[0]]
        return {n: [row[i]["p_value"] for row in rows] for i, n in enumerate(names)}

    return found(150, 0.0), found(40, 0.6)


@pytest.mark.parametrize("name", ["proxy A-distance", "MMD", "CORAL", "Fréchet"])
def test_p_values_are_uniform_where_nothing_differs(p_values, name):
    """Those of the proxy are tied (errors are counted), so they are at least not too small."""
    under_null = np.array(p_values[0][name])
    assert 0.01 <= np.mean(under_null <= 0.05) <= 0.10
    if name != "proxy A-distance":
        jitter = np.random.default_rng(0).uniform(0, 1 / 40, len(under_null))
        assert kstest(under_null - jitter, "uniform").pvalue > 0.01


@pytest.mark.parametrize("name", ["proxy A-distance", "MMD", "Fréchet"])
def test_p_values_are_small_where_means_differ(p_values, name):
    assert np.mean(np.array(p_values[1][name]) <= 0.05) > 0.9


def test_coral_does_not_see_means(p_values):
    assert np.mean(np.array(p_values[1]["CORAL"]) <= 0.05) < 0.2


def test_large_domains_are_subsampled_and_seeded():
    a, b = two_domains(5, rows=2000)
    found = domain_distance(a, b, seed=1, permutations=5, subsample=20)
    assert found == domain_distance(a, b, seed=1, permutations=5, subsample=20)
    assert found != domain_distance(a, b, seed=2, permutations=5, subsample=20)


def test_constant_columns_and_sides_of_different_size():
    a, b = two_domains(6)
    a[:, 0] = b[:, 0] = 1e6
    rows = domain_distance(a[:30], b, permutations=5)
    assert all(np.isfinite(row["value"]) for row in rows)


def test_what_is_refused():
    a, b = two_domains(7)
    with pytest.raises(ValueError, match="one width and 10 rows each. Received: shapes"):
        domain_distance(a, b[:, :3])
    with pytest.raises(ValueError, match="subsample=5"):
        domain_distance(a, b, subsample=5)
    with pytest.raises(ValueError, match="b must be finite numbers"):
        domain_distance(a, np.full_like(b, np.nan))
    with pytest.raises(ValueError, match="Received: permutations=0"):
        domain_distance(a, b, permutations=0)


def blobs(seed, shift=0.0, turned=False, rows=200):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    features = rng.normal(size=(rows, 3))
    features[:, 0] += 6 * labels
    features[:, 2] += shift
    return features, (1 - labels if turned else labels)


def terms(source, target):
    return {row["term"]: row["value"] for row in ben_david_bound(*source, *target)}


def test_one_domain():
    """Nothing to tell apart, nothing to lose."""
    found = terms(blobs(0), blobs(1))
    assert found["source error"] < 0.02
    assert found["half the divergence"] < 0.15
    assert found["joint error"] < 0.04
    assert found["target error"] < 0.02 <= found["bound"]


def test_a_shift_of_the_features_is_in_the_divergence():
    found = terms(blobs(0), blobs(1, shift=10))
    assert found["half the divergence"] == pytest.approx(1, abs=0.02)
    assert found["joint error"] < 0.04


def test_labels_that_contradict_are_in_the_joint_error():
    """No divergence, but the target says the opposite: no classifier pleases both."""
    found = terms(blobs(0), blobs(1, turned=True))
    assert found["half the divergence"] < 0.15
    assert found["target error"] > 0.98
    assert found["joint error"] == pytest.approx(1, abs=0.1)
    parts = ("source error", "half the divergence", "joint error")
    assert found["bound"] == pytest.approx(sum(found[part] for part in parts))


def test_labels_must_fit():
    features, labels = blobs(0)
    with pytest.raises(ValueError, match=r"target_labels must be class numbers \(200,\)"):
        ben_david_bound(features, labels, features, labels[:5])


@pytest.mark.parametrize("measure", [_coral, _frechet, _mmd])
def test_a_common_offset_changes_no_distance(measure):
    rows = np.vstack(two_domains(8, rows=10, shift=1.0))
    expected = measure(rows)(*sides(rows))
    assert measure(rows + 1e7)(*sides(rows)) == pytest.approx(expected, rel=1e-6)


def test_a_common_offset_changes_no_answer_of_the_proxy():
    rows = np.vstack(two_domains(8, rows=30, shift=0.8))
    near, far = (
        _proxy_a_distance(rows + offset, np.random.default_rng(0))(*sides(rows))
        for offset in (0, 1e9)
    )
    assert 0 < near < 2
    assert far == near


def test_ten_rows_of_each_are_enough():
    a, b = two_domains(9, rows=10)
    assert len(domain_distance(a, b, permutations=1)) == 4
    assert len(domain_distance(a, b, permutations=1, subsample=10)) == 4
    with pytest.raises(ValueError, match="one width and 10 rows each"):
        domain_distance(a, b[:9], permutations=1)


def test_what_stands_beside_chance_by_hand():
    """Of five deals two are as large as the true one, of which one but for rounding."""
    found = _beside_chance([2.0, 1.0, 2.0 - 1e-13, 3.0, 0.0, 1.5])
    assert found["p_value"] == pytest.approx(3 / 6)
    assert found["null_mean"] == pytest.approx(1.5)
    assert found["null_95"] == pytest.approx(2.0 + 0.8 * 1.0, abs=1e-9)
    assert _beside_chance([-2.0, -2.0 - 1e-13, -3.0])["p_value"] == pytest.approx(2 / 3)
