import numpy as np
import pytest
from scipy.linalg import eig
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel

from tltk.adaptation import TCA, stack_domains


def two_domains(rows=(50, 40), width=3, seed=0):
    random = np.random.default_rng(seed)
    shapes = [(count, width) for count in rows]
    source, target = random.normal(size=shapes[0]), random.normal(1, 0.5, shapes[1])
    return stack_domains(source, target)[::2]


def matrices(X, domain, gamma):
    """The paper's K, L and H, written out."""
    n, m = np.bincount(domain)
    sides = np.where(domain == 0, 1 / n, -1 / m)
    return rbf_kernel(X, gamma=gamma), np.outer(sides, sides), np.eye(n + m) - 1 / (n + m)


def likeness(ours, theirs):
    """Of each component, whatever its sign and scale."""
    return [abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(ours.T, theirs.T, strict=True)]


def test_components_solve_the_papers_eigenproblem():
    X, domain = two_domains()
    K, L, H = matrices(X, domain, 0.3)
    values, vectors = eig(np.linalg.solve(K @ L @ K + 0.5 * np.eye(90), K @ H @ K))
    top = np.argsort(-values.real)[:4]
    moved = TCA(4, mu=0.5, gamma=0.3).fit_transform(X, domain=domain)
    assert np.allclose(likeness(moved, K @ vectors.real[:, top]), 1, atol=1e-6)
    assert np.allclose(moved.mean(axis=0), 0)
    assert np.allclose(moved.std(axis=0), 1)


def test_it_is_skadas_where_skada_solves_a_symmetric_problem(skada):
    """skada's mu is the inverse of ours; near 0 its matrix is symmetric, as its solver takes it."""
    from skada._subspace import TransferComponentAnalysisAdapter

    X, domain = two_domains()
    theirs = TransferComponentAnalysisAdapter(n_components=3, mu=1e-9)
    theirs = theirs.fit_transform(X, sample_domain=np.where(domain == 0, 1, -2))
    moved = TCA(3, mu=1e9, gamma=1 / 3).fit_transform(X, domain=domain)
    assert np.allclose(likeness(moved, theirs), 1, atol=1e-5)


def test_no_components_do_better_by_the_papers_measure(skada):
    """Of the subspaces tried (skada's with the same mu among them) none has a larger criterion."""
    from skada._subspace import TransferComponentAnalysisAdapter

    X, domain = two_domains()
    K, L, H = matrices(X, domain, 1 / 3)
    theirs = TransferComponentAnalysisAdapter(n_components=3, mu=2.0)
    theirs.fit(X, sample_domain=np.where(domain == 0, 1, -2))
    random = np.random.default_rng(0)

    def criterion(W):
        return np.trace(
            np.linalg.solve(W.T @ (K @ L @ K + 0.5 * np.eye(90)) @ W, W.T @ K @ H @ K @ W)
        )

    ours = TCA(3, mu=0.5, gamma=1 / 3).fit(X, domain=domain).weights_
    tried = [theirs.eigvects_, *(random.normal(size=(90, 3)) for _ in range(20))]
    tried += [ours + 0.1 * random.normal(size=ours.shape) for _ in range(20)]
    assert criterion(ours) > max(map(criterion, tried)) * (1 - 1e-9)


def test_means_come_together_where_they_matter_more():
    X, domain = two_domains()
    apart = []
    for mu in (100, 0.1, 1e-3):
        moved = TCA(3, mu=mu).fit_transform(X, domain=domain)
        apart.append(
            np.linalg.norm(moved[domain == 0].mean(axis=0) - moved[domain == 1].mean(axis=0))
        )
    assert apart[0] > 5 * apart[1] > 25 * apart[2]


def test_linear_kernel_finds_linear_components():
    X, domain = two_domains()
    moved = TCA(2, kernel="linear").fit_transform(X, domain=domain)
    centred = np.column_stack([X, np.ones(len(X))])
    assert np.allclose(centred @ np.linalg.lstsq(centred, moved, rcond=None)[0], moved)


def test_new_rows_are_mapped_alike():
    X, domain = two_domains()
    adapter = TCA(2).fit(X, domain=domain)
    assert np.allclose(adapter.transform(X)[:5], adapter.transform(X[:5]))


def test_all_rows_as_landmarks_are_the_exact_solution_and_few_come_near():
    X, domain = two_domains((300, 200))
    exact = TCA(3, mu=0.1).fit(X, domain=domain)
    assert exact.is_exact_
    assert TCA(3, max_rows=500).fit(X, domain=domain).is_exact_
    assert not TCA(3, max_rows=499).fit(X, domain=domain).is_exact_
    settings = {"mu": 0.1, "gamma": exact.gamma_, "max_rows": 400}
    every = TCA(3, landmarks=500, **settings).fit(X, domain=domain)
    assert not every.is_exact_
    assert np.allclose(likeness(every.transform(X), exact.transform(X)), 1, atol=1e-6)
    few = TCA(3, landmarks=100, **settings).fit(X, domain=domain)
    assert few.landmarks_.shape == (100, 3)
    assert min(likeness(few.transform(X), exact.transform(X))) > 0.9


def test_large_and_small_solvers_agree(monkeypatch):
    X, domain = two_domains((150, 100))
    dense = TCA(3).fit_transform(X, domain=domain)
    gamma = TCA(3).fit(X, domain=domain).gamma_
    monkeypatch.setattr("tltk.adaptation.alignment.DENSE_UP_TO", 100)
    assert np.allclose(TCA(3, gamma=gamma).fit_transform(X, domain=domain), dense, atol=1e-6)


def test_constant_features_and_more_features_than_rows():
    X, domain = two_domains((6, 8), width=30)
    X[:, :10] = 1
    assert np.isfinite(TCA(3).fit_transform(X, domain=domain)).all()
    assert np.isfinite(TCA(3).fit_transform(0 * X, domain=domain)).all()


def test_as_many_components_as_columns_unless_told():
    for width, expected in ((3, 3), (30, 20)):
        X, domain = two_domains((50, 40), width)
        assert TCA().fit_transform(X, domain=domain).shape[1] == expected
    X, domain = two_domains((6, 8), width=30)
    assert TCA().fit_transform(X, domain=domain).shape[1] == 14


def test_components_beyond_the_columns_bring_back_what_was_suppressed():
    """A linear rule tells the domains by twenty components of two columns, and not by two."""
    X, domain = two_domains((300, 300), width=2)
    told = {}
    for k in (None, 20):
        moved = TCA(k, mu=0.001).fit_transform(X, domain=domain)
        told[k] = LogisticRegression(max_iter=1000).fit(moved, domain).score(moved, domain)
    assert told[None] < 0.6 < 0.8 < told[20]


def test_what_is_refused():
    X, domain = two_domains()
    for k in (0, 91, 2.0, True):
        with pytest.raises(ValueError, match="from 1 to 90.*Received: n_components="):
            TCA(k).fit(X, domain=domain)
    for settings in ({"kernel": "cosine"}, {"mu": 0}, {"gamma": -1.0}):
        ((name, value),) = settings.items()
        with pytest.raises(ValueError, match=f"{name} must be .* Received: {name}={value!r}"):
            TCA(2, **settings).fit(X, domain=domain)
