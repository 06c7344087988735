import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tltk.adaptation import TrAdaBoost, stack_domains, stack_tables
from tltk.adaptation.boosting import checked_stack, first_voter


def two_rules(n=400, m=30, right=0.6, seed=0, classes=2):
    """Source rows of which a part follows another rule than the target: (X, y, domain, right)."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n + m, 4))
    follows = (random.random(n + m) < right) | (np.arange(n + m) >= n)
    value = x[:, 0] + np.where(follows, 2, -2) * x[:, 1]
    y = np.digitize(value, np.quantile(value[n:], np.arange(1, classes) / classes))
    return x, y, np.repeat([0, 1], [n, m]), follows


@pytest.mark.parametrize(
    "learner",
    [None, LogisticRegression(), GaussianNB(), SVC(kernel="linear"), DecisionTreeClassifier()],
    ids=lambda learner: type(learner).__name__,
)
def test_any_classifier_that_takes_weights(learner):
    X, y, domain, _ = two_rules()
    model = TrAdaBoost(learner, n_estimators=5, random_state=0).fit(X, y, domain=domain)
    assert model.score(X[domain == 1], y[domain == 1]) > 0.8


def test_weight_ends_on_the_right_part_of_the_source():
    X, y, domain, right = two_rules()
    model = TrAdaBoost(LogisticRegression(), n_estimators=20).fit(X, y, domain=domain)
    source = domain == 0
    share = model.weights_[source & right].sum() / model.weights_[source].sum()
    assert share > 0.7  # of 60 % of the rows
    assert model.target_shares_[-1] > model.target_shares_[0]
    pooled = LogisticRegression().fit(X, y)
    fresh = two_rules(0, 2000, seed=1)
    assert model.score(*fresh[:2]) > pooled.score(*fresh[:2]) + 0.05


def test_vote_is_the_products_of_the_paper():
    """The answer is 1 where prod beta_t^-h_t >= prod beta_t^-1/2, over the later half."""
    X, y, domain, _ = two_rules(m=150, right=0.9)
    y = np.where(np.arange(len(y)) % 10 == 0, 1 - y, y)  # noise, so that no round is perfect
    model = TrAdaBoost(DecisionTreeClassifier(max_depth=2), n_estimators=7)
    model.fit(X, y, domain=domain)
    assert len(model.votes_) == 7
    assert model.errors_.min() > 0
    betas = model.errors_ / (1 - model.errors_)
    answers = np.array([each.predict(X) for each in model.estimators_])
    later = slice(3, None)  # from ceil(7 / 2) = 4 on, counted from 1
    left = np.prod(betas[later, None] ** -answers[later].astype(float), axis=0)
    right = np.prod(betas[later] ** -0.5)
    assert (model.predict(X) == (left >= right)).all()


@pytest.mark.parametrize(("rounds", "first"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_the_later_half_votes(rounds, first):
    assert first_voter(rounds) == first - 1


def test_more_classes_and_names_and_one_that_the_target_lacks():
    X, y, domain, _ = two_rules(600, 60, right=1.0, classes=3)
    names = np.array(["low", "middle", "high"])[y]
    kept = (domain == 0) | (names != "middle")
    model = TrAdaBoost(LogisticRegression(), n_estimators=10)
    model.fit(X[kept], names[kept], domain=domain[kept])
    assert model.classes_.tolist() == ["high", "low", "middle"]
    assert model.score(X, names) > 0.6
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1)


def test_a_class_that_only_the_target_has_is_learned():
    X, y, domain, _ = two_rules(300, 60, right=1.0, classes=3)
    kept = (domain == 1) | (y != 2)
    model = TrAdaBoost(n_estimators=10).fit(X[kept], y[kept], domain=domain[kept])
    assert 2 in model.predict(X)


def test_mixed_columns_through_a_pipeline():
    random = np.random.default_rng(3)
    plan = random.choice(["basic", "pro"], 300)
    rows = np.column_stack([random.normal(size=300).astype(object), plan.astype(object)])
    y = (plan == "pro").astype(int)
    X, y, domain = stack_tables((rows[:250], y[:250]), (rows[250:], y[250:]))
    encoder = make_column_transformer((StandardScaler(), [0]), (OneHotEncoder(), [1]))
    model = TrAdaBoost(make_pipeline(encoder, LogisticRegression()), n_estimators=3)
    assert model.fit(X, y, domain=domain).score(X, y) == 1


def test_pipeline_gives_weights_to_its_last_step():
    X, y, domain, _ = two_rules()
    plain = TrAdaBoost(LogisticRegression(), n_estimators=4).fit(X, y, domain=domain)
    piped = make_pipeline(StandardScaler(with_mean=False, with_std=False), LogisticRegression())
    piped = TrAdaBoost(piped, n_estimators=4).fit(X, y, domain=domain)
    np.testing.assert_allclose(plain.weights_, piped.weights_, rtol=1e-3)


def test_seed_decides_the_classifiers():
    X, y, domain, _ = two_rules()
    learner = DecisionTreeClassifier(max_depth=3, splitter="random")
    runs = [
        TrAdaBoost(learner, 5, random_state=seed).fit(X, y, domain=domain).weights_
        for seed in (0, 0, 1)
    ]
    assert (runs[0] == runs[1]).all()
    assert (runs[0] != runs[2]).any()


def test_source_that_contradicts_the_target_is_said():
    X, y, domain, _ = two_rules(right=0.0)
    y[domain == 0] = X[domain == 0, 1] < 0
    with pytest.warns(UserWarning, match=r"first round, where the target has 7\.0% of the weight"):
        TrAdaBoost(LogisticRegression()).fit(X, y, domain=domain)
    heavier = np.where(domain == 1, 40.0, 1.0)
    model = TrAdaBoost(LogisticRegression()).fit(X, y, domain=domain, sample_weight=heavier)
    assert model.score(X[domain == 1], y[domain == 1]) > 0.9


def test_without_domain_one_classifier_is_fitted_and_that_is_said():
    X, y, _, _ = two_rules()
    with pytest.warns(UserWarning, match="Received: domain=None"):
        model = TrAdaBoost(LogisticRegression()).fit(X, y)
    assert (model.predict(X) == LogisticRegression().fit(X, y).predict(X)).all()


def test_more_features_than_rows():
    random = np.random.default_rng(4)
    X, y, domain = stack_domains(
        (random.normal(size=(20, 100)), np.arange(20) % 2),
        (random.normal(size=(4, 100)), [0, 1] * 2),
    )
    assert TrAdaBoost(LogisticRegression(), 5).fit(X, y, domain=domain).score(X, y) > 0.9


def test_a_classifier_without_weights_is_refused():
    X, y, domain, _ = two_rules()
    with pytest.raises(ValueError, match="Received: KNeighborsClassifier, which does not"):
        TrAdaBoost(KNeighborsClassifier()).fit(X, y, domain=domain)


@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"]])
def test_target_rows_without_a_label_are_refused(labels):
    X, y, domain = stack_domains((np.eye(2), labels), np.eye(2))
    with pytest.raises(ValueError, match="Every target row needs its label"):
        TrAdaBoost().fit(X, y, domain=domain)


def test_minus_one_is_a_class_where_the_source_has_it():
    X, _, domain, _ = two_rules()
    y = np.where(X[:, 0] > 0, 1, -1)
    assert TrAdaBoost(n_estimators=2).fit(X, y, domain=domain).score(X, y) > 0.95


def test_a_row_of_weight_zero_is_no_row():
    X, y, domain, right = two_rules()
    kept = right | (np.arange(len(y)) % 2 == 0)
    full = TrAdaBoost(n_estimators=5).fit(X, y, domain=domain, sample_weight=kept * 1.0)
    part = TrAdaBoost(n_estimators=5).fit(X[kept], y[kept], domain=domain[kept])
    np.testing.assert_allclose(full.votes_, part.votes_)
    assert (full.weights_[~kept] == 0).all()


@pytest.mark.parametrize("weight", [(1.0, 0.0), (1.0, -1.0)])
def test_weights_to_begin_with_are_checked(weight):
    X, y, domain, _ = two_rules()
    with pytest.raises(ValueError, match="Rows begin with weights of 0 or more"):
        TrAdaBoost().fit(X, y, domain=domain, sample_weight=np.where(domain == 0, *weight))


def test_names_among_objects_become_text_and_numbers_stay():
    X, domain = np.arange(4.0)[:, None], [0, 0, 1, 1]
    for y, kind in (
        (np.array(["no", "yes"] * 2, object), "U"),
        (np.array([1, "yes"] * 2, object), "O"),
        (np.array([0, 1] * 2), "i"),
    ):
        found = checked_stack(TrAdaBoost(), X, y, domain)[1]
        assert found.dtype.kind == kind
        assert found.tolist() == y.tolist()


def test_nan_is_refused():
    X, y, domain, _ = two_rules()
    X[3, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        TrAdaBoost(LogisticRegression()).fit(X, y, domain=domain)
