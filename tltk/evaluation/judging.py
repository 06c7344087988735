"""From the rows of finished runs to a verdict in words."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tltk.evaluation.arms import WITHOUT_TRANSFER
from tltk.evaluation.statistics import mean_interval, paired_interval
from tltk.evaluation.verdicts import label_worth, transfer_gains, transfer_verdict


class Comparison(NamedTuple):
    """What a comparison found, as rows for `format_table`.

    rows: one for each run: "method", "labels_per_class", "seed", "examples", "seconds" of
        training, "val_accuracy", "val_balanced_accuracy", and on the test set "accuracy" and
        "balanced_accuracy".
    verdicts: one for each method with transfer and number of labels: its score and that of the
        best method without transfer, "gain" (mean, half width) and "verdict".
    gains: one for each method with transfer: "higher start", "steeper slope", "higher asymptote",
        see `transfer_gains`.
    worth: one for each method with transfer and number of labels, see `label_worth`.
    summary: all of it in a few sentences.
    """

    rows: list[dict]
    verdicts: list[dict]
    gains: list[dict]
    worth: list[dict]
    summary: str


def judge(
    rows: list[dict], score: str = "accuracy", margin: float = 0.01, level: float = 0.98
) -> Comparison:
    """Turn the rows of finished runs into gains, worth and verdicts.

    Args:
        rows: one for each run, with "method", "labels_per_class", "seed", the score and the
            same on validation ("val_accuracy"); every method has run with the same seeds and sizes.
        score, margin, level: see `compare_transfer`.

    Returns:
        A `Comparison`.
    """
    names = list(dict.fromkeys(row["method"] for row in rows))
    sizes = sorted({row["labels_per_class"] for row in rows})
    scores = {name: _grid(rows, name, score) for name in names}
    chosen = _best_without_transfer(rows, names, f"val_{score}")
    baseline = np.stack([scores[name][:, i] for i, name in enumerate(chosen)], axis=1)
    verdicts, gains, worth = [], [], []
    for name in (each for each in names if each not in WITHOUT_TRANSFER):
        for i, size in enumerate(sizes):
            gaps = scores[name][:, i] - baseline[:, i]
            row = {"method": name, "labels_per_class": size}
            row[score] = mean_interval(scores[name][:, i], level)
            row |= {"without transfer": mean_interval(baseline[:, i], level), "by": chosen[i]}
            row["gain"] = paired_interval(scores[name][:, i], baseline[:, i], level)
            verdicts.append(row | {"verdict": transfer_verdict(gaps, margin, level)})
        gains.append({"method": name, **transfer_gains(scores[name], baseline, sizes, level)})
        if len(sizes) > 1:
            found = label_worth(scores[name], baseline, sizes, level)
            worth += [{"method": name, **row} for row in found]
    summary = _summary(verdicts, worth, sizes, len(baseline), level)
    return Comparison(rows, verdicts, gains, worth, summary)


def _grid(rows, method, key) -> np.ndarray:
    """The scores of one method, a row for each seed and a column for each number of labels."""
    found = {
        (row["seed"], row["labels_per_class"]): row[key] for row in rows if row["method"] == method
    }
    seeds, sizes = (sorted(set(each)) for each in zip(*found, strict=True))
    return np.array([[found[seed, size] for size in sizes] for seed in seeds])


def _best_without_transfer(rows, names, score) -> list[str]:
    """For each number of labels the arm without transfer that is best on validation."""
    without = [name for name in names if name in WITHOUT_TRANSFER]
    means = [_grid(rows, name, score).mean(axis=0) for name in without]
    return [without[i] for i in np.argmax(means, axis=0)]


def _summary(verdicts, worth, sizes, seeds, level) -> str:
    sentences = []
    for name in dict.fromkeys(row["method"] for row in verdicts):
        own = [row for row in verdicts if row["method"] == name]
        said = [f"{row['verdict']} ({_points(row)}) with {row['labels_per_class']}" for row in own]
        sentence = f"{name}: {', '.join(said)} labels per class."
        found = [row for row in worth if row["method"] == name]
        if found:
            sentence += f" With {sizes[0]} it is worth {found[0]['says']}."
        sentences.append(sentence)
    about = f"Gains over the best without transfer, {seeds} seeds, {level:.0%} intervals."
    return "\n".join([about, *sentences])


def _points(row) -> str:
    mean, half_width = (100 * each for each in row["gain"])
    return f"{mean:+.1f} points" + ("" if math.isnan(half_width) else f" ± {half_width:.1f}")
