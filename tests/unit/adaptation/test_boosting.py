import numpy as np
import pandas as pd
import pytest

from tltk.adaptation.boosting import boost, is_table, vote_of

DOMAIN = np.array([0, 0, 0, 0, 1, 1, 1, 1])


def played(mistakes, rounds, chance=0.5, weights=None):
    """Boosting of learners whose mistakes are given, round by round."""
    waiting = iter(mistakes)
    seen = []

    def learn(weights):
        seen.append(weights)
        return len(seen), np.array(next(waiting), dtype=float)

    start = np.ones(8) if weights is None else weights
    return boost(learn, start, DOMAIN, rounds, chance), seen


def test_two_rounds_by_hand():
    """n = 4 source rows, N = 2: beta = 1 / (1 + sqrt(2 ln 4 / 2)) = 1 / (1 + sqrt(ln 4)).

    Round 1: one of four equal target rows is wrong, so epsilon = 1/4, beta_1 = 1/3, and that row's
    weight is multiplied by 1 / beta_1 = 3; two source rows are wrong, theirs by beta.
    Round 2: target weights 3, 1, 1, 1, the second is wrong: epsilon = 1/6, beta_2 = 1/5.
    """
    found, seen = played([[1, 1, 0, 0, 1, 0, 0, 0], [0, 1, 0, 0, 0, 1, 0, 0]], 2)
    beta = 1 / (1 + np.sqrt(np.log(4)))
    second = np.array([beta, beta, 1, 1, 3, 1, 1, 1])
    np.testing.assert_allclose(seen[1], second / second.mean())
    last = second * [1, beta, 1, 1, 1, 5, 1, 1]
    np.testing.assert_allclose(found.weights, last / last.mean())
    np.testing.assert_allclose(found.errors, [1 / 4, 1 / 6])
    np.testing.assert_allclose(np.exp(-np.array(found.votes)), [1 / 3, 1 / 5])
    np.testing.assert_allclose(found.target_shares, [0.5, 6 / (6 + 2 + 2 * beta)])


def test_formula_of_the_paper_over_many_rounds():
    """Dai et al.'s algorithm as it is printed, on random mistakes and weights to begin with."""
    random = np.random.default_rng(0)
    rounds, start = 12, random.uniform(0.5, 2, 8)
    mistakes = (random.random((rounds, 8)) < 0.25).astype(float)
    mistakes[:, 4:] = np.eye(4)[np.arange(rounds) % 4]  # never without one, never the majority
    weights, beta = start.copy(), 1 / (1 + np.sqrt(2 * np.log(4) / rounds))
    expected = []
    for wrong in mistakes:
        error = (weights[4:] * wrong[4:]).sum() / weights[4:].sum()
        if error >= 0.5:
            break
        expected.append(error)
        weights[:4] *= beta ** wrong[:4]
        weights[4:] *= (error / (1 - error)) ** -wrong[4:]
    found, seen = played(mistakes, rounds, weights=start)
    np.testing.assert_allclose(seen[0], start / start.mean())
    np.testing.assert_allclose(found.errors, expected)
    np.testing.assert_allclose(found.weights, weights / weights.mean(), rtol=1e-9)


def test_more_classes_have_the_term_of_samme():
    weights = np.ones(4)
    assert vote_of(0.5, 2 / 3, weights) == pytest.approx(np.log(1) + np.log(2))
    assert vote_of(0.25, 1 / 2, weights) == pytest.approx(np.log(3))


def test_no_mistake_votes_as_half_the_lightest_row():
    assert vote_of(0.0, 0.5, np.array([1.0, 3.0])) == pytest.approx(np.log(7))
    assert vote_of(0.0, 0.5, np.array([0.0, 1.0, 3.0])) == pytest.approx(np.log(7))


@pytest.mark.parametrize(("chance", "odds"), [(0.5, 3), (0.75, 5 / 3 * 3)])
def test_no_mistake_on_a_single_row_votes_as_half_of_chance(chance, odds):
    assert vote_of(0.0, chance, np.array([2.0])) == pytest.approx(np.log(odds))


def test_rounds_end_at_chance():
    found, seen = played([[0, 0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0], None], 9)
    assert len(seen) == 2
    assert found.learners == [1]
    assert not found.at_chance


def test_a_first_round_at_chance_is_all_there_is():
    found, _ = played([[0, 0, 0, 0, 1, 1, 0, 0]], 9)
    assert found.at_chance
    assert found.learners == [1]


def test_weights_never_vanish():
    found, _ = played([[1, 1, 1, 1, 1, 0, 0, 0]] + [[1, 1, 1, 1, 0, 0, 0, 0]] * 2000, 2001)
    assert found.weights.min() > 0


def test_no_round_is_refused():
    with pytest.raises(
        ValueError,
        match="of at least 1. Received: n_estimators=0",
    ):
        played([], 0)


def test_an_error_within_rounding_of_chance_is_at_chance():
    chance = 0.5 + 1e-12
    assert chance - 1e-12 == 0.5
    found, _ = played([[0, 0, 0, 0, 1, 1, 0, 0]], 9, chance)
    assert found.at_chance
    found, _ = played([[0, 0, 0, 0, 1, 1, 0, 0]] + [[0] * 8] * 8, 9, 0.5 + 3e-12)
    assert not found.at_chance


def test_tables_are_frames_and_arrays_of_objects():
    rows = np.eye(2)
    assert is_table(pd.DataFrame(rows))
    assert is_table(rows.astype(object))
    assert not is_table(rows)
    assert not is_table(rows.tolist())
