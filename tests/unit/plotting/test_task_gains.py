import numpy as np
import pytest

from tltk.plotting import plot_task_gains
from tltk.plotting.comparisons import mutual_gains

GAINS = {
    ("a", "b"): 0.04, ("b", "a"): 0.02, ("a", "c"): -0.05, ("c", "a"): 0.01,
    ("b", "c"): 0.0, ("c", "b"): -0.06, ("a", "all"): 0.01, ("b", "all"): 0.0, ("c", "all"): -0.01,
}  # fmt: skip


def rows(gains):
    verdicts = {True: "no difference that matters", False: "helped"}
    return [
        {"task": one, "with": other, "gain": (gain, 0.01), "verdict": verdicts[abs(gain) < 0.03]}
        for (one, other), gain in gains.items()
    ]


def test_mutual_gains_are_the_mean_of_both_ways():
    tasks, matrix = mutual_gains(rows(GAINS))
    assert tasks == ["a", "b", "c"]
    assert np.allclose(matrix, [[0, 0.03, -0.02], [0.03, 0, -0.03], [-0.02, -0.03, 0]])


def test_matrix_and_tree_show_the_gains():
    matrix, tree = plot_task_gains(rows(GAINS)).axes
    texts = {text.get_text(): text.get_weight() for text in matrix.texts}
    assert len(matrix.texts) == 9
    assert texts["+4.0\n± 1.0"] == "bold"
    assert texts["+2.0\n± 1.0"] == "normal"
    joined = sorted(float(line.vertices[:, 0].max()) for line in tree.collections[0].get_paths())
    shown = [tree.xaxis.get_major_formatter()(far, 0) for far in joined]
    assert shown == ["+3.0", "\u22122.5"]
    assert {name.get_text() for name in tree.get_yticklabels()} == {"a", "b", "c"}


def test_two_tasks_make_no_tree():
    pairs = {pair: gain for pair, gain in GAINS.items() if set(pair) <= {"a", "b"}}
    assert len(plot_task_gains(rows(pairs)).axes) == 1


def test_a_single_seed_has_no_interval():
    some = [{"task": "a", "with": "b", "gain": (0.5, np.nan), "verdict": "cannot tell"}]
    some.append(some[0] | {"task": "b", "with": "a"})
    assert plot_task_gains(some).axes[0].texts[0].get_text() == "+50.0"


def test_no_gains_make_no_picture():
    with pytest.raises(ValueError, match="gains must be a list of dicts, one at least"):
        plot_task_gains([])
