"""What a class is called becomes a vector: the words of its name, looked up and averaged."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

import numpy as np

from tltk._checks import check_choice
from tltk.backbones.text_normalization import normalized
from tltk.backbones.words import BUNDLED, WordVectors, load_word_vectors

SHOWN = 5
TINY = 1e-6


def class_vectors(
    names: Sequence[str],
    vectors: str | Path | WordVectors = BUNDLED,
    unknown: str = "error",
) -> np.ndarray:
    """Turn the names of classes into unit vectors, by the vectors of their words.

    A name may have several words, parted by spaces, underscores or hyphens, and synonyms, parted by
    commas: `"great_white_shark, white shark"`. A synonym is the mean of its words' unit vectors, a
    class that of its synonyms', each scaled to length 1. Words are looked up as those of texts are
    (see `TextNormalization`).

    Args:
        names: k names.
        vectors: what `load_word_vectors` gave, or what it takes.
        unknown: "error" for words that have no vector, or "skip" to do without them in names of
            which another word is known.

    Returns:
        Unit vectors (k, d), float64.

    Raises:
        ValueError: for a word that has no vector, with spellings that have one; for a name of which
            no word is known, whatever `unknown` says; for words that cancel each other out; and for
            names that are one string.

    Example:
        >>> polar_bear, bear, truck = class_vectors(["polar_bear", "bear", "truck, car"])
        >>> bool(polar_bear @ bear > polar_bear @ truck)
        True
        >>> class_vectors(["aeroplain"])
        Traceback (most recent call last):
        ...
        ValueError: Every word of a class name needs a vector. Received: 'aeroplain' ...
    """
    check_choice("unknown", unknown, ("error", "skip"), 'Pass "skip" to leave such words out')
    asked, words = _synonyms(names), _numbered(vectors)
    missing = {
        word: name
        for name, synonyms in asked.items()
        if unknown == "error" or not _has_known(synonyms, words[0])
        for word in dict.fromkeys(chain.from_iterable(synonyms))
        if word not in words[0]
    }
    if missing:
        raise ValueError(_without_vector(missing, words[0], unknown))
    return np.stack([_of_class(name, asked[name], *words) for name in names])


def known_names(names: Sequence[str], vectors: str | Path | WordVectors = BUNDLED) -> np.ndarray:
    """Tell which names have a word with a vector, so that `unknown="skip"` can take them.

    Args:
        names: k names, as for `class_vectors`.
        vectors: as for `class_vectors`.

    Returns:
        Booleans (k,).

    Raises:
        ValueError: for names that are one string, or empty.

    Example:
        >>> known_names(["sports_car", "EntleBucher"]).tolist()
        [True, False]
    """
    asked, (words, _) = _synonyms(names), _numbered(vectors)
    return np.array([_has_known(asked[name], words) for name in names])


def _synonyms(names) -> dict[str, list[list[str]]]:
    """Of each name its synonyms, each a list of words."""
    listed = hasattr(names, "__iter__") and not isinstance(names, str)
    if not listed or not len(names) or not all(isinstance(name, str) for name in names):
        raise ValueError(
            "Class names are a list of strings, at least one. "
            f"Received: names={names!r}. Pass ['cat', 'dog'], say."
        )
    found = {}
    for name in names:
        found[name] = [words for part in normalized(name.split(",")) if (words := part.split())]
        if not found[name]:
            raise ValueError(
                f"A class name has a word at least. Received: {name!r}. Name the class."
            )
    return found


def _numbered(vectors) -> tuple[dict[str, int], np.ndarray]:
    words, rows = vectors if isinstance(vectors, WordVectors) else load_word_vectors(vectors)
    return {word: row for row, word in enumerate(words)}, np.asarray(rows)


def _has_known(synonyms, words) -> bool:
    return any(word in words for each in synonyms for word in each)


def _of_class(name, synonyms, words, rows) -> np.ndarray:
    known = [[words[word] for word in each if word in words] for each in synonyms]
    phrases = [_unit_mean(name, rows[found]) for found in known if found]
    return _unit_mean(name, np.stack(phrases))


def _unit_mean(name, rows) -> np.ndarray:
    lengths = np.linalg.norm(rows.astype("float64"), axis=1, keepdims=True)
    mean = (rows / np.where(lengths > 0, lengths, 1)).mean(axis=0)
    length = np.linalg.norm(mean)
    if not length > TINY:
        raise ValueError(
            f"The vectors of a name's words must not be NaN or cancel each other out. Received: "
            f"{name!r}. Name the class otherwise."
        )
    return mean / length


def _without_vector(missing, words, unknown) -> str:
    told = []
    for word, name in list(missing.items())[:SHOWN]:
        near = ", ".join(get_close_matches(word, words, n=3))
        of_name = "" if word == name.lower() else f" in {name!r}"
        told.append(f"{word!r}{of_name}" + (f" (near: {near})" if near else " (nothing near)"))
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    rule = "Every word of a class name needs a vector"
    if unknown == "skip":
        rule = "One word of every class name needs a vector"
    skip = "" if unknown == "skip" else ', pass unknown="skip" where other words of the name serve'
    return (
        f"{rule}. Received: {'; '.join(told)}{more}. "
        f"Spell or name the class otherwise{skip}, or take larger word vectors."
    )
