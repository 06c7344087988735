"""Draws the diagram of chapter 16: four shifts, and what alignment makes of each.

python notebooks/figures/four_shifts.py    # writes four_shifts.png beside this file
"""

from pathlib import Path

import numpy as np
from matplotlib.patches import Ellipse, FancyArrowPatch, Rectangle

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLUE, ORANGE = COLORS[0], COLORS[1]
SIDE = np.linspace(-1, 1, 30)
SHIFTS = (("Domain shift", "the measurement differs"), ("Covariate shift", "P(X) differs"))
SHIFTS += (("Label (prior) shift", "P(Y) differs"), ("Concept shift", "P(Y | X) differs"))
VERDICTS = "all is well", "the rule was moved away", "A lies on B, B on A", "nothing has changed"


@lecture_style
def draw():
    figure, [[axes]] = new_figure(10.4, 6.0)
    axes.set_axis_off()
    axes.set(xlim=(-2.8, 19.9), ylim=(-10.9, 3.9))
    panels = _domain, _covariate, _label, _concept
    for column, (draw_panel, (title, what)) in enumerate(zip(panels, SHIFTS, strict=True)):
        x = 5.65 * column
        axes.text(x, 3.5, title, ha="center", va="center", fontsize=12, weight="bold")
        axes.text(x, 2.9, what, ha="center", va="center", fontsize=11)
        for y, aligned in ((0.0, False), (-6.2, True)):
            axes.add_patch(Rectangle((x - 2.6, y - 2.4), 5.2, 4.9, fill=False, edgecolor=GREY))
            draw_panel(axes, x, y, aligned)
        axes.add_patch(_arrow(x))
        axes.text(x + 0.3, -3.05, "align", va="center", fontsize=11)
        axes.text(x, -9.1, VERDICTS[column], ha="center", va="center", fontsize=11)
    for x, color, text in ((-2.5, BLUE, "source, labels known"), (3.6, ORANGE, "target, no labels")):
        _ellipse(axes, x + 0.5, -10.3, 1.2, 0.7, color)
        axes.text(x + 1.3, -10.3, text, va="center", fontsize=11)
    for x, hatched, text in ((8.9, False, "class A"), (12.1, True, "class B")):
        _ellipse(axes, x + 0.5, -10.3, 1.2, 0.7, GREY, hatched)
        axes.text(x + 1.3, -10.3, text, va="center", fontsize=11)
    axes.plot([15.3, 16.3], [-10.3, -10.3], color=GREY, linewidth=3)
    axes.text(16.5, -10.3, "the rule A or B", va="center", fontsize=11)
    return figure


def _domain(axes, x, y, aligned):
    place = 1.1 if aligned else -1.5
    size = (2.15, 1.45) if aligned else (1.0, 0.9)
    gap = 1.25 if aligned else 0.7
    for sign, hatched in ((1, False), (-1, True)):
        _ellipse(axes, x + 1.1, y + 1.25 * sign, 1.9, 1.2, ORANGE, hatched)
        _ellipse(axes, x + place, y + gap * sign, *size, BLUE, hatched and not aligned)


def _covariate(axes, x, y, aligned):
    """One rule for both; the target fills a corner, into which the source is then squeezed."""
    _ellipse(axes, x + 1.4, y + 0.3, 1.7, 1.8, ORANGE)
    if aligned:
        _ellipse(axes, x + 1.4, y + 0.3, 1.9, 2.0, BLUE)
        axes.plot(x + 1.4 + 0.8 * SIDE, y + 0.1 + 0.8 * SIDE**2, color=BLUE)
    else:
        _ellipse(axes, x, y, 4.9, 4.4, BLUE)
        axes.plot(x + 2.12 * SIDE, y - 1.3 + 2.2 * SIDE**2, color=BLUE)
    part = np.linspace(0.48, 0.96, 30)
    axes.plot(x + 2.12 * part, y - 1.3 + 2.2 * part**2, color=ORANGE, linestyle="--", linewidth=3)


def _label(axes, x, y, aligned):
    for color, first, second in ((ORANGE, 0.9, 2.2), (BLUE, 2.2, 0.9)):
        above = -1 if aligned and color == BLUE else 1
        more = 0.25 if aligned and color == BLUE else 0
        _ellipse(axes, x, y + 1.15 * above, first * 1.4 + more, first * 0.85 + more, color)
        _ellipse(axes, x, y - 1.15 * above, second * 1.4 + more, second * 0.85 + more, color, True)


def _concept(axes, x, y, aligned):
    _ellipse(axes, x, y, 4.0, 3.7, ORANGE)
    _ellipse(axes, x, y, 4.2, 3.9, BLUE)
    axes.plot([x, x], [y - 1.95, y + 1.95], color=BLUE)
    axes.plot([x - 2, x + 2], [y, y], color=ORANGE, linestyle="--", linewidth=3)


def _ellipse(axes, x, y, width, height, color, hatched=False):
    line = "--" if color == ORANGE else "-"
    hatch = "////" if hatched else None
    found = Ellipse((x, y), width, height, facecolor="none", edgecolor=color, hatch=hatch)
    found.set(linestyle=line, linewidth=2)
    axes.add_patch(found)


def _arrow(x):
    return FancyArrowPatch((x, -2.5), (x, -3.6), arrowstyle="-|>", mutation_scale=14, color=GREY)


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=100)
