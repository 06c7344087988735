"""What paired runs say: a verdict in words, the three gains of transfer, the labels it is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tltk._checks import as_numbers, check_number, check_records, check_text, refuse
from tltk.evaluation._arms import WITHOUT_TRANSFER
from tltk.evaluation.statistics import mean_interval, paired_interval

HELPED, HURT = "helped", "hurt"
NO_DIFFERENCE, CANNOT_TELL = "no difference that matters", "cannot tell"
GAINS = ("higher start", "steeper slope", "higher asymptote")
GRID = 2001


class Comparison(NamedTuple):
    """What a comparison found, as rows for `format_table`.

    Attributes:
        rows: one for each run: "method", "labels_per_class", "seed", "examples", "seconds" of
            training, "val_accuracy", "val_balanced_accuracy", and on the test set "accuracy" and
            "balanced_accuracy".
        verdicts: one for each method with transfer and number of labels: its score and that of
            the best method without transfer, "gain" (mean, half width) and "verdict".
        gains: one for each method with transfer: "higher start", "steeper slope", "higher
            asymptote", see `transfer_gains`.
        worth: one for each method with transfer and number of labels, see `label_efficiency`.
        summary: all of it in a few sentences.
    """

    rows: list[dict]
    verdicts: list[dict]
    gains: list[dict]
    worth: list[dict]
    summary: str


def summarise_runs(
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
    check_text("score", score)
    keys = ("method", "labels_per_class", "seed")
    check_records("rows", rows, *keys, advice="Pass the rows of a comparison")
    for key in (score, f"val_{score}"):
        if not all(key in row for row in rows):
            advice = f"The keys are {', '.join(map(str, rows[0]))}"
            refuse(f"rows must have {key!r}", f"score={score!r}", advice)
        as_numbers(f"{key} of the rows", [row[key] for row in rows], "(n,)")
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
            found = label_efficiency(scores[name], baseline, sizes, level)
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
    about = f"Gains over the best without transfer, {seeds} seeds, {100 * level:g} % intervals."
    return "\n".join([about, *sentences])


def _points(row) -> str:
    mean, half_width = (100 * each for each in row["gain"])
    return f"{mean:+.1f} points" + ("" if math.isnan(half_width) else f" ± {half_width:.1f}")


def transfer_verdict(
    gaps: Sequence[float] | np.ndarray, margin: float = 0.01, level: float = 0.98
) -> str:
    """Say whether transfer helped, hurt, made no difference that matters, or cannot be told.

    With the paired t interval of the mean gap:

    - "helped" or "hurt": the interval excludes zero, and the mean gap is wider than the margin;
    - "no difference that matters": the whole interval lies within the margin on both sides of zero;
    - "cannot tell": neither. More seeds would tell.

    The second is a test of equivalence: two one-sided t tests, each at an error of (1 - level) / 2.
    One pair alone has no interval, and cannot tell.

    Args:
        gaps: with transfer minus without, one number per seed, shape (n,). Both scores of a pair
            come from the same training subset.
        margin: the smallest mean gap that matters, in the unit of the scores; default one point.
        level: confidence level of the interval; default 0.98.

    Returns:
        "helped", "hurt", "no difference that matters" or "cannot tell".

    Raises:
        ValueError: for a margin below 0, gaps that are not finite, or a level outside (0, 1).

    Example:
        >>> transfer_verdict([0.05, 0.06, 0.04, 0.05, 0.05])
        'helped'
        >>> transfer_verdict([0.001, -0.001, 0.002, 0.0, -0.002])
        'no difference that matters'
        >>> transfer_verdict([0.05, -0.06, 0.04, -0.05, 0.03])
        'cannot tell'

    References:
        - Student, The probable error of a mean, 1908.
        - Schuirmann, A comparison of the two one-sided tests procedure and the power approach,
          1987.
    """
    check_number("margin", margin, least=0, advice="Pass 0.01 for one point")
    gaps = as_numbers("gaps", gaps, "(n,)", advice="Pass one number per seed")
    mean, half_width = mean_interval(gaps, level)
    if math.isnan(half_width):
        return CANNOT_TELL
    if round(abs(mean) + half_width, 9) <= margin:
        return NO_DIFFERENCE
    if abs(mean) > half_width and round(abs(mean), 9) > margin:
        return HELPED if mean > 0 else HURT
    return CANNOT_TELL


def transfer_gains(
    transferred: np.ndarray,
    baseline: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    level: float = 0.98,
) -> dict[str, tuple[float, float]]:
    """Measure the three gains of transfer on curves of the score over the number of labels.

    - higher start: transferred minus baseline at the fewest labels;
    - steeper slope: the slope of transferred minus that of the baseline, each the least-squares
      line of the score over log2(labels), so it is what a doubling of the labels adds more;
    - higher asymptote: transferred minus baseline at the most labels measured, which is what can
      be known of the asymptote.

    A start so high that little is left to gain makes the slope flatter: then the second is negative
    where the first is large.

    Args:
        transferred: scores (seeds, sizes), one column per number of labels.
        baseline: scores of the same seeds and sizes.
        labels: the numbers of labels (sizes,), ascending.
        level: confidence level of the paired t intervals over the seeds.

    Returns:
        For each gain (mean, half width); the slope is missing where there is one size only.

    Example:
        >>> ours, theirs = np.array([[0.6, 0.7]] * 2), np.array([[0.2, 0.6]] * 2)
        >>> gains = transfer_gains(ours, theirs, [10, 40])
        >>> [(name, round(mean, 2)) for name, (mean, _) in gains.items()]
        [('higher start', 0.4), ('steeper slope', -0.15), ('higher asymptote', 0.1)]

    Reference:
        Torrey and Shavlik, Transfer learning, in the Handbook of research on machine learning
        applications, 2010 (the classic picture, drawn over training time).
    """
    transferred, baseline, labels = _curves(transferred, baseline, labels)
    gaps = transferred - baseline
    gains = {GAINS[0]: gaps[:, 0], GAINS[2]: gaps[:, -1]}
    if len(labels) > 1:
        gains[GAINS[1]] = np.polyfit(np.log2(labels), gaps.T, 1)[0]
    return {name: mean_interval(gains[name], level) for name in GAINS if name in gains}


def label_efficiency(
    transferred: np.ndarray,
    baseline: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    level: float = 0.98,
) -> list[dict]:
    """Measure how many times the labels transfer is worth.

        factor = m / n

    where the baseline with m labels scores as much as transfer with n. The baseline's curve is
    interpolated linearly over log(labels), for each seed; m is the first number at which its mean
    reaches the mean of transfer. The interval holds every m at which the paired t interval of the
    gap reaches zero. Nothing is read off outside the labels measured: there the factor is None and
    what is known is stated as a bound.

    Args:
        transferred: scores (seeds, sizes), one column per number of labels.
        baseline: scores of the same seeds and sizes.
        labels: the numbers of labels (sizes,), ascending, at least two.
        level: confidence level of the interval.

    Returns:
        One row for each n: "labels", "factor", "low", "high" (0 and infinity where the labels
        measured do not bound it) and "says", a sentence.

    Raises:
        ValueError: for fewer than two sizes.

    Example:
        >>> ours = np.array([[0.5, 0.7], [0.52, 0.7]])
        >>> theirs = np.array([[0.3, 0.7], [0.32, 0.7]])
        >>> row = label_efficiency(ours, theirs, [10, 40])[0]
        >>> round(row["factor"], 1)
        2.0
    """
    transferred, baseline, labels = _curves(transferred, baseline, labels)
    check_number("level", level, above=0, below=1, advice="Pass 0.95 for 95 %")
    if len(labels) < 2:
        raise ValueError(
            "A label-efficiency factor is read off a curve of at least two numbers of labels. "
            f"Received: labels={labels.tolist()}. Pass labels_per_class=(10, 40), for example."
        )
    grid = np.geomspace(labels[0], labels[-1], GRID)
    known = np.stack([np.interp(np.log(grid), np.log(labels), row) for row in baseline])
    return [
        _worth(n, column[:, None] - known, grid, level)
        for n, column in zip(labels, transferred.T, strict=True)
    ]


def _curves(transferred, baseline, labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (seeds, sizes) of both, and the numbers of labels (sizes,), that belong together."""
    transferred = as_numbers("transferred", transferred, "(seeds, sizes)")
    baseline = as_numbers("baseline", baseline, "(seeds, sizes)")
    labels = as_numbers("labels", labels, "(sizes,)", advice="Pass labels_per_class")
    if labels.min() <= 0 or (np.diff(labels) <= 0).any():
        refuse("labels must be above 0 and ascend", f"labels={labels.tolist()}", "Sort the sizes")
    if transferred.shape != baseline.shape or transferred.shape[1:] != labels.shape:
        refuse(
            "transferred and baseline must hold a row for each seed and a column for each size",
            f"transferred of shape {transferred.shape}, baseline of shape {baseline.shape}, "
            f"labels={labels.tolist()}",
            "Leave out seeds that one of them lacks",
        )
    return transferred, baseline, labels


def _worth(n, gaps, grid, level) -> dict:
    from scipy.stats import t

    count, mean = len(gaps), gaps.mean(axis=0)
    spread = gaps.std(axis=0, ddof=1) if count > 1 else np.full(len(grid), math.inf)
    half = t.ppf((1 + level) / 2, count - 1) * spread / math.sqrt(count) if count > 1 else spread
    fewest, most = grid[0] / n, grid[-1] / n
    reached, maybe, still = (np.flatnonzero(each) for each in (
        mean <= 0, mean - half <= 0, mean + half >= 0
    ))  # fmt: skip
    low = most if not maybe.size else 0.0 if maybe[0] == 0 else grid[maybe[0]] / n
    high = fewest if not still.size else math.inf if still[-1] == GRID - 1 else grid[still[-1]] / n
    row = {"labels": int(n), "factor": None, "low": float(low), "high": float(high)}
    interval = f"{100 * level:g} % interval {_range(low, high)}"
    if not reached.size:
        bound = f"more than {most:.2g} times the labels, {interval}"
        return row | {"says": bound if most > 1 else "more labels than the most measured"}
    if reached[0] == 0 and mean[0] < 0:
        bound = f"less than {fewest:.2g} times the labels, {interval}"
        return row | {"says": bound if fewest < 1 else "fewer labels than the fewest measured"}
    row["factor"] = float(grid[reached[0]] / n)
    return row | {"says": f"{row['factor']:.2g} times the labels, {interval}"}


def _range(low, high) -> str:
    if low == 0.0 and math.isinf(high):
        return "not bounded by the labels measured"
    if low == 0.0:
        return f"at most {high:.2g}"
    return f"at least {low:.2g}" if math.isinf(high) else f"{low:.2g} to {high:.2g}"
