import itertools

import numpy as np
import pandas as pd
import pytest

from tltk.inputs.splits import bins_of, split_rows

PARTS = ("train", "val", "test")


def check_partition(rows, count):
    assert tuple(rows) == PARTS
    assert sorted(np.concatenate(list(rows.values())).tolist()) == list(range(count))


@pytest.mark.parametrize("seed", range(40))
def test_without_groups_each_class_gives_its_share_within_one(seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(5), rng.integers(3, 40, 5)))
    val, test = rng.choice([0, 0.05, 0.2, 0.45], 2)
    rows = split_rows(labels, val, test, seed=seed)
    check_partition(rows, len(labels))
    for code in range(5):
        size = (labels == code).sum()
        counts = {part: (labels[some] == code).sum() for part, some in rows.items()}
        for part, share in (("val", val), ("test", test)):
            assert abs(counts[part] - share * size) <= 1
            assert (counts[part] > 0) == (share > 0)
        assert counts["train"] > 0


def possible(labels, groups, part_count):
    """Tries every assignment of groups to parts."""
    ids = np.unique(groups)
    wanted = set(itertools.product(range(part_count), np.unique(labels)))
    for parts in itertools.product(range(part_count), repeat=len(ids)):
        part_of = dict(zip(ids, parts, strict=True))
        if wanted == {(part_of[g], y) for g, y in zip(groups, labels, strict=True)}:
            return True
    return False


@pytest.mark.parametrize("seed", range(60))
def test_groups_stay_together_and_classes_come_everywhere_whenever_that_is_possible(seed):
    rng = np.random.default_rng(seed)
    count = rng.integers(8, 24)
    labels = rng.integers(0, rng.integers(2, 4), count)
    groups = rng.integers(0, rng.integers(4, 7), count)
    test = rng.choice([0, 0.2])
    if not possible(labels, groups, 3 if test else 2):
        with pytest.raises(ValueError, match="group"):
            split_rows(labels, 0.2, test, groups, seed=seed)
        return
    rows = split_rows(labels, 0.2, test, groups, seed=seed)
    check_partition(rows, count)
    used = [some for some in rows.values() if len(some)]
    assert len(used) == (3 if test else 2)
    for left, right in itertools.combinations(used, 2):
        assert not set(groups[left]) & set(groups[right])
    for some in used:
        assert set(labels[some]) == set(labels)


@pytest.mark.parametrize("seed", range(5))
def test_with_many_groups_the_shares_are_close_in_every_class(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 150, 1500)
    labels = (groups % 3 + (rng.random(1500) < 0.3)) % 3
    rows = split_rows(labels, 0.2, 0.1, groups, seed=seed)
    for code in range(3):
        size = (labels == code).sum()
        for part, share in (("val", 0.2), ("test", 0.1)):
            assert abs((labels[rows[part]] == code).sum() / size - share) < 0.03


def test_grouped_shares_are_no_worse_than_scikit_learn_folds():
    from sklearn.model_selection import StratifiedGroupKFold

    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 300)
    labels = (groups + (rng.random(300) < 0.2)) % 4

    def worst_share(rows):
        return max(abs((labels[rows] == y).sum() / (labels == y).sum() - 0.2) for y in range(4))

    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0).split(labels, labels, groups)
    theirs = np.mean([worst_share(fold) for _, fold in folds])
    ours = np.mean(
        [worst_share(split_rows(labels, 0.2, 0, groups, seed=s)["val"]) for s in range(5)]
    )
    assert ours <= theirs


def test_the_seed_decides_and_nothing_else():
    labels = ["b", "a"] * 30
    groups = [f"patient {row // 3}" for row in range(60)]
    for some in (None, groups):
        first, same, other = (split_rows(labels, 0.2, 0.2, some, seed=seed) for seed in (1, 1, 2))
        for part in PARTS:
            np.testing.assert_array_equal(first[part], same[part])
        assert any(not np.array_equal(first[part], other[part]) for part in PARTS)


def test_rows_come_in_random_order():
    rows = split_rows(np.repeat([0, 1], 50), 0.2, 0.2)["train"]
    assert not np.array_equal(rows, np.sort(rows))


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (["cat"] * 9 + ["dog"], {}, "at least 3 examples.*Received: class dog with 1 example[.]"),
        ([0, 0, 1, 1], {"test": 0.2}, "Received: class 0 with 2 examples"),
        ([0, 1] * 5, {"groups": [0, 1] * 5}, "at least 3 groups.*class 0 with 1 group[.]"),
        ([0, 1] * 5, {"groups": [0] * 9}, "9 groups, 0 of them None, for 10 rows"),
        ([0, 1] * 5, {"groups": [None] * 10}, "10 of them None"),
        ([0, 1] * 5, {"val": 1.0}, "val=1.0"),
        ([0, 1] * 5, {"val": -0.1}, "val=-0.1"),
        ([0, 1] * 5, {"val": 0.5, "test": 0.5}, "together below 1"),
        ([0, 1] * 5, {"val": 0, "test": 1}, "test=1"),
        ([0, 1] * 5, {"val": 0.5, "test": -0.1}, "test=-0.1"),
        ([0, 1] * 5, {"val": np.nan}, "val=nan"),
        ([0, 1] * 5, {"test": np.nan}, "test=nan"),
        ([], {}, r"shape \(0,\)"),
        ([[0, 2]], {}, r"shape \(1, 2\)"),
        ([["a", "b"]], {}, r"shape \(1, 2\)"),
        ([[0, 1], [1, None]], {}, "none in row 1"),
        (None, {}, "none in row 0"),
    ],
)
def test_impossible_splits_are_refused(labels, options, message):
    with pytest.raises(ValueError, match=message):
        split_rows(labels, **options)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0, 1, None] * 5, {}, "one class per row. Received: labels of none in row 2"),
        ([0, 1, np.nan] * 5, {}, "none in row 2"),
        (np.ma.masked_array([0, 1] * 5, mask=[0] * 9 + [1]), {}, "none in row 9"),
        ([0, 1] * 5, {"groups": [1, np.nan] * 5}, "NaN is none.*5 of them None"),
        ([0, 1] * 5, {"val": "0.2"}, "val='0.2'"),
        ([0, 1] * 5, {"test": None}, "test=None"),
        (
            [0, 1] * 5,
            {"seed": -1},
            "seed must be a whole number from 0 to 4,294,967,295. Received: seed=-1",
        ),
        ([0, 1] * 5, {"seed": 1.5}, "seed=1.5"),
    ],
)
def test_settings_and_labels_that_are_none(labels, options, message):
    with pytest.raises(ValueError, match=message):
        split_rows(labels, **options)


def test_classes_that_only_fit_apart_are_refused():
    labels = [0, 1, 0, 2, 1, 2]
    groups = ["01", "01", "02", "02", "12", "12"]
    with pytest.raises(ValueError, match=r"3 groups for which no such split was found"):
        split_rows(labels, 0.3, 0, groups)


def multi_hot(rows=600, seed=0):
    shares = np.array([0.03, 0.1, 0.4, 0.8])
    return (np.random.default_rng(seed).random((rows, 4)) < shares).astype(int)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1, 3])
def test_every_label_of_several_has_its_share_of_every_part(seed, size):
    labels = multi_hot(seed=seed)
    groups = None if size == 1 else np.arange(600) // size
    parts = split_rows(labels, 0.25, 0.25, groups, seed=seed)
    rows = np.concatenate(list(parts.values()))
    assert sorted(rows) == list(range(600))
    for part, share in (("train", 0.5), ("val", 0.25), ("test", 0.25)):
        assert abs(len(parts[part]) - 600 * share) <= 6
        counts = labels[parts[part]].sum(axis=0)
        np.testing.assert_allclose(counts, labels.sum(axis=0) * share, atol=2.5)
    if groups is not None:
        assert not set(groups[parts["train"]]) & set(groups[parts["test"]])


def test_a_label_too_rare_is_named_by_its_column():
    labels = pd.DataFrame(multi_hot(), columns=["rare", "some", "many", "most"])
    labels["rare"] = 0
    labels.loc[7, "rare"] = 1
    with pytest.raises(ValueError, match="class rare with 1 example[.]"):
        split_rows(labels)


def test_bins_of_numbers_are_of_like_size_and_hold_enough():
    values = np.random.default_rng(0).normal(size=200)
    bins = np.array(bins_of(values, range(200), least=5))
    assert np.bincount(bins).tolist() == [20] * 10
    order = np.argsort(values)
    assert (np.diff(bins[order]) >= 0).all()
    assert max(bins_of(values[:24], range(24), least=5)) == 3
    groups = [n % 8 for n in range(200)]
    held = {}
    for one, group in zip(bins_of(values, groups, least=5), groups, strict=True):
        held.setdefault(one, set()).add(group)
    assert min(map(len, held.values())) >= 5
    assert bins_of(np.ones(9), range(9), least=3) == [0] * 9
    assert set(bins_of(np.array([1.0] * 90 + [2.0] * 10), range(100), 5)) == {0, 9}
