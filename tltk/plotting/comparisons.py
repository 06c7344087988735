"""The picture of transfer: curves over labels, and the three gains with their intervals."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tltk._checks import check_number, check_records, refuse
from tltk.evaluation.tasks import ALL
from tltk.evaluation.verdicts import HELPED, HURT
from tltk.plotting.curves import check_runs, draw_learning_curves, name_lines
from tltk.plotting.style import COLORS, GREY, lecture_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


GAINS = ("higher start", "steeper slope", "higher asymptote")
UNITS = {GAINS[1]: "per doubling of labels"}


@lecture_style
def plot_transfer_gains(
    rows: Sequence[Mapping[str, Any]],
    gains: Sequence[Mapping[str, Any]],
    score: str = "accuracy",
    level: float = 0.98,
    *,
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
    rows: Sequence[Mapping[str, Any]],
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
        style: dict[str, Any] = {
            "color": COLORS[1] if chosen else COLORS[0] if row in front else GREY
        }
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
    taken: list = []
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


MOST_POINTS = 20  # where the colours end, so that one wild gain does not pale the others


KEYS = ("task", "with", "gain")


@lecture_style
def plot_task_gains(gains: Sequence[Mapping[str, Any]]) -> "Figure":
    """Plot which task gains from which, and which belong together.

    On the left the gain of each task (down) from each other (across), in points; a gain that is no
    evidence either way stands in grey. On the right, for three tasks or more, the tree of tasks:
    two of them join the further to the left, the more they gain from each other on average
    (average linkage).

    Args:
        gains: `TaskGains.gains`.

    Returns:
        A figure of one panel or two.

    Raises:
        ValueError: no gains.

    Example:
        >>> rows = [{"task": a, "with": b, "gain": (gain, 0.01), "verdict": "helped"}
        ...         for a, b, gain in [("a", "b", 0.02), ("b", "a", -0.04)]]
        >>> [text.get_text() for text in plot_task_gains(rows).axes[0].texts]
        ['+2.0\\n± 1.0', '\\u22124.0\\n± 1.0']
    """
    check_records("gains", gains, *KEYS, "verdict", advice="Pass task_gains(…).gains")
    tasks = list(dict.fromkeys(row["task"] for row in gains))
    partners = [*tasks, *([ALL] if any(row["with"] == ALL for row in gains) else [])]
    with_tree = len(tasks) > 2
    width = 3.2 + 1.15 * len(partners)
    ratios = (width, 4.5) if with_tree else (width,)
    figure, [panels] = new_figure(
        sum(ratios), 1.9 + 0.75 * len(tasks), columns=len(ratios), width_ratios=ratios
    )
    _draw_matrix(panels[0], gains, tasks, partners)
    if with_tree:
        _draw_tree(panels[1], gains, tasks)
    return figure


def mutual_gains(gains: Sequence[Mapping[str, Any]]) -> tuple[list[str], np.ndarray]:
    """Average what two tasks gain from each other.

    Args:
        gains: `TaskGains.gains`.

    Returns:
        The tasks' names, and the symmetric matrix (n, n) of mean gains, 0 on its diagonal.

    Example:
        >>> rows = [{"task": a, "with": b, "gain": (g, 0.1)} for a, b, g in
        ...         [("a", "b", 0.2), ("b", "a", 0.4)]]
        >>> mutual_gains(rows)[1].round(6).tolist()
        [[0.0, 0.3], [0.3, 0.0]]
    """
    check_records("gains", gains, *KEYS, advice="Pass task_gains(…).gains")
    tasks = list(dict.fromkeys(row["task"] for row in gains))
    found = {(row["task"], row["with"]): row["gain"][0] for row in gains}
    matrix = np.zeros((len(tasks), len(tasks)))
    for i, one in enumerate(tasks):
        for j, other in enumerate(tasks):
            if i != j:
                matrix[i, j] = (found[one, other] + found[other, one]) / 2
    return tasks, matrix


def _draw_matrix(panel, gains, tasks, partners) -> None:
    values = np.full((len(tasks), len(partners)), np.nan)
    for row in gains:
        values[tasks.index(row["task"]), partners.index(row["with"])] = 100 * row["gain"][0]
    most = np.clip(np.nanmax(np.abs(values)), 1, MOST_POINTS)
    panel.imshow(values, cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    for row in gains:
        mean, half_width = (100 * each for each in row["gain"])
        place = (partners.index(row["with"]), tasks.index(row["task"]))
        sure = row["verdict"] in (HELPED, HURT)
        strong = abs(mean) > 0.6 * most
        text = f"{mean:+.1f}".replace("-", "\u2212")
        text += "" if np.isnan(half_width) else f"\n± {half_width:.1f}"
        color = "white" if strong else "black" if sure else GREY
        style = {"weight": "bold" if sure else "normal", "color": color, "fontsize": 10}
        panel.text(*place, text, ha="center", va="center", **style)
    names = ["all\nothers" if each == ALL else each for each in partners]
    panel.set_xticks(range(len(partners)), names, rotation=20 if len(partners) > 3 else 0)
    panel.set_yticks(range(len(tasks)), tasks)
    panel.set(xlabel="trained with", ylabel="the task that is judged")
    panel.set_title("points gained over training alone (bold: helped or hurt)", fontsize=11)
    panel.grid(False)
    panel.spines[:].set_visible(False)


def _draw_tree(panel, gains, tasks) -> None:
    from matplotlib.ticker import MaxNLocator
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    mutual = 100 * mutual_gains(gains)[1]
    apart = ~np.eye(len(tasks), dtype=bool)
    best, low = mutual[apart].max(), mutual[apart].min()
    start = best + max(0.15 * (best - low), 0.1)  # where the leaves stand, left of the best pair
    distances = np.where(apart, start - mutual, 0)
    tree = linkage(squareform(distances, checks=False), "average")
    style = {"color_threshold": 0, "above_threshold_color": "#0072B2"}
    dendrogram(tree, labels=tasks, orientation="right", ax=panel, leaf_font_size=12, **style)
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.xaxis.set_major_formatter(lambda far, _: f"{start - far:+.1f}".replace("-", "\u2212"))
    panel.set(xlabel="points gained from each other")
    panel.set_title("which tasks belong together", fontsize=11)
    panel.grid(False)
    panel.spines["left"].set_visible(False)
