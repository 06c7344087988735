"""What a class is called becomes a vector: the words of its name, looked up and averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.model_selection import ParameterGrid
from sklearn.utils.validation import check_is_fitted

from tltk._checks import (
    as_class_numbers,
    as_numbers,
    check_choice,
    check_number,
    check_seed,
    refuse,
    shown,
)
from tltk.backbones.text import BUNDLED, WordVectors, load_word_vectors, normalized

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


def checked_vectors(
    vectors, width: int | None = None, fewest: int = 2, name: str = "vectors"
) -> np.ndarray:
    """One finite vector for each class (k, a), float64."""
    vectors = as_numbers(name, vectors, "(k, a)", advice="Leave out what is not known")
    if len(vectors) < fewest:
        refuse(
            f"{name} must be of {fewest} classes at least",
            f"{name} of {len(vectors)}",
            "Add the other classes that an example may belong to",
        )
    if width is not None and vectors.shape[1] != width:
        raise ValueError(
            f"All classes are described by equally many numbers, {width} here. Received: vectors "
            f"of {vectors.shape[1]}. Take all of them from the same word vectors or attributes."
        )
    return vectors


def checked_rows(X, width: int | None = None) -> np.ndarray:
    """Finite rows (n, d), float64."""
    X = as_numbers("X", X, advice="Leave out what is not known")
    if width is not None and X.shape[1] != width:
        raise ValueError(
            f"Rows have {width} columns, as at fit. Received: {X.shape[1]}. "
            "Take them from the same network, in the same order."
        )
    return X


def checked_numbers(y, rows: int, classes: int) -> np.ndarray:
    """Class numbers (n,), of which each class has one at least."""
    y = as_class_numbers("y", y, rows)
    found = np.unique(y)
    if not np.array_equal(found, np.arange(classes)):
        raise ValueError(
            f"Each of the {classes} vectors is of a class that has rows, 0 to {classes - 1}. "
            f"Received: y with {found.tolist()}. Classes without rows are for predict."
        )
    return y


class ConSE(BaseEstimator):
    """Name classes that a classifier never saw, by a mixture of the names that it knows.

        v(x) = sum of p_t(x) s_t / sum of p_t(x), over the T most probable source classes t

    with p_t the source classifier's probabilities and s_t the vectors of its classes' names. The
    answer is the target class whose vector has the largest cosine with v. Nothing is trained.

    Args:
        top: T. Fewer than T source classes are all taken.

    Attributes:
        source_vectors_: the vectors of the source classes (z, a).

    Example:
        >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0]])  # of "cat" and "car"
        >>> learner = ConSE().fit(vectors)
        >>> tiger, truck = [0.8, 0.2], [0.1, 0.9]
        >>> learner.predict([[0.9, 0.1], [0.3, 0.7]], [tiger, truck]).tolist()
        [0, 1]

    Reference:
        Norouzi et al., Zero-shot learning by convex combination of semantic embeddings, 2014.
    """

    def __init__(self, top=10):
        self.top = top

    def fit(self, source_vectors, y=None):
        """Take the vectors of the source classes.

        Args:
            source_vectors: (z, a), in the order of the probabilities' columns.
            y: not used.

        Returns:
            The learner itself.

        Raises:
            ValueError: for fewer than two classes, vectors that are not finite, or `top` below 1.
        """
        check_number("top", self.top, least=1, whole=True, advice="10 is usual")
        self.source_vectors_ = checked_vectors(source_vectors, name="source_vectors")
        self.n_features_in_ = len(self.source_vectors_)
        return self

    def transform(self, X) -> np.ndarray:
        """Turn source probabilities (n, z) into vectors in the space of words (n, a).

        Rows need not sum to 1: leave out the columns of classes whose names have no vector.
        """
        check_is_fitted(self)
        X = checked_rows(X, self.n_features_in_)
        if (X < 0).any() or not (X.sum(axis=1) > 0).all():
            raise ValueError(
                "Source probabilities are not negative, and not all 0 in a row. Received: least "
                f"{X.min():g}, least sum {X.sum(axis=1).min():g}. Pass what a softmax gives."
            )
        best = np.argsort(-X, axis=1, kind="stable")[:, : self.top]
        shares = np.zeros_like(X)
        np.put_along_axis(shares, best, np.take_along_axis(X, best, axis=1), axis=1)
        return shares / shares.sum(axis=1, keepdims=True) @ self.source_vectors_

    def decision_function(self, X, vectors) -> np.ndarray:
        """Cosines (n, k) of source probabilities (n, z) with target classes' vectors (k, a)."""
        check_is_fitted(self)
        vectors = checked_vectors(vectors, self.source_vectors_.shape[1])
        return _unit(self.transform(X)) @ _unit(vectors).T

    def predict(self, X, vectors) -> np.ndarray:
        """The number of the target class with the largest cosine, for each row (n,)."""
        return self.decision_function(X, vectors).argmax(axis=1)


def _unit(rows) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


class ESZSL(BaseEstimator):
    """Learn which features go with which words on some classes, and name others by it.

        V = (X'X + gamma I)^-1 X' Y S (S'S + lambda I)^-1,    score of class c = x' V s_c

    the minimum of `|X V S' - Y|^2 + gamma |V S'|^2 + lambda |X V|^2 + gamma lambda |V|^2`, with
    features X (n, d), vectors S (k, a) of the classes seen, and Y (n, k) of 1 for a row's own class
    and -1 for the others. There is no intercept: standardise the features first.

    Args:
        gamma: how much large weights on features cost.
        lam: lambda, how much large weights on class vectors cost.

    Attributes:
        map_: V (d, a).
        vectors_: S, the vectors of the classes seen (k, a).

    Example:
        >>> X, y = np.array([[-1.0, 1], [-1, -1], [1, 1], [1, -1]]), [0, 1, 2, 2]
        >>> seen = [[0.0, 1], [0, 0], [1, 0.5]]  # small or large, round or not
        >>> learner = ESZSL(0.1, 0.1).fit(X, y, seen)
        >>> learner.predict([[1.0, 1], [1, -1]], [[1.0, 1], [1, 0]]).tolist()
        [0, 1]

    Reference:
        Romera-Paredes and Torr, An embarrassingly simple approach to zero-shot learning, 2015.
    """

    def __init__(self, gamma=1.0, lam=1.0):
        self.gamma = gamma
        self.lam = lam

    def fit(self, X, y, vectors):
        """Learn the map from classes with examples.

        Args:
            X: features (n, d).
            y: class numbers (n,), each a row of `vectors`.
            vectors: of the classes seen (k, a): words or attributes.

        Returns:
            The learner itself.

        Raises:
            ValueError: for fewer than two classes, a class without rows, numbers that are not
                finite, or regularisation that is not above 0.
        """
        check_number("gamma", self.gamma, above=0, advice="1 is a start")
        check_number("lam", self.lam, above=0, advice="1 is a start")
        X, self.vectors_ = checked_rows(X), checked_vectors(vectors)
        count = len(self.vectors_)
        signs = 2 * np.eye(count)[checked_numbers(y, len(X), count)] - 1
        left = _ridge(X, self.gamma, X.T @ (signs @ self.vectors_))
        self.map_ = _ridge(self.vectors_, self.lam, left.T).T
        self.n_features_in_ = X.shape[1]
        return self

    def decision_function(self, X, vectors) -> np.ndarray:
        """Scores (n, m) of features (n, d) for any classes' vectors (m, a)."""
        check_is_fitted(self)
        vectors = checked_vectors(vectors, self.vectors_.shape[1])
        return checked_rows(X, self.n_features_in_) @ self.map_ @ vectors.T

    def predict(self, X, vectors) -> np.ndarray:
        """The number of the class with the largest score, for each row (n,)."""
        return self.decision_function(X, vectors).argmax(axis=1)


def _ridge(rows, strength, right) -> np.ndarray:
    """(R'R + strength I)^-1 right."""
    from scipy.linalg import solve

    square = rows.T @ rows
    if strength <= 1e-14 * np.trace(square):
        refuse(
            "gamma and lam must not vanish beside the sum of squares that they are added to",
            f"gamma or lam={strength:g}, a sum of {np.trace(square):.3g}",
            "Standardise the features, or pass more",
        )
    return solve(square + strength * np.eye(rows.shape[1]), right, assume_a="pos")


STEPS = 201


class GeneralisedAccuracy(NamedTuple):
    """Per-class accuracies over the classes seen and unseen, and their harmonic mean."""

    seen: float
    unseen: float
    harmonic: float


def harmonic_mean(truth, answers, seen) -> GeneralisedAccuracy:
    """Judge answers among classes seen and unseen by the harmonic mean of both sides.

        H = 2 s u / (s + u)

    with s and u the mean accuracy per class over the classes seen and unseen. Who never names a
    class unseen gets 0, however good the rest.

    Args:
        truth: class numbers (n,), of classes seen and unseen.
        answers: class numbers (n,), chosen among all of them.
        seen: the numbers of the classes that had examples.

    Returns:
        `GeneralisedAccuracy`: seen, unseen, harmonic.

    Raises:
        ValueError: for lengths that differ, no rows of a class seen or none of a class unseen, or
            labels that are not class numbers.

    Example:
        >>> harmonic_mean([0, 0, 1, 2], [0, 1, 1, 1], seen=[0, 1])
        GeneralisedAccuracy(seen=0.75, unseen=0.0, harmonic=0.0)

    Reference:
        Xian, Schiele and Akata, Zero-shot learning: the good, the bad and the ugly, 2017.
    """
    truth, seen = as_class_numbers("truth", truth), as_class_numbers("seen", seen)
    answers = as_class_numbers("answers", answers, len(truth))
    classes = np.unique(truth)
    known = np.isin(classes, seen)
    if known.all() or not known.any():
        raise ValueError(
            "Both sides are judged: rows of classes seen and of classes unseen. Received: classes "
            f"{classes.tolist()}, of which {classes[known].tolist()} are seen. Add the other side."
        )
    right = np.array([np.mean(answers[truth == each] == each) for each in classes])
    return GeneralisedAccuracy(*_with_harmonic(right[known].mean(), right[~known].mean()))


class CalibratedStacking(MetaEstimatorMixin, BaseEstimator):
    """Take the same penalty off the scores of all classes seen, so that unseen ones are heard.

        answer = argmax over all classes c of score(x, c) - penalty [c was seen]

    A learner scores the classes it was trained on higher, whatever it is shown. How much higher is
    measured among the classes seen alone: in several splits some of them play the unseen, and the
    penalty is the one with the best mean harmonic mean. Then the learner is fitted on all.

    Args:
        learner: an unfitted learner with `fit(X, y, vectors)` and `decision_function(X, vectors)`;
            None for `ESZSL()`.
        splits: how often classes are drawn to play the unseen.
        share: the share of classes drawn, and of the other classes' rows kept to be judged.
        random_state: decides both.

    Attributes:
        learner_: the learner, fitted on all rows.
        penalty_: what is taken off.
        harmonic_: the mean harmonic mean over the splits, without and with the penalty.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> vectors = np.eye(3)[[0, 0, 1, 1, 2, 2]] + np.eye(6)[:, :3]
        >>> y = np.repeat(np.arange(5), 20)
        >>> X = vectors[y] + rng.normal(0, 0.1, (100, 3))
        >>> learner = CalibratedStacking(ESZSL(0.1, 0.1)).fit(X, y, vectors[:5])
        >>> learner.predict(X[:1], vectors[5:]).shape
        (1,)

    Reference:
        Chao, Changpinyo, Gong and Sha, An empirical study and analysis of generalized zero-shot
        learning for object recognition in the wild, 2016.
    """

    def __init__(self, learner=None, splits=10, share=0.4, random_state=0):
        self.learner = learner
        self.splits = splits
        self.share = share
        self.random_state = random_state

    def fit(self, X, y, vectors):
        """Choose the penalty among the classes seen, and fit the learner on all of them.

        Args:
            X: features (n, d).
            y: class numbers (n,), each a row of `vectors`.
            vectors: of the classes seen (k, a), three at least.

        Returns:
            The learner itself.

        Raises:
            ValueError: for fewer than three classes, a class with a single row, a share outside 0
                to 1, no split, and what the learner refuses.
        """
        check_number("splits", self.splits, least=1, whole=True, advice="10 are usual")
        check_number("share", self.share, above=0, below=1, advice="0.4 is usual")
        check_seed("random_state", self.random_state)
        X, vectors = checked_rows(X), checked_vectors(vectors, fewest=3)
        y = checked_numbers(y, len(X), len(vectors))
        if np.bincount(y).min() < 2:
            raise ValueError(
                "Each class has two rows, one to learn from and one to be judged. Received: "
                f"{np.bincount(y).tolist()} rows a class. Add rows, or leave the class out."
            )
        rng = np.random.default_rng(self.random_state)
        judged = [self._rehearsed(X, y, vectors, rng) for _ in range(self.splits)]
        margins = np.concatenate([margin for margin, *_ in judged])
        penalties = np.append(np.quantile(margins, np.linspace(0, 1, STEPS)), 0)
        curve = np.mean([_harmonic_by_penalty(*each, penalties) for each in judged], axis=0)
        self.penalty_ = float(penalties[curve.argmax()])
        self.harmonic_ = float(curve[-1]), float(curve.max())
        self.learner_ = self._fresh().fit(X, y, vectors)
        self.vectors_, self.n_features_in_ = vectors, X.shape[1]
        return self

    def decision_function(self, X, vectors) -> np.ndarray:
        """Scores (n, k + m) of the classes seen, less the penalty, and of m more (m, a)."""
        check_is_fitted(self)
        vectors = checked_vectors(vectors, self.vectors_.shape[1], fewest=1)
        scores = self.learner_.decision_function(X, np.vstack([self.vectors_, vectors]))
        scores[:, : len(self.vectors_)] -= self.penalty_
        return scores

    def predict(self, X, vectors) -> np.ndarray:
        """The class of each row (n,): 0 to k - 1 as seen, k + j for row j of `vectors`."""
        return self.decision_function(X, vectors).argmax(axis=1)

    def _fresh(self):
        return ESZSL() if self.learner is None else clone(self.learner)

    def _rehearsed(self, X, y, vectors, rng) -> tuple[Any, Any, Any, Any, int]:
        """Of one split: by how much the best seen class leads, the truth, and who is right."""
        count = min(max(round(self.share * len(vectors)), 1), len(vectors) - 2)
        order = rng.permutation(len(vectors))
        played, kept = order[:count], order[count:]
        judged = np.isin(y, played)
        for each in kept:
            rows = rng.permutation(np.flatnonzero(y == each))
            judged[rows[: min(max(round(self.share * len(rows)), 1), len(rows) - 1)]] = True
        place = np.argsort(order)  # of each class among `kept`, behind those that were drawn
        fitted = self._fresh().fit(X[~judged], place[y[~judged]] - count, vectors[kept])
        scores = fitted.decision_function(X[judged], vectors[order])
        margins = scores[:, count:].max(axis=1) - scores[:, :count].max(axis=1)
        truth = place[y[judged]]
        best = scores[:, :count].argmax(axis=1), count + scores[:, count:].argmax(axis=1)
        return margins, truth, best[0] == truth, best[1] == truth, count


def _harmonic_by_penalty(margins, truth, right_unseen, right_seen, count, penalties):
    """The harmonic mean at each penalty: a row is answered as seen while its lead exceeds it."""
    as_seen = margins[:, None] > penalties
    right = (right_unseen[:, None] & ~as_seen) | (right_seen[:, None] & as_seen)
    by_class = np.stack([right[truth == each].mean(axis=0) for each in np.unique(truth)])
    unseen = np.unique(truth) < count
    return _with_harmonic(by_class[~unseen].mean(axis=0), by_class[unseen].mean(axis=0))[2]


def _with_harmonic(seen, unseen):
    total = seen + unseen
    harmonic = 2 * seen * unseen / np.where(total > 0, total, 1)
    values = seen, unseen, harmonic
    return tuple(map(float, values)) if np.ndim(total) == 0 else values


def choose_settings(
    learner,
    grid: Mapping[str, Sequence],
    X,
    y,
    *,
    vectors,
    splits: int = 5,
    share: float = 1 / 3,
    seed: int = 0,
) -> dict:
    """Choose the settings of a zero-shot learner by letting seen classes play the unseen.

    In each split some classes are hidden, the learner is fitted on the others, and names the rows
    of the hidden ones among these. An ordinary cross-validation, with rows of every class on both
    sides, would answer another question.

    Args:
        learner: an estimator with `fit(X, y, vectors)` and `predict(X, vectors)`: `ESZSL()`, say.
        grid: for each setting the values to try.
        X: features (n, d).
        y: class numbers (n,), each a row of `vectors`.
        vectors: of the classes seen (k, a), four at least.
        splits: how often classes are drawn to be hidden.
        share: the share of classes that is hidden, two at least.
        seed: decides which.

    Returns:
        The settings with the highest mean accuracy, the first of equal ones.

    Raises:
        ValueError: for fewer than four classes, a share that leaves fewer than two, no split, and
            what the learner refuses.

    Example:
        >>> from tltk.few_labels import ESZSL
        >>> rng = np.random.default_rng(0)
        >>> vectors = rng.normal(size=(6, 3))
        >>> y = np.arange(120) % 6
        >>> X = vectors[y] + rng.normal(0, 0.3, (120, 3))
        >>> choose_settings(ESZSL(), {"gamma": [1, 1e9], "lam": [0.1]}, X, y, vectors=vectors)
        {'gamma': 1, 'lam': 0.1}
    """
    X, vectors = checked_rows(X), checked_vectors(vectors, fewest=4)
    y, count = checked_numbers(y, len(X), len(vectors)), len(vectors)
    check_number("splits", splits, least=1, whole=True, advice="5 are usual")
    check_number("share", share, above=0, below=1, advice="A third is usual")
    check_seed("seed", seed)
    if not isinstance(grid, Mapping) or not grid:
        refuse("grid must name a setting", f"grid={shown(grid)}", 'Pass {"gamma": [1, 10]}, say')
    hidden_count = max(2, round(share * count))
    if count - hidden_count < 2:
        raise ValueError(
            "A split leaves two classes to learn from. "
            f"Received: share={share} of {count} classes. Leave it out for the default."
        )
    candidates, scores = list(ParameterGrid(grid)), []
    for split in range(splits):
        hidden = np.random.default_rng([seed, split]).permutation(count)[:hidden_count]
        kept = np.setdiff1d(np.arange(count), hidden)
        rows, judged = np.isin(y, kept), np.isin(y, hidden)
        own = np.searchsorted(kept, y[rows])
        for settings in candidates:
            fitted = clone(learner).set_params(**settings).fit(X[rows], own, vectors[kept])
            answers = hidden[fitted.predict(X[judged], vectors[hidden])]
            scores.append(np.mean(answers == y[judged]))
    return candidates[np.reshape(scores, (splits, -1)).mean(axis=0).argmax()]
