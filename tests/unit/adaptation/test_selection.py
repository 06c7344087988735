import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from tltk.adaptation import (
    compare_criteria,
    importance_weighted_risk,
    infomax,
    select_without_labels,
    selection,
    soft_neighbourhood_density,
    target_entropy,
)


def answers(seed=0, rows=30, classes=4, sharpness=2.0):
    return softmax(sharpness * np.random.default_rng(seed).normal(size=(rows, classes)), axis=1)


def test_entropy_and_infomax_are_those_of_scipy():
    found = answers()
    mean = entropy(found, axis=1).mean()
    assert target_entropy(found) == pytest.approx(mean)
    assert infomax(found) == pytest.approx(entropy(found.mean(axis=0)) - mean)


def test_one_class_for_all_deceives_entropy_and_not_infomax():
    one = np.tile([0.98, 0.01, 0.01], (30, 1))
    two = np.repeat([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05]], 15, axis=0)
    assert target_entropy(one) < target_entropy(two)
    assert infomax(one) < infomax(two)


@pytest.mark.parametrize("chunk", [7, 2048])
def test_density_row_by_row(monkeypatch, chunk):
    """The paper's steps in plain loops: normalise, liken, share out among the others, entropy."""
    monkeypatch.setattr(selection, "CHUNK", chunk)
    found = answers(1)
    unit = [row / np.sqrt(sum(row**2)) for row in found]
    expected = []
    for i, row in enumerate(unit):
        others = [float(row @ other) / 0.05 for j, other in enumerate(unit) if j != i]
        expected.append(entropy(np.exp(others) / np.exp(others).sum()))
    assert soft_neighbourhood_density(found) == pytest.approx(np.mean(expected))


def test_density_of_two_clusters_is_below_that_of_one():
    one, two = np.tile([0.9, 0.1], (20, 1)), np.repeat([[0.9, 0.1], [0.1, 0.9]], 10, axis=0)
    assert soft_neighbourhood_density(one) == pytest.approx(np.log(19))
    assert soft_neighbourhood_density(two) == pytest.approx(np.log(9), abs=1e-3)


@pytest.mark.parametrize("control_variate", [False, True])
def test_weighted_risk_is_that_of_the_target(control_variate):
    """Normal densities a half apart, so weights are known; x^2 has the target risk 1.25."""
    random = np.random.default_rng(2)
    found = []
    for _ in range(200):
        x = random.normal(size=400)
        weights = np.exp(0.5 * x - 0.125)
        found.append(importance_weighted_risk(x**2, weights, control_variate))
    assert np.mean(found) == pytest.approx(1.25, abs=0.05)


def test_control_variate_lowers_the_variance():
    random = np.random.default_rng(3)
    draws = random.normal(size=(200, 400))
    weights, losses = np.exp(0.5 * draws - 0.125), 1 + 0.1 * draws**2
    spreads = [
        np.std([importance_weighted_risk(*both, dev) for both in zip(losses, weights, strict=True)])
        for dev in (False, True)
    ]
    assert spreads[1] < 0.6 * spreads[0]


def test_control_variate_by_hand():
    """w = 0, 1, 2 and l = 1, 1, 4: wl = 0, 1, 8; cov(wl, w) = 8/3, var(w) = 2/3; mean(w) = 1."""
    assert importance_weighted_risk([1, 1, 4], [0, 1, 2], True) == pytest.approx(3)
    assert importance_weighted_risk([1, 1, 4], [0, 2, 4], True) == pytest.approx(6 - 4)


def candidates():
    sharp, soft = answers(4, sharpness=6), answers(4, sharpness=0.5)
    return {"soft": soft, "sharp": sharp}


@pytest.mark.parametrize("criterion", ["entropy", "InfoMax"])
def test_picks(criterion):
    assert select_without_labels(candidates(), criterion) == "sharp"


def test_validation_picks_the_smaller_weighted_loss():
    losses = {"soft": np.array([0.0, 3.0]), "sharp": np.array([1.0, 1.0])}
    pick = lambda w: select_without_labels(  # noqa: E731
        candidates(), "importance-weighted validation", losses, np.array(w)
    )
    assert pick([1.9, 0.1]) == "soft"
    assert pick([0.1, 1.9]) == "sharp"


def test_comparison_by_hand():
    losses, weights = {"soft": np.zeros(3), "sharp": np.ones(3)}, np.ones(3)
    rows = compare_criteria(candidates(), {"soft": 0.6, "sharp": 0.8}, losses, weights)
    found = {row["criterion"]: (row["pick"], row["cost"]) for row in rows}
    assert found["entropy"] == ("sharp", 0)
    assert found["deep embedded validation"] == ("soft", pytest.approx(0.2))
    assert found["any candidate"] == (None, pytest.approx(0.1))
    assert {row["oracle_pick"] for row in rows} == {"sharp"}
    assert len(rows) == 6
    assert len(compare_criteria(candidates(), {"soft": 0.6, "sharp": 0.8})) == 4


def test_oracle_scores_decide_no_pick():
    scores = [{"soft": 0.9, "sharp": 0.1}, {"soft": 0.1, "sharp": 0.9}]
    picks = [[row["pick"] for row in compare_criteria(candidates(), each)] for each in scores]
    assert picks[0] == picks[1]


@pytest.mark.parametrize(
    "bad", [[0.5, 0.5], [[1.0], [1.0]], [[np.nan, 1.0]], [[-0.1, 1.1]], np.zeros((0, 2))]
)
def test_what_is_no_probabilities_is_refused(bad):
    with pytest.raises(ValueError, match="probabilities must .* Received: probabilities"):
        target_entropy(bad)


def test_logits_are_refused():
    with pytest.raises(ValueError, match="add up to 1"):
        infomax([[2.0, 3.0]])


def test_neighbours_take_two_rows_and_a_temperature():
    with pytest.raises(ValueError, match="Neighbours take two rows"):
        soft_neighbourhood_density([[0.5, 0.5]])
    with pytest.raises(ValueError, match="temperature must be .* above 0. Received: temperature=0"):
        soft_neighbourhood_density(answers(), 0.0)


def test_risk_of_unlike_lengths_is_refused():
    with pytest.raises(ValueError, match="Every loss has its weight"):
        importance_weighted_risk([1.0, 2.0], [1.0])


def test_unknown_criterion_and_missing_losses_are_refused():
    with pytest.raises(ValueError, match="Received: criterion='accuracy'"):
        select_without_labels(candidates(), "accuracy")
    with pytest.raises(ValueError, match="needs losses and weights"):
        select_without_labels(candidates(), "importance-weighted validation")
    with pytest.raises(ValueError, match="Every candidate has one oracle score"):
        compare_criteria(candidates(), {"soft": 0.5})


def test_risk_grows_as_the_unit_of_the_weights():
    losses, weights = np.array([0.1, 0.5, 0.2]), np.array([1.0, 3.0, 0.5])
    whole = importance_weighted_risk(losses, weights, control_variate=True)
    slope = -np.cov(weights * losses, weights)[0, 1] / weights.var(ddof=1)
    assert whole == pytest.approx(np.mean(weights * losses) + slope * (weights.mean() - 1))
    tiny = importance_weighted_risk(losses, 1e-200 * weights, control_variate=True)
    assert tiny == pytest.approx(-slope)
