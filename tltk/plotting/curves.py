"""Curves: how training went, and how accuracy grows with labels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from tltk._checks import as_numbers, check_mapping, check_number, check_records, refuse, shown
from tltk.evaluation.statistics import mean_interval
from tltk.plotting.style import COLORS, GREY, lecture_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOT_CURVES = ("phase", "seconds", "learning_rate", "kept")


@lecture_style
def plot_history(
    history: keras.callbacks.History | Mapping[str, Sequence], best: str | None = None
) -> "Figure":
    """Plot every metric and the loss over the epochs, with phases and one epoch marked by a star.

    Args:
        history: what `fine_tune` or `fit` returned, or its dictionary. A list "phase" in it (one
            name per epoch) gives the vertical lines between phases.
        best: the entry that decides the epoch with the star: the lowest value of a loss or error,
            the highest of anything else. By default the star is at the epoch that "kept" marks
            with 1 (whose weights the model has), or where there is no "kept", at the lowest
            "val_loss". No star where the entry is missing, or no epoch was kept.

    Returns:
        A figure with one panel per metric; epochs count from 1.

    Raises:
        ValueError: a history without epochs.

    Example:
        >>> figure = plot_history({"loss": [1.2, 0.7], "val_loss": [1.3, 0.9]})
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['loss']
    """
    curves = getattr(history, "history", history)
    check_mapping("history", curves, what="numbers", advice="Train at least one epoch")
    for key, values in curves.items():
        if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str):
            refuse("history must hold lists", f"history[{key!r}]={shown(values)}", "Train first")
    metrics = [key for key in curves if not key.startswith("val_") and key not in NOT_CURVES]
    metrics.sort(key=lambda key: key == "loss")
    if not metrics or not len(curves[metrics[0]]):
        raise ValueError(
            "A history needs at least one epoch. "
            f"Received: history with entries {list(curves)}. Train first."
        )
    for key in (name for metric in metrics for name in (metric, f"val_{metric}") if name in curves):
        _check_epochs(key, curves[key], len(curves[metrics[0]]))
    if best is not None and (not isinstance(best, str) or best not in curves):
        advice = f"Choose one of {', '.join(curves)}, or leave it out"
        refuse("best must name an entry of the history", f"best={shown(best)}", advice)
    figure, axes = new_figure(5.6 * len(metrics), 4.2, columns=len(metrics))
    star = _starred_epoch(curves, best)
    for panel, metric in zip(axes[0], metrics, strict=True):
        _plot_metric(panel, curves, metric, *star)
        _mark_phases(panel, curves.get("phase", []))
    axes[0, 0].legend(loc="best")
    return figure


def _check_epochs(key: str, values: Sequence, epochs: int) -> None:
    """Refuse what is not one number for each epoch; a loss may be NaN or infinite."""
    kind = np.asarray(values).dtype.kind if all(map(np.isscalar, values)) else "O"
    if kind not in "fiub" or len(values) != epochs:
        refuse(
            f"history must hold {epochs} numbers in each entry, one for each epoch",
            f"history[{key!r}]={shown(values)}",
            "Pass what fine_tune or fit returned",
        )


def _starred_epoch(curves: Mapping[str, Sequence], best: str | None) -> tuple[str, int | None]:
    """Return what the star means, and the epoch it is at."""
    if best is None and "kept" in curves:
        kept = np.flatnonzero(curves["kept"])
        return "kept", int(kept[-1]) + 1 if kept.size else None
    return "best", _best_epoch(curves, best or "val_loss")


def _best_epoch(curves: Mapping[str, Sequence], best: str) -> int | None:
    values = np.array(curves.get(best, []), dtype="float64")
    if not np.isfinite(values).any():
        return None
    lower_is_better = any(word in best for word in ("loss", "error", "mae", "mse"))
    pick = np.nanargmin if lower_is_better else np.nanargmax
    return int(pick(values)) + 1


def _plot_metric(
    panel: "Axes", curves: Mapping[str, Sequence], metric: str, meaning: str, starred: int | None
) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = np.arange(1, len(curves[metric]) + 1)
    marker = "o" if len(epochs) <= 20 else None
    panel.plot(epochs, curves[metric], color=COLORS[0], marker=marker, label="training")
    validation = curves.get(f"val_{metric}")
    if validation is not None:
        panel.plot(epochs, validation, color=COLORS[1], marker=marker, label="validation")
        if starred:
            value = validation[starred - 1]
            label = f"{meaning} epoch: {starred}"
            style: dict[str, Any] = {
                "color": COLORS[1],
                "marker": "*",
                "markersize": 18,
                "linestyle": "none",
            }
            panel.plot(starred, value, markeredgecolor="black", label=label, **style)
            panel.annotate(
                f"{value:.3f}",
                (starred, value),
                (0, 12 if metric == "loss" else -20),
                textcoords="offset points",
                ha="center",
            )
    panel.set(xlabel="epoch", ylabel=metric.replace("_", " "))
    panel.margins(x=0.06, y=0.12)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _mark_phases(panel: "Axes", phases: Sequence[str]) -> None:
    starts = [i for i in range(len(phases)) if i == 0 or phases[i] != phases[i - 1]]
    if len(starts) < 2:
        return
    for start, end in zip(starts, [*starts[1:], len(phases)], strict=True):
        if start:
            panel.axvline(start + 0.5, color=GREY, linestyle="--", linewidth=1.5)
        panel.annotate(
            phases[start],
            ((start + end + 1) / 2, 1.0),
            (0, 5),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            color=GREY,
        )


@lecture_style
def plot_learning_curves(
    rows: Sequence[Mapping[str, Any]],
    chance: float | None = None,
    level: float = 0.95,
    score: str = "accuracy",
) -> "Figure":
    """Plot the mean score of each method against the number of labels per class.

    The band is the Student t interval of the mean over the seeds; the points are the runs.

    Args:
        rows: one run each, with "method", "labels_per_class", "seed" and the score.
        chance: the score of guessing, drawn as a dotted line; default none.
        level: the interval's confidence level; default 0.95.
        score: the rows' key to plot; default "accuracy".

    Returns:
        A figure with a logarithmic axis of labels and each method named at its line.

    Raises:
        ValueError: no rows.

    Example:
        >>> runs = [("frozen", 5, 0, 0.57), ("frozen", 20, 0, 0.72)]
        >>> keys = ("method", "labels_per_class", "seed", "accuracy")
        >>> figure = plot_learning_curves([dict(zip(keys, run)) for run in runs], chance=0.1)
        >>> figure.axes[0].get_xlabel()
        'training labels per class'
    """
    check_runs(rows, score)
    if chance is not None:
        check_number("chance", chance)
    figure, axes = new_figure(8.4, 5.2)
    panel = axes[0, 0]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    ends = draw_learning_curves(panel, rows, level, score)
    sizes = sorted({row["labels_per_class"] for row in rows})
    if chance is not None:
        panel.hlines(chance, sizes[0], sizes[-1], color=GREY, linestyle=":", linewidth=1.5)
        methods.append("chance")
        ends.append((sizes[-1], chance, GREY))
    name_lines(panel, methods, ends)
    return figure


def check_runs(rows: Sequence[Mapping[str, Any]], score: str) -> None:
    """Refuse what are not runs with a finite score."""
    if not isinstance(score, str) or not score:
        refuse("score must be a key of the rows", f"score={shown(score)}", 'Pass "accuracy"')
    keys = ("method", "labels_per_class", "seed")
    check_records("rows", rows, *keys, advice="Pass the rows that compare_transfer returned")
    if not all(score in row for row in rows):
        known = ", ".join(map(str, rows[0]))
        refuse("score must be a key of the rows", f"score={score!r}", f"The keys are {known}")
    as_numbers(f"{score} of the rows", [row[score] for row in rows], "(n,)")


def draw_learning_curves(
    panel: "Axes", rows: Sequence[Mapping[str, Any]], level: float, score: str
) -> list[tuple[float, float, str]]:
    """Draw every method into a panel; return where each line ends, and its colour."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    ends = []
    for method, color in zip(methods, COLORS * len(methods), strict=False):
        runs = [row for row in rows if row["method"] == method]
        ends.append(_plot_method(panel, runs, color, level, score))
    sizes = sorted({row["labels_per_class"] for row in rows})
    panel.set_xscale("log")
    panel.set_xticks(sizes, [str(size) for size in sizes])
    panel.minorticks_off()
    seeds = len({row["seed"] for row in rows})
    several = f"mean of {seeds} seeds, band: {100 * level:g} % t interval"
    panel.set(xlabel="training labels per class", ylabel=score.replace("_", " "))
    panel.set_title(several if seeds > 1 else "one run each", loc="left", color=GREY, fontsize=11)
    return ends


def _plot_method(
    panel: "Axes", runs: Sequence[Mapping], color: str, level: float, score: str
) -> tuple[float, float, str]:
    """Draw one method; return where its line ends, and its colour."""
    sizes = np.array(sorted({run["labels_per_class"] for run in runs}))
    scores = [[run[score] for run in runs if run["labels_per_class"] == size] for size in sizes]
    means, half_widths = np.transpose([mean_interval(values, level) for values in scores])
    half_widths = np.nan_to_num(half_widths)
    panel.plot(sizes, means, color=color, marker="o")
    panel.fill_between(
        sizes, means - half_widths, means + half_widths, color=color, alpha=0.18, linewidth=0
    )
    xs = np.repeat(sizes, [len(values) for values in scores])
    panel.plot(xs, np.concatenate(scores), ".", color=color, alpha=0.5, markersize=5)
    return sizes[-1], means[-1], color


def name_lines(
    panel: "Axes", names: Sequence[str], ends: Sequence[tuple[float, float, str]]
) -> None:
    """Write each name at the end of its line, moved up where two would overlap."""
    bottom, top = panel.get_ylim()
    spacing, height = 0.06 * (top - bottom), -np.inf
    for name, (x, y, color) in sorted(zip(names, ends, strict=True), key=lambda item: item[1][1]):
        height = max(y, height + spacing)
        panel.annotate(
            name,
            (x, height),
            (10, 0),
            textcoords="offset points",
            va="center",
            color=color,
            fontweight="bold",
            annotation_clip=False,
        )
