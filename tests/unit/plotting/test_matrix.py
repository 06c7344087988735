import io

import numpy as np
import pytest

from tltk.evaluation import Predictions
from tltk.plotting import plot_confusion_matrix


def predictions(labels, answers, count, **fields):
    names = tuple(f"class number {i}" for i in range(count))
    return Predictions(np.array(labels), np.eye(count)[answers], names, **fields)


def texts_of(panel):
    return {text.get_position(): text.get_text() for text in panel.texts}


def test_rows_are_true_classes_and_columns_predicted_ones():
    panel = plot_confusion_matrix(predictions([0, 0, 0, 1], [0, 0, 1, 1], 2)).axes[0]
    np.testing.assert_allclose(panel.images[0].get_array(), [[2 / 3, 1 / 3], [0, 1]])
    assert texts_of(panel) == {(0, 0): "2\n67%", (1, 0): "1\n33%", (1, 1): "1\n100%"}
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("predicted class", "true class")
    assert panel.get_title() == "3 of 4 right (75.0%)"


def test_a_class_without_pictures_is_an_empty_row():
    panel = plot_confusion_matrix(predictions([0, 0], [0, 2], 3)).axes[0]
    np.testing.assert_allclose(panel.images[0].get_array()[1:], 0)


@pytest.mark.parametrize(("count", "text"), [(12, "1\n100%"), (16, "1"), (30, None)])
def test_numbers_give_way_as_classes_grow(count, text):
    figure = plot_confusion_matrix(predictions(range(count), range(count), count))
    panel = figure.axes[0]
    assert texts_of(panel).get((0, 0)) == text
    assert len(panel.get_yticklabels()) == count


@pytest.mark.parametrize("count", [2, 10, 30])
def test_nothing_is_cut_off(count):
    figure = plot_confusion_matrix(predictions(range(count), range(count), count))
    figure.savefig(io.BytesIO(), format="png", dpi=100)
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0) >= 0
    assert box.x1 <= width
    assert box.y1 <= height


def test_many_labels_are_refused():
    wrong = predictions([[1, 0]], [0], 2, kind="many_labels")
    with pytest.raises(ValueError, match="Use classification_table"):
        plot_confusion_matrix(wrong)
