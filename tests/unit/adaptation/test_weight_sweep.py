import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import LeaveOneOut
from sklearn.svm import LinearSVC

from tltk.adaptation import WeightSweep, stack_domains


def rule(sign, n, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 3))
    return x, (x[:, 0] * sign + 0.3 * random.normal(size=n) > 0).astype(int)


@pytest.mark.parametrize(("sign", "weight"), [(1, 1.0), (-1, 0.0)])
def test_a_good_source_counts_and_a_contrary_one_does_not(sign, weight):
    X, y, domain = stack_domains(rule(sign, 500, 0), rule(1, 30, 1))
    model = WeightSweep(LogisticRegression()).fit(X, y, domain=domain)
    assert model.weight_ == weight
    assert model.score(*rule(1, 500, 2)) > 0.85


def test_scores_are_those_of_leaving_each_target_row_out():
    random = np.random.default_rng(3)
    X, y, domain = stack_domains(
        (random.normal(size=(9, 2)), random.normal(size=9)),
        (random.normal(size=(6, 2)), random.normal(size=6)),
    )
    found = WeightSweep(LinearRegression(), (0.0, 0.5, 2.0), folds=99).fit(X, y, domain=domain)
    for weight, score in zip((0.0, 0.5, 2.0), found.scores_, strict=True):
        errors = []
        for fit, held in LeaveOneOut().split(X[9:]):
            rows = np.r_[np.arange(9), 9 + fit]
            model = LinearRegression().fit(X[rows], y[rows], np.where(rows < 9, weight, 1.0))
            errors.append((model.predict(X[9 + held])[0] - y[9 + held][0]) ** 2)
        assert score == pytest.approx(-np.mean(errors))


def test_zero_is_target_only():
    X, y, domain = stack_domains(rule(-1, 50, 0), rule(1, 30, 1))
    model = WeightSweep(LogisticRegression(), [0.0]).fit(X, y, domain=domain)
    other = LogisticRegression().fit(X[50:], y[50:])
    np.testing.assert_allclose(model.estimator_.coef_, other.coef_)


def test_names_one_class_missing_in_the_target_and_no_probabilities():
    (x, y), (more, _) = rule(1, 90, 0), rule(1, 10, 1)
    X, y, domain = stack_domains((x, np.array(["no", "yes"])[y]), (more, ["yes"] * 10))
    for learner in (LogisticRegression(), LinearSVC()):
        model = WeightSweep(learner).fit(X, y, domain=domain)
        assert model.classes_.tolist() == ["no", "yes"]
        assert model.scores_[0] == -np.inf  # target-only cannot be fitted


@pytest.mark.parametrize(
    ("settings", "rows", "message"),
    [
        ({"folds": 1}, 9, "folds must be a whole number of at least 2. Received: folds=1"),
        ({"weights": [-1.0]}, 9, r"weights must be 0 or more. Received: weights=\[-1.0\]"),
        ({"weights": []}, 9, r"weights must be finite numbers .* Received: weights=\[\]"),
        ({}, 1, "by two target rows or more. Received: domain with 1 target rows"),
    ],
)
def test_what_cannot_be_chosen_by_is_refused(settings, rows, message):
    X, y, domain = stack_domains(rule(1, 20, 0), rule(1, rows, 1))
    with pytest.raises(ValueError, match=message):
        WeightSweep(LogisticRegression(), **settings).fit(X, y, domain=domain)


def test_target_rows_without_a_label_are_refused():
    X, y, domain = stack_domains(rule(1, 20, 0), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="Every target row needs its label"):
        WeightSweep(LogisticRegression()).fit(X, y, domain=domain)


def test_two_target_rows_are_enough_each_judges_once():
    X, y = np.array([[0.0], [1], [2], [1], [2]]), np.array([1.0, 2, 3, 2, 3.5])
    model = WeightSweep(LinearRegression(), [1.0]).fit(X, y, domain=[0, 0, 0, 1, 1])
    errors = []
    for held in (3, 4):
        rows = np.setdiff1d(np.arange(5), held)
        errors.append(LinearRegression().fit(X[rows], y[rows]).predict(X[[held]])[0] - y[held])
    assert model.scores_ == pytest.approx([-np.mean(np.square(errors))])


def test_of_equally_good_weights_the_largest_is_taken():
    X, y = np.array([[0.0], [1], [2]] * 2), np.array([0.0, 1, 2] * 2)
    model = WeightSweep(DummyRegressor(strategy="constant", constant=1.0), [0.1, 1.0, 0.3])
    assert model.fit(X, y, domain=np.repeat([0, 1], 3)).weight_ == 1.0
