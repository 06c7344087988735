import io
from itertools import pairwise

import keras
import numpy as np
import pytest

from tltk.evaluation import mean_interval
from tltk.plotting import plot_history, plot_learning_curves

HISTORY = {
    "loss": [1.9, 1.2, 0.9, 0.5],
    "val_loss": [1.6, 1.2, 0.8, 0.9],
    "accuracy": [0.4, 0.5, 0.7, 0.9],
    "val_accuracy": [0.5, 0.6, 0.7, 0.75],
    "phase": ["head", "head", "fine-tune", "fine-tune"],
    "seconds": [1, 1, 2, 2],
}


def lines_of(panel):
    return {line.get_label(): line for line in panel.lines}


def texts_of(panel):
    return [text.get_text() for text in panel.texts]


def test_panels_show_the_recorded_numbers():
    accuracy, loss = plot_history(HISTORY).axes
    assert (accuracy.get_ylabel(), loss.get_ylabel()) == ("accuracy", "loss")
    assert accuracy.get_xlabel() == loss.get_xlabel() == "epoch"
    training, validation = lines_of(loss)["training"], lines_of(loss)["validation"]
    assert training.get_xydata().tolist() == [[1, 1.9], [2, 1.2], [3, 0.9], [4, 0.5]]
    assert validation.get_ydata().tolist() == HISTORY["val_loss"]
    assert lines_of(accuracy)["validation"].get_ydata().tolist() == HISTORY["val_accuracy"]


def test_phases_are_named_on_both_sides_of_their_boundary():
    for panel in plot_history(HISTORY).axes:
        (boundary,) = [line for line in panel.lines if line.get_linestyle() == "--"]
        assert boundary.get_xdata() == [2.5, 2.5]
        places = {text.get_text(): text.xy[0] for text in panel.texts}
        assert (places["head"], places["fine-tune"]) == (1.5, 3.5)


def test_one_phase_needs_no_boundary():
    (panel,) = plot_history({"loss": [1, 2], "phase": ["head", "head"]}).axes
    assert texts_of(panel) == []
    assert len(panel.lines) == 1


def test_the_best_epoch_is_that_of_the_lowest_validation_loss():
    accuracy, loss = plot_history(HISTORY).axes
    assert lines_of(loss)["best epoch: 3"].get_xydata().tolist() == [[3, 0.8]]
    assert lines_of(accuracy)["best epoch: 3"].get_xydata().tolist() == [[3, 0.7]]
    assert "0.800" in texts_of(loss)


def test_the_best_epoch_of_a_score_is_the_highest():
    accuracy, _ = plot_history(HISTORY, best="val_accuracy").axes
    assert "best epoch: 4" in lines_of(accuracy)


def test_an_entry_that_is_not_there_is_not_the_best():
    with pytest.raises(ValueError, match="Received: best='val_f1'. Choose one of .*val_accuracy"):
        plot_history(HISTORY, best="val_f1")


def test_the_star_is_at_the_epoch_whose_weights_were_kept():
    history = {**HISTORY, "kept": [0.0, 1.0, 0.0, 0.0]}
    accuracy, loss = plot_history(history).axes
    assert lines_of(loss)["kept epoch: 2"].get_xydata().tolist() == [[2, 1.2]]
    assert lines_of(accuracy)["kept epoch: 2"].get_xydata().tolist() == [[2, 0.6]]
    assert "best epoch: 4" in lines_of(plot_history(history, best="val_accuracy").axes[0])


def test_no_star_where_no_epoch_was_kept():
    for panel in plot_history({**HISTORY, "kept": [0.0] * 4}).axes:
        assert set(lines_of(panel)) >= {"training", "validation"}
        assert not any("epoch" in label for label in lines_of(panel))


def test_history_objects_single_epochs_and_unknown_losses():
    history = keras.callbacks.History()
    history.history = {"loss": [0.5], "val_loss": [float("nan")]}
    (panel,) = plot_history(history).axes
    assert set(lines_of(panel)) == {"training", "validation"}


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ({}, "one at least. Received: history={}. Train"),
        ({"loss": []}, r"at least one epoch. Received: history with entries \['loss'\]. Train"),
    ],
)
def test_a_history_needs_epochs(history, says):
    with pytest.raises(ValueError, match=says):
        plot_history(history)


SCORES = {
    ("frozen", 5): [0.5, 0.6, 0.55],
    ("frozen", 100): [0.8, 0.82, 0.81],
    ("scratch", 5): [0.2, 0.2, 0.25],
    ("scratch", 100): [0.805, 0.8, 0.815],
}
ROWS = [
    {"method": method, "labels_per_class": labels, "seed": seed, "accuracy": score}
    for (method, labels), scores in SCORES.items()
    for seed, score in enumerate(scores)
]


def test_lines_are_means_and_bands_are_intervals():
    (panel,) = plot_learning_curves(ROWS).axes
    frozen = panel.lines[0].get_xydata()
    np.testing.assert_allclose(frozen, [[5, 0.55], [100, 0.81]])
    mean, half_width = mean_interval(SCORES["frozen", 5])
    corners = panel.collections[0].get_paths()[0].vertices
    heights = corners[corners[:, 0] == 5][:, 1]
    assert heights.min() == pytest.approx(mean - half_width)
    assert heights.max() == pytest.approx(mean + half_width)
    runs = panel.lines[1].get_xydata()
    assert sorted(runs[:, 1]) == sorted(SCORES["frozen", 5] + SCORES["frozen", 100])


def test_axes_say_what_they_are():
    (panel,) = plot_learning_curves(ROWS).axes
    assert panel.get_xscale() == "log"
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["5", "100"]
    assert panel.get_title(loc="left") == "mean of 3 seeds, band: 95 % t interval"


def test_names_and_chance_stand_at_their_lines_without_overlap():
    figure = plot_learning_curves(ROWS, chance=0.1)
    (panel,) = figure.axes
    assert sorted(texts_of(panel)) == ["chance", "frozen", "scratch"]
    figure.savefig(io.BytesIO())
    boxes = sorted((text.get_window_extent() for text in panel.texts), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))


def test_one_run_is_called_one_run():
    (panel,) = plot_learning_curves([row for row in ROWS if row["seed"] == 0]).axes
    assert panel.get_title(loc="left") == "one run each"


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="rows must be a list of dicts, one at least"):
        plot_learning_curves([])
