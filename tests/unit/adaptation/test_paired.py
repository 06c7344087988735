import numpy as np
import pytest
from scipy.spatial import procrustes
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import LogisticRegression

from tltk.adaptation import PairedAlignment
from tltk.adaptation.alignment import _inverse_root
from tltk.datasets import make_shifted_domains


def pairs(rows=60, widths=(3, 5), seed=0):
    random = np.random.default_rng(seed)
    causes = random.normal(size=(rows, 3))
    views = [causes @ random.normal(size=(3, width)) for width in widths]
    return [view + 0.2 * random.normal(size=view.shape) for view in views]


def test_a_turn_a_stretch_and_a_move_are_undone():
    random = np.random.default_rng(0)
    source = random.normal(size=(30, 4)) + 2
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0][:4]
    target = 5 * source @ turn - 9
    found = PairedAlignment().fit(source[:20], target[:20])
    assert np.allclose(found.transform_target(target[20:]), source[20:])
    assert np.allclose(found.transform_source(source), source)
    back = PairedAlignment().fit(target, source)
    assert np.allclose(back.transform_target(source), target)


def test_the_error_is_scipys():
    """scipy's disparity is the error of the best turn and stretch, for a source of length 1."""
    X, Y = pairs(widths=(4, 4))
    moved = PairedAlignment().fit(X, Y).transform_target(Y)
    length = ((X - X.mean(axis=0)) ** 2).sum()
    assert ((moved - X) ** 2).sum() / length == pytest.approx(procrustes(X, Y)[2])


def test_canonical_correlations_are_scikit_learns():
    X, Y = pairs()
    ours = PairedAlignment("cca", n_components=2, shrinkage=0).fit(X, Y)
    moved = ours.transform_source(X), ours.transform_target(Y)
    theirs = CCA(2, tol=1e-12, max_iter=5000).fit(X, Y).transform(X, Y)
    for mine, other in zip(moved, theirs, strict=True):
        for k in range(2):
            assert abs(np.corrcoef(mine[:, k], other[:, k])[0, 1]) == pytest.approx(1, abs=1e-4)
    expected = [np.corrcoef(moved[0][:, k], moved[1][:, k])[0, 1] for k in range(2)]
    assert np.allclose(ours.correlations_, expected)
    assert np.allclose(moved[0].std(axis=0), 1)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_shrunk_covariances_become_the_identity(share):
    """(1 - share) C + share tr(C) / d I, of four columns of which the last is constant."""
    covariance = np.cov(np.c_[pairs(widths=(3, 3))[0], np.ones(60)].T)
    root = _inverse_root(covariance, share)
    shrunk = (1 - share) * covariance + share * np.trace(covariance) / 4 * np.eye(4)
    expected = np.diag([1.0, 1, 1, 1 if share else 0])
    assert np.allclose(root @ shrunk @ root, expected)
    assert np.array_equal(_inverse_root(np.zeros((2, 2)), share), np.zeros((2, 2)))


@pytest.mark.parametrize("method", ["procrustes", "cca"])
def test_a_classifier_goes_to_another_feature_space(method):
    made = make_shifted_domains("spaces", rows=1000)
    found = PairedAlignment(method).fit(*made.truth["pairs"])
    model = LogisticRegression(max_iter=1000)
    model.fit(found.transform_source(made.source[0]), made.source[1])
    score = model.score(found.transform_target(made.test[0]), made.test[1])
    ceiling = LogisticRegression(max_iter=1000).fit(*made.target).score(*made.test)
    assert score > {"procrustes": 0.6, "cca": ceiling - 0.1}[method]


def test_more_features_than_pairs_and_constant_ones():
    X, Y = pairs(rows=6, widths=(20, 30))
    X[:, 0] = Y[:, 3] = 1.0
    for method, shrinkage in (("procrustes", 0.0), ("cca", 0.1), ("cca", 0.0)):
        found = PairedAlignment(method, shrinkage=shrinkage).fit(X, Y)
        assert np.isfinite(found.transform_target(Y)).all()


def test_what_is_refused():
    X, Y = pairs()
    with pytest.raises(ValueError, match="Received: X of 60 rows .the source., Y of 50"):
        PairedAlignment().fit(X, Y[:50])
    for settings in ({"method": "ols"}, {"n_components": 4}, {"shrinkage": 2}):
        ((name, value),) = settings.items()
        with pytest.raises(ValueError, match=f"{name} must be .* Received: {name}={value!r}"):
            PairedAlignment(**settings).fit(X, Y)
    with pytest.raises(ValueError, match="The target has 5 features. Received: Y with 3"):
        PairedAlignment().fit(X, Y).transform_target(X)
    with pytest.raises(ValueError, match=r"\[0, 0\]=nan"):
        PairedAlignment().fit(X * np.nan, Y)
