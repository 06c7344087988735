"""Draws the diagram of chapter 20: source classes, and an episode of other classes.

python notebooks/figures/episode.py    # writes episode.png beside this file
"""

from pathlib import Path

from shapes import add_arrow, add_box

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLUE, ORANGE, GREEN = COLORS[:3]
SOURCE = ("ABCDE", "אבגדה", "ЖИЛФЮ")
NEW, SUPPORT, QUERIES = "αβγδ", 2, 4


@lecture_style
def draw():
    figure, [[axes]] = new_figure(9.6, 4.2)
    axes.set_axis_off()
    axes.set(xlim=(0, 13.6), ylim=(-0.3, 6.2))
    axes.text(0.1, 5.75, "Source: other alphabets", fontsize=13, weight="bold")
    for row, letters in enumerate(SOURCE):
        for place, letter in enumerate(letters):
            _box(axes, 0.1 + 0.85 * place, 4.35 - 1.0 * row, BLUE, letter, hatched=True)
    axes.text(0.1, 1.65, "learned from, never tested on", fontsize=11, color=BLUE)
    add_arrow(axes, (4.45, 3.75), (6.0, 3.75), color=GREY, size=14)
    axes.text(5.2, 4.0, "features\nand prior", fontsize=11, ha="center", va="bottom")
    axes.text(6.2, 5.75, "Episode: a new alphabet", fontsize=13, weight="bold")
    axes.text(6.2, 5.25, "support", fontsize=11, color=ORANGE)
    axes.text(8.8, 5.25, "queries: which class?", fontsize=11, color=GREEN)
    for row, letter in enumerate(NEW):
        y = 4.2 - 1.0 * row
        for place in range(SUPPORT):
            _box(axes, 6.2 + 0.85 * place, y, ORANGE, letter, angle=8 * place - 6)
        for place in range(QUERIES):
            _box(axes, 8.8 + 0.85 * place, y, GREEN, "?" if place else letter, angle=-7)
    axes.text(12.4, 2.9, "4 ways\n2 shots", fontsize=11, va="center")
    axes.text(6.2, 0.45, "mean of each row = prototype", fontsize=11, color=ORANGE)
    axes.text(8.8, 0.05, "one by one, or all of them together", fontsize=11, color=GREEN)
    axes.text(0.1, 0.45, "many episodes, then the next new alphabet", fontsize=11)
    return figure


def _box(axes, x, y, edge, text, hatched=False, angle=0):
    add_box(axes, x, y, 0.7, 0.8, edge=edge, hatched=hatched)
    pad = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axes.text(
        x + 0.35, y + 0.4, text, ha="center", va="center", fontsize=15, rotation=angle, bbox=pad
    )


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
