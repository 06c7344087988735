"""Draws the diagram of chapter 08: a frozen matrix with two thin ones beside it.

python notebooks/figures/low_rank.py    # writes low_rank.png beside this file
"""

from pathlib import Path

from shapes import add_arrow, add_box

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLUE, ORANGE = COLORS[:2]
ROWS, COLUMNS, RANK = 384, 128, 4


@lecture_style
def draw():
    figure, [[axes]] = new_figure(9.6, 4.6)
    axes.set_axis_off()
    axes.set(xlim=(-0.2, 13.4), ylim=(-0.9, 5.6))
    axes.text(0.45, 2.1, "$x$", fontsize=16, ha="center", va="center", parse_math=True)
    axes.text(0.45, 1.55, f"{ROWS} numbers", fontsize=10, ha="center", color=GREY)
    add_arrow(axes, (1.25, 2.1), (2.2, 2.1), color=GREY)
    _draw_frozen(axes)
    axes.text(5.5, 2.1, "+", fontsize=22, ha="center", va="center")
    axes.text(6.35, 2.1, r"$\frac{\alpha}{r}$", fontsize=22, ha="center", va="center", parse_math=True)
    _draw_thin(axes)
    add_arrow(axes, (11.35, 2.1), (12.2, 2.1), color=GREY)
    axes.text(12.75, 2.1, "$z$", fontsize=16, ha="center", va="center", parse_math=True)
    axes.text(12.75, 1.55, f"{COLUMNS} numbers", fontsize=10, ha="center", color=GREY)
    return figure


_TITLE = {"fontsize": 13, "ha": "center", "weight": "bold", "parse_math": True}


def _draw_frozen(axes):
    add_box(axes, 2.4, 0.3, 2.4, 3.7, edge=BLUE, hatched=True, rounding=0.04)
    axes.text(3.6, 4.95, "$W$, frozen", color=BLUE, **_TITLE)
    axes.text(3.6, 4.4, f"{ROWS} × {COLUMNS}", fontsize=12, ha="center")
    axes.text(3.6, -0.45, f"{ROWS * COLUMNS:,} numbers stay", fontsize=12, ha="center")


def _draw_thin(axes):
    add_box(axes, 7.1, 0.3, 0.22, 3.7, edge=ORANGE, face="#FBE8C8", rounding=0.04)
    axes.text(7.2, 4.95, "$A$, random", color=ORANGE, **_TITLE)
    axes.text(7.2, 4.4, f"{ROWS} × {RANK}", fontsize=12, ha="center")
    add_box(axes, 8.4, 1.99, 2.4, 0.22, edge=ORANGE, face="#FBE8C8", rounding=0.04)
    axes.text(9.6, 4.95, "$B$, zeros", color=ORANGE, **_TITLE)
    axes.text(9.6, 4.4, f"{RANK} × {COLUMNS}", fontsize=12, ha="center")
    trained = RANK * (ROWS + COLUMNS)
    share = f"{trained / ROWS / COLUMNS:.0%}"
    axes.text(8.7, -0.45, f"{trained:,} numbers learn ({share})", fontsize=12, ha="center")


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
