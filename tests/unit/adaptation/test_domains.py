import warnings

import numpy as np
import pytest
import sklearn
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from tltk.adaptation import SourceOnly, stack_domains
from tltk.adaptation.domains import DomainTransformer, checked_domain, chunks_of


class Centred(DomainTransformer):
    """Each domain about its own mean: the smallest adapter."""

    def _learn(self, X, domain):
        self.means_ = np.stack([X[domain == side].mean(axis=0) for side in (0, 1)])

    def _moved(self, rows, side):
        return rows - self.means_[side]


def two_domains(rows=6, width=3):
    random = np.random.default_rng(0)
    source, target = random.normal(size=(rows, width)), random.normal(5, 2, (rows, width))
    return stack_domains((source, np.arange(rows) % 2), target)


def test_stacked_rows_come_source_first_and_unknown_labels_are_marked():
    X, y, domain = stack_domains((np.zeros((2, 1)), ["cat", "dog"]), np.ones((3, 1)))
    assert X[:, 0].tolist() == domain.tolist() == [0, 0, 1, 1, 1]
    assert y.tolist() == ["cat", "dog", "", "", ""]
    assert np.isnan(stack_domains((X, domain / 2), X)[1][5:]).all()
    assert stack_domains(X, X)[1] is None
    assert stack_domains((X, domain), X)[1].tolist() == [0, 0, 1, 1, 1, -1, -1, -1, -1, -1]
    both = stack_domains((X, np.array(["a"] * 5, object)), (X, np.array(["long"] * 5, object)))
    assert both[1].tolist() == ["a"] * 5 + ["long"] * 5


def test_what_cannot_be_stacked():
    X = np.zeros((2, 3))
    with pytest.raises(ValueError, match="source with 3 features and a target with 2"):
        stack_domains(X, X[:, :2])
    with pytest.raises(ValueError, match=r"target must be finite numbers .* of shape \(0, 3\)"):
        stack_domains(X, X[:0])
    with pytest.raises(ValueError, match=r"source must be finite.* source\[1, 0\]=nan"):
        stack_domains(np.array([[0.0], [np.nan]]), X[:, :1])
    with pytest.raises(ValueError, match="source with 2 rows, labels \\[1\\]"):
        stack_domains((X, [1]), X)
    with pytest.raises(ValueError, match="numbers in both domains, or names in both"):
        stack_domains((X, [1, 0]), (X, ["a", "b"]))


def test_domains_that_do_not_fit():
    with pytest.raises(ValueError, match=r"for each row. Received: domain=\[0, 1\] for 3"):
        checked_domain([0, 1], 3)
    with pytest.raises(ValueError, match="0 for a source row and 1 .* Received: domain with 0, 2"):
        checked_domain([0, 2], 2)
    with pytest.raises(ValueError, match="Received: domain with 0.0, nan"):
        checked_domain([0, np.nan], 2)
    with pytest.raises(ValueError, match="Received: domain with 'a', 'b'"):
        checked_domain(["a", "b"], 2)
    with pytest.raises(ValueError, match="2 rows, none of the target"):
        checked_domain([0, 0], 2)
    with pytest.raises(ValueError, match="2 rows, none of the source"):
        checked_domain([1, 1], 2)
    assert checked_domain([1, 1], 2, both=False).tolist() == [1, 1]


def test_rows_of_one_domain_come_in_chunks():
    rows, domain = np.arange(20_000.0).reshape(10_000, 2), np.arange(10_000) % 2
    assert np.array_equal(np.concatenate(list(chunks_of(rows, domain, 1))), rows[1::2])


def test_rows_without_domain_are_the_targets():
    X, _, domain = two_domains()
    adapter = Centred().fit(X, domain=domain)
    moved = adapter.transform(X, domain=domain)
    assert np.allclose(moved[:6].mean(axis=0), 0)
    assert np.allclose(moved[6:].mean(axis=0), 0)
    assert np.array_equal(adapter.transform(X[6:]), moved[6:])
    assert np.array_equal(Centred().fit_transform(X, domain=domain), moved)
    assert adapter.transform(X.astype("float32")).dtype == "float32"
    with pytest.raises(ValueError, match="2 features"):
        adapter.transform(X[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        Centred().fit(X * np.nan, domain=domain)
    with pytest.raises(
        ValueError, match=r"X must be rows \(n, d\). Received: X=.*extract_features"
    ):
        Centred().fit(X[:, :, None], domain=domain)
    with pytest.raises(NotFittedError):
        Centred().transform(X)


def test_without_domain_nothing_changes_and_earlier_fits_are_forgotten():
    X, _, domain = two_domains()
    adapter = Centred().fit(X, domain=domain)
    with pytest.warns(UserWarning, match="Centred adapts one domain .* Received: domain=None"):
        adapter.fit(X)
    assert np.array_equal(adapter.transform(X), X)
    assert not hasattr(adapter, "means_")


def test_domain_is_routed_so_that_earlier_steps_see_both():
    X, y, domain = two_domains(40)
    pipeline = make_pipeline(StandardScaler(), Centred(), SourceOnly(LogisticRegression()))
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline.fit(X, y, domain=domain)
        scaler, adapter, classifier = pipeline
        assert scaler.n_samples_seen_ == len(X)
        assert adapter.means_.shape == (2, 3)
        assert classifier.classes_.tolist() == [0, 1]
        answers = pipeline.predict(X[domain == 1])
        assert pipeline.score(X[domain == 1], answers) == 1
        by_hand = adapter.transform(scaler.transform(X[domain == 1]))
        assert np.array_equal(answers, classifier.estimator_.predict(by_hand))
        refused = Centred().set_fit_request(domain=False).set_transform_request(domain=False)
        with pytest.warns(UserWarning, match="domain=None"):
            make_pipeline(refused, SourceOnly(LogisticRegression())).fit(X, y, domain=domain)
    named = {f"{step}__domain": domain for step in ("centred", "sourceonly")}
    assert np.array_equal(pipeline.fit(X, y, **named).predict(X[domain == 1]), answers)


def test_an_adapter_is_a_scikit_learn_estimator():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(Centred())
