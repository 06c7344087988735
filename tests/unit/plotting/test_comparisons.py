import pytest

from tltk.plotting import plot_transfer_gains

ROWS = [
    {"method": method, "labels_per_class": labels, "seed": seed, "accuracy": score + 0.01 * seed}
    for method, labels, score in [
        ("scratch", 5, 0.2), ("scratch", 40, 0.5), ("frozen", 5, 0.6), ("frozen", 40, 0.7)
    ]
    for seed in (0, 1)
]  # fmt: skip
GAINS = [
    {
        "method": "frozen",
        "higher start": (0.4, 0.05),
        "steeper slope": (-0.067, 0.02),
        "higher asymptote": (0.2, 0.01),
    }
]


def test_gains_stand_at_their_numbers():
    curves, gains = plot_transfer_gains(ROWS, GAINS).axes
    assert curves.get_xscale() == "log"
    assert sorted(text.get_text() for text in curves.texts) == ["frozen", "scratch"]
    assert [text.get_text() for text in gains.texts] == ["+40.0", "-6.7", "+20.0"]
    points = [container.lines[0].get_xdata()[0] for container in gains.containers]
    assert points == pytest.approx([40, -6.7, 20])
    ticks = [tick.get_text().split("\n")[0] for tick in gains.get_yticklabels()]
    assert ticks == ["higher start", "steeper slope", "higher asymptote"]


def test_a_gain_that_is_missing_is_left_out():
    few = [{key: value for key, value in GAINS[0].items() if key != "steeper slope"}]
    _, gains = plot_transfer_gains(ROWS, few).axes
    assert len(gains.get_yticklabels()) == 2


def test_nothing_to_plot_is_refused():
    with pytest.raises(ValueError, match="must be a list of dicts, one at least"):
        plot_transfer_gains([], GAINS)
