import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from tltk.adaptation import SourceOnly, stack_domains


def stacked():
    random = np.random.default_rng(0)
    source, target = random.normal(size=(30, 2)), random.normal(3, 1, (20, 2))
    return stack_domains((source, source[:, 0] > 0), (target, target[:, 0] < 3))


@pytest.mark.parametrize(
    ("X", "y"), [(None, [0, 1]), (3, [0, 1]), (np.eye(2), None), (np.eye(2), 1.5)]
)
def test_rows_and_labels_are_both_needed(X, y):
    with pytest.raises(ValueError, match="must hold one row each, and the estimator requires y"):
        SourceOnly(LogisticRegression()).fit(X, y, domain=[0, 1])


def test_target_rows_and_labels_are_not_seen():
    X, y, domain = stacked()
    found = SourceOnly(LogisticRegression()).fit(X, y, domain=domain)
    alone = LogisticRegression().fit(X[:30], y[:30])
    assert np.array_equal(found.predict_proba(X), alone.predict_proba(X))
    assert found.score(X, y) == alone.score(X, y)
    sparse = SourceOnly(LogisticRegression()).fit(csr_array(X), list(y), domain=domain)
    assert np.allclose(sparse.decision_function(X), alone.decision_function(X), atol=1e-6)


def test_weights_are_those_of_the_source_rows():
    X, y, domain = stacked()
    weights = np.random.default_rng(1).random(50)
    found = SourceOnly(Ridge()).fit(X, 1.0 * y, domain=domain, sample_weight=weights)
    alone = Ridge().fit(X[:30], 1.0 * y[:30], weights[:30])
    assert np.array_equal(found.predict(X), alone.predict(X))
    assert found.score(X, y, weights) == alone.score(X, y, weights)


def test_without_domain_all_rows_count():
    X, y, _ = stacked()
    with pytest.warns(UserWarning, match="SourceOnly adapts one domain"):
        found = SourceOnly(LogisticRegression()).fit(X, y)
    assert np.array_equal(found.predict(X), LogisticRegression().fit(X, y).predict(X))


def test_it_is_what_it_holds():
    assert is_classifier(SourceOnly(LinearSVC()))
    assert is_regressor(SourceOnly(Ridge()))
    assert not hasattr(SourceOnly(LinearSVC()), "predict_proba")
