"""Fit any scikit-learn estimator with a weight for every row, pipelines included."""

import warnings
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import has_fit_parameter

from tltk._checks import checked_random
from tltk.tuning.linear_head import NOTHING_LEFT_TO_GAIN


def rows_at(rows: Any, places: np.ndarray) -> Any:
    """Some rows of an array, a list, a sparse matrix or a data frame."""
    return _safe_indexing(rows, places)


def fit_weighted(estimator: Any, X: Any, y: np.ndarray, weights: np.ndarray) -> Any:
    """Fit an estimator, or the last step of a pipeline, with a weight for each row.

    Rows of weight 0 are left out.

    Args:
        estimator: a scikit-learn estimator; it is fitted in place.
        X: rows (n, d).
        y: labels (n,).
        weights: (n,), none negative.

    Returns:
        The fitted estimator.

    Raises:
        ValueError: for an estimator whose `fit` takes no sample_weight.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> X, y = np.zeros((3, 1)), np.array([0.0, 0.0, 6.0])
        >>> fit_weighted(LinearRegression(), X, y, np.array([1.0, 1, 4])).predict(X[:1]).tolist()
        [4.0]
    """
    name = _weight_argument(estimator)
    if not weights.all():
        kept = np.flatnonzero(weights)
        X, y, weights = rows_at(X, kept), y[kept], weights[kept]
    with warnings.catch_warnings(), config_context(enable_metadata_routing=False):
        warnings.filterwarnings("ignore", message=NOTHING_LEFT_TO_GAIN)
        return estimator.fit(X, y, **{name: weights})


def _weight_argument(estimator) -> str:
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{_weight_argument(last)}"
    if not has_fit_parameter(estimator, "sample_weight"):
        raise ValueError(
            "Rows are weighed by an estimator whose fit takes sample_weight. Received: "
            f"{type(estimator).__name__}, which does not. Take a linear model, a tree, naive Bayes "
            "or a support vector machine, or a pipeline that ends in one."
        )
    return "sample_weight"


def seeded(estimator: Any, random: np.random.RandomState | None) -> Any:
    """A clone whose random states, if it has any, are drawn from `random`; None leaves them."""
    copy = clone(estimator)
    if random is not None:
        names = [name for name in copy.get_params() if name.split("__")[-1] == "random_state"]
        copy.set_params(**{name: random.randint(2**31 - 1) for name in sorted(names)})
    return copy


def random_of(seed: Any) -> np.random.RandomState | None:
    """The source of seeds; None where no seed is given."""
    return None if seed is None else checked_random("random_state", seed)


def checked_labels(y: np.ndarray, domain: np.ndarray) -> None:
    """Refuse target rows whose label stands for unknown, as `stack_domains` writes it."""
    unknown = {"i": -1, "U": ""}.get(y.dtype.kind)
    if unknown is not None and unknown not in y[domain == 0] and unknown in y[domain == 1]:
        raise ValueError(
            "Every target row needs its label here. Received: "
            f"{np.sum(y[domain == 1] == unknown)} target rows labelled {unknown!r}, which stands "
            "for unknown. Leave those rows out; a method without target labels is Reweighted."
        )
