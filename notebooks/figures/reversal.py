"""Draws the diagram of chapter 17: a layer that reverses the gradient on its way back.

python notebooks/figures/reversal.py    # writes reversal.png beside this file
"""

from pathlib import Path

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLUE, ORANGE = COLORS[0], COLORS[1]


@lecture_style
def draw():
    figure, [[axes]] = new_figure(9.6, 4.6)
    axes.set_axis_off()
    axes.set(xlim=(0, 15.4), ylim=(-0.4, 7.2))
    _box(axes, 0.1, 4.6, 2.3, "source images\nwith labels", GREY)
    _box(axes, 0.1, 1.5, 2.3, "target images\nno labels", GREY, hatched=True)
    _box(axes, 3.7, 3.05, 2.3, "encoder", BLUE, face="#DCEBF5")
    _box(axes, 7.3, 3.05, 1.9, "features", BLUE)
    _box(axes, 11.0, 5.0, 2.6, "class head", BLUE, face="#DCEBF5")
    _box(axes, 7.3, 0.6, 1.9, "reversal", ORANGE, face="#FBE3CF", hatched=True)
    _box(axes, 11.0, 0.6, 2.6, "domain\nclassifier", ORANGE, face="#FBE3CF")
    for start, end in (
        ((2.4, 5.2), (3.7, 4.15)),
        ((2.4, 2.1), (3.7, 3.2)),
        ((6.0, 3.85), (7.3, 3.85)),
        ((9.2, 4.2), (11.0, 5.55)),
        ((8.0, 3.05), (8.0, 1.95)),
        ((9.2, 1.45), (11.0, 1.45)),
    ):
        _arrow(axes, start, end, "black", "-")
    for start, end, color in (
        ((11.0, 5.1), (9.35, 3.75), BLUE),
        ((7.3, 3.4), (6.0, 3.4), BLUE),
        ((11.0, 0.95), (9.2, 0.95), ORANGE),
        ((8.6, 1.95), (8.6, 3.05), ORANGE),
    ):
        _arrow(axes, start, end, color, (0, (4, 2)))
    axes.text(13.75, 5.65, "which digit?\nsource only", fontsize=11, va="center")
    axes.text(13.75, 1.25, "which\ndomain?", fontsize=11, va="center")
    _say(axes, 10.55, 4.2, "$\\nabla L_y$", BLUE)
    _say(axes, 9.75, 0.35, "$\\nabla L_d$", ORANGE)
    _say(axes, 8.75, 2.4, "$-\\lambda\\,\\nabla L_d$: the sign is turned", ORANGE)
    _arrow(axes, (0.2, 0.25), (1.3, 0.25), "black", "-")
    axes.text(1.45, 0.25, "forward", fontsize=11, va="center")
    _arrow(axes, (4.6, 0.25), (3.5, 0.25), GREY, (0, (4, 2)))
    axes.text(4.75, 0.25, "gradient, backward", fontsize=11, va="center")
    return figure


def _say(axes, x, y, text, color):
    axes.text(x, y, text, color=color, fontsize=12, va="center", parse_math=True)


def _box(axes, x, y, width, text, edge, *, face="white", hatched=False):
    height = 1.35
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0.02,rounding_size=0.1",
            facecolor=face,
            edgecolor=edge,
            linewidth=1.8,
            hatch="///" if hatched else None,
        )
    )
    behind = {"facecolor": face, "edgecolor": "none", "pad": 1.5} if hatched else None
    middle = {"ha": "center", "va": "center", "fontsize": 12}
    axes.text(x + width / 2, y + height / 2, text, bbox=behind, **middle)


def _arrow(axes, start, end, color, line):
    style = {"arrowstyle": "-|>", "mutation_scale": 13, "color": color, "linestyle": line}
    axes.add_patch(FancyArrowPatch(start, end, shrinkA=2, shrinkB=2, linewidth=1.6, **style))


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
