"""A classifier or regressor that learns from weighted source rows."""

from typing import ClassVar

import numpy as np
from sklearn.base import clone

from tltk._checks import check_rows
from tltk.adaptation.density_ratio import DensityRatio, effective_sample_size
from tltk.adaptation.domains import SOURCE, checked_domain, forget, warn_without_domain
from tltk.adaptation.source_only import SourceOnly, check_labels_given
from tltk.adaptation.weighted_fit import fit_weighted, rows_at


class Reweighted(SourceOnly):
    """Weigh the source rows so that they resemble the target, and fit an estimator on them.

    No target label is read. Weighting mends a difference of P(X), under one P(Y | X), where the
    source has rows wherever the target has; and it costs: `effective_size_` says to how many rows
    the source has shrunk. Where that is small, weighting often hurts.

    Args:
        estimator: any scikit-learn classifier or regressor whose `fit` takes sample_weight, or a
            pipeline that ends in one.
        weigher: `DensityRatio()` by default, or a `KMM`.

    Attributes:
        estimator_, weigher_: fitted clones.
        weights_: of the source rows, mean 1, (n,).
        effective_size_: (sum w)^2 / sum w^2.

    Example:
        >>> from sklearn.linear_model import LinearRegression
        >>> from tltk.adaptation import KMM
        >>> X, y = np.array([[0.0], [1], [2], [1], [2]]), np.array([0.0, 1, 4, 0, 0])
        >>> model = Reweighted(LinearRegression(), KMM(bandwidth=0.1))
        >>> model.fit(X, y, domain=[0, 0, 0, 1, 1]).predict([[1.0]]).round(1).tolist()
        [1.0]

    Reference:
        Shimodaira, Improving predictive inference under covariate shift by weighting the
        log-likelihood function, 2000.
    """

    __metadata_request__fit: ClassVar = {"domain": True}

    def __init__(self, estimator, weigher=None):
        self.estimator = estimator
        self.weigher = weigher

    def fit(self, X, y, *, domain=None):
        """Weigh the source rows and fit a clone of the estimator on them.

        Args:
            X: stacked rows (n + m, d).
            y: labels (n + m,); those of target rows are not read.
            domain: 0 for a source row and 1 for a target row; None fits all rows alike, and warns.

        Returns:
            The estimator itself.

        Raises:
            ValueError: for a domain that does not fit the rows, or an estimator whose `fit` takes
                no sample_weight.
        """
        forget(self)
        check_rows("X", X)
        check_labels_given(X, y)
        y = np.asarray(y)
        if domain is None:
            warn_without_domain(self)
            return self._keep(clone(self.estimator).fit(X, y))
        source = np.flatnonzero(checked_domain(domain, len(y)) == SOURCE)
        weigher = DensityRatio() if self.weigher is None else self.weigher
        self.weigher_ = clone(weigher).fit(X, domain=domain)
        self.weights_ = self.weigher_.weights_ / self.weigher_.weights_.mean()
        self.effective_size_ = effective_sample_size(self.weights_)
        own = clone(self.estimator)
        return self._keep(fit_weighted(own, rows_at(X, source), y[source], self.weights_))
