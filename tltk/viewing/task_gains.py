"""Which task gains from which: a matrix of gains, and the tree that they make."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tltk._checks import check_records
from tltk.evaluation.task_gains import ALL
from tltk.evaluation.verdicts import NO_EVIDENCE
from tltk.viewing.style import GREY, lecture_style, new_figure

MOST_POINTS = 20  # where the colours end, so that one wild gain does not pale the others

if TYPE_CHECKING:
    from matplotlib.figure import Figure


KEYS = ("task", "with", "gain")


@lecture_style
def plot_task_gains(gains: Sequence[Mapping[str, object]]) -> "Figure":
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


def mutual_gains(gains: Sequence[Mapping[str, object]]) -> tuple[list[str], np.ndarray]:
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
        sure = row["verdict"] != NO_EVIDENCE
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
