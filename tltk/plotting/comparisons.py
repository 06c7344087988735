"""The picture of transfer: curves over labels, and the three gains with their intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tltk._checks import check_number, check_records
from tltk.viewing.curves import check_runs, draw_learning_curves, name_lines
from tltk.viewing.style import COLORS, GREY, lecture_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAINS = ("higher start", "steeper slope", "higher asymptote")
UNITS = {GAINS[1]: "per doubling of labels"}


@lecture_style
def plot_transfer_gains(
    rows: Sequence[Mapping[str, object]],
    gains: Sequence[Mapping[str, object]],
    score: str = "accuracy",
    level: float = 0.98,
    margin: float = 0.01,
) -> "Figure":
    """Plot what a comparison found: the score over the labels, and the gains of each method.

    Args:
        rows: the runs, `Comparison.rows` of `compare_transfer`.
        gains: `Comparison.gains`: a row for each method with "higher start", "steeper slope" and
            "higher asymptote", each (mean, half width).
        score: the rows' key to plot; default "accuracy".
        level: the confidence level of the bands; the gains bring their own intervals.
        margin: half the width of the grey band in which no call is made.

    Returns:
        A figure: on the left the curves, on the right one line of points for each gain. A gain to
        the right of zero is one of transfer.

    Raises:
        ValueError: no rows or no gains.

    Example:
        >>> keys = ("method", "labels_per_class", "seed", "accuracy")
        >>> runs = [("scratch", 5, 0, 0.3), ("scratch", 5, 1, 0.4), ("frozen", 5, 0, 0.6)]
        >>> found = [{"method": "frozen", "higher start": (0.25, 0.1)}]
        >>> figure = plot_transfer_gains([dict(zip(keys, run)) for run in runs], found)
        >>> len(figure.axes)
        2
    """
    check_runs(rows, score)
    check_records("gains", gains, "method", advice="Pass the gains that compare_transfer returned")
    check_number("margin", margin, least=0)
    figure, [[left, right]] = new_figure(13, 4.8, columns=2, width_ratios=(1.2, 1))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines = draw_learning_curves(left, rows, level, score)
    low, high = left.get_ylim()
    left.set_ylim(max(low, 0), min(high, 1))
    name_lines(left, methods, lines)
    colors = dict(zip(methods, COLORS * len(methods), strict=False))
    _draw_gains(right, gains, colors, margin)
    return figure


def _draw_gains(panel, gains, colors, margin) -> None:
    known = [name for name in GAINS if any(name in row for row in gains)]
    panel.axvspan(-100 * margin, 100 * margin, color=GREY, alpha=0.15, linewidth=0)
    panel.axvline(0, color=GREY, linewidth=1.5)
    step = 0.7 / len(gains)
    for place, name in enumerate(known):
        for number, row in enumerate(each for each in gains if name in each):
            mean, half_width = (100 * value for value in row[name])
            height = place + step * (number - (len(gains) - 1) / 2)
            style = {"color": colors.get(row["method"], GREY), "capsize": 4, "fmt": "o"}
            panel.errorbar(mean, height, xerr=half_width, **style)
            panel.annotate(
                f"{mean:+.1f}",
                (mean + (0 if math.isnan(half_width) else half_width), height),
                (8, 0),
                textcoords="offset points",
                va="center",
                color=colors.get(row["method"], GREY),
            )
    labels = [f"{name}\n({UNITS[name]})" if name in UNITS else name for name in known]
    panel.set_yticks(range(len(known)), labels)
    panel.set_ylim(len(known) - 0.45, -0.55)
    panel.margins(x=0.12)
    panel.set(xlabel="points over the best without transfer")
    panel.grid(visible=False, axis="y")
