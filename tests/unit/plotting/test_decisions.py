import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from tltk.evaluation import Predictions, expected_calibration_error
from tltk.few_labels.gallery import OpenSetCurve
from tltk.plotting import plot_open_set, plot_precision_recall, plot_reliability


@pytest.fixture
def seen():
    rng = np.random.default_rng(0)
    truth = (np.arange(120) % 6 == 0).astype(int)
    scores = np.clip(rng.normal(0.3 + 0.3 * truth, 0.2), 0.01, 0.99)
    return Predictions(truth, np.c_[1 - scores, scores], ("well", "ill"))


def test_the_curve_is_scikit_learns_and_rules_are_marked(seen):
    (panel,) = plot_precision_recall({"it": seen}, "ill", {"half": 0.5, "never": 2.0}).axes
    precision, recall, _ = precision_recall_curve(seen.labels, seen.probabilities[:, 1])
    curve, point, chance = panel.lines
    np.testing.assert_allclose(curve.get_xydata(), np.c_[recall, precision])
    average = average_precision_score(seen.labels, seen.probabilities[:, 1])
    assert curve.get_label() == f"it {average:.2f}"
    called = seen.probabilities[:, 1] >= 0.5
    expected = [called[seen.labels == 1].mean(), seen.labels[called].mean()]
    assert point.get_xydata()[0].tolist() == pytest.approx(expected)
    assert [text.get_text() for text in panel.texts] == ["half"]
    assert chance.get_ydata()[0] == pytest.approx(1 / 6)
    none = Predictions(np.zeros(10, int), seen.probabilities[:10], ("well", "ill"))
    with pytest.raises(ValueError, match=r"Received: none of 'ill' among 10"):
        plot_precision_recall(none, "ill")


def test_a_panel_for_each_and_the_counts_as_areas(seen):
    figure = plot_reliability({"before": seen, "after": seen}, bins=5, positive="ill")
    for panel, name in zip(figure.axes, ("before", "after"), strict=True):
        error = expected_calibration_error(seen, 5, "ill")
        assert panel.get_title() == f"{name}\ncalibration error {error:.2f}"
        sizes = panel.collections[0].get_sizes() - 20
        assert sizes.sum() == pytest.approx(380)
    assert figure._supxlabel.get_text() == "probability of ill"
    assert plot_reliability(seen)._supxlabel.get_text() == "probability of the answer"


def test_a_gallerys_curve_is_drawn_and_read_at_the_rate():
    thresholds = np.array([0.9, 0.5, -np.inf])
    first = OpenSetCurve(thresholds, np.array([0, 0.05, 1]), np.array([0, 0.6, 0.9]))
    other = OpenSetCurve(thresholds, np.array([0, 0.2, 1]), np.array([0.1, 0.7, 0.8]))
    (panel,) = plot_open_set({"one": first, "two": other}).axes
    assert [line.get_label() for line in panel.lines[:2]] == ["one 0.60", "two 0.10"]
    assert panel.lines[0].get_ydata().tolist() == [0, 0.6, 0.9]
    assert panel.lines[2].get_xdata()[0] == 0.05
    (alone,) = plot_open_set(first, 0.5).axes
    assert alone.lines[0].get_label() == "0.60"
    assert alone.get_legend().get_title().get_text() == "identified at 50% false accepts"
