import numpy as np
import pytest

from tltk.few_labels.episodes import (
    TO_LEARN,
    TO_TEST,
    check_rates,
    checked_task,
    stacked_tasks,
    task_numbers,
)


def rows(count, labels=None):
    return np.ones((count, 2)), np.zeros(count if labels is None else labels)


def test_tasks_to_test_on_are_not_those_to_learn_from():
    learned, tested = (task_numbers(0, 1000, purpose) for purpose in (TO_LEARN, TO_TEST))
    assert not {*learned} & {*tested}
    assert learned == task_numbers(0, 1000, TO_LEARN) != task_numbers(1, 1000, TO_LEARN)


def test_tasks_are_stacked_in_order():
    x, *_ = stacked_tasks(lambda number: (*rows(1), np.full((3, 2), number), np.ones(3)), [4, 7])
    assert x.shape == (2, 1, 2)
    x, *_ = stacked_tasks(lambda n: (np.full((1, 2), n), *rows(1)[1:], *rows(3)), [4, 7])
    assert x.tolist() == [[[4, 4]], [[7, 7]]]


@pytest.mark.parametrize(
    "task",
    [
        rows(2),
        (*rows(2), *rows(3, labels=2)),
        (*rows(0), *rows(3)),
        None,
        (1, 2, 3, 4),
        (np.ones(1), np.ones(1), *rows(3)),
    ],
)
def test_a_task_is_four_arrays(task):
    with pytest.raises(ValueError, match="A task is .* Received: .* Return four arrays"):
        checked_task(task)


def test_tasks_of_unequal_shape_are_refused():
    with pytest.raises(ValueError, match="one shape.* Received: .* as many ways and shots"):
        stacked_tasks(lambda number: (*rows(number), *rows(3)), [1, 2])


@pytest.mark.parametrize("rate", [0, -0.1, np.nan, np.inf])
def test_a_rate_is_positive(rate):
    with pytest.raises(ValueError, match="lr must be a finite number above 0. Received: lr="):
        check_rates(rate, [])


def test_rates_fit_the_weights():
    check_rates([np.ones(2)], [(2,)])
    with pytest.raises(ValueError, match="for each weight that moves.* Received: lr of shapes"):
        check_rates([np.ones(2)], [(2,), (1,)])
