"""Generalised zero-shot: answers among classes seen and unseen together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted

from tltk._checks import as_class_numbers, check_number, check_seed
from tltk.few_labels.eszsl import ESZSL
from tltk.few_labels.zero_shot_checks import checked_numbers, checked_rows, checked_vectors

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
        seed: decides both.

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

    def __init__(self, learner=None, splits=10, share=0.4, seed=0):
        self.learner = learner
        self.splits = splits
        self.share = share
        self.seed = seed

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
        check_seed("seed", self.seed)
        X, vectors = checked_rows(X), checked_vectors(vectors, fewest=3)
        y = checked_numbers(y, len(X), len(vectors))
        if np.bincount(y).min() < 2:
            raise ValueError(
                "Each class has two rows, one to learn from and one to be judged. Received: "
                f"{np.bincount(y).tolist()} rows a class. Add rows, or leave the class out."
            )
        rng = np.random.default_rng(self.seed)
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

    def _rehearsed(self, X, y, vectors, rng):
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
    right = np.where(truth[:, None] < count, right_unseen[:, None] & ~as_seen, False)
    right |= right_seen[:, None] & as_seen
    by_class = np.stack([right[truth == each].mean(axis=0) for each in np.unique(truth)])
    unseen = np.unique(truth) < count
    return _with_harmonic(by_class[~unseen].mean(axis=0), by_class[unseen].mean(axis=0))[2]


def _with_harmonic(seen, unseen):
    total = seen + unseen
    harmonic = 2 * seen * unseen / np.where(total > 0, total, 1)
    values = seen, unseen, harmonic
    return tuple(map(float, values)) if np.ndim(total) == 0 else values
