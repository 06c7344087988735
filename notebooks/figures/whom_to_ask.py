"""Draws the diagram of chapter 14: six labels asked for in three ways, on made points in the plane.

python notebooks/figures/whom_to_ask.py    # writes whom_to_ask.png beside this file
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from tltk.few_labels import choose_to_label
from tltk.plotting import COLORS, GREY, lecture_style, new_figure

CENTRES = [(-4, 2), (-3.2, -2.2), (0, 3.2), (0.6, -3), (3.2, 1.8), (4.2, -1.6)]
SIZES, CLASSES, ASKED = (60, 45, 50, 40, 55, 35), (0, 0, 1, 0, 1, 1), 6


@lecture_style
def draw():
    points, cluster = make_blobs(SIZES, centers=CENTRES, cluster_std=0.75, random_state=3)
    classes = np.array(CLASSES)[cluster]
    known = np.random.default_rng(4).choice(len(points), 12, replace=False)
    border = LogisticRegression().fit(points[known], classes[known])
    unsure = np.abs(border.decision_function(points)).argsort()[:ASKED]
    chosen = {
        "random": choose_to_label(points, [], ASKED, "random", seed=1),
        "least sure": unsure,
        "typical of its cluster": choose_to_label(points, [], ASKED, unit_length=False),
    }
    figure, [panels] = new_figure(9.6, 3.5, columns=3)
    for panel, (title, rows) in zip(panels, chosen.items(), strict=True):
        for label, marker in enumerate("o^"):
            own = points[classes == label]
            panel.scatter(*own.T, s=9, marker=marker, color=GREY, alpha=0.6)
        for label, marker in enumerate("o^"):
            own = points[[row for row in rows if classes[row] == label]]
            color = COLORS[label]
            panel.scatter(*own.T, s=110, marker=marker, color=color, edgecolor="black", zorder=3)
        panel.set_title(title)
        panel.set(xticks=[], yticks=[], xlim=(-6.4, 6.4), ylim=(-5.6, 5.6))
    (a, b), c = border.coef_[0], border.intercept_[0]
    y = np.array([-5.6, 5.6])
    panels[1].plot(-(b * y + c) / a, y, "--", color="black")
    panels[1].text(-6.2, -5.3, "dashed: the classifier's border", fontsize=9)
    return figure


if __name__ == "__main__":
    draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
