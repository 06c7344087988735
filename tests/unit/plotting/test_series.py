import numpy as np
import pytest

from tltk.plotting import plot_series


def test_lines_show_the_numbers_under_their_names():
    figure = plot_series({"a": [1, 4], "b": ([5, 6], [2, 3])}, x=[10, 20])
    first, second = figure.axes[0].lines
    assert first.get_xydata().tolist() == [[10, 1], [20, 4]]
    assert second.get_xydata().tolist() == [[5, 2], [6, 3]]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]


def test_panels_are_one_for_each_line_and_share_their_scale():
    figure = plot_series({"a": [0, 1], "b": [0, 100]}, xlabel="ms", ylabel="m/s²", panels=True)
    assert [panel.get_title("left") for panel in figure.axes] == ["a", "b"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("ms", "m/s²")


def test_times_become_dates():
    days = np.datetime64("2020-01-01") + np.arange(60)
    figure = plot_series({"a": np.arange(60)}, x=days)
    figure.canvas.draw()
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert any("Feb" in label for label in labels)


def test_no_lines_are_refused():
    with pytest.raises(ValueError, match="lines must be a dict of names to values, one at least"):
        plot_series({})
