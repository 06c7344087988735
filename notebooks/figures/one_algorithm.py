"""Draws the diagram of chapter 12: what is compared with what, and the four outcomes.

python notebooks/figures/one_algorithm.py    # writes one_algorithm.png beside this file
"""

from pathlib import Path

from shapes import add_arrow, add_box

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLUE, ORANGE = COLORS[0], COLORS[1]
OUTCOMES = (
    ("helped", 2.6, 1.1),
    ("hurt", -2.8, 0.9),
    ("no difference that matters", 0.1, 0.6),
    ("cannot tell", 0.9, 1.9),
)


@lecture_style
def draw():
    figure, [[above], [below]] = new_figure(9.6, 6.0, rows=2, height_ratios=(1.25, 1))
    above.set_axis_off()
    above.set(xlim=(0, 20), ylim=(-0.2, 6.4))
    _comparison(above, 0.1, "One algorithm: a verdict on the source", ("A", "A"), GREY)
    _comparison(above, 10.4, "Two algorithms: no verdict on it", ("A", "B"), ORANGE)
    _outcomes(below)
    return figure


def _comparison(axes, x, title, algorithms, edge):
    axes.text(x, 6.0, title, fontsize=13, weight="bold")
    for y, name in zip((3.5, 0.9), algorithms, strict=True):
        if y > 3:
            _box(axes, x, y + 0.2, 2.5, "source", hatched=True)
            axes.text(x + 2.72, y + 0.8, "+", fontsize=14, va="center", ha="center")
        _box(axes, x + 3.0, y + 0.2, 2.1, "target")
        add_arrow(axes, (x + 5.2, y + 0.8), (x + 5.85, y + 0.8), color="black")
        _box(axes, x + 5.9, y + 0.2, 1.1, name, edge=edge if name == "B" else BLUE)
        add_arrow(axes, (x + 7.1, y + 0.8), (x + 7.75, y + 0.8), color="black")
        axes.text(x + 7.85, y + 0.8, "score", fontsize=11, va="center")
    fair = algorithms[0] == algorithms[1]
    add_arrow(axes, (x + 8.5, 3.8), (x + 8.5, 2.15), color="black", style="<|-|>")
    axes.text(
        x + 8.3,
        2.95,
        "gain: only the\nsource differs" if fair else "source and\nalgorithm differ",
        fontsize=11,
        ha="right",
        va="center",
        color=BLUE if fair else ORANGE,
        weight="bold",
    )


def _outcomes(axes):
    axes.axvspan(-1, 1, facecolor="white", edgecolor=GREY, hatch="...", alpha=0.5, linewidth=0)
    axes.axvline(0, color="black", linewidth=1)
    for place, (name, mean, half) in enumerate(OUTCOMES):
        color = {"helped": BLUE, "hurt": ORANGE}.get(name, "black")
        axes.errorbar(mean, -place, xerr=half, fmt="os^D"[place], capsize=5, color=color)
        end = mean + half
        end = max(end, 1) if end > -1 else end
        axes.text(end + 0.2, -place, name, fontsize=12, va="center", color=color)
    axes.set(xlim=(-5, 5), ylim=(-3.6, 0.7), yticks=[])
    axes.set_xlabel("points gained with the source; dotted: the margin, too small to matter")
    axes.grid(False)
    axes.spines[["left", "top", "right"]].set_visible(False)


def _box(axes, x, y, width, text, edge=BLUE, hatched=False):
    add_box(axes, x, y, width, 1.2, edge=edge, hatched=hatched, rounding=0.12)
    style = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if hatched else None
    axes.text(x + width / 2, y + 0.6, text, ha="center", va="center", fontsize=12, bbox=style)


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
