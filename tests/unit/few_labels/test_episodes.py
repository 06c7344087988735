import numpy as np
import pytest

from tltk.few_labels import sample_episode, split_classes
from tltk.inputs import examples_of

LABELS = np.repeat(np.arange(6), 10)


def own_numbers(count=60, width=3):
    """Rows that can be told apart: each holds its own number."""
    return np.repeat(np.arange(count), width).reshape(count, width)


def test_an_episode_has_the_rows_of_its_classes_and_none_twice():
    for seed in range(20):
        episode = sample_episode(own_numbers(), LABELS, 4, 3, n_query=5, seed=seed)
        support, query = episode.support[:, 0], episode.query[:, 0]
        assert len({*support, *query}) == 4 * 3 + 4 * 5
        assert (LABELS[support] == episode.classes[episode.support_labels]).all()
        assert (LABELS[query] == episode.classes[episode.query_labels]).all()
        assert np.bincount(episode.support_labels).tolist() == [3] * 4
        assert np.bincount(episode.query_labels).tolist() == [5] * 4
        assert len(set(episode.classes.tolist())) == 4


def test_every_class_and_every_row_has_the_same_chance():
    episodes = [
        sample_episode(own_numbers(), LABELS, 2, 1, n_query=1, seed=seed) for seed in range(3000)
    ]
    classes = np.bincount(np.concatenate([each.classes for each in episodes]))
    assert classes == pytest.approx(np.full(6, 1000), rel=0.12)
    rows = np.bincount(np.concatenate([each.query[:, 0] for each in episodes]), minlength=60)
    assert rows == pytest.approx(np.full(60, 100), rel=0.45)


def test_a_class_may_be_used_up():
    episode = sample_episode(own_numbers(), LABELS, 6, 4, n_query=6)
    assert sorted([*episode.support[:, 0], *episode.query[:, 0]]) == list(range(60))


def test_the_seed_decides():
    one, same, other = (sample_episode(own_numbers(), LABELS, seed=s, n_query=5) for s in (1, 1, 2))
    assert (one.query == same.query).all()
    assert one.classes.tolist() == same.classes.tolist()
    assert not np.array_equal(one.query, other.query)


def test_queries_may_be_unequal_and_no_class_always_has_the_most():
    most = set()
    for seed in range(20):
        episode = sample_episode(own_numbers(), LABELS, 3, 1, n_query=(7, 1, 2), seed=seed)
        assert np.bincount(episode.query_labels).tolist() == [7, 1, 2]
        most.add(int(episode.classes[0]))
    assert len(most) > 3


def test_names_pictures_and_splits_will_do():
    pictures = np.zeros((12, 4, 4, 3), "uint8") + np.arange(12, dtype="uint8")[:, None, None, None]
    names = np.repeat(["cat", "dog", "owl"], 4)
    episode = sample_episode(pictures, names, 2, 1, n_query=2)
    assert episode.query.shape == (4, 4, 4, 3)
    assert (names[episode.query[:, 0, 0, 0]] == episode.classes[episode.query_labels]).all()
    numbers = np.unique(names, return_inverse=True)[1]
    split = examples_of((pictures, numbers)).batched(5)
    for data, labels in ((split, None), ((pictures, numbers), None), (split, numbers)):
        found = sample_episode(data, labels, 2, 1, n_query=2)
        assert (found.query == episode.query).all()
        assert (np.array(["cat", "dog", "owl"])[found.classes] == episode.classes).all()


def test_it_is_a_task_to_learn_to_learn_from():
    x, y, query_x, query_y = sample_episode(own_numbers(), LABELS, 2, 1, n_query=3)[:4]
    assert (len(x), len(y), len(query_x), len(query_y)) == (2, 2, 6, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_way": 7}, "n_way=7, and 6 classes"),
        ({"n_shot": 6, "n_query": 5}, r"11 here. Received: .*class 0 with 10"),
        ({"n_shot": 0}, "n_shot must be a whole number"),
        ({"n_query": 0}, "n_query must be a whole number"),
        ({"n_query": (1, 2)}, r"each of the 5 ways. Received: n_query=\[1, 2\]"),
        ({"labels": LABELS[:5]}, r"\(60,\). Received: labels=int64 of shape \(5,\)"),
        ({"labels": LABELS / 2}, "labels=float64"),
        ({"data": np.full((60, 2), np.nan)}, r"data\[0, 0\]=nan"),
        ({"labels": None}, "labels=None, and data without any"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    given = {"data": own_numbers(), "labels": LABELS, "n_query": 5} | change
    with pytest.raises(ValueError, match=message):
        sample_episode(**given)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("test", "val", "classes"), [(0.5, 0, (3, 0, 3)), (2, 1, (3, 1, 2))])
def test_no_class_is_in_two_parts(seed, test, val, classes):
    labels = np.random.default_rng(seed).permutation(LABELS)
    rows = split_classes(labels, test, val, seed=seed)
    found = {part: set(labels[some].tolist()) for part, some in rows.items()}
    assert tuple(len(some) for some in found.values()) == classes
    assert sum(map(len, found.values())) == len(set().union(*found.values())) == 6
    assert sorted(np.concatenate(list(rows.values()))) == list(range(60))


def test_another_seed_splits_otherwise():
    parts = {tuple(split_classes(LABELS, seed=seed)["test"]) for seed in range(8)}
    assert len(parts) > 4


def test_groups_stay_together():
    groups = LABELS // 2
    rows = split_classes(LABELS, test=1, groups=groups)
    assert len(set(groups[rows["test"]])) == 1
    assert set(groups[rows["train"]]).isdisjoint(groups[rows["test"]])
    named = split_classes(LABELS, test=[2], groups=groups)
    assert set(LABELS[named["test"]]) == {4, 5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": 1.0}, "test=1.0 of 6 classes"),
        ({"test": 0.01}, "test=0.01 of 6 classes"),
        ({"test": 0}, "to train and to test on. Received: test=0"),
        ({"test": 4, "val": 2}, "test=4, val=2 of 6"),
        ({"test": [7]}, r"Received: test=\[7\]. Those there are: 0, 1"),
        ({"test": [1], "val": [1]}, r"val names classes .* each in one part"),
        ({"test": [1, 1]}, r"Received: test=\[1, 1\]"),
        ({"groups": np.arange(60)}, "class 0 in 0, 1, 2"),
        ({"groups": [0]}, r"\(60,\). Received: groups=.* of shape \(1,\)"),
        ({"labels": []}, r"Received: labels=\[\]"),
    ],
)
def test_splits_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        split_classes(**{"labels": LABELS} | change)
