import numpy as np
import pytest
from sklearn.base import clone

from tltk.few_labels import ESZSL


@pytest.fixture
def task():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(5, 3))
    y = np.arange(40) % 5
    X = vectors[y] @ rng.normal(size=(3, 6)) + 0.2 * rng.normal(size=(40, 6))
    return X, y, vectors


@pytest.mark.parametrize(("gamma", "lam"), [(1, 1), (0.03, 20), (50, 0.2)])
def test_it_minimises_its_loss_found_by_least_squares_on_the_kronecker_product(task, gamma, lam):
    """All four terms stacked as one least-squares problem in vec(V), column after column."""
    X, y, S = task
    signs = np.where(y[:, None] == np.arange(5), 1.0, -1.0)
    features, attributes = np.eye(6), np.eye(3)
    design = np.vstack(
        [
            np.kron(S, X),
            np.sqrt(gamma) * np.kron(S, features),
            np.sqrt(lam) * np.kron(attributes, X),
            np.sqrt(gamma * lam) * np.kron(attributes, features),
        ]
    )
    wanted = np.zeros(len(design))
    wanted[: signs.size] = signs.ravel(order="F")
    expected = np.linalg.lstsq(design, wanted, rcond=None)[0].reshape((6, 3), order="F")
    found = ESZSL(gamma, lam).fit(X, y, S)
    np.testing.assert_allclose(found.map_, expected, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(found.decision_function(X, S), X @ expected @ S.T, atol=1e-8)


def test_it_names_classes_that_it_never_saw():
    """Twenty classes of four attributes that features show; the last five have no examples."""
    rng = np.random.default_rng(0)
    bits = np.array([[i >> b & 1 for b in range(5)] for i in range(32)])
    vectors = 2.0 * rng.permutation(bits)[:20] - 1
    mixing, y = rng.normal(size=(5, 30)), np.repeat(np.arange(20), 10)
    X = vectors[y] @ mixing + 0.3 * rng.normal(size=(200, 30))
    seen = y < 15
    learner = ESZSL().fit(X[seen], y[seen], vectors[:15])
    found = learner.predict(X[~seen], vectors[15:])
    assert np.mean(found == y[~seen] - 15) > 0.8
    shuffled = rng.permutation(vectors[:15])
    lost = ESZSL().fit(X[seen], y[seen], shuffled).predict(X[~seen], vectors[15:])
    assert np.mean(lost == y[~seen] - 15) < 0.6


def test_it_is_an_estimator():
    assert clone(ESZSL(2, lam=3)).get_params() == {"gamma": 2, "lam": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": 0}, "gamma must be a finite number above 0. Received: gamma=0"),
        ({"y": np.arange(40) % 4}, r"Each of the 5 vectors .* \[0, 1, 2, 3\]"),
        ({"y": np.arange(40) / 2}, "y=float64"),
        ({"y": np.arange(5)}, r"shape \(5,\)"),
        ({"y": np.zeros(40, int), "vectors": np.ones((1, 3))}, "2 classes at least"),
        ({"X": np.full((40, 6), np.nan)}, "240 not finite"),
        ({"vectors": np.full((5, 3), np.inf)}, "15 not finite"),
    ],
)
def test_what_makes_no_sense_is_refused(task, change, message):
    given = dict(zip(("X", "y", "vectors"), task, strict=True)) | {"gamma": 1.0} | change
    with pytest.raises(ValueError, match=message):
        ESZSL(given["gamma"]).fit(given["X"], given["y"], given["vectors"])


def test_new_classes_and_rows_have_the_widths_of_the_old_ones(task):
    X, _, vectors = task
    learner = ESZSL().fit(*task)
    with pytest.raises(ValueError, match="3 here. Received: vectors of 2"):
        learner.predict(X, vectors[:, :2])
    with pytest.raises(ValueError, match="Rows have 6 columns"):
        learner.predict(X[:, :5], vectors)
    with pytest.raises(ValueError, match="2 classes at least"):
        learner.predict(X, vectors[:1])


def test_strengths_that_vanish_beside_the_rows_are_refused(task):
    _, y, vectors = task
    rows = np.zeros((40, 6))
    rows[:, 0] = 1000  # the sum of squares is 4e7
    with pytest.raises(ValueError, match=r"must not vanish.*=1e-08, a sum of 4e\+07"):
        ESZSL(1e-8).fit(rows, y, vectors)
    least = 1e-14 * np.trace(rows.T @ rows)
    with pytest.raises(ValueError, match="must not vanish"):
        ESZSL(least).fit(rows, y, vectors)
    assert np.isfinite(ESZSL(2 * least).fit(rows, y, vectors).map_).all()
    assert np.isfinite(ESZSL(1e-8).fit(rows / 1e7, y, vectors).map_).all()
