"""Every estimator keeps scikit-learn's contract, by scikit-learn's own checks."""

import inspect

import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

import tltk
from tltk.adaptation import (
    CORAL,
    KMM,
    TCA,
    DensityRatio,
    DomainScaler,
    Reweighted,
    SubspaceAlignment,
    TrAdaBoost,
    TrAdaBoostR2,
    WeightSweep,
)
from tltk.few_labels import (
    BayesianPrototype,
    FeatureNormalizer,
    NearestPrototype,
    SinkhornPrototype,
)

ESTIMATORS = [
    BayesianPrototype(),
    CORAL(),
    DensityRatio(),
    DomainScaler(),
    FeatureNormalizer(),
    KMM(),
    NearestPrototype(),
    Reweighted(LogisticRegression()),
    SinkhornPrototype(rounds=3),
    SubspaceAlignment(),
    TCA(),
    TrAdaBoost(n_estimators=3),
    TrAdaBoostR2(n_estimators=3),
    WeightSweep(LogisticRegression()),
]
ELSEWHERE = {
    "OptimalTransport": "needs an extra; tests/unit/adaptation",
    "PairedAlignment": "takes pairs of rows",
    "SourceOnly": "stands for the estimator that it wraps",
    "AnomalyDetector": "takes rows of one class, and answers with a threshold of its own",
    "SelfTraining": "takes rows without labels, as -1",
    "ConSE": "takes vectors of class names",
    "ESZSL": "takes vectors of class names",
    "CalibratedStacking": "takes vectors of class names",
}
TOGETHER = {"check_methods_subset_invariance": "rows are decided together"}


@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda each: TOGETHER if isinstance(each, SinkhornPrototype) else {},
)
@pytest.mark.filterwarnings("ignore:.* adapts one domain:UserWarning")
def test_follows_scikit_learn(estimator, check):
    check(estimator)


def test_no_estimator_is_forgotten():
    public = [
        getattr(area, name) for area in (tltk.adaptation, tltk.few_labels) for name in area.__all__
    ]
    classes = {
        each.__name__
        for each in public
        if inspect.isclass(each) and issubclass(each, BaseEstimator)
    }
    assert {type(each).__name__ for each in ESTIMATORS} | set(ELSEWHERE) == classes
