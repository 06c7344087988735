import numpy as np
import pytest
from scipy.stats import multivariate_normal, spearmanr

from tltk.few_labels import select_source_rows


@pytest.fixture(scope="module")
def mixture():
    """A source whose first half is drawn like the target, and whose second half is not."""
    rng = np.random.default_rng(0)
    classes = 2 * rng.normal(size=(3, 8))
    labels = np.arange(600) % 3
    source = classes[labels] + rng.normal(size=(600, 8))
    source[300:] += 3
    target_labels = np.arange(150) % 3
    target = classes[target_labels] + rng.normal(size=(150, 8))
    return source, target, labels, target_labels


@pytest.mark.parametrize("by", ["domain", "class_means"])
@pytest.mark.parametrize("unit_length", [False, True])
def test_the_part_that_is_like_the_target_is_found(mixture, by, unit_length):
    rows, weights = select_source_rows(*mixture, by=by, share=0.4, unit_length=unit_length)
    assert len(rows) == 240
    assert (np.diff(rows) > 0).all()
    assert (rows < 300).mean() > 0.9
    assert np.bincount(mixture[2][rows]).tolist() == [80, 80, 80]
    assert weights.mean() == pytest.approx(1)
    assert weights.min() >= 0


def test_class_means_leave_out_labels_that_mean_something_else(mixture):
    """The good half again, every second of its rows with another row's label."""
    source, target, labels, target_labels = mixture
    source, labels = source[:300], labels[:300].copy()
    labels[::2] = (labels[::2] + 1) % 3
    rows, _ = select_source_rows(source, target, labels, target_labels, by="class_means", share=0.4)
    assert (rows % 2 == 1).mean() > 0.9


def test_weights_are_the_ratio_of_densities():
    """Of two normal distributions the ratio is known."""
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(2000, 2)), rng.normal(0.5, 1, (2000, 2))
    rows, weights = select_source_rows(source, target, share=1.0, unit_length=False)
    assert rows.tolist() == list(range(2000))
    densities = [multivariate_normal([m, m]).pdf(source) for m in (0.5, 0)]
    ratio = densities[0] / densities[1]
    assert spearmanr(weights, ratio).statistic > 0.98
    assert np.abs(np.log(weights) - np.log(ratio / ratio.mean())).mean() < 0.1


def test_at_unit_length_only_the_direction_counts(mixture):
    lengths = np.random.default_rng(1).uniform(0.1, 10, (600, 1))
    found = select_source_rows(lengths * mixture[0], *mixture[1:])
    np.testing.assert_allclose(found, select_source_rows(*mixture), rtol=1e-6)


def test_class_means_by_hand():
    """Target means 0 and 10, both classes with deviation 1: a row at distance 2 weighs exp(-2)."""
    target = np.array([[-1.0], [1], [-1], [9], [11], [9], [1], [11]])
    target_labels = np.array([0, 0, 0, 1, 1, 1, 0, 1])
    source = np.array([[0.0], [2], [10], [12], [3]])
    settings = {"by": "class_means", "share": 1.0, "unit_length": False}
    labels = np.array([0, 0, 1, 1, 7])
    rows, weights = select_source_rows(source, target, labels, target_labels, **settings)
    assert rows.tolist() == [0, 1, 2, 3]
    expected = np.exp([0.0, -2, 0, -2])
    np.testing.assert_allclose(weights, expected / expected.mean())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"target": np.zeros((9, 7))},
            r"5 rows or more\. Received: source of shape \(600, 8\)",
        ),
        ({"source": np.full((9, 8), np.nan), "source_labels": None}, "finite numbers"),
        ({"by": "chance"}, "by='chance'"),
        ({"share": 0}, "share=0"),
        ({"by": "class_means", "target_labels": None}, "labels of both"),
        ({"source_labels": np.zeros(3, int)}, r"source_labels must be class numbers \(600,\)"),
        ({"by": "class_means", "source_labels": np.full(600, 9)}, "classes that both sides have"),
    ],
)
def test_what_makes_no_sense_is_refused(mixture, changes, message):
    names = ("source", "target", "source_labels", "target_labels")
    with pytest.raises(ValueError, match=message):
        select_source_rows(**{**dict(zip(names, mixture, strict=True)), **changes})


def test_features_that_are_all_zero_and_rows_far_away_are_weighed():
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(20, 3)) * 1e6, rng.normal(size=(10, 3))
    source[:, 0] = target[:, 0] = 0
    labels = np.arange(20) % 2
    for unit in (1.0, 0.0):
        rows, weights = select_source_rows(
            source * unit, target * unit, labels, labels[:10], by="class_means", unit_length=False
        )
        assert len(rows) == len(weights)
        assert weights.mean() == pytest.approx(1)
