"""Draws the diagram of chapter 02: one pass through a frozen network, read at five depths.

python notebooks/figures/read_depths.py    # writes read_depths.png beside this file
"""

from pathlib import Path

from shapes import add_arrow, add_box

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLUE, ORANGE = COLORS[0], COLORS[1]
PLACES = (  # the block that is read, its map's side and channels at 96 pixels
    ("block 0", 48, 16),
    ("block 3", 12, 32),
    ("block 6", 6, 64),
    ("block 13", 3, 160),
    ("top", 3, 1280),
)


@lecture_style
def draw():
    figure, [[axes]] = new_figure(9.6, 4.6)
    axes.set_axis_off()
    axes.set(xlim=(-0.2, 13.2), ylim=(-0.5, 6.4))
    axes.text(0.1, 4.7, "image\n96 x 96 x 3", fontsize=11, va="center", ha="left")
    for number, (name, side, channels) in enumerate(PLACES):
        left = 2.2 + 2.2 * number
        add_arrow(axes, (left - 0.6, 4.7), (left - 0.1, 4.7), color=GREY)
        add_box(axes, left, 4.1, 1.5, 1.2, edge=BLUE, hatched=True)
        axes.text(left + 0.75, 5.6, name, fontsize=12, ha="center", weight="bold")
        add_arrow(axes, (left + 0.75, 4.0), (left + 0.75, 3.25), color=GREY)
        axes.text(left + 0.75, 2.9, f"{side} x {side} places", fontsize=10.5, ha="center")
        axes.text(left + 0.75, 2.4, f"{channels} channels", fontsize=10.5, ha="center")
        add_arrow(axes, (left + 0.75, 2.25), (left + 0.75, 1.55), color=GREY)
        add_box(axes, left, 0.75, 1.5, 0.75, edge=ORANGE)
        axes.text(left + 0.75, 1.12, f"{channels} numbers", fontsize=10, ha="center", va="center")
    axes.text(0.1, 2.9, "map", fontsize=11)
    axes.text(0.1, 1.85, "average", fontsize=11)
    axes.text(0.1, 1.45, "over places", fontsize=11)
    add_box(axes, 2.2, -0.4, 0.55, 0.45, edge=BLUE, hatched=True)
    axes.text(2.9, -0.18, "frozen block", fontsize=11, va="center")
    add_box(axes, 6.6, -0.4, 0.55, 0.45, edge=ORANGE)
    axes.text(7.3, -0.18, "features: a linear probe is fitted on them", fontsize=11, va="center")
    return figure


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
