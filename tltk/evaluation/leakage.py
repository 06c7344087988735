"""What makes a comparison worthless before it begins: the same thing on both sides of a split."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import combinations

import keras
import numpy as np

from tltk._cache import content_digest, kept_rows
from tltk._checks import check_number, refuse, shown
from tltk._keras import check_model
from tltk.inputs._arrays import is_float
from tltk.inputs._folders import listed
from tltk.inputs.decoding import resize_images
from tltk.inputs.examples import Examples, Splits, examples_of
from tltk.tuning.features import extract_features

AT_ONCE, SIDE, MOST = 256, 16, 4000


def check_splits(
    splits: Splits,
    groups: Callable[[str], Hashable] | Mapping[str, Sequence[Hashable]] | None = None,
    backbone: keras.Model | None = None,
    near: float = 0.05,
) -> list[dict]:
    """Look for what makes a test too easy or impossible, and warn of each kind found.

    - "selection on test": the validation examples are those of the test set, or hold half of them;
    - "copies": examples with equal content in two parts (by SHA-256);
    - "near copies": closer to an example of another part than `near` times the median distance
      from a training example to its nearest other one. The distance is the cosine distance of
      thumbnails of 16 x 16 pixels, centred, which finds files saved again and changed brightness,
      or that of the features of `backbone`;
    - "groups": a group (a patient, a recording, a document) in two parts;
    - "missing class": a class without examples in a part.

    Args:
        splits: what a loader returned.
        groups: a function from the names in `splits.files` to groups, or for each part one group
            per row; None leaves them out.
        backbone: a network whose features tell near copies of inputs other than pictures.
        near: share of the median distance below which an example is called a near copy; 0 looks
            for none.

    Returns:
        One row for each finding: "check", "parts", "count" (examples, groups or classes) and
        "such as", a few of them.

    Raises:
        ValueError: for groups that do not fit the rows.

    Example:
        >>> x, y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
        >>> parts = [examples_of((x[rows], y[rows])) for rows in ([0, 1], [2, 3], [1, 4])]
        >>> with warnings.catch_warnings(action="ignore"):
        ...     found = check_splits(Splits(*parts, ("even", "odd"), {}))
        >>> [(row["check"], row["parts"], row["count"]) for row in found]
        [('copies', 'train, test', 1)]

    References:
        - Kaufman, Rosset and Perlich, Leakage in data mining, 2011.
        - Barz and Denzler, Do we train on test data? Purging CIFAR of near-duplicates, 2020.
    """
    if not all(hasattr(splits, part) for part in Splits._fields[:3]) or splits.train is None:
        advice = "Pass what load_dataset or image_folder returns"
        refuse("splits must have train, val and test", f"splits={shown(splits)}", advice)
    if backbone is not None:
        check_model(backbone, "backbone", functional=True)
    check_number("near", near, least=0)
    if not (groups is None or callable(groups) or isinstance(groups, Mapping)):
        advice = "Pass {part: one group for each row}"
        refuse("groups must be a function or a dict", f"groups={shown(groups)}", advice)
    given = {part: getattr(splits, part) for part in Splits._fields[:3]}
    parts = {part: examples_of(each) for part, each in given.items() if each is not None}
    names = {part: _names(examples) for part, examples in parts.items()}
    seen = {part: _seen(examples) for part, examples in parts.items()}
    digests = {part: found[0] for part, found in seen.items()}
    findings = [*_copies(digests, names)]
    if near:
        features = _features(parts, seen, backbone)
        findings += _near_copies(features, digests, names, near) if features else []
    findings += _shared_groups(groups, parts, names) if groups is not None else []
    findings += _missing_classes(parts, splits.class_names)
    for finding in findings:
        warnings.warn(_sentence(finding), stacklevel=2)
    return findings


def _names(examples: Examples) -> tuple[str, ...]:
    return examples.names or tuple(f"row {row}" for row in range(examples.count))


def _seen(examples) -> tuple[list[bytes], np.ndarray | None]:
    """The digest of every row, and thumbnails where the rows are pictures; of files, kept."""

    def compute(first_chunk):
        for start in range(first_chunk * AT_ONCE, examples.count, AT_ONCE):
            inputs = examples.fetch(np.arange(start, min(start + AT_ONCE, examples.count)))
            leaves = keras.tree.flatten(inputs)
            digests = np.stack([_digest(row) for row in zip(*leaves, strict=True)])
            are_pictures = len(leaves) == 1 and leaves[0].ndim == 4 and leaves[0].dtype == "uint8"
            yield (digests, _thumbnails(leaves[0])) if are_pictures else (digests,)

    if examples.reread is None or examples.digest is None:
        arrays = tuple(np.concatenate(each) for each in zip(*compute(0), strict=True))
    else:
        key = content_digest((), "seen by check_splits", examples.digest, AT_ONCE, SIDE)
        arrays = kept_rows(key[:32], examples.count, AT_ONCE, compute)
    return [row.tobytes() for row in arrays[0]], arrays[1] if len(arrays) > 1 else None


def _digest(row) -> np.ndarray:
    contents = (leaf.tobytes() if hasattr(leaf, "tobytes") else repr(leaf).encode() for leaf in row)
    return np.frombuffer(hashlib.sha256(b"".join(contents)).digest(), "uint8")


def _thumbnails(pictures) -> np.ndarray:
    rgb = pictures if pictures.shape[-1] == 3 else np.repeat(pictures[..., :1], 3, axis=-1)
    return resize_images(rgb, (SIDE, SIDE), "bilinear").reshape(len(rgb), -1)


def _features(parts, seen, backbone) -> dict[str, np.ndarray] | None:
    """Centred rows of length one, for every part."""
    if backbone is not None:
        found = {part: extract_features(backbone, each)[0] for part, each in parts.items()}
    else:
        found = {part: thumbnails for part, (_, thumbnails) in seen.items()}
    if any(rows is None for rows in found.values()):
        return None
    return {part: _directions(np.asarray(rows, "float32")) for part, rows in found.items()}


def _directions(rows) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)


def _copies(digests, names):
    for first, second in combinations(digests, 2):
        where = {digest: row for row, digest in enumerate(digests[first])}
        pairs = [(where[d], row) for row, d in enumerate(digests[second]) if d in where]
        whole = (first, second) == ("val", "test") and 2 * len(pairs) >= len(digests["test"])
        if pairs:
            yield _finding("selection on test" if whole else "copies", first, second, pairs, names)


def _near_copies(features, digests, names, near):
    drawn = features["train"]
    if len(drawn) > MOST:
        drawn = drawn[np.random.default_rng(0).choice(len(drawn), MOST, replace=False)]
    if len(drawn) < 3:
        return
    usual = float(np.median(_nearest(drawn, features["train"], skip=1)[0]))
    for first, second in combinations(features, 2):
        distances, rows = _nearest(features[second], features[first])
        known = set(digests[first])
        pairs = [
            (int(rows[row]), int(row))
            for row in np.flatnonzero(distances < near * usual)
            if digests[second][row] not in known
        ]
        if pairs:
            yield _finding("near copies", first, second, pairs, names)


def _nearest(asked, known, skip=0) -> tuple[np.ndarray, np.ndarray]:
    """The cosine distance to the nearest known row (after skipping some), and its number."""
    distances, rows = [], []
    for start in range(0, len(asked), AT_ONCE):
        likeness = asked[start : start + AT_ONCE] @ known.T
        best = np.argsort(-likeness, axis=1)[:, skip] if skip else likeness.argmax(axis=1)
        distances.append(1 - np.take_along_axis(likeness, best[:, None], axis=1)[:, 0])
        rows.append(best)
    return np.concatenate(distances), np.concatenate(rows)


def _shared_groups(groups, parts, names):
    found = {part: _groups_of(groups, part, each.count, names) for part, each in parts.items()}
    for first, second in combinations(found, 2):
        shared = sorted(set(found[first]) & set(found[second]), key=str)
        if shared:
            parts_named = f"{first}, {second}"
            yield _row("groups", parts_named, len(shared), listed(list(map(str, shared)), 3))


def _groups_of(groups, part, count, names) -> list:
    found = [groups(name) for name in names[part]] if callable(groups) else list(groups[part])
    if len(found) != count or any(group is None for group in found):
        raise ValueError(
            f"Every row needs a group. Received: {len(found)} groups for the {count} rows of "
            f"{part}, some of them perhaps None. Pass one group per row, in the order of the rows."
        )
    return found


def _missing_classes(parts, class_names):
    for part, examples in parts.items():
        if examples.labels is None or examples.labels.ndim > 1 or is_float(examples.labels):
            continue
        there = set(examples.labels.tolist())
        missing = [name for number, name in enumerate(class_names) if number not in there]
        if missing:
            yield _row("missing class", part, len(missing), listed(missing, 3))


def _finding(check, first, second, pairs, names) -> dict:
    said = [f"{names[first][a]} = {names[second][b]}" for a, b in pairs]
    return _row(check, f"{first}, {second}", len(pairs), listed(said, 3))


def _row(check, parts, count, such_as) -> dict:
    return {"check": check, "parts": parts, "count": count, "such as": such_as}


_RULES = {
    "selection on test": (
        "What is chosen on validation must not have seen the test set.",
        "Carve validation out of the training part: the score on this test set is too good.",
    ),
    "copies": ("An example belongs to one part only.", "Remove it from the larger part."),
    "near copies": (
        "An example belongs to one part only, under whatever name.",
        "Look at them, and remove those that show the same thing.",
    ),
    "groups": (
        "A group belongs to one part only.",
        "Split again with groups=, as image_folder and text_file do.",
    ),
    "missing class": (
        "Every class must be in every part.",
        "Add examples, leave the class out, or split again, stratified.",
    ),
}


def _sentence(finding) -> str:
    rule, cure = _RULES[finding["check"]]
    return (
        f"{rule} Received: {finding['count']} in {finding['parts']} ({finding['check']}), such as "
        f"{finding['such as']}. {cure}"
    )
