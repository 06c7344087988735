"""Draws the diagram of chapter 03: which blocks are retrained, and how fast each of them learns.

python notebooks/figures/rates_by_depth.py    # writes rates_by_depth.png beside this file
"""

from pathlib import Path

from matplotlib.patches import Rectangle

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLOCKS, DECAY = 19, 0.7
ROWS = ((0, "the head alone"), (2, "two blocks"), (19, "everything"))


@lecture_style
def draw():
    figure, rows = new_figure(9.6, 5.4, rows=len(ROWS))
    for [axes], (depth, title) in zip(rows, ROWS, strict=True):
        axes.set_axis_off()
        axes.set(xlim=(-2.6, 23.4), ylim=(-0.75, 2.0))
        axes.text(-2.5, 1.62, title, fontsize=13, weight="bold")
        axes.text(-2.5, 0.3, "image", fontsize=11, va="center")
        for block in range(BLOCKS):
            _draw_block(axes, block, trained=block >= BLOCKS - depth)
        axes.add_patch(Rectangle((20, 0), 1.5, 0.6, edgecolor=COLORS[1], **_WHITE))
        axes.text(20.75, 0.3, "head", fontsize=11, ha="center", va="center")
        _draw_rate(axes, 20.75, 1.0, wide=1.3)
    _name(rows[-1][0])
    return figure


_WHITE = {"facecolor": "white", "linewidth": 1.7}


def _draw_block(axes, block, *, trained):
    edge = COLORS[1] if trained else COLORS[0]
    hatch = None if trained else "////"
    axes.add_patch(Rectangle((block, 0), 0.85, 0.6, edgecolor=edge, hatch=hatch, **_WHITE))
    if trained:
        _draw_rate(axes, block + 0.42, DECAY ** (BLOCKS - 1 - block))


def _draw_rate(axes, x, rate, wide=0.6):
    axes.add_patch(Rectangle((x - wide / 2, 0.72), wide, 0.75 * rate, color=COLORS[1]))


def _name(axes):
    text = {"fontsize": 11, "va": "center"}
    axes.add_patch(Rectangle((0, -0.72), 0.85, 0.4, edgecolor=COLORS[0], hatch="////", **_WHITE))
    axes.text(1.1, -0.52, "frozen block", **text)
    axes.add_patch(Rectangle((6, -0.72), 0.85, 0.4, edgecolor=COLORS[1], **_WHITE))
    axes.text(7.1, -0.52, "retrained block", **text)
    axes.add_patch(Rectangle((13, -0.72), 0.6, 0.4, color=COLORS[1]))
    axes.text(13.9, -0.52, "its learning rate (height)", color=GREY, **text)


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
