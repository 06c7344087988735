import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from tltk.few_labels import choose_to_label
from tltk.few_labels.labelling import _typicality

SIZES = [60, 50, 40, 30, 20]


@pytest.fixture(scope="module")
def islands():
    """Five groups, far apart, the largest first."""
    centres = 20 * np.eye(5)
    return make_blobs(SIZES, 5, centers=centres, random_state=0, shuffle=False)


@pytest.fixture
def line():
    """Two classes on a line; one row of each is labelled, and the border lies between them."""
    features = np.linspace(-3, 3, 61)[:, None]
    return features, np.array([0, 60]), np.array([0, 1])


def test_typicality_of_a_line_by_hand():
    """Distances to the neighbours (all four): 10/4, 7/4, 6/4, 7/4, 10/4."""
    points = np.arange(5.0)[:, None]
    assert _typicality(points).tolist() == pytest.approx([4 / 10, 4 / 7, 4 / 6, 4 / 7, 4 / 10])
    assert _typicality(points[:1]).tolist() == [1]


def test_each_island_gives_one_row_the_largest_first(islands):
    x, group = islands
    chosen = choose_to_label(x, [], 5)
    assert group[chosen].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("unit_length", [True, False])
def test_the_typical_row_is_that_of_the_formula(islands, unit_length):
    """One cluster: the row closest, on average, to its 20 nearest neighbours."""
    x, _ = islands
    steps = make_pipeline(StandardScaler(), PCA(5), *[Normalizer()] * unit_length)
    distances, _ = NearestNeighbors(n_neighbors=21).fit(z := steps.fit_transform(x)).kneighbors(z)
    [chosen] = choose_to_label(x, [], 1, unit_length=unit_length)
    assert chosen == distances[:, 1:].mean(axis=1).argmin()


def test_islands_with_labels_wait(islands):
    x, group = islands
    labelled = [np.flatnonzero(group == each)[0] for each in (0, 1, 3)]
    chosen = choose_to_label(x, labelled, 2)
    assert set(group[chosen]) == {2, 4}


def test_margin_asks_at_the_border(line):
    x, labelled, labels = line
    [chosen] = choose_to_label(x, labelled, 1, "margin", labels=labels)
    assert x[chosen, 0] == pytest.approx(0, abs=1e-9)


def test_margin_spreads_over_the_uncertain():
    """Twelve rows lie on the border, six on either side of the others."""
    x = np.c_[np.linspace(-1, 1, 80), np.zeros(80)]
    uncertain = np.c_[np.zeros(12), np.r_[np.full(6, 3.0), np.full(6, -3.0)]]
    uncertain += 1e-6 * np.arange(12)[:, None]
    x = np.vstack([x, uncertain])
    chosen = choose_to_label(x, [0, 79], 2, "margin", labels=np.array([0, 1]))
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(x[[0, 79]], [0, 1])
    margins = np.abs(np.diff(fitted.predict_proba(x), axis=1)[:, 0])
    least = np.argsort(margins)[:16]
    assert set(chosen) <= set(least)
    assert np.sign(x[chosen, 1]).min() == -1
    assert np.sign(x[chosen, 1]).max() == 1


def test_random_rows_are_those_of_numpy(islands):
    x, _ = islands
    expected = np.random.default_rng([3, 10]).choice(np.arange(10, 200), 7, replace=False)
    found = choose_to_label(x, np.arange(10), 7, "random", seed=3)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("method", ["typical", "margin", "random"])
def test_all_that_is_left_can_be_chosen(islands, method):
    x, group = islands
    labelled = np.arange(0, 200, 2)
    chosen = choose_to_label(x, labelled, 100, method, labels=group[labelled])
    assert sorted(chosen) == list(range(1, 200, 2))


@pytest.mark.parametrize("method", ["typical", "margin"])
def test_copies_of_one_row_are_no_trouble(method):
    x = np.repeat([[0.0, 1], [1, 0]], 10, axis=0)
    labels = np.array([0, 1])
    chosen = choose_to_label(x, [0, 19], 5, method, labels=labels)
    assert len(set(chosen) - {0, 19}) == 5


def test_the_same_seed_chooses_the_same(islands):
    x, _ = islands
    first, again = (choose_to_label(x + 0, [], 9, seed=5) for _ in range(2))
    assert first.tolist() == again.tolist()


def test_rows_all_alike_still_get_an_answer():
    assert len(set(choose_to_label(np.ones((6, 3)), [1], 3))) == 3


def test_the_margin_needs_two_classes(islands):
    x, _ = islands
    with pytest.raises(ValueError, match="two classes"):
        choose_to_label(x, [0, 1], 2, "margin", labels=np.zeros(2, int))
    with pytest.raises(ValueError, match="two classes"):
        choose_to_label(x, [], 2, "margin")


def test_a_second_random_round_is_no_shifted_copy_of_the_first():
    """The same seed with more rows known must not choose the neighbours of the first choice."""
    x = np.arange(4000.0)[:, None]
    first = choose_to_label(x, [], 20, "random", seed=1)
    second = choose_to_label(x, first, 20, "random", seed=1)
    distances = np.abs(first[:, None] - second).min(axis=0)
    assert np.median(distances) > 10


def test_labels_are_as_many_as_labelled_rows(islands):
    x, group = islands
    with pytest.raises(ValueError, match="each of the 0 labelled rows"):
        choose_to_label(x, [], 2, "margin", labels=[0, 1])
    with pytest.raises(ValueError, match="each of the 3 labelled rows"):
        choose_to_label(x, [0, 1, 2], 2, "margin", labels=group[:4])


def test_no_more_than_there_is(islands):
    x, _ = islands
    with pytest.raises(ValueError, match="without a label, 150"):
        choose_to_label(x, np.arange(50), 151)


@pytest.mark.parametrize("labelled", [[0, 0], [-1], [200], [0.5], [True]])
def test_labelled_rows_are_row_numbers(islands, labelled):
    with pytest.raises(ValueError, match="different row numbers from 0 to 199"):
        choose_to_label(islands[0], labelled, 1)
