"""Pictures with what is known, and what is said, about them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tltk._checks import as_names, as_rows, check_count, refuse, shown
from tltk.evaluation.classification import check_predictions
from tltk.evaluation.predictions import Predictions
from tltk.inputs.decoding import read_image
from tltk.inputs.examples import Data, Examples, check_labelled, examples_of
from tltk.plotting.style import COLORS, GREY, RIGHT, WRONG, lecture_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES = 12
LONGEST_NAME = 22


@lecture_style
def plot_pictures(
    split: Data, class_names: Sequence[str] | None = None, per_class: int = 6
) -> "Figure":
    """Plot the first pictures of each class, one class per row.

    Args:
        split: a split of pictures with class numbers (n,) or multi-hot labels (n, k).
        class_names: the names of the k classes; by default "class 0", "class 1", …
        per_class: how many pictures of each class; default 6.

    Returns:
        A figure of at most 12 rows; it says how many classes it leaves out.

    Raises:
        ValueError: labels that are not classes.

    Example:
        >>> pictures = np.zeros((4, 8, 8, 3), "uint8")
        >>> figure = plot_pictures((pictures, np.array([0, 1, 0, 1])), ["cat", "dog"], per_class=2)
        >>> len(figure.axes)
        4
    """
    check_count("per_class", per_class)
    examples = _pictures_of(split)
    labels = np.asarray(examples.labels)
    if labels.ndim == 1 and not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            "plot_pictures sorts pictures by class, so labels must be whole numbers or multi-hot. "
            f"Received: labels of type {labels.dtype}. Use plot_predictions for other pictures."
        )
    belongs = labels.astype(bool) if labels.ndim == 2 else labels[:, None] == np.unique(labels)
    numbers = range(labels.shape[1]) if labels.ndim == 2 else np.unique(labels)
    if class_names is not None:
        class_names = as_names("class_names", class_names)
        least = int(max(numbers)) + 1
        if len(class_names) < least:
            received = f"class_names={list(class_names)}"
            refuse(f"class_names must name {least} classes", received, "Pass the split's own")
    shown = min(len(numbers), MOST_CLASSES)
    figure, axes = new_figure(1.35 * per_class + 1.4, 1.35 * shown + 0.3, shown, per_class)
    for panel in axes.flat:
        _hide_axes(panel)
    for panels, number, members in zip(axes, numbers, belongs.T, strict=False):
        name = f"class {number}" if class_names is None else class_names[number]
        panels[0].set_ylabel(name, rotation=0, ha="right", va="center")
        rows = np.flatnonzero(members)[:per_class]
        if len(rows):
            for panel, image in zip(panels, examples.fetch(rows), strict=False):
                _show(panel, image)
    if shown < len(numbers):
        figure.suptitle(f"{shown} of {len(numbers)} classes", color=GREY, fontsize=12)
    return figure


def _pictures_of(split: Any) -> Examples:
    """Labelled examples of pictures."""
    examples = examples_of(split)
    check_labelled(examples)
    first = examples.fetch(np.arange(1))
    if not isinstance(first, np.ndarray) or first.ndim != 4 or first.shape[-1] not in (1, 3):
        refuse(
            "split must hold pictures (n, h, w, 3), or (n, h, w, 1)",
            f"split with {shown(first)}",
            "Pass the split of an image_folder, or a pair of pictures and labels",
        )
    return examples


@lecture_style
def plot_mistakes(predictions: Predictions, split: Data, count: int = 8) -> "Figure":
    """Plot the mistakes the model was surest of.

    They are worth a look before anything else: wrong labels and hard pictures gather here.

    Args:
        predictions: what `predict_split` returned for `split`, of a one-label classifier.
        split: the same split, in a fixed order.
        count: how many pictures at most; default 8.

    Returns:
        A figure of pictures, the surest mistake first: the predicted class with its probability,
        below it the true class, and the file name where it is known.

    Raises:
        ValueError: a split with other labels, or in another order, than the predictions; or
            predictions of another kind.

    Example:
        >>> pictures, labels = np.zeros((2, 8, 8, 3), "uint8"), np.array([0, 1])
        >>> sure = Predictions(labels, np.array([[0.9, 0.1], [0.7, 0.3]]), ("cat", "dog"))
        >>> plot_mistakes(sure, (pictures, labels)).axes[0].get_title()
        'cat 70%'
    """
    check_predictions("predictions", predictions)
    check_count("count", count)
    if predictions.kind != "one_label":
        raise ValueError(
            "plot_mistakes needs one label per picture. "
            f"Received: predictions of kind {predictions.kind!r}. Use classification_table."
        )
    labels, probabilities, class_names = predictions[:3]
    examples = _pictures_of(split)
    if not np.array_equal(examples.labels, labels):
        raise ValueError(
            "The split must be the one that was predicted, in the same order. "
            f"Received: {len(examples.labels)} labels that differ from the {len(labels)} of the "
            "predictions. Pass the same split, without shuffling."
        )
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:count]
    figure, panels = _picture_grid(len(worst))
    if not len(worst):
        figure.set_size_inches(6, 1)
        figure.text(0.5, 0.5, f"no mistakes in {len(labels)} pictures", ha="center", va="center")
        return figure
    for panel, row, image in zip(panels, worst, examples.fetch(worst), strict=True):
        _show(panel, image)
        title = f"{class_names[answers[row]]} {confidence[row]:.0%}"
        panel.set_title(title, color=WRONG)
        name = f"\n{_shortened(predictions.names[row])}" if predictions.names else ""
        panel.set_xlabel(f"is: {class_names[labels[row]]}{name}", color=RIGHT)
    figure.suptitle(
        f"{len(worst)} of {len(wrong)} mistakes, in {len(labels)} pictures: the surest first",
        color=GREY,
    )
    return figure


@lecture_style
def plot_predictions(
    pictures: Sequence | np.ndarray, answers: Sequence[Sequence[tuple[str, float]]], count: int = 8
) -> "Figure":
    """Plot pictures with the likeliest names and their probabilities as bars.

    Args:
        pictures: paths, or arrays (height, width, 3) of 0-255, as given to `predict`.
        answers: what `predict` returned for them; pictures without an answer are left out.
        count: how many pictures at most; default 8.

    Returns:
        A figure, up to four pictures wide.

    Raises:
        ValueError: pictures and answers that differ in number.

    Example:
        >>> figure = plot_predictions([np.zeros((8, 8, 3))], [[("cat", 0.9), ("dog", 0.1)]])
        >>> [text.get_text() for text in figure.axes[1].texts]
        ['cat  90%', 'dog  10%']
    """
    check_count("count", count)
    for name, listed in (("pictures", pictures), ("answers", answers)):
        if not isinstance(listed, Sequence | np.ndarray) or isinstance(listed, str):
            refuse(f"{name} must be a list", f"{name}={listed!r:.80}", "Pass what predict took")
    for answer in answers:
        if not isinstance(answer, list | tuple) or not all(map(_is_answer, answer)):
            advice = "Pass what predict returned"
            refuse("answers must be lists of (name, number)", f"answers with {answer!r}", advice)
    if len(pictures) != len(answers):
        raise ValueError(
            "There must be one answer per picture. "
            f"Received: {len(pictures)} pictures, {len(answers)} answers. "
            "Pass the pictures that predict was given."
        )
    shown = [pair for pair in zip(pictures, answers, strict=True) if pair[1]][:count]
    columns = max(1, min(4, len(shown)))
    lines = max(1, -(-len(shown) // columns))
    bars = max((len(answer) for _, answer in shown), default=1)
    figure, axes = new_figure(
        2.9 * columns,
        lines * (2.6 + 0.32 * bars),
        2 * lines,
        columns,
        height_ratios=[2.6, 0.32 * bars] * lines,
    )
    for panel in axes.flat:
        panel.set_axis_off()
    for i, (picture, answer) in enumerate(shown):
        line, column = divmod(i, columns)
        is_path = isinstance(picture, (str, Path))
        pixels = read_image(picture, None) if is_path else as_rows("pictures", picture)
        if pixels.ndim not in (2, 3):
            advice = "Pass paths, or arrays (height, width, 3)"
            refuse("pictures must be pictures", f"pictures with shape {pixels.shape}", advice)
        _show(axes[2 * line, column], pixels)
        _draw_bars(axes[2 * line + 1, column], answer)
    return figure


def _is_answer(pair: Any) -> bool:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        return False
    return isinstance(pair[0], str) and isinstance(pair[1], float | np.floating | int)


def _draw_bars(panel: "Axes", answer: Sequence[tuple[str, float]]) -> None:
    heights = range(len(answer), 0, -1)
    panel.barh(heights, [1] * len(answer), color="#EEEEEE", height=0.86)
    panel.barh(heights, [p for _, p in answer], color=COLORS[5], height=0.86)
    for height, (name, probability) in zip(heights, answer, strict=True):
        share = f"{probability:.0%}" if probability >= 0.005 else "<1%"
        panel.text(0.02, height, f"{name}  {share}", va="center", fontsize=11)
    panel.set(xlim=(0, 1))


def _picture_grid(count: int) -> tuple["Figure", np.ndarray]:
    columns = max(1, min(4, count))
    lines = max(1, -(-count // columns))
    figure, axes = new_figure(2.5 * max(columns, 2), 3.35 * lines + 0.4, lines, columns)
    for panel in axes.flat:
        _hide_axes(panel)
        panel.set_visible(False)
    panels = axes.flat[: max(count, 1)]
    for panel in panels:
        panel.set_visible(True)
    return figure, panels


def _hide_axes(panel: "Axes") -> None:
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
    panel.spines[:].set_visible(False)


def _show(panel: "Axes", image: np.ndarray) -> None:
    pixels = np.clip(np.rint(np.asarray(image)), 0, 255).astype("uint8")
    panel.imshow(pixels.squeeze(), cmap="gray", vmin=0, vmax=255)


def _shortened(path: str) -> str:
    name = Path(path).name
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
