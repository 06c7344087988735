"""Self-training: a classifier learns from its own confident answers, round after round."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tltk._checks import as_class_numbers, as_numbers, check_flag, check_number, refuse, shown
from tltk._keras import check_model
from tltk.inputs.examples import Data, examples_of
from tltk.tuning._checks import check_fits, checked_examples
from tltk.tuning._cutting import body_below
from tltk.tuning.features import frozen_outputs
from tltk.tuning.linear_head import NOTHING_LEFT_TO_GAIN, fit_linear_head, has_linear_head

UNLABELLED = -1


class SelfTraining(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Train a classifier on its own most confident answers, in several rounds.

    In round r of R the classifier of the round before labels every unlabelled row anew. Of n such
    rows and k classes the n r / (R k) most confident of each class are taken, and a fresh
    classifier learns from them and from the labelled rows. So a wrong label can be taken back,
    which `sklearn.semi_supervised.SelfTrainingClassifier` never does, and no class crowds out the
    others. With `val` the best round is kept, round 0 (the labels alone) included.

    Args:
        classifier: any scikit-learn classifier with `predict_proba`; None for logistic regression
            (C = 0.01) on standardised features.
        rounds: how often pseudo-labels are made.
        threshold: take the rows whose probability is at least this in every round, instead of a
            share that grows; the rounds end where nothing changes.
        balanced: of each class take at most its k-th part. False takes the most confident rows
            whatever their class; better where the classes are of very unequal size.
        patience: with `val`, stop after so many rounds without a better one.

    Attributes:
        classifier_: the classifier of the round that was kept.
        round_: the number of that round.
        pseudo_labels_: for each row of X the label it was trained with, -1 where none (n,).
        history_: a dict for each round: "round", "pseudo_labelled", "by_class" (counts),
            "changed" (rows labelled before and now otherwise) and "val_accuracy" (None without
            `val`).
        classes_: the labels there are (k,).

    Example:
        >>> x = np.array([[0.0], [1], [2], [3], [10], [11], [12], [13]])
        >>> y = np.array([0, -1, -1, -1, -1, -1, -1, 1])
        >>> learner = SelfTraining(rounds=3).fit(x, y)
        >>> learner.predict(x).tolist()
        [0, 0, 0, 0, 1, 1, 1, 1]
        >>> [entry["pseudo_labelled"] for entry in learner.history_]
        [0, 2, 4, 6]

    References:
        - Lee, Pseudo-label, 2013.
        - Cascante-Bonilla et al., Curriculum labeling, 2021.
    """

    def __init__(self, classifier=None, rounds=5, threshold=None, balanced=True, *, patience=2):
        self.classifier = classifier
        self.rounds = rounds
        self.threshold = threshold
        self.balanced = balanced
        self.patience = patience

    def fit(self, X, y, val=None):
        """Train on labelled and unlabelled rows.

        Args:
            X: features (n, d), labelled and unlabelled together.
            y: class numbers (n,), -1 where there is no label.
            val: labelled `(X, y)` to choose the round on; None for the last round.

        Returns:
            The learner itself.

        Raises:
            ValueError: for labels that are not whole numbers, no labelled or no unlabelled row,
                fewer than two classes, and settings out of their range.
        """
        X = as_numbers("X", X)
        y = self._checked(X, y)
        if val is not None:
            val = self._checked_val(val, X.shape[1])
        free = np.flatnonzero(y == UNLABELLED)
        self.classes_, self.n_features_in_ = np.unique(y[y != UNLABELLED]), X.shape[1]
        self.history_, best, labels, fitted = [], None, y, None
        for number in range(self.rounds + 1):
            before, labels = labels, y.copy()
            if number:
                rows, guesses = self._pseudo_labels(fitted, X[free], number / self.rounds)
                labels[free[rows]] = guesses
                if self.threshold is not None and np.array_equal(before, labels):
                    break
            fitted = self._fitted(X[labels != UNLABELLED], labels[labels != UNLABELLED])
            score = None if val is None else float(np.mean(fitted.predict(val[0]) == val[1]))
            self._note(number, before[free], labels[free], score)
            if best is None or score is None or score > best:
                best, self.round_ = score, number
                self.classifier_, self.pseudo_labels_ = fitted, labels
            elif number - self.round_ >= self.patience:
                break
        return self

    def predict(self, X) -> np.ndarray:
        """The most probable label of each row (n,)."""
        return self.classifier_.predict(X)

    def predict_proba(self, X) -> np.ndarray:
        """Probabilities (n, k), in the order of `classes_`."""
        return self.classifier_.predict_proba(X)

    def _pseudo_labels(self, fitted, X, share) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the most confident rows, and what they are taken for."""
        answers = fitted.predict_proba(X)
        confidence, guess = answers.max(axis=1), answers.argmax(axis=1)
        order = np.argsort(-confidence, kind="stable")
        if self.threshold is not None:
            order, share = order[confidence[order] >= self.threshold], 1
        count = round(share * len(X))
        if self.balanced:
            most = -(-count // answers.shape[1])
            queues = [order[guess[order] == each] for each in range(answers.shape[1])]
            order = np.concatenate([queue[:most] for queue in queues])
        rows = order if self.balanced else order[:count]
        return rows, self.classes_[guess[rows]]

    def _fitted(self, X, y):
        classifier = default_classifier() if self.classifier is None else clone(self.classifier)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=NOTHING_LEFT_TO_GAIN)
            return classifier.fit(X, y)

    def _note(self, number, before, labels, score) -> None:
        known = labels != UNLABELLED
        by_class = {each: int(np.sum(labels == each)) for each in self.classes_.tolist()}
        changed = known & (before != UNLABELLED) & (before != labels)
        self.history_.append(
            {
                "round": number,
                "pseudo_labelled": int(known.sum()),
                "by_class": by_class,
                "changed": int(changed.sum()),
                "val_accuracy": score,
            }
        )

    def _checked(self, X, y) -> np.ndarray:
        y = as_class_numbers("y", y, len(X), unknown=True)
        free, classes = int(np.sum(y == UNLABELLED)), len(np.unique(y[y != UNLABELLED]))
        if not free or classes < 2:
            raise ValueError(
                "Self-training needs rows without a label (-1) and labelled rows of two classes. "
                f"Received: y with {free} rows without a label, {classes} classes. "
                "Stack both kinds."
            )
        if self.classifier is not None and not hasattr(self.classifier, "predict_proba"):
            raise ValueError(
                "Confidence is a probability, so the classifier needs predict_proba. Received: "
                f"{self.classifier!r}. Wrap it in sklearn's CalibratedClassifierCV."
            )
        check_number("rounds", self.rounds, least=1, whole=True, advice="5 are usual")
        check_number("patience", self.patience, least=1, whole=True, advice="2 is usual")
        check_flag("balanced", self.balanced)
        if self.threshold is not None:
            check_number("threshold", self.threshold, above=0, most=1)
        return y

    @staticmethod
    def _checked_val(val, width):
        if not isinstance(val, tuple) or len(val) != 2:
            refuse("val must be a pair (X, y)", f"val={shown(val)}", "None takes the last round")
        rows = as_numbers("val[0]", val[0])
        if rows.shape[1] != width:
            refuse(
                f"val[0] must be as wide as X, {width}",
                f"val[0] of shape {rows.shape}",
                "Take both from one network",
            )
        return rows, as_class_numbers("val[1]", val[1], len(rows))


def default_classifier(strength: float = 0.01):
    """Logistic regression on standardised features, not fitted."""
    regression = LogisticRegression(C=strength, max_iter=300, tol=1e-3)
    return make_pipeline(StandardScaler(), regression)


def self_train_head(
    model: keras.Model,
    train: Data,
    unlabelled: Data,
    val: Data | None = None,
    *,
    rounds: int = 5,
    threshold: float | None = None,
    balanced: bool = True,
    batch_size: int = 32,
    cache: bool = True,
) -> SelfTraining:
    """Solve a model's last dense layer on labelled rows and, in rounds, on unlabelled ones.

    The strength of the regularisation is chosen on the labelled rows as `fit_linear_head` does;
    `SelfTraining` does the rest on the features, and its solution is poured into the head.

    Args:
        model: a classifier with a softmax head, as `build_classifier` makes it.
        train: labelled data: a split, a batched dataset of (x, y), or a pair of arrays (x, y).
        unlabelled: more of the same inputs: a split, whose labels are not looked at, or an array.
        val: labelled data to choose the strength and the round on; without it, cross-validation
            and the last round.
        rounds: as in `SelfTraining`.
        threshold: as in `SelfTraining`.
        balanced: as in `SelfTraining`.
        batch_size: examples a step while computing features.
        cache: keep the features on disk for the next call.

    Returns:
        The learner, fitted on the features of `train` and `unlabelled`, in that order; see its
        `history_`, `round_` and `pseudo_labels_`.

    Raises:
        ValueError: for a model without a linear softmax head, and as `fit_linear_head`.

    Example:
        >>> body = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(1.0)])
        >>> from tltk import build_classifier
        >>> model, more = build_classifier(body, ["low", "high"]), np.array([[1.0], [2], [8], [9]])
        >>> learner = self_train_head(model, (np.array([[0.0], [10]]), [0, 1]), more, cache=False)
        >>> learner.pseudo_labels_.tolist()
        [0, 1, 0, 0, 1, 1]

    Reference:
        Cascante-Bonilla et al., Curriculum labeling, 2021.
    """
    check_model(model, functional=True)
    if not has_linear_head(model) or model.layers[-1].activation.__name__ != "softmax":
        raise ValueError(
            "Self-training solves one dense softmax layer named `head_output`. Received: a model "
            f"that ends in {model.layers[-1].name!r}. Make the model with build_classifier."
        )
    check_number("batch_size", batch_size, least=1, whole=True, advice="32 is usual")
    check_number("rounds", rounds, least=1, whole=True, advice="5 are usual")
    if threshold is not None:
        check_number("threshold", threshold, above=0, most=1)
    check_flag("balanced", balanced)
    settings: dict[str, Any] = {"batch_size": batch_size, "cache": cache}
    strength = fit_linear_head(model, train, val, **settings)
    body = body_below(model, model.layers[-1])
    train, more = checked_examples(model, train), examples_of(unlabelled)
    check_fits(model, more)
    x, free = (_features(body, part, settings) for part in (train, more))
    held_out = None
    if val is not None:
        val = checked_examples(model, val)
        held_out = _features(body, val, settings), val.labels
    learner = SelfTraining(default_classifier(strength), rounds, threshold, balanced)
    learner.fit(
        np.vstack([x, free]), np.append(train.labels, np.full(more.count, UNLABELLED)), held_out
    )
    model.layers[-1].set_weights(_as_dense(*learner.classifier_))
    return learner


def _features(body, examples, settings) -> np.ndarray:
    return np.asarray(frozen_outputs(body, examples, **settings).fetch(slice(None)))


def _as_dense(scaler, regression) -> list[np.ndarray]:
    """Kernel and bias of the dense layer that answers like the two steps together."""
    coefficients, bias = regression.coef_, regression.intercept_
    if len(coefficients) == 1:
        coefficients, bias = (
            np.vstack([-coefficients, coefficients]) / 2,
            np.hstack([-bias, bias]) / 2,
        )
    kernel = (coefficients / scaler.scale_).T
    return [kernel, bias - scaler.mean_ @ kernel]
