import io

import numpy as np
import pytest
from PIL import Image

from tltk.evaluation import Predictions
from tltk.inputs.examples import examples_of
from tltk.plotting import plot_mistakes, plot_pictures, plot_predictions

NAMES = ("cat", "dog", "frog")
LABELS = np.array([0, 1, 2, 0, 1, 2])
PICTURES = np.broadcast_to(
    np.arange(6, dtype="uint8")[:, None, None, None] * 40, (6, 8, 8, 3)
)  # picture i is grey of value 40 i
PROBABILITIES = np.array(
    [
        [0.9, 0.1, 0.0],
        [0.7, 0.2, 0.1],
        [0.1, 0.8, 0.1],
        [0.0, 0.4, 0.6],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
    ]
)
PREDICTIONS = Predictions(LABELS, PROBABILITIES, NAMES)


def grey_of(panel):
    return int(panel.images[0].get_array()[0, 0, 0])


def test_mistakes_come_surest_first_with_both_classes():
    panels = plot_mistakes(PREDICTIONS, (PICTURES, LABELS)).axes
    assert [panel.get_title() for panel in panels] == ["dog 80%", "cat 70%", "frog 60%"]
    assert [panel.get_xlabel() for panel in panels] == ["is: frog", "is: dog", "is: cat"]
    assert [grey_of(panel) for panel in panels] == [80, 40, 120]


def test_mistakes_are_limited_counted_and_named_by_file():
    names = tuple(f"photos/{'very_' * 5}{i}.jpg" for i in range(6))
    figure = plot_mistakes(PREDICTIONS._replace(names=names), (PICTURES, LABELS), count=1)
    assert figure.axes[0].get_xlabel().split("\n") == ["is: frog", "…_very_very_very_2.jpg"]
    assert figure.get_suptitle() == "1 of 3 mistakes, in 6 pictures: the surest first"


def test_mistakes_of_a_batched_split_are_the_same_pictures():
    split = examples_of((PICTURES, LABELS)).batched(4)
    assert [grey_of(panel) for panel in plot_mistakes(PREDICTIONS, split).axes] == [80, 40, 120]


def test_no_mistakes_is_said():
    figure = plot_mistakes(
        PREDICTIONS._replace(probabilities=np.eye(3)[LABELS]), (PICTURES, LABELS)
    )
    assert figure.texts[0].get_text() == "no mistakes in 6 pictures"


def test_another_order_or_kind_is_refused():
    with pytest.raises(ValueError, match="same order"):
        plot_mistakes(PREDICTIONS, (PICTURES[::-1], LABELS[::-1]))
    with pytest.raises(ValueError, match="one label per picture"):
        plot_mistakes(PREDICTIONS._replace(kind="many_labels"), (PICTURES, LABELS))


@pytest.mark.parametrize("count", [1, 3, 8])
def test_titles_and_labels_do_not_overlap(count):
    labels = np.zeros(count, int)
    wrong = Predictions(labels, np.eye(3)[labels + 1], NAMES, ("name_of_file.jpg",) * count)
    figure = plot_mistakes(wrong, (np.zeros((count, 8, 8, 3), "uint8"), labels), count)
    figure.savefig(io.BytesIO(), format="png", dpi=100)
    boxes = [panel.title.get_window_extent() for panel in figure.axes if panel.get_visible()]
    boxes += [panel.xaxis.label.get_window_extent() for panel in figure.axes if panel.get_visible()]
    boxes.append(figure._suptitle.get_window_extent())
    overlaps = [a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i]]
    assert not any(overlaps)


def test_pictures_stand_in_the_row_of_their_class():
    panels = plot_pictures((PICTURES, LABELS), NAMES, per_class=2).axes
    assert [panel.get_ylabel() for panel in panels[::2]] == list(NAMES)
    assert [grey_of(panel) for panel in panels] == [0, 120, 40, 160, 80, 200]


def test_a_small_class_leaves_its_row_short():
    panels = plot_pictures((PICTURES[:5], LABELS[:5]), per_class=2).axes
    assert [len(panel.images) for panel in panels] == [1, 1, 1, 1, 1, 0]
    assert panels[4].get_ylabel() == "class 2"


def test_pictures_of_many_labels_stand_in_each_of_their_rows():
    labels = np.array([[1, 1], [0, 1]], "float32")
    panels = plot_pictures((PICTURES[:2], labels), per_class=2).axes
    assert [grey_of(panel) for panel in panels if panel.images] == [0, 0, 40]


def test_classes_left_out_are_counted():
    pictures, labels = np.zeros((15, 4, 4, 3), "uint8"), np.arange(15)
    figure = plot_pictures((pictures, labels), per_class=1)
    assert len(figure.axes) == 12
    assert figure.get_suptitle() == "12 of 15 classes"


def test_numbers_are_no_classes():
    with pytest.raises(ValueError, match="whole numbers or multi-hot"):
        plot_pictures((PICTURES, np.linspace(0, 1, 6)))


def test_predictions_show_names_and_bars_below_each_picture(tmp_path):
    path = tmp_path / "photo.png"
    Image.new("RGB", (6, 4), (7, 7, 7)).save(path)
    answers = [[("cat", 0.9), ("dog", 0.001)], [], [("frog", 1.0)]]
    figure = plot_predictions([path, PICTURES[0], PICTURES[5].astype("float32")], answers)
    first, second, first_bars, second_bars = figure.axes
    assert (grey_of(first), grey_of(second)) == (7, 200)
    assert [text.get_text() for text in first_bars.texts] == ["cat  90%", "dog  <1%"]
    assert [bar.get_width() for bar in first_bars.patches[-2:]] == [0.9, 0.001]
    assert [text.get_text() for text in second_bars.texts] == ["frog  100%"]


def test_one_answer_per_picture():
    with pytest.raises(ValueError, match="6 pictures, 1 answers"):
        plot_predictions(list(PICTURES), [[("cat", 1.0)]])
