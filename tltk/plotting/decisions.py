"""What a classifier's probabilities are worth: precision against recall, and do they come true?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tltk._checks import check_count, check_mapping, check_number, refuse, shown
from tltk.evaluation.calibration import expected_calibration_error, reliability_table
from tltk.evaluation.classification import check_predictions, positive_scores
from tltk.evaluation.predictions import Predictions
from tltk.plotting.style import COLORS, GREY, lecture_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tltk.few_labels.gallery import OpenSetCurve


@lecture_style
def plot_precision_recall(
    predictions: Predictions | Mapping[str, Predictions],
    positive: str,
    thresholds: Mapping[str, float] | None = None,
) -> "Figure":
    """Plot precision against recall of one class over all thresholds.

    The dotted line is the class's share: the precision of calling at random. The number behind a
    name is the average precision, the area below the steps.

    Args:
        predictions: what `predict_split` returned, or several by name.
        positive: the name of the class to find.
        thresholds: name -> threshold, marked on every curve and named on the last.

    Returns:
        A figure.

    Raises:
        ValueError: for an unknown class, or one that no example has.

    Example:
        >>> import numpy as np
        >>> p = np.array([0.9, 0.6, 0.4, 0.3])
        >>> seen = Predictions(np.array([1, 0, 1, 0]), np.c_[1 - p, p], ("healthy", "ill"))
        >>> figure = plot_precision_recall(seen, "ill", {"one half": 0.5})
        >>> figure.axes[0].get_xlabel()
        'recall of ill'
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    named = _named(predictions)
    if thresholds is not None:
        check_mapping("thresholds", thresholds, what="numbers")
        for name, value in thresholds.items():
            check_number(f"thresholds[{name!r}]", value)
    figure, [[panel]] = new_figure(7.4, 4.6)
    for (name, seen), color in zip(named.items(), COLORS * 9, strict=False):
        truth, scores = positive_scores(seen, positive)
        if not truth.any():
            raise ValueError(
                f"Recall needs examples of the class. Received: none of {positive!r} among "
                f"{len(truth)}. Pass a split that holds some."
            )
        precision, recall, _ = precision_recall_curve(truth, scores)
        label = f"{name} {average_precision_score(truth, scores):.2f}".strip()
        panel.step(recall, precision, where="post", color=color, label=label)
        for marker, (rule, value) in zip("osD^v" * 9, (thresholds or {}).items(), strict=False):
            called = scores >= value
            if called.any():
                point = (truth & called).sum() / truth.sum(), truth[called].mean()
                panel.plot(*point, marker, color=color, markersize=9, markeredgecolor="black")
                if name == list(named)[-1]:
                    panel.annotate(rule, point, (8, 6), textcoords="offset points", fontsize=10)
        panel.axhline(truth.mean(), color=GREY, linestyle=":", linewidth=1.5)
    panel.set(xlim=(0, 1.02), ylim=(0, 1.04))
    panel.set(xlabel=f"recall of {positive}", ylabel="precision")
    panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="average precision")
    return figure


@lecture_style
def plot_reliability(
    predictions: Predictions | Mapping[str, Predictions],
    bins: int = 10,
    positive: str | None = None,
) -> "Figure":
    """Plot how often probabilities come true against what they say, with how many they are.

    On the diagonal a model is as sure as it is right; below it, it is too sure. The area of a
    point goes with the number of examples in its bin. The number above is the expected
    calibration error over these bins.

    Args:
        predictions: what `predict_split` returned, or several by name, in a panel each.
        bins: intervals of equal width.
        positive: a class whose probability is looked at; None for that of the answer given.

    Returns:
        A figure.

    Raises:
        ValueError: as `reliability_table` does.

    Example:
        >>> import numpy as np
        >>> sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
        >>> figure = plot_reliability(Predictions(np.array([0, 1, 1]), sure, ("a", "b")))
        >>> figure.axes[0].get_title()
        'calibration error 0.40'
    """
    named = _named(predictions)
    check_count("bins", bins)
    figure, axes = new_figure(4.2 * len(named), 4.3, columns=len(named), sharex=True, sharey=True)
    for panel, (name, seen), color in zip(axes[0], named.items(), COLORS * 9, strict=False):
        rows = reliability_table(seen, bins, positive)
        error = expected_calibration_error(seen, bins, positive)
        xs, ys, counts = ([row[key] for row in rows] for key in ("confidence", "share", "count"))
        panel.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.5)
        panel.plot(xs, ys, color=color)
        sizes = [20 + 380 * count / sum(counts) for count in counts]
        panel.scatter(xs, ys, sizes, color=color, edgecolor="white", zorder=3)
        panel.set_title(f"{name}\ncalibration error {error:.2f}".strip())
        panel.set(xlim=(-0.02, 1.04), ylim=(-0.02, 1.04), aspect="equal")
    what = "of the answer" if positive is None else f"of {positive}"
    figure.supxlabel(f"probability {what}", fontsize=12)
    figure.supylabel("share that comes true", fontsize=12)
    return figure


@lecture_style
def plot_open_set(
    curves: "OpenSetCurve | Mapping[str, OpenSetCurve]", false_accepts: float = 0.05
) -> "Figure":
    """Plot how many known rows are called by their name against how many strangers by any.

    The receiver operating characteristic of a gallery with a reject option. At its right end
    nothing is rejected; the number behind a name is the share identified at the stated rate.

    Args:
        curves: what `Gallery.curve` gave, or several by name.
        false_accepts: the rate of false accepts to read off, marked by a line.

    Returns:
        A figure.

    Example:
        >>> from tltk.few_labels import Gallery
        >>> gallery = Gallery().add("east", [1.0, 0.0])
        >>> figure = plot_open_set(gallery.curve([[1.0, 0.1]], ["east"], [[0.0, 1.0]]))
        >>> figure.axes[0].get_xlabel()
        'strangers taken for someone known'
    """
    check_number("false_accepts", false_accepts, least=0, most=1)
    named = curves if isinstance(curves, Mapping) else {"": curves}
    if not named or not all(hasattr(each, "identified") for each in named.values()):
        refuse(
            "curves must be what Gallery.curve returns, or several by name",
            f"curves={shown(curves)}",
            "Pass gallery.curve(…)",
        )
    figure, [[panel]] = new_figure(7.4, 4.6)
    for (name, curve), color in zip(named.items(), COLORS * 9, strict=False):
        label = f"{name} {curve.at(false_accepts):.2f}".strip()
        steps = curve.false_accepts, curve.identified
        panel.step(*steps, where="post", color=color, label=label)
    panel.axvline(false_accepts, color=GREY, linestyle=":", linewidth=1.5)
    panel.set(xlim=(-0.01, 1.01), ylim=(0, 1.04))
    panel.set(xlabel="strangers taken for someone known", ylabel="known called by their name")
    title = f"identified at {false_accepts:.0%} false accepts"
    panel.legend(loc="lower right", title=title)
    return figure


def _named(predictions) -> dict[str, Predictions]:
    """Predictions by name, checked; a single one has an empty name."""
    if isinstance(predictions, Mapping):
        check_mapping("predictions", predictions, what="predictions")
        named = dict(predictions)
    else:
        named = {"": predictions}
    for name, each in named.items():
        check_predictions(f"predictions[{name!r}]" if name else "predictions", each)
    return named


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
