"""Candidates to transfer from: what each promises against what it costs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tltk._checks import check_records, refuse
from tltk.viewing.style import COLORS, GREY, lecture_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELS = {
    "linear_probe": "accuracy of a linear probe",
    "neighbours": "accuracy of the nearest neighbours",
    "logme": "LogME",
    "h_score": "H-score",
    "nleep": "NLEEP",
    "leep": "LEEP",
    "nce": "NCE",
    "multiply_adds": "multiply-adds for one example",
    "parameters": "parameters",
    "examples_per_second": "examples per second",
    "memory_mb": "memory in MB",
}
MORE_IS_BETTER = ("examples_per_second",)
PLACES = [
    ((side * 8, height), "left" if side > 0 else "right")
    for height in (-10, 10, -22, 22, -34, 34)
    for side in (1, -1)
]


@lecture_style
def plot_ranking(
    rows: Sequence[Mapping[str, object]],
    score: str = "linear_probe",
    cost: str = "multiply_adds",
) -> "Figure":
    """Plot a score of each candidate against its cost, with the front of those worth their price.

    A candidate is on the front if no other scores at least as well for no more. The recommended
    one is a star.

    Args:
        rows: what `rank_backbones` returned; candidates without the score are left out and named
            below.
        score: a score of the rows; default "linear_probe".
        cost: "multiply_adds", "parameters", "memory_mb" or "examples_per_second".

    Returns:
        A figure with a logarithmic axis of cost.

    Raises:
        ValueError: where no row has both numbers.

    Example:
        >>> facts = {"linear_probe": 0.7, "multiply_adds": 3e8, "recommended": True}
        >>> figure = plot_ranking([{"candidate": "mobilenet_v2", **facts}])
        >>> figure.axes[0].get_xlabel()
        'multiply-adds for one example'
    """
    check_records("rows", rows, "candidate", advice="Pass what rank_backbones returned")
    for name, key in (("score", score), ("cost", cost)):
        if not isinstance(key, str) or not any(key in row for row in rows):
            known = ", ".join(map(str, rows[0]))
            refuse(f"{name} must be a key of the rows", f"{name}={key!r}", f"They are {known}")
    shown = [row for row in rows if None not in (row.get(score), row.get(cost))]
    if not shown:
        raise ValueError(
            f"A ranking needs candidates with {score} and {cost}. "
            f"Received: {len(rows)} rows, none with both. Pass what rank_backbones returned."
        )
    figure, axes = new_figure(9.5, 5.4)
    panel = axes[0, 0]
    front = _front(shown, score, cost)
    panel.plot(
        [max(row[cost], 1) for row in front],
        [row[score] for row in front],
        drawstyle="steps-pre" if cost in MORE_IS_BETTER else "steps-post",
        color=COLORS[0],
        alpha=0.5,
        label="the front: nothing better for less",
    )
    for row in shown:
        chosen = row.get("recommended")
        style = {"color": COLORS[1] if chosen else COLORS[0] if row in front else GREY}
        style |= {"marker": "*", "markersize": 18} if chosen else {"marker": "o", "markersize": 8}
        label = "recommended" if chosen else None
        panel.plot(max(row[cost], 1), row[score], linestyle="none", label=label, **style)
    panel.set_xscale("log")
    panel.margins(x=0.12, y=0.12)
    panel.set(xlabel=LABELS.get(cost, cost), ylabel=LABELS.get(score, score))
    panel.legend(loc="best")
    _name_points(figure, panel, shown, score, cost)
    missing = [str(row["candidate"]) for row in rows if row not in shown]
    if missing:
        panel.set_title(f"not shown: {', '.join(missing)}", loc="left", color=GREY, fontsize=11)
    return figure


def _front(rows, score, cost) -> list[Mapping]:
    """Candidates that no other one matches in score at no more cost, from cheap to dear."""
    sign = -1 if cost in MORE_IS_BETTER else 1
    front, best = [], float("-inf")
    for row in sorted(rows, key=lambda row: (sign * row[cost], -row[score])):
        if row[score] > best:
            front.append(row)
            best = row[score]
    return front


def _name_points(figure, panel, rows, score, cost) -> None:
    """Write each name beside its point, at the first place where it covers no other name."""
    figure.canvas.draw()
    style = {"textcoords": "offset points", "va": "center", "fontsize": 10}
    taken = []
    for row in sorted(rows, key=lambda row: -row[score]):
        text = panel.annotate(
            str(row["candidate"]), (max(row[cost], 1), row[score]), (10, 0), **style
        )
        for offset, side in PLACES:
            text.set(position=offset, horizontalalignment=side)
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)
