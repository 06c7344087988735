import numpy as np
import pytest

from tltk.datasets.made_modalities import make_rows_with_gaps, pair_by_class


def test_gaps_stay_and_change_the_digest():
    rows = make_rows_with_gaps([[1.0, np.nan], [2.0, 3.0]], [1, 0])
    assert np.isnan(rows.fetch([0])[0, 1])
    assert rows.labels.tolist() == [1, 0]
    assert rows.digest != make_rows_with_gaps([[1.0, 0.0], [2.0, 3.0]]).digest


@pytest.mark.parametrize(
    ("rows", "received"),
    [([1.0, 2.0], r"rows=\[1.0, 2.0\]"), ([[np.inf]], r"rows\[0, 0\]=inf")],
)
def test_what_is_no_table_is_refused(rows, received):
    rule = r"finite numbers \(n, d\), NaN where one is missing, at least one"
    with pytest.raises(ValueError, match=f"{rule}. Received: {received}"):
        make_rows_with_gaps(rows)


def test_a_table_has_rows():
    with pytest.raises(ValueError, match="at least one"):
        make_rows_with_gaps(np.zeros((0, 2)))


def test_pairs_are_of_one_class_and_use_no_row_twice():
    random = np.random.default_rng(0)
    first, second = random.integers(4, size=50), random.integers(1, 5, size=40)
    one, other = pair_by_class(first, second, seed=3)
    assert np.array_equal(first[one], second[other])
    assert len(set(one)) == len(set(other)) == len(one)
    fewer = [min((first == c).sum(), (second == c).sum()) for c in range(5)]
    assert len(one) == sum(fewer)
    assert np.array_equal(one, pair_by_class(first, second, seed=3)[0])
    assert not np.array_equal(one, pair_by_class(first, second, seed=4)[0])


def test_sets_without_a_common_class_have_no_pairs():
    with pytest.raises(ValueError, match=r"classes \[0\] and \[1\]"):
        pair_by_class([0], [1])
