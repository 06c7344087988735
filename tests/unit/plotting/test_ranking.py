import io
from itertools import combinations

import pytest

from tltk.plotting import plot_ranking

FACTS = {"cheap": (0.5, 1e6), "good": (0.8, 3e8), "dear": (0.81, 4e9), "poor": (0.6, 5e9)}
ROWS = [
    {
        "candidate": name,
        "linear_probe": score,
        "multiply_adds": cost,
        "examples_per_second": 1 / cost,
        "recommended": name == "good",
    }
    for name, (score, cost) in FACTS.items()
]


def front_of(figure):
    return figure.axes[0].lines[0].get_xydata().tolist()


def test_the_front_leaves_out_what_is_dearer_and_worse():
    assert front_of(plot_ranking(ROWS)) == [[1e6, 0.5], [3e8, 0.8], [4e9, 0.81]]


def test_of_speed_more_is_better():
    front = front_of(plot_ranking(ROWS, cost="examples_per_second"))
    assert [score for _, score in front] == [0.5, 0.8, 0.81]


def test_names_stand_at_their_points_without_overlap():
    crowd = [
        {**ROWS[1], "candidate": f"candidate {i}", "linear_probe": 0.8 + i / 1000} for i in range(5)
    ]
    figure = plot_ranking([*ROWS, *crowd])
    figure.savefig(io.BytesIO())
    (panel,) = figure.axes
    assert {text.get_text() for text in panel.texts} >= set(FACTS)
    boxes = [text.get_window_extent() for text in panel.texts]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_the_recommended_one_is_a_star_and_the_missing_are_named():
    (panel,) = plot_ranking([*ROWS, {"candidate": "lost", "linear_probe": None}]).axes
    (star,) = [line for line in panel.lines if line.get_marker() == "*"]
    assert star.get_xydata().tolist() == [[3e8, 0.8]]
    assert panel.get_title(loc="left") == "not shown: lost"


def test_no_candidates_are_refused():
    with pytest.raises(ValueError, match="score must be a key of the rows. Received: score='leep'"):
        plot_ranking(ROWS, score="leep")
