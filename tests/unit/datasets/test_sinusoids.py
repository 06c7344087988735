import numpy as np
import pytest

from tltk.datasets import make_sinusoid_tasks


@pytest.mark.parametrize("number", range(20))
def test_a_task_is_one_sine_wave(number):
    """Support alone tells amplitude and phase, by least squares in sin x and cos x."""
    x, y, query_x, query_y = make_sinusoid_tasks(shots=10, queries=30)(number)
    assert np.abs([*x, *query_x]).max() <= 5
    columns = [np.hstack([np.sin(part), np.cos(part)]) for part in (x, query_x)]
    (sine, cosine), *_ = np.linalg.lstsq(columns[0], y[:, 0], rcond=None)
    np.testing.assert_allclose(columns[1] @ [sine, cosine], query_y[:, 0], atol=1e-3)
    assert 0.099 <= np.hypot(sine, cosine) <= 5.001
    assert 0 <= np.arctan2(-cosine, sine) % (2 * np.pi) <= np.pi + 1e-2


def test_the_number_decides_the_task():
    task = make_sinusoid_tasks(5)
    assert all(np.array_equal(a, b) for a, b in zip(task(3), task(3), strict=True))
    assert not np.array_equal(task(3)[0], task(4)[0])


@pytest.mark.parametrize("wrong", [{"shots": 0}, {"queries": 2.5}])
def test_counts_must_be_positive(wrong):
    with pytest.raises(ValueError, match="whole number of at least 1. Received"):
        make_sinusoid_tasks(**wrong)
