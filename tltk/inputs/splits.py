"""Splitting that leaks nothing: every class in every part, every group in one part only."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from tltk._checks import check_seed, refuse, shown

_RESTARTS = 20
_SWEEPS = 20
_MISSING = 1e6


def split_rows(
    labels: Sequence | np.ndarray,
    val: float = 0.2,
    test: float = 0.2,
    groups: Sequence[Hashable] | np.ndarray | None = None,
    *,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Split rows into train, val and test, stratified by label and kept together by group.

    Every class comes in every part, and in nearly the same share. Rows of one group are never in
    two parts. Without groups, a class of n rows gives `round(n * val)` of them to val, likewise to
    test, and always at least one. With groups the shares come as close as a local search gets.

    Args:
        labels: one class number or name per row, shape `(n,)`.
        val: share of the rows for validation, from 0 up to 1; 0 leaves the part empty.
        test: share of the rows for testing; `val + test` is below 1.
        groups: one group per row (a patient, a recording, a document), or None.
        seed: decides which rows go where, and their order.

    Returns:
        The row numbers of "train", "val" and "test", each in random order.

    Raises:
        ValueError: where a class has too few rows, or groups, to be in every part.

    Example:
        >>> rows = split_rows(["cat"] * 10 + ["dog"] * 10, val=0.2, test=0.1)
        >>> {part: len(some) for part, some in rows.items()}
        {'train': 14, 'val': 4, 'test': 2}

    Reference:
        Kaufman, Rosset, Perlich: Leakage in data mining (2011).
    """
    import pandas as pd

    shares = part_shares(val, test)
    check_seed("seed", seed)
    missing = np.ma.getmaskarray(np.asanyarray(labels)) | pd.isna(np.asarray(labels))
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0 or missing.any():
        received = f"none in row {missing.argmax()}" if missing.any() else f"shape {labels.shape}"
        raise ValueError(
            "Splitting needs one class per row. "
            f"Received: labels of {received}. Pass one number or name for each row."
        )
    classes, codes = np.unique(labels, return_inverse=True)
    group_codes = np.arange(len(labels)) if groups is None else _group_codes(groups, len(labels))
    counts = np.zeros((group_codes.max() + 1, len(classes)))
    np.add.at(counts, (group_codes, codes), 1)
    _check_possible(classes, (counts > 0).sum(axis=0), shares, groups is not None)

    rng = np.random.default_rng(seed)
    used = np.array([share for share in shares.values() if share > 0])
    if groups is None:
        part_of_row = _cut_classes(codes, used, rng)
    else:
        part_of_row = _assign_groups(counts, used, rng)[group_codes]
    numbers = iter(range(len(used)))
    return {
        part: rng.permutation(np.flatnonzero(part_of_row == next(numbers)))
        if share > 0
        else np.arange(0)
        for part, share in shares.items()
    }


def part_shares(val: float, test: float) -> dict[str, float]:
    """The shares of train, val and test, refused where nothing is left to train on."""
    numbers = all(isinstance(share, (int, float, np.number)) for share in (val, test))
    if not numbers or not (val >= 0 and test >= 0 and val + test < 1):
        raise ValueError(
            "val and test must be shares from 0 up to 1, and together below 1. "
            f"Received: val={val!r}, test={test!r}. Leave something to train on."
        )
    return {"train": 1 - val - test, "val": val, "test": test}


def _group_codes(groups, count):
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        refuse("groups must be a list", f"groups={shown(groups)}", "Pass one group for each row")
    groups = list(groups)
    missing = sum(group is None or group != group for group in groups)
    if len(groups) != count or missing:
        raise ValueError(
            f"Every row needs a group, and NaN is none. Received: {len(groups)} groups, "
            f"{missing} of them None, for {count} rows. "
            "Pass one group per row, in the order of the rows."
        )
    number = {group: code for code, group in enumerate(dict.fromkeys(groups))}
    return np.array([number[group] for group in groups])


def _check_possible(classes, units_per_class, shares, grouped):
    parts = [part for part, share in shares.items() if share > 0]
    scarce = int(np.argmin(units_per_class))
    if units_per_class[scarce] < len(parts):
        unit = "group" if grouped else "example"
        found = units_per_class[scarce]
        raise ValueError(
            f"A class needs at least {len(parts)} {unit}s to be in each of {', '.join(parts)}. "
            f"Received: class {classes[scarce]!s} with {found} {unit}{'' if found == 1 else 's'}. "
            "Add more, leave the class out, or ask for fewer parts with val=0 or test=0."
        )


def _cut_classes(codes, shares, rng):
    part_of_row = np.zeros(len(codes), int)
    for code in range(codes.max() + 1):
        rows = rng.permutation(np.flatnonzero(codes == code))
        sizes = np.maximum(np.rint(len(rows) * shares[1:]).astype(int), 1)
        while sizes.sum() >= len(rows):
            sizes[np.argmax(sizes)] -= 1
        for part, some in enumerate(np.split(rows, np.cumsum(sizes)), start=1):
            part_of_row[some] = part % len(shares)
    return part_of_row


def _assign_groups(counts, shares, rng):
    totals = counts.sum(axis=0)
    targets = shares[:, None] * totals

    def cost(filled):
        missing = (filled == 0).sum(axis=(-2, -1))
        return _MISSING * missing + (((filled - targets) / totals) ** 2).sum(axis=(-2, -1))

    def best_part(filled, group):
        options = filled[None] + np.eye(len(shares))[:, :, None] * counts[group]
        return int(np.argmin(cost(options)))

    def attempt():
        filled = np.zeros_like(targets)
        part_of_group = np.zeros(len(counts), int)
        order = rng.permutation(len(counts))
        order = order[np.argsort(-(counts[order] / totals).max(axis=1), kind="stable")]
        for sweep in range(_SWEEPS):
            before = part_of_group.copy()
            for group in order:
                if sweep > 0:
                    filled[part_of_group[group]] -= counts[group]
                part_of_group[group] = best_part(filled, group)
                filled[part_of_group[group]] += counts[group]
            if np.array_equal(before, part_of_group):
                break
            order = rng.permutation(order)
        return cost(filled), part_of_group

    attempts = (attempt() for _ in range(_RESTARTS if len(counts) <= 200 else 2))
    lowest, part_of_group = min(attempts, key=lambda found: found[0])
    if lowest >= _MISSING:
        raise ValueError(
            "Every class must be in every part, and every group in one part only. "
            f"Received: {len(counts)} groups for which no such split was found. "
            "Use smaller groups, or ask for fewer parts with val=0 or test=0."
        )
    return part_of_group
