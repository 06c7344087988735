"""Lines over time: series, forecasts beside what came, errors by the step ahead."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tltk._checks import as_numbers, check_flag, check_mapping, refuse, shown
from tltk.plotting.style import COLORS, lecture_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@lecture_style
def plot_series(
    lines: Mapping[str, Sequence],
    x: Sequence | np.ndarray | None = None,
    xlabel: str = "time",
    ylabel: str = "value",
    *,
    panels: bool = False,
) -> "Figure":
    """Plot named lines over one axis, in one panel or in a panel each.

    Args:
        lines: name to values (n,), NaN where there is none, or to a pair (x, values).
        x: (n,) numbers or datetime64, for lines without an x of their own; by default 0, 1, 2, …
        xlabel: what x is, with its unit.
        ylabel: what the values are, with their unit.
        panels: give each line a panel of its own, one below the other, with one scale.

    Returns:
        A figure.

    Raises:
        ValueError: for no lines.

    Example:
        >>> figure = plot_series({"truth": [1, 2, 3], "naive": ([1, 2], [1, 1])}, xlabel="hour")
        >>> [line.get_label() for line in figure.axes[0].lines]
        ['truth', 'naive']
    """
    check_mapping("lines", lines)
    check_flag("panels", panels)
    rows = len(lines) if panels else 1
    figure, axes = new_figure(
        9.0, 1.0 + 1.5 * rows if panels else 4.4, rows=rows, sharex=True, sharey=True
    )
    colors = np.resize(np.array(COLORS), len(lines))
    for number, ((name, line), color) in enumerate(zip(lines.items(), colors, strict=True)):
        panel = axes[number if panels else 0, 0]
        own = isinstance(line, tuple) and len(line) == 2
        told = f"lines[{name!r}]"
        values = as_numbers(told, line[1] if own else line, "(n,)", missing=True)
        along = np.asarray(line[0] if own else np.arange(len(values)) if x is None else x)
        if along.shape != values.shape:
            refuse(
                f"x must be as long as {told}",
                f"x={shown(along)} for {len(values)} values of {told}",
                "Pass one for each value",
            )
        marker = "o" if values.size <= 30 else None
        width = 1.2 if values.size > 300 else 2.2
        panel.plot(along, values, color=color, label=name, marker=marker, linewidth=width)
        _date_ticks(panel, along)
        if panels:
            panel.set_title(name, loc="left", fontsize=11, pad=3)
    figure.supxlabel(xlabel, fontsize=12)
    figure.supylabel(ylabel, fontsize=12)
    axes[-1, 0].margins(x=0.01)
    if not panels and len(lines) > 1:
        panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _date_ticks(panel, along) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    if along.dtype.kind == "M":
        locator = AutoDateLocator()
        panel.xaxis.set_major_locator(locator)
        panel.xaxis.set_major_formatter(ConciseDateFormatter(locator))
