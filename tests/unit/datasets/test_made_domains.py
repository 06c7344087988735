"""Each scenario has its remedy, and a method that must fail; what is known of it is true."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tltk.adaptation import (
    CORAL,
    DensityRatio,
    DomainScaler,
    Reweighted,
    SourceOnly,
    correct_label_shift,
    stack_domains,
)
from tltk.datasets import make_shifted_domains
from tltk.datasets.made_domains import SCENARIOS


def regression():
    return LogisticRegression(max_iter=1000)


def source_only(made):
    return regression().fit(*made.source).score(*made.test)


def ceiling(made):
    return regression().fit(*made.target).score(*made.test)


def moved(made, adapter):
    X, y, domain = stack_domains(made.source, made.target[0])
    rows = adapter.fit_transform(X, domain=domain)
    model = SourceOnly(regression()).fit(rows, y, domain=domain)
    return model.score(adapter.transform(made.test[0]), made.test[1])


def weighted(made):
    X, y, domain = stack_domains(made.source, made.target[0])
    return Reweighted(regression(), DensityRatio()).fit(X, y, domain=domain).score(*made.test)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_made_anew_it_is_the_same_and_another_seed_is_not(scenario):
    first, again, other = (make_shifted_domains(scenario, 30, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.source[0], again.source[0])
    assert not np.array_equal(first.source[0], other.source[0])
    assert all(len(x) == len(y) == 30 for x, y in first[:3])
    assert len(make_shifted_domains(scenario, 1).test[0]) == 1


def test_other_features_are_aligned_by_pairs():
    made = make_shifted_domains("spaces", seed=3)
    ours, theirs = made.truth["pairs"]
    carried = Ridge().fit(theirs, ours).predict(made.test[0])
    classifier = regression().fit(*made.source)
    assert classifier.score(carried, made.test[1]) > ceiling(made) - 0.05
    assert classifier.score(made.test[0][:, :6], made.test[1]) < ceiling(made) - 0.2


def test_a_drift_is_undone_by_coral_and_not_by_weights():
    made = make_shifted_domains("drift", rows=2000)
    X, _, domain = stack_domains(made.source, made.target[0])
    assert np.allclose(CORAL(0).fit(X, domain=domain).map_, made.truth["stretch"], atol=0.15)
    assert moved(made, CORAL()) > ceiling(made) - 0.03
    assert moved(made, CORAL()) > source_only(made) + 0.3
    assert weighted(made) < source_only(made) + 0.15


def test_a_region_is_mended_by_the_true_weights_and_not_by_moving():
    made = make_shifted_domains("region", rows=2000)
    weights = made.truth["weights"]
    assert weights.mean() == pytest.approx(1, abs=0.15)  # a ratio of densities has mean 1
    right = regression().fit(*made.source, sample_weight=weights).score(*made.test)
    assert right > source_only(made) + 0.2
    assert weighted(made) > source_only(made) + 0.2
    assert max(moved(made, CORAL()), moved(made, DomainScaler())) < right - 0.2


def test_other_priors_are_corrected_and_moving_harms():
    made = make_shifted_domains("priors", rows=2000)
    model = regression().fit(*made.source)
    priors = np.bincount(made.source[1]) / 2000
    found = correct_label_shift(model.predict_proba(made.target[0]), priors)
    assert np.allclose(found.priors, made.truth["priors"][1], atol=0.06)
    scores = model.predict_proba(made.test[0]) * found.weights
    assert (scores.argmax(axis=1) == made.test[1]).mean() > source_only(made) + 0.05
    assert moved(made, CORAL()) < source_only(made) - 0.15


def test_other_classes_share_the_sources_subspace():
    made = make_shifted_domains("classes")
    assert source_only(made) == 0
    learned = LinearDiscriminantAnalysis(n_components=3).fit(*made.source)
    few = np.concatenate([np.flatnonzero(made.target[1] == label)[:3] for label in (5, 6, 7)])

    def score(see):
        model = NearestCentroid().fit(see(made.target[0][few]), made.target[1][few])
        return model.score(see(made.test[0]), made.test[1])

    assert score(learned.transform) > score(lambda x: x) + 0.2
    assert score(lambda x: x @ made.truth["subspace"]) > 0.85


def test_another_rule_is_learned_from_target_labels_alone():
    made = make_shifted_domains("conditionals", rows=2000)
    assert source_only(made) == pytest.approx(0.5, abs=0.05)
    assert moved(made, CORAL()) == pytest.approx(0.5, abs=0.05)
    assert weighted(made) == pytest.approx(0.5, abs=0.05)
    few = regression().fit(made.target[0][:20], made.target[1][:20])
    assert few.score(*made.test) > 0.75
    assert np.array_equal(made.test[1], made.test[0] @ made.truth["rules"][1] > 0)


def test_a_table_in_another_currency_is_standardised_per_domain():
    made = make_shifted_domains("table", rows=2000)
    money = [side[0][:, 0].astype(float).mean() for side in (made.source, made.test)]
    assert money[1] / money[0] == pytest.approx(made.truth["currency"], rel=0.05)
    numbers = [x[:, :2].astype(float) for x, _ in made[:3]]
    plans = OneHotEncoder(drop="first", sparse_output=False).fit(made.source[0][:, 3:])
    parts = [
        (np.hstack([n, plans.transform(x[:, 3:])]), y)
        for n, (x, y) in zip(numbers, made[:3], strict=True)
    ]
    plain = made._replace(source=parts[0], target=parts[1], test=parts[2])
    alone = make_pipeline(StandardScaler(), regression()).fit(*plain.source).score(*plain.test)
    assert moved(plain, DomainScaler()) > alone + 0.15


def test_what_is_refused():
    with pytest.raises(ValueError, match="one of 'spaces', 'drift', .* Received: scenario='other'"):
        make_shifted_domains("other")
    with pytest.raises(ValueError, match="whole number of at least 1. Received: rows=0"):
        make_shifted_domains("drift", rows=0)
