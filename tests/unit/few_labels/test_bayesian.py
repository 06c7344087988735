import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from tltk.few_labels import BayesianPrototype, NearestPrototype, learn_prior
from tltk.few_labels.prototypes import TINY, Prior, root_within


def made(classes, rows, between, within, seed=0):
    rng = np.random.default_rng(seed)
    width, labels = len(between), np.repeat(np.arange(classes), rows)
    means = 2 + rng.multivariate_normal(np.zeros(width), between, classes)
    return means[labels] + rng.multivariate_normal(np.zeros(width), within, len(labels)), labels


BETWEEN = np.array([[4.0, 1, 0], [1, 2, 0.5], [0, 0.5, 1]])
WITHIN = np.array([[1.0, -0.3, 0], [-0.3, 0.5, 0.2], [0, 0.2, 2]])


def covariances(prior):
    """(between, within) in the features' own space."""
    back = np.linalg.inv(prior.basis)
    return back.T @ np.diag(prior.spread) @ back, back.T @ back


def test_the_prior_is_that_which_made_the_classes():
    prior = learn_prior(*made(4000, 4, BETWEEN, WITHIN))
    between, within = covariances(prior)
    assert between == pytest.approx(BETWEEN, abs=0.25)
    assert within == pytest.approx(WITHIN, abs=0.05)
    assert prior.mean == pytest.approx([2, 2, 2], abs=0.1)


def test_the_answer_is_bayes_rule_on_the_joint_gaussian():
    """All rows of a class and the query are jointly Gaussian, so the conditional is a quotient."""
    prior = learn_prior(*made(50, 5, BETWEEN, WITHIN))
    between, within = covariances(prior)
    X, y = made(3, 4, BETWEEN, WITHIN, seed=1)
    X, y = X[:9], y[:9]  # the classes have 4, 4 and 1 rows
    query = made(1, 6, BETWEEN, WITHIN, seed=2)[0]

    def joint(rows):
        count = len(rows)
        covariance = np.kron(np.ones((count, count)), between) + np.kron(np.eye(count), within)
        return multivariate_normal(np.tile(prior.mean, count), covariance).logpdf(rows.ravel())

    expected = [
        [joint(np.vstack([X[y == c], row])) - joint(X[y == c]) for c in range(3)] for row in query
    ]
    expected = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    model = BayesianPrototype(prior).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(query), expected, rtol=1e-6)
    assert (model.predict(query) == expected.argmax(axis=1)).all()


def test_conjugate_posterior_in_one_dimension():
    """Prior N(1, 4), noise 1, two rows with mean 3: posterior N((1/4 + 6) / (1/4 + 2), 4/9)."""
    prior = Prior(np.array([1.0]), np.eye(1), np.array([4.0]))
    model = BayesianPrototype(prior).fit([[2.0], [4.0], [0.0]], [0, 0, 1])
    assert model.means_[0, 0] == pytest.approx(6.25 / 2.25)
    assert model.variances_[0, 0] == pytest.approx(1 + 4 / 9)
    densities = [norm(m, v**0.5).pdf(1.0) for m, v in [(25 / 9, 13 / 9), (0.2, 1.8)]]
    assert model.predict_proba([[1.0]])[0] == pytest.approx(densities / np.sum(densities))


def test_without_a_prior_a_class_of_fewer_rows_is_wider():
    """Rows 0 and 2 of one class, 5 of the other: N(1, 1 + 1/2) and N(5, 1 + 1)."""
    model = BayesianPrototype().fit([[0.0], [2.0], [5.0]], [0, 0, 1])
    assert model.variances_.tolist() == [[1.5], [2.0]]
    densities = [norm(1, 1.5**0.5).pdf(3.0), norm(5, 2**0.5).pdf(3.0)]
    assert model.predict_proba([[3.0]])[0] == pytest.approx(densities / np.sum(densities))


def test_many_rows_outweigh_any_prior_and_none_is_like_no_experience():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4000, 3)) + np.eye(3)[np.arange(4000) % 2], np.arange(4000) % 2
    wrong = Prior(np.full(3, 50.0), np.eye(3), np.ones(3))
    means = BayesianPrototype(wrong).fit(X, y).means_
    assert means == pytest.approx(NearestPrototype().fit(X, y).prototypes_, abs=0.05)
    few, classes = X[:6], [0, 1, 2, 0, 1, 2]
    plain = NearestPrototype().fit(few, classes).predict(X)
    assert (BayesianPrototype().fit(few, classes).predict(X) == plain).all()


def test_experience_helps_one_shot_and_the_more_features_are_noise_the_more():
    """Classes differ in two of twenty features; the source shows which."""
    between = np.diag([4.0] * 2 + [0.0] * 18)
    prior = learn_prior(*made(60, 10, between, np.eye(20)))
    gains = []
    for seed in range(1, 9):
        X, y = made(5, 21, between, np.eye(20), seed)
        first = np.arange(0, 105, 21)
        queries = np.setdiff1d(np.arange(105), first)
        scores = [
            model.fit(X[first], y[first]).score(X[queries], y[queries])
            for model in (BayesianPrototype(prior), NearestPrototype())
        ]
        gains.append(scores[0] - scores[1])
    assert np.mean(gains) > 0.1


def test_fewer_source_classes_than_features():
    X, y = made(5, 6, np.eye(40), np.eye(40))
    prior = learn_prior(X, y)
    assert prior.basis.shape == (40, 40)
    assert (prior.spread >= 0).all()
    assert np.isfinite(BayesianPrototype(prior).fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: learn_prior(np.ones((4, 2)), [0, 0, 1, 1]), "2 classes with 4 rows"),
        (lambda: learn_prior(np.ones((4, 2)), [0, 1, 2, 3]), "4 classes with 4 rows"),
        (
            lambda: learn_prior(np.ones((4, 2)), [0, 1]),
            r"for each row \(4,\). Received: y=\[0, 1\]",
        ),
        (
            lambda: learn_prior(np.full((4, 2), np.nan), [0, 0, 1, 2]),
            r"X\[0, 0\]=nan, 8 not",
        ),
    ],
)
def test_what_no_prior_comes_of_is_refused(action, message):
    with pytest.raises(ValueError, match=message):
        action()


def test_widths_must_agree():
    prior = learn_prior(*made(5, 4, BETWEEN, WITHIN))
    with pytest.raises(ValueError, match=r"width, 3. Received: shape \(2, 2\)"):
        BayesianPrototype(prior).fit(np.eye(2), [0, 1])


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_constant_features_and_fewer_rows_than_features_have_a_prior(unit):
    X = np.random.default_rng(0).normal(size=(8, 12)) * unit
    X[:, 0] = 3 * unit
    prior = learn_prior(X, [0, 0, 1, 1, 2, 2, 3, 3])
    assert np.isfinite(prior.basis).all()
    assert (prior.spread >= 0).all()


def test_rows_that_are_all_their_classes_mean_have_none():
    with pytest.raises(
        ValueError, match="Rows of a class must differ from each other. Received: X"
    ):
        learn_prior(np.repeat([[1.0], [2.0], [5.0]], 2, axis=0), [0, 0, 1, 1, 2, 2])


def test_three_classes_of_two_rows_by_hand():
    """Means 0, 3, 6, rows 1 off. W = 6 * 1 / (6 - 3) = 2, B = 9 - W / 2 = 8, four times W."""
    rows = np.array([[-1.0], [1], [2], [4], [5], [7]])
    prior = learn_prior(rows, [0, 0, 1, 1, 2, 2])
    assert prior.mean == pytest.approx([3])
    assert np.abs(prior.basis) == pytest.approx(1 / 2**0.5)
    assert prior.spread == pytest.approx([4])


def test_the_smallest_rows_that_differ():
    with pytest.raises(ValueError, match="must differ from each other"):
        root_within(np.array([[TINY], [-TINY]]))
    assert root_within(np.array([[2 * TINY], [-2 * TINY]])) == pytest.approx(2 * TINY, rel=1e-6)
