"""Draws the diagram of chapter 06: a text becomes one row of numbers, by words or by a transformer.

python notebooks/figures/words_and_sentences.py    # writes words_and_sentences.png beside this file
"""

from pathlib import Path

from shapes import add_arrow, add_box

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

BLUE, ORANGE = COLORS[0], COLORS[1]
WORDS = ("the", "battery", "is", "dead")
TOP, LOW = 5.0, 0.7  # where each way begins


@lecture_style
def draw():
    figure, [[axes]] = new_figure(9.6, 6.0)
    axes.set_axis_off()
    axes.set(xlim=(-0.2, 13.2), ylim=(-0.4, 9.4))
    axes.text(0.0, 8.85, "Word vectors: each word alone", fontsize=13, weight="bold")
    axes.text(0.0, 4.25, "Transformer: each word with its neighbours", fontsize=13, weight="bold")
    for base, mixed in ((TOP, False), (LOW, True)):
        for number, word in enumerate(WORDS):
            middle = 0.9 + 1.75 * number
            axes.text(middle, base + 3.2, word, fontsize=12, ha="center", va="center")
            if mixed:
                for other in range(len(WORDS)):
                    start = (0.9 + 1.75 * other, base + 2.95)
                    size = 11 if other == number else 5
                    shade = BLUE if other == number else GREY
                    add_arrow(axes, start, (middle, base + 1.45), color=shade, size=size)
            else:
                add_arrow(axes, (middle, base + 2.95), (middle, base + 1.45), color=BLUE)
            add_box(axes, middle - 0.65, base + 0.6, 1.3, 0.75, edge=BLUE, hatched=True)
        _mean_and_probe(axes, base + 0.97, 384 if mixed else 50)
    axes.text(9.0, TOP + 3.2, "a table: the same row of\nnumbers in every text", fontsize=11, va="center")
    axes.text(9.0, LOW + 3.2, "six blocks: other numbers\nin every text", fontsize=11, va="center")
    add_box(axes, 0.3, -0.25, 0.55, 0.45, edge=BLUE, hatched=True)
    axes.text(1.05, -0.03, "vector, learned on other texts, frozen", fontsize=11, va="center")
    add_box(axes, 7.6, -0.25, 0.55, 0.45, edge=ORANGE)
    axes.text(8.35, -0.03, "probe, fitted on our labels", fontsize=11, va="center")
    return figure


def _mean_and_probe(axes, y, numbers):
    add_arrow(axes, (7.0, y), (7.7, y), color=GREY)
    add_box(axes, 7.8, y - 0.37, 1.9, 0.75, edge=BLUE)
    axes.text(8.75, y, f"mean, {numbers}", fontsize=11, ha="center", va="center")
    add_arrow(axes, (9.8, y), (10.4, y), color=GREY)
    add_box(axes, 10.5, y - 0.37, 1.1, 0.75, edge=ORANGE)
    axes.text(11.05, y, "probe", fontsize=11, ha="center", va="center")
    add_arrow(axes, (11.7, y), (12.1, y), color=GREY)
    axes.text(12.2, y, "negative", fontsize=11, va="center")


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
