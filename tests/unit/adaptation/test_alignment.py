import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import _num_samples

from tltk.adaptation import CORAL, DomainScaler, SubspaceAlignment, stack_domains
from tltk.adaptation.alignment import _power, ledoit_wolf_share, moments, shrunk

ALL = [DomainScaler(), CORAL(), SubspaceAlignment()]


def two_domains(rows=(80, 60), width=4, seed=0):
    """Correlated features about other means, and no row of one near a row of the other."""
    random = np.random.default_rng(seed)
    mixes = random.normal(size=(2, width, width))
    source, target = (
        random.normal(size=(n, width)) @ mix for n, mix in zip(rows, mixes, strict=True)
    )
    return stack_domains(source, 7 + target)[::2]


def sides(moved, domain):
    return moved[domain == 0], moved[domain == 1]


def moved_by(skada_adapter, X, domain):
    """What skada makes of the same arrays; it counts sources from 1 and targets from -2."""
    return skada_adapter.fit_transform(X, sample_domain=np.where(domain == 0, 1, -2))


def test_each_domain_is_standardised_as_scikit_learn_does():
    X, domain = two_domains()
    X[:, 2] = 3.1
    moved = DomainScaler().fit_transform(X, domain=domain)
    for side, rows in zip(sides(moved, domain), sides(X, domain), strict=True):
        assert np.allclose(side, StandardScaler().fit_transform(rows))


def test_coral_matches_means_and_covariances_exactly():
    X, domain = two_domains()
    source, target = sides(CORAL(shrinkage=0).fit_transform(X, domain=domain), domain)
    assert np.array_equal(target, X[domain == 1])
    assert np.allclose(np.cov(source.T), np.cov(target.T))
    assert np.allclose(source.mean(axis=0), target.mean(axis=0))


def test_coral_recovers_the_same_rows_stretched():
    """A symmetric map of positive stretch is the very map that CORAL looks for, by hand."""
    X, _ = two_domains((200, 1))
    source = np.linalg.qr(X[:200] - X[:200].mean(axis=0))[0]
    stretch = np.array([[2.0, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 3, -1], [0, 0, -1, 1]])
    X, _, domain = stack_domains(source, source @ stretch + 5)
    moved, target = sides(CORAL(shrinkage=0).fit_transform(X, domain=domain), domain)
    assert np.allclose(moved, target)


def test_coral_of_full_shrinkage_standardises_each_feature():
    X, domain = two_domains()
    source, target = sides(CORAL(shrinkage=1).fit_transform(X, domain=domain), domain)
    expected = StandardScaler().fit_transform(X[domain == 0])
    n, m = len(source), len(target)
    expected *= target.std(axis=0) * np.sqrt(m / (m - 1) * (n - 1) / n)
    assert np.allclose(source, expected + target.mean(axis=0))


@pytest.mark.parametrize("shrinkage", ["auto", 0])
def test_coral_is_skadas(skada, shrinkage):
    """skada centres both at 0 and has n in the denominator, where we have n - 1."""
    from skada._mapping import CORALAdapter

    X, domain = two_domains()
    source, target = sides(CORAL(shrinkage).fit_transform(X, domain=domain), domain)
    theirs = moved_by(CORALAdapter(reg=shrinkage or None), X, domain)
    ratio = np.sqrt(60 / 59 * 79 / 80)
    assert np.allclose((source - target.mean(axis=0)) / ratio, theirs[domain == 0])


def test_shrinkage_is_ledoit_and_wolfs():
    X, domain = two_domains((15, 30), width=20)
    for side, rows in enumerate(sides(X, domain)):
        expected = ledoit_wolf(StandardScaler().fit_transform(rows))[1]
        found = ledoit_wolf_share(X, domain, side, moments(X, domain, side))
        assert found == pytest.approx(expected)
        assert 0.01 < found < 1


def test_more_features_than_rows_and_constant_features():
    X, domain = two_domains((12, 15), width=40)
    X[:, 0] = 2.0
    X[domain == 0, 1] = -1.0
    for shrinkage in ("auto", 0.0):
        source, target = sides(CORAL(shrinkage).fit_transform(X, domain=domain), domain)
        assert np.isfinite(source).all()
        assert np.abs(source - target.mean(axis=0)).max() < 20 * target.std(axis=0).max()
        assert np.allclose(source[:, 0], 2)
    for adapter in (DomainScaler(), SubspaceAlignment(n_components=11)):
        assert np.isfinite(adapter.fit_transform(X, domain=domain)).all()


def test_subspace_alignment_is_skadas(skada):
    """But for the signs of the target's axes, which nothing fixes."""
    from skada._subspace import SubspaceAlignmentAdapter

    X, domain = two_domains()
    moved = SubspaceAlignment(n_components=3).fit_transform(X, domain=domain)
    theirs = moved_by(SubspaceAlignmentAdapter(n_components=3), X, domain)
    signs = np.sign((moved * theirs).sum(axis=0))
    assert np.allclose(moved, signs * theirs)


def test_all_components_leave_the_source_as_it_is_but_turned():
    X, domain = two_domains()
    source, _ = sides(SubspaceAlignment(n_components=4).fit_transform(X, domain=domain), domain)
    centred = X[domain == 0] - X[domain == 0].mean(axis=0)
    assert np.allclose(source @ source.T, centred @ centred.T)


def test_components_that_hold_a_share_of_the_variance():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3)) * [10, 3, 0.1]
    domain = np.arange(200) % 2
    counts = [SubspaceAlignment(k).fit_transform(X, domain=domain).shape[1] for k in (0.5, 0.99)]
    assert counts == [1, 2]


@pytest.mark.parametrize("components", [0, 5, 1.5, True, "all"])
def test_components_that_cannot_be(components):
    X, domain = two_domains()
    with pytest.raises(ValueError, match="whole number from 1 to 4 .* Received: n_components="):
        SubspaceAlignment(components).fit(X, domain=domain)


def test_one_row_has_no_covariance():
    X, domain = two_domains((5, 1))
    for adapter in (CORAL(), SubspaceAlignment()):
        with pytest.raises(ValueError, match="two rows .* Received: 1 row of the target"):
            adapter.fit(X, domain=domain)


def test_two_rows_have_a_covariance():
    X, domain = np.array([[0.0, 3], [2, 7], [5, 5], [5, 9]]), np.array([0, 0, 1, 1])
    found = moments(X, domain, 0)
    assert (found.count, found.mean.tolist()) == (2, [1, 5])
    assert found.covariance.tolist() == [[2, 4], [4, 8]]
    moved = CORAL(shrinkage=1).fit_transform(X, domain=domain)
    assert np.allclose(moved, [[5, 5], [5, 9], [5, 5], [5, 9]])


@pytest.mark.parametrize("exponent", [-0.5, 0.5])
def test_nothing_that_varies_has_no_power(exponent):
    assert np.array_equal(_power(np.zeros((3, 3)), exponent), np.zeros((3, 3)))
    found = _power(np.diag([4.0, 0, 9]), exponent)
    assert np.allclose(found, np.diag([4.0**exponent, 0, 9.0**exponent]))


def test_shrinkage_that_cannot_be():
    X, domain = two_domains()
    for shrinkage in (1.5, -1, "some", None):
        with pytest.raises(ValueError, match="number from 0 to 1. Received: shrinkage="):
            CORAL(shrinkage).fit(X, domain=domain)


def test_shrunk_covariances_match_with_more_features_than_rows():
    X, domain = two_domains((12, 15), width=40)
    adapter = CORAL().fit(X, domain=domain)
    source, target = (
        shrunk(moments(X, domain, side), adapter.shrinkages_[side]) for side in (0, 1)
    )
    assert np.allclose(adapter.map_.T @ source @ adapter.map_, target)


@pytest.mark.parametrize("adapter", ALL, ids=lambda adapter: type(adapter).__name__)
def test_memory_does_not_grow_with_the_rows(adapter):
    """60,000 rows need as much beyond the result as 15,000 do: a copy would be 24 MB and more."""
    random = np.random.default_rng(0)
    X = random.normal(size=(60_000, 50)).astype("float32")
    peaks = {}
    for count in (15_000, 60_000):
        domain = np.arange(count) % 2
        tracemalloc.start()
        moved = adapter.fit_transform(X[:count], domain=domain)
        peaks[count] = tracemalloc.get_traced_memory()[1] - moved.nbytes
        tracemalloc.stop()
    per_row = (peaks[60_000] - peaks[15_000]) / 45_000
    assert per_row < 50, f"{per_row:.0f} bytes a row; a row has 200"


class Halved:
    """The same where every second row is a target row, for checks that know no domain."""

    def fit(self, X, y=None, *, domain=None):
        count = _num_samples(X)
        return super().fit(X, y, domain=np.arange(count) % 2 if domain is None else domain)

    def fit_transform(self, X, y=None, *, domain=None):
        return self.fit(X).transform(X)


class HalvedScaler(Halved, DomainScaler):
    pass


class HalvedCORAL(Halved, CORAL):
    pass


class HalvedSubspaces(Halved, SubspaceAlignment):
    pass


HALVED = [HalvedScaler(), HalvedCORAL(), HalvedSubspaces()]


@pytest.mark.parametrize("adapter", HALVED, ids=lambda adapter: type(adapter).__name__)
def test_scikit_learn_checks_it_with_a_domain(adapter):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(adapter)
