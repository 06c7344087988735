"""Draws the diagram of chapter 04: a burst of shots on both sides of a split, and on one side.

python notebooks/figures/leak_across_split.py    # writes leak_across_split.png beside this file
"""

from pathlib import Path

from matplotlib.patches import Ellipse, FancyArrowPatch, Polygon, Rectangle

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLUE, ORANGE = COLORS[0], COLORS[1]
SESSIONS, SHOTS = 4, 5
SCATTERED = {(0, 1), (1, 3), (2, 0), (2, 4), (3, 2)}  # (session, shot) of the test pictures
WHOLE = {(2, shot) for shot in range(SHOTS)}
PANELS = ("Split by picture", "Split by session")


@lecture_style
def draw():
    figure, [[axes]] = new_figure(10.0, 4.6)
    axes.set_axis_off()
    axes.set(xlim=(-1.9, 16.2), ylim=(-1.75, 6.1))
    for start, title, test in zip((0, 9.4), PANELS, (SCATTERED, WHOLE), strict=True):
        axes.text(start + 2.9, 5.7, title, ha="center", fontsize=13, weight="bold")
        for session in range(SESSIONS):
            y = 3.9 - 1.3 * session
            axes.text(start - 0.25, y + 0.5, f"session {session + 1}", ha="right", va="center")
            for shot in range(SHOTS):
                _picture(axes, start + 1.2 * shot, y, session, (session, shot) in test)
    for session, shot in sorted(SCATTERED):
        y, step = 4.9 - 1.3 * session, 1 if shot < SHOTS - 1 else -1
        ends = (1.2 * shot + 0.5, y - 0.08), (1.2 * (shot + step) + 0.5, y - 0.08)
        style = {"arrowstyle": "<|-|>", "mutation_scale": 9, "color": ORANGE, "zorder": 5}
        bend = f"arc3,rad={-0.45 * step}"
        axes.add_patch(FancyArrowPatch(*ends, connectionstyle=bend, linewidth=1.6, **style))
    axes.text(2.9, -0.55, "each test picture has siblings in training", ha="center", fontsize=11)
    axes.text(12.3, -0.55, "a whole session is unseen", ha="center", fontsize=11)
    for x, test, text in ((3.3, False, "trained on"), (8.3, True, "tested on")):
        axes.add_patch(_frame(x, -1.6, 0.7, test))
        axes.text(x + 0.95, -1.25, text, va="center", fontsize=11)
    return figure


def _picture(axes, x, y, session, test):
    """A scene of its own in each session, a little shifted in each shot."""
    axes.add_patch(_frame(x, y, 1.0, test))
    shift = 0.08 * ((x * 7) % 3 - 1)
    middle = x + 0.5 + shift
    if session == 0:
        shape = Polygon([(middle - 0.3, y + 0.2), (middle + 0.3, y + 0.2), (middle, y + 0.75)])
    elif session == 1:
        shape = Ellipse((middle, y + 0.48), 0.5, 0.5)
    elif session == 2:
        shape = Rectangle((middle - 0.2, y + 0.22), 0.4, 0.5)
    else:
        shape = Ellipse((middle, y + 0.45), 0.62, 0.26)
    shape.set(facecolor="white", edgecolor=GREY, linewidth=1.8, zorder=3)
    axes.add_patch(shape)


def _frame(x, y, size, test):
    edge, hatch = (ORANGE, "////") if test else (BLUE, None)
    return Rectangle((x, y), size, size, facecolor="white", edgecolor=edge, hatch=hatch, linewidth=2)


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=100)
