"""Draws the diagram of chapter 00: a network keeps its blocks and gets another head.

python notebooks/figures/four_steps.py    # writes four_steps.png beside this file
"""

from pathlib import Path

from shapes import add_arrow, add_box

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLUE, ORANGE = COLORS[0], COLORS[1]
BLOCKS = 6
STEPS = (
    ("1  Take a trained network", "frozen"),
    ("2  Cut off its head", "cut"),
    ("3  New head; train it alone", "head"),
    ("4  Train the last blocks too, slowly", "tuned"),
)


@lecture_style
def draw():
    figure, [[axes]] = new_figure(9.6, 5.3)
    axes.set_axis_off()
    axes.set(xlim=(0, 13.6), ylim=(-0.6, 8.3))
    for row, (title, stage) in enumerate(STEPS):
        _draw_row(axes, 6.45 - 2.05 * row, title, stage)
    _box(axes, 1.8, -0.45, 0.55, height=0.45, hatched=True)
    axes.text(2.5, -0.23, "frozen: its weights stay", fontsize=11, va="center")
    _box(axes, 6.4, -0.45, 0.55, edge=ORANGE, height=0.45)
    axes.text(7.1, -0.23, "trained on our images", fontsize=11, va="center")
    return figure


def _draw_row(axes, y, title, stage):
    axes.text(0.1, y + 1.28, title, fontsize=13, weight="bold")
    axes.text(0.1, y + 0.45, "image", fontsize=11, va="center")
    add_arrow(axes, (1.25, y + 0.45), (1.75, y + 0.45), color=GREY)
    for block in range(BLOCKS):
        trained = stage == "tuned" and block == BLOCKS - 1
        hatched = stage != "frozen" and not trained
        _box(axes, 1.8 + 1.15 * block, y, 1.0, edge=ORANGE if trained else BLUE, hatched=hatched)
        if trained:
            axes.text(2.3 + 1.15 * block, y + 0.45, "rate\n$10^{-5}$", **_RATE, parse_math=True)
    end = 1.8 + 1.15 * BLOCKS
    if stage == "cut":
        axes.plot([end + 0.1, end + 0.1], [y - 0.2, y + 1.1], color=ORANGE, linestyle="--")
        _box(axes, end + 0.85, y + 0.12, 1.65, edge=GREY, text="1000 names", fade=0.45)
        axes.text(end + 0.24, y + 0.94, "cut", color=ORANGE, fontsize=11)
        return
    add_arrow(axes, (end, y + 0.45), (end + 0.5, y + 0.45), color=GREY)
    if stage == "frozen":
        _box(axes, end + 0.55, y, 1.65, text="1000 names")
        axes.text(end + 2.45, y + 0.45, "softmax", fontsize=11, va="center", color=GREY)
    else:
        _box(axes, end + 0.55, y, 1.65, edge=ORANGE, text="8 names")
        axes.text(
            end + 2.4,
            y + 0.45,
            "new, rate $10^{-3}$" if stage == "head" else "rate $10^{-5}$",
            fontsize=11,
            va="center",
            color=ORANGE,
            parse_math=True,
        )


_RATE = {"ha": "center", "va": "center", "fontsize": 9.5, "color": ORANGE}


def _box(axes, x, y, width, *, edge=BLUE, text="", hatched=False, fade=1.0, height=0.9):
    face = "white" if hatched or edge != BLUE else "#DCEBF5"
    add_box(axes, x, y, width, height, edge=edge, hatched=hatched, face=face, fade=fade)
    axes.text(
        x + width / 2,
        y + height / 2,
        text,
        ha="center",
        va="center",
        fontsize=11,
        alpha=max(fade, 0.7),
    )


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
