import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.metrics import mutual_info_score
from sklearn.mixture import GaussianMixture

from tltk.evaluation.transferability import h_score, leep, logme, nce, nleep


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    means = 1.5 * rng.normal(size=(3, 4))
    return rng.normal(size=(60, 4)) + means[labels], labels


def highest_evidence(features, targets):
    """Brute force: the density of the targets, maximised over both precisions from many starts."""
    gram, unit = features @ features.T, np.eye(len(features))

    def lost(logs):
        covariance = unit * np.exp(-logs[1]) + gram * np.exp(-logs[0])
        return -multivariate_normal(cov=covariance).logpdf(targets)

    starts = [(a, b) for a in (-2, 4) for b in (-2, 4)]
    found = [minimize(lost, start, method="Nelder-Mead", tol=1e-9).fun for start in starts]
    return -min(found) / len(features)


@pytest.mark.parametrize(("rows", "width"), [(40, 3), (20, 20), (15, 40)])
def test_logme_is_the_highest_evidence(rows, width):
    """Also where there are more features than examples, and features that are constant."""
    rng = np.random.default_rng(width)
    features = rng.normal(size=(rows, width))
    features[:, 0] = 1
    labels = (features[:, 1] + rng.normal(size=rows) > 0).astype(int)
    expected = np.mean([highest_evidence(features, labels == each) for each in (0, 1)])
    assert logme(features, labels) == pytest.approx(expected, abs=1e-5)


def test_logme_of_one_feature_by_hand():
    """Orthogonal to the target: the best weight is none, so y is noise of variance y'y / n."""
    features, targets = np.array([[1.0], [-1], [1], [-1]]), np.array([1.0, 1, -1, -1])
    assert logme(features, targets) == pytest.approx(-0.5 * np.log(2 * np.pi) - 0.5, abs=1e-6)


def test_logme_does_not_care_for_the_size_of_features(blobs):
    features, labels = blobs
    assert logme(features * 1e-4, labels) == pytest.approx(logme(features, labels), abs=1e-6)


def test_logme_of_a_perfect_fit_is_finite():
    labels = np.arange(12) % 2
    assert 5 < logme(np.eye(2)[labels], labels) < 50


def test_logme_of_a_perfect_fit_by_hand():
    """Two features of squared length 6, one the target: s = rest / 30 is the best shrinkage."""
    rest = np.finfo(float).eps * 6
    share = rest / 30
    lost = 0.5 * (np.log(6 * share + rest) - 2 * np.log(share) / 12)
    expected = 0.5 * (np.log(12 / (2 * np.pi)) - 1) - lost
    labels = np.arange(12) % 2
    assert logme(np.eye(2)[labels], labels) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    "targets", [np.zeros(2), np.ones(3), np.ones((2, 1, 1)), np.array([[1.0, 0], [2, 0]])]
)
def test_targets_are_rows_of_numbers_that_are_not_all_zero(targets):
    with pytest.raises(ValueError, match="targets must be 2 rows of numbers, no column all 0"):
        logme(np.eye(2), targets)


def test_logme_of_several_targets_is_their_mean():
    rng = np.random.default_rng(1)
    features, targets = rng.normal(size=(30, 5)), rng.normal(size=(30, 2))
    each = [logme(features, column) for column in targets.T]
    assert logme(features, targets) == pytest.approx(np.mean(each))


def test_h_score_by_hand():
    """One feature: variance between the class means, over all variance."""
    features = np.array([[-2.0], [0], [0], [2]])
    assert h_score(features, [0, 0, 1, 1], shrinkage=None) == pytest.approx(1 / 2)
    assert h_score(features, [0, 0, 1, 1], shrinkage=0.0) == pytest.approx(1 / 2)
    assert h_score(features, [0, 0, 1, 1], shrinkage=0.5) == pytest.approx(1 / 4)


@pytest.mark.parametrize("width", [4, 100])
def test_h_score_is_the_trace_of_its_formula(blobs, width):
    features, labels = blobs
    features = np.hstack([features, np.random.default_rng(2).normal(size=(60, width - 4))])
    means = np.stack([features[labels == each].mean(axis=0) for each in range(3)])[labels]
    between = np.cov(means.T, bias=True)
    plain = np.trace(np.linalg.pinv(np.cov(features.T, bias=True)) @ between)
    assert h_score(features, labels, shrinkage=None) == pytest.approx(plain)
    shrunk = LedoitWolf().fit(features)
    expected = (1 - shrunk.shrinkage_) * np.trace(np.linalg.inv(shrunk.covariance_) @ between)
    assert h_score(features, labels) == pytest.approx(expected)


def test_shrinkage_keeps_the_h_score_from_praising_noise():
    rng = np.random.default_rng(3)
    noise, labels = rng.normal(size=(60, 200)), np.arange(60) % 3
    assert h_score(noise, labels, shrinkage=None) == pytest.approx(2)
    assert h_score(noise, labels) < 0.2


def test_leep_of_a_table_by_hand():
    """P(y|z) of [[.6/.8, .2/.8], [.4/1.2, .8/1.2]], then a log of a weighted mean each."""
    probabilities, labels = np.array([[0.6, 0.4], [0.2, 0.8]]), [0, 1]
    first = 0.6 * 0.6 / 0.8 + 0.4 * 0.4 / 1.2
    second = 0.2 * 0.2 / 0.8 + 0.8 * 0.8 / 1.2
    assert leep(probabilities, labels) == pytest.approx((np.log(first) + np.log(second)) / 2)


def test_leep_of_sure_answers_is_nce():
    rng = np.random.default_rng(4)
    sources, labels = rng.integers(0, 5, 80), rng.integers(0, 3, 80)
    assert leep(np.eye(7)[sources], labels) == pytest.approx(nce(sources, labels))


def test_nce_is_mutual_information_less_entropy():
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, 200)
    sources = np.where(rng.random(200) < 0.7, labels * 10, rng.integers(0, 9, 200))
    shares = np.bincount(labels) / 200
    entropy = -(shares * np.log(shares)).sum()
    assert nce(sources, labels) == pytest.approx(mutual_info_score(sources, labels) - entropy)


def test_nce_by_hand():
    """Source 0 leaves the label open between two, source 1 tells it."""
    assert nce([0, 0, 1, 1], [0, 1, 1, 1]) == pytest.approx(-0.5 * np.log(2))


def test_nleep_is_leep_of_a_mixture(blobs):
    features, labels = blobs
    reduced = PCA(0.8, svd_solver="full").fit_transform(features)
    regular = 1e-3 * reduced.var(axis=0).mean()
    mixture = GaussianMixture(6, covariance_type="diag", reg_covar=regular, random_state=7)
    probabilities = mixture.fit(reduced).predict_proba(reduced)
    assert nleep(features, labels, 2, seed=7) == pytest.approx(leep(probabilities, labels))


def test_nleep_lies_between_guessing_and_knowing(blobs):
    features, labels = blobs
    noise = np.random.default_rng(6).normal(size=(60, 100))
    assert -np.log(3) <= nleep(noise, labels) < nleep(features, labels) <= 0


@pytest.mark.parametrize("score", [logme, h_score, nleep])
class TestWhatIsRefused:
    def test_features_that_are_no_numbers(self, score):
        for features in (np.zeros(4), np.zeros((4, 0)), np.array([["a"], ["b"]])):
            with pytest.raises(ValueError, match="features must be finite numbers .n, d."):
                score(features, [0, 1])

    def test_nan(self, score):
        with pytest.raises(ValueError, match=r"features\[1, 0\]=nan, 1 not finite"):
            score(np.array([[1.0], [np.nan]]), [0, 1])

    def test_features_that_are_all_alike(self, score):
        with pytest.raises(ValueError, match="Received: features of 4 rows that are all alike"):
            score(np.ones((4, 3)), [0, 1, 0, 1])

    def test_one_class(self, score):
        with pytest.raises(ValueError, match="hold 2 classes or more. Received: .* with 1 in 4"):
            score(np.arange(8.0).reshape(4, 2), [3, 3, 3, 3])

    def test_labels_that_do_not_fit(self, score):
        with pytest.raises(ValueError, match=r"class numbers \(4,\), .* Received: .*=\[0, 1, 1\]"):
            score(np.arange(8.0).reshape(4, 2), [0, 1, 1])


def test_leep_takes_probabilities():
    for wrong in (np.array([[0.5, 0.2], [0.5, 0.5]]), np.array([[1.5, -0.5], [1, 0]])):
        with pytest.raises(ValueError, match="each row add up to 1"):
            leep(wrong, [0, 1])


def test_targets_of_regression_must_be_finite():
    with pytest.raises(ValueError, match=r"targets must be finite .* targets\[1\]=nan"):
        logme(np.eye(2), np.array([1.0, np.nan]))


def test_shrinkage_is_a_share():
    for wrong in (1.5, "much"):
        with pytest.raises(ValueError, match="number from 0 to 1. Received: shrinkage="):
            h_score(np.eye(2), [0, 1], shrinkage=wrong)


@pytest.mark.parametrize("unit", [1e-150, 1e60])
def test_scores_in_any_unit(unit):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(30, 4)), np.arange(30) % 3
    for score in (h_score, nleep, logme):
        assert score(features * unit, labels) == pytest.approx(score(features, labels))
    targets = features[:, 0] + rng.normal(size=30)
    assert logme(features, targets * unit) == pytest.approx(logme(features, targets) - np.log(unit))
