"""Splitting that leaks nothing: every class in every part, every group in one part only."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from tltk._checks import check_seed, refuse, shown

_RESTARTS = 20
_SWEEPS = 20
_MISSING = 1e6
_FEW_UNITS = 200
_MOST_BINS = 10


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
    test, and always at least one. With groups, and with several labels a row, the shares come as
    close as a local search gets that begins with what is rarest.

    Args:
        labels: one class number or name per row, shape `(n,)`; or multi-hot rows `(n, k)` of zeros
            and ones, where a row may have several labels or none. The columns of a DataFrame name
            these in errors.
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

    References:
        - Kaufman, Rosset, Perlich: Leakage in data mining (2011).
        - Sechidis, Tsoumakas, Vlahavas: On the stratification of multi-label data (2011).
    """
    import pandas as pd

    shares = part_shares(val, test)
    check_seed("seed", seed)
    missing = np.ma.getmaskarray(np.asanyarray(labels)) | pd.isna(np.asarray(labels))
    names = [*getattr(labels, "columns", ())]
    labels = np.asarray(labels)
    several = labels.ndim == 2 and labels.shape[1] > 0 and bool(np.isin(labels, (0, 1)).all())
    if not (labels.ndim == 1 or several) or len(labels) == 0 or missing.any():
        received = f"shape {labels.shape}"
        if missing.any():
            received = f"none in row {int(missing.argmax()) // max(labels.shape[1:], default=1)}"
        raise ValueError(
            "Splitting needs one class per row. "
            f"Received: labels of {received}. Pass one number or name for each row, or rows of "
            "zeros and ones."
        )
    group_codes = np.arange(len(labels)) if groups is None else _group_codes(groups, len(labels))
    classes, codes, counts = _counted(labels, names, group_codes)
    _check_possible(classes, (counts > 0).sum(axis=0), shares, groups is not None)

    rng = np.random.default_rng(seed)
    used = np.array([share for share in shares.values() if share > 0])
    if codes is not None and groups is None:
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


def _counted(labels, names, group_codes):
    """The classes, the class number of each row, and how often each class is in each group.

    Of multi-hot rows there is no class number, and the last class, without a name, is every row.
    """
    if labels.ndim == 1:
        classes, codes = np.unique(labels, return_inverse=True)
        counts = np.zeros((group_codes.max() + 1, len(classes)))
        np.add.at(counts, (group_codes, codes), 1)
        return classes, codes, counts
    classes = [*(names or range(labels.shape[1])), "of all rows"]
    counts = np.zeros((group_codes.max() + 1, len(classes)))
    np.add.at(counts, group_codes, np.pad(labels, ((0, 0), (0, 1)), constant_values=1))
    return classes, None, counts


def bins_of(values: np.ndarray, units: Sequence[Hashable], least: int) -> list[int]:
    """Cut numbers into bins of like size, so that a split of the bins is one of the numbers.

    Args:
        values: numbers (n,).
        units: what stays together with each, such as its group.
        least: how many units a bin must have.

    Returns:
        The bin of each, from 0 for the lowest: ten bins, or as many as have enough units.

    Example:
        >>> bins_of(np.array([5.0, 1.0, 3.0, 9.0]), [0, 1, 2, 3], least=2)
        [1, 0, 0, 1]
    """
    places = np.searchsorted(np.sort(values), values)
    for count in range(_MOST_BINS, 1, -1):
        bins = places * count // len(values)
        held = {(one, unit) for one, unit in zip(bins.tolist(), units, strict=True)}
        sizes = np.bincount([one for one, _ in held])
        if sizes[sizes > 0].min() >= least:
            return bins.tolist()
    return [0] * len(values)


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

    attempts = (attempt() for _ in range(_RESTARTS if len(counts) <= _FEW_UNITS else 2))
    lowest, part_of_group = min(attempts, key=lambda found: found[0])
    if lowest >= _MISSING:
        raise ValueError(
            "Every class must be in every part, and every group in one part only. "
            f"Received: {len(counts)} groups for which no such split was found. "
            "Use smaller groups, or ask for fewer parts with val=0 or test=0."
        )
    return part_of_group
