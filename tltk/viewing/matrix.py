"""The confusion matrix."""

from typing import TYPE_CHECKING

import numpy as np

from tltk.evaluation.predictions import Predictions
from tltk.evaluation.thresholds import check_predictions
from tltk.viewing.style import lecture_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES_WITH_SHARES = 12
MOST_CLASSES_WITH_COUNTS = 20


@lecture_style
def plot_confusion_matrix(predictions: Predictions) -> "Figure":
    """Plot how often each class is taken for each other one.

    A row holds the pictures of one class; its colours are shares of that row. Cells show the
    count and the share; above 12 classes only the count, above 20 only the colour.

    Args:
        predictions: what `predict_split` returned for a one-label classifier.

    Returns:
        A figure: true classes down, predicted classes across.

    Raises:
        ValueError: predictions of another kind.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
        >>> figure = plot_confusion_matrix(Predictions(np.array([0, 1, 1]), sure, ("cat", "dog")))
        >>> figure.axes[0].texts[0].get_text()
        '1\\n100%'
    """
    from matplotlib.ticker import PercentFormatter

    check_predictions("predictions", predictions)
    if predictions.kind != "one_label":
        raise ValueError(
            "A confusion matrix needs one label per picture. "
            f"Received: predictions of kind {predictions.kind!r}. Use classification_table."
        )
    names = predictions.class_names
    count = len(names)
    counts = np.zeros((count, count), dtype=int)
    np.add.at(counts, (predictions.labels, predictions.probabilities.argmax(axis=1)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    fontsize = 12 if count <= MOST_CLASSES_WITH_COUNTS else 9
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if count > 4 else {}
    cells = np.clip(0.62 * count, 3.2, 9.5)
    name_width = 0.0075 * fontsize * max(map(len, names))
    name_height = 0.7 * name_width if turned else 0.2
    figure, axes = new_figure(cells + name_width + 1.9, cells + name_height + 0.8)
    panel = axes[0, 0]
    image = panel.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    percent = PercentFormatter(1, decimals=0)
    bar = figure.colorbar(image, shrink=0.8, label="share of the true class", format=percent)
    bar.outline.set_visible(False)
    panel.set_xticks(range(count), names, fontsize=fontsize, **turned)
    panel.set_yticks(range(count), names, fontsize=fontsize)
    panel.set(xlabel="predicted class", ylabel="true class")
    panel.set_title(
        f"{np.trace(counts)} of {counts.sum()} right ({np.trace(counts) / counts.sum():.1%})"
    )
    panel.grid(False)
    panel.spines[:].set_visible(False)
    if count <= MOST_CLASSES_WITH_COUNTS:
        _write_counts(panel, counts, shares)
    return figure


def _write_counts(panel: "Axes", counts: np.ndarray, shares: np.ndarray) -> None:
    with_shares = len(counts) <= MOST_CLASSES_WITH_SHARES
    for (row, column), count in np.ndenumerate(counts):
        if not count:
            continue
        share = shares[row, column]
        panel.text(
            column,
            row,
            f"{count}\n{share:.0%}" if with_shares else str(count),
            ha="center",
            va="center",
            fontsize=14 if len(counts) <= 5 else 10,
            color="white" if share > 0.55 else "black",
        )
