import numpy as np
import pytest

from tltk.evaluation import Predictions, choose_threshold, threshold_table
from tltk.evaluation.classification import positive_scores


def of(scores, truth):
    scores = np.asarray(scores, "float64")
    return Predictions(np.asarray(truth, int), np.c_[1 - scores, scores], ("well", "ill"))


@pytest.fixture
def noisy():
    """Four hundred examples, a tenth of them ill, with ties among the scores."""
    rng = np.random.default_rng(0)
    truth = np.arange(400) % 10 == 0
    scores = np.round(np.clip(rng.normal(0.3 + 0.25 * truth, 0.2), 0.01, 0.99), 2)
    return of(scores, truth)


@pytest.mark.parametrize("miss", [0.2, 1, 3, 10, 50])
def test_the_least_cost_is_that_of_trying_them_all(noisy, miss):
    truth, scores = positive_scores(noisy, "ill")

    def cost(threshold):
        return miss * (truth & (scores < threshold)).sum() + (~truth & (scores >= threshold)).sum()

    every = [*np.unique(scores), np.inf]
    best = max((t for t in every), key=lambda t: (-cost(t), t))
    assert choose_threshold(noisy, "ill", miss_cost=miss) == best


def test_only_the_ratio_of_the_costs_counts(noisy):
    one = choose_threshold(noisy, "ill", miss_cost=5)
    for unit in (10, 1e-12, 1e15 / 3):
        found = choose_threshold(noisy, "ill", miss_cost=5 * unit, false_alarm_cost=unit)
        assert found == one


@pytest.mark.parametrize("unit", [1e-12, 1 / 3, 1e15 / 3])
def test_of_equally_cheap_thresholds_the_highest_is_taken(unit):
    """From .9, .6 and .4 on: as many misses and false alarms, three, whatever their unit."""
    seen = of([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], [1, 0, 0, 1, 0, 1, 0])
    chosen = choose_threshold(seen, "ill", miss_cost=1.5 * unit, false_alarm_cost=unit)
    assert chosen == 0.9


def test_a_recall_is_reached_but_for_rounding():
    seen = of([0.9, 0.6, 0.4, 0.3], [1, 0, 1, 0])
    assert 0.5 + 1e-12 - 1e-12 == 0.5
    assert choose_threshold(seen, "ill", recall=0.5 + 1e-12) == 0.9
    assert choose_threshold(seen, "ill", recall=0.5 + 3e-12) == 0.4


@pytest.mark.parametrize("recall", [0.1, 0.5, 0.9, 1.0])
def test_the_highest_threshold_of_a_recall(noisy, recall):
    truth, scores = positive_scores(noisy, "ill")
    chosen = choose_threshold(noisy, "ill", recall=recall)
    assert (scores[truth] >= chosen).mean() >= recall
    higher = scores[scores > chosen].min()
    assert (scores[truth] >= higher).mean() < recall


def test_calibrated_probabilities_need_no_search():
    """Where probabilities come true the best threshold is 1 / (1 + cost of a miss) (Elkan)."""
    rng = np.random.default_rng(1)
    scores = rng.random(40_000)
    seen = of(scores, rng.random(40_000) < scores)
    assert choose_threshold(seen, "ill", miss_cost=4) == pytest.approx(0.2, abs=0.04)


def test_never_is_cheapest_where_a_miss_costs_next_to_nothing():
    assert choose_threshold(of([0.9, 0.1], [0, 1]), "ill", miss_cost=0.1) == np.inf


def test_the_table_worked_by_hand():
    seen = of([0.9, 0.8, 0.6, 0.4, 0.2], [1, 0, 1, 0, 1])
    half, strict, never, always = threshold_table(seen, "ill", {"half": 0.5, "strict": 0.85}, 10)
    assert (half["misses"], half["false alarms"], half["cost"]) == (1, 1, 11 / 5)
    assert (half["recall"], half["precision"]) == (2 / 3, 2 / 3)
    assert (strict["recall"], strict["precision"], strict["cost"]) == (1 / 3, 1, 4)
    assert (never["rule"], never["precision"], never["cost"]) == ("never call", None, 6)
    assert (always["rule"], always["recall"], always["cost"]) == ("always call", 1, 2 / 5)


def test_a_threshold_calls_from_itself_on():
    seen = of([0.9, 0.8, 0.6, 0.4], [1, 0, 1, 0])
    from_it, above_it = threshold_table(seen, "ill", {"from": 0.8, "above": 0.80001}, 2.0)[:2]
    assert (from_it["recall"], from_it["precision"], from_it["cost"]) == (0.5, 0.5, 3 / 4)
    assert (above_it["recall"], above_it["precision"], above_it["cost"]) == (0.5, 1, 2 / 4)


@pytest.mark.parametrize("value", [np.nan, "high"])
def test_thresholds_are_numbers(noisy, value):
    with pytest.raises(ValueError, match=r"thresholds\['it'\] must be a finite number"):
        threshold_table(noisy, "ill", {"it": value}, 1)
    assert threshold_table(noisy, "ill", {"it": np.inf}, 1)[0]["misses"] == 40


def test_one_of_many_labels():
    labels = np.array([[1, 0], [0, 1], [1, 1]])
    seen = Predictions(labels, np.array([[0.8, 0.1], [0.3, 0.9], [0.6, 0.7]]), ("a", "b"), None)
    seen = seen._replace(kind="many_labels")
    assert choose_threshold(seen, "b", recall=1.0) == 0.7
    assert threshold_table(seen, "a", {"it": 0.5}, 1)[0]["recall"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "for a cost or for a recall. Received: miss_cost=None, recall=None"),
        ({"miss_cost": 2, "recall": 0.9}, "Received: miss_cost=2, recall=0.9"),
        ({"recall": 0}, "above 0 and at most 1. Received: recall=0"),
        ({"miss_cost": -1}, "miss_cost must be a finite number above 0. Received: miss_cost=-1"),
        ({"miss_cost": 1, "false_alarm_cost": 0}, "false_alarm_cost=0"),
    ],
)
def test_what_makes_no_sense_is_refused(noisy, settings, message):
    with pytest.raises(ValueError, match=message):
        choose_threshold(noisy, "ill", **settings)


def test_unknown_classes_and_one_sided_data_are_refused(noisy):
    with pytest.raises(ValueError, match=r"Received: positive='dead'. The names are well, ill"):
        choose_threshold(noisy, "dead", recall=0.5)
    with pytest.raises(ValueError, match=r"with and without 'ill'. Received: 0 of 2"):
        choose_threshold(of([0.1, 0.2], [0, 0]), "ill", recall=0.5)
    with pytest.raises(ValueError, match=r"with and without 'ill'. Received: 2 of 2"):
        choose_threshold(of([0.1, 0.2], [1, 1]), "ill", recall=0.5)
    ages = Predictions(np.array([[3.0]]), np.array([[4.0]]), ("age",), kind="regression")
    with pytest.raises(ValueError, match="positive='age'"):
        threshold_table(ages, "age", {"it": 0.5}, 1)
