"""Forecasts the figures of untrained networks, with their uncertainty."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    ConstantKernel,
    DotProduct,
    Matern,
    WhiteKernel,
)

from autoai4eo.runs.pareto import on_front

_FITTED = 120  # networks for fitting lengths and noises; all are used for the rest
_MARGIN = 0.5  # possible gain on the best, as a share of its distance to the median


def standardised(features: np.ndarray) -> np.ndarray:
    """Scales columns (n, d) to mean 0, standard deviation 1; drops constant ones."""
    centred = features - features.mean(axis=0)
    deviation = centred.std(axis=0)
    varied = deviation > 1e-9 * np.abs(features).max(axis=0, initial=1.0)
    return centred[:, varied] / deviation[varied]


@dataclass(frozen=True)
class Forecast:
    """A figure of each candidate, to be minimised: `zero` plus a log-normal variable.

    Attributes:
        zero: lower bound of all candidates.
        mean, deviation: of the logarithm of the distance to `zero`, (m,).
    """

    zero: float
    mean: np.ndarray
    deviation: np.ndarray

    def improvement(self, best: float, rows: np.ndarray) -> np.ndarray:
        """Returns the expected improvement of candidates on `best`, (rows,)."""
        distance = best - self.zero
        if distance <= 0:
            return np.zeros(len(rows))
        mean, deviation = self.mean[rows], self.deviation[rows]
        z = (np.log(distance) - mean) / deviation
        level = np.exp(mean + deviation**2 / 2)
        return np.maximum(distance * ndtr(z) - level * ndtr(z - deviation), 0.0)

    def value(self, row: int, normal: float = 0.0) -> float:
        """Returns a candidate's figure `normal` standard deviations from its median."""
        log = self.mean[row] + normal * self.deviation[row]
        return float(self.zero + np.exp(log))


class Surrogate:
    """A Gaussian process over features of networks and of how they are trained.

    The kernel is the sum of an effect of the network, one of its training, such as the
    learning rate, and noise, as equal trainings score differently. Each effect is a
    Matérn 5/2 kernel with its own height and length: with one length for all features,
    the learning rate would hardly count. The forecast of each earlier search is a
    linear effect with its own height: what the figures here add to it, or contradict,
    is left to the other effects. All are fitted by marginal likelihood. The
    model predicts the logarithm of the distance of a figure to a value a little better
    than the best: this resolves the differences of good networks and reduces those of
    bad ones.

    Args:
        features: (n, d), of scale 1: of the networks, then of their training, then
            the forecasts of earlier searches.
        figures: (n,), to be minimised.
        of_training: number of features of the training.
        like: a model fitted on nearly the same data, whose kernel is reused if it has
            as many features of each kind.
        of_prior: number of earlier searches.
    """

    def __init__(
        self,
        features: np.ndarray,
        figures: np.ndarray,
        of_training: int = 0,
        like: Surrogate | None = None,
        of_prior: int = 0,
    ) -> None:
        distance = np.median(figures) - figures.min()
        self._zero = float(
            figures.min() - _MARGIN * (distance if distance > 0 else 1.0)
        )
        logs = np.log(figures - self._zero)
        self._mean, self._scale = logs.mean(), logs.std() or 1.0
        end = features.shape[1] - of_prior
        split = end - of_training
        self.parts = (split, end, features.shape[1])
        if like is not None and like.parts != self.parts:
            like = None  # its kernel is of other columns
        kernel = _effect(0, split) + WhiteKernel(0.05, (1e-4, 1.0))
        if of_training:
            kernel += _effect(split, end)
        for column in range(end, features.shape[1]):
            kernel += ConstantKernel(1.0, (1e-3, 1e2)) * _Linear(column)
        scaled = (logs - self._mean) / self._scale
        if like is None:
            process = GaussianProcessRegressor(kernel, alpha=1e-8)
            few = slice(None, None, -(-len(logs) // _FITTED))
            with warnings.catch_warnings():
                # with few points a parameter at its bound is good enough
                warnings.simplefilter("ignore", ConvergenceWarning)
                process.fit(features[few], scaled[few])
        else:
            process = like.process
        if like is not None or len(logs) > _FITTED:
            process = GaussianProcessRegressor(
                process.kernel_, alpha=1e-8, optimizer=None
            ).fit(features, scaled)
        self.process: GaussianProcessRegressor = process

    def forecast(self, features: np.ndarray) -> Forecast:
        """Returns the forecast for features (m, d), including the noise of training."""
        mean, deviation = self.process.predict(features, return_std=True)
        return Forecast(
            self._zero,
            self._mean + self._scale * mean,
            np.maximum(self._scale * deviation, 1e-9),
        )


class _Of(Matern):
    """A Matérn kernel of a range of columns."""

    def __init__(
        self,
        columns: tuple[int, int] = (0, 1),
        length_scale: float = 1.0,
        length_scale_bounds: tuple[float, float] = (1e-5, 1e5),
        nu: float = 2.5,
    ) -> None:
        super().__init__(length_scale, length_scale_bounds, nu)
        self.columns = columns

    def __call__(
        self, X: np.ndarray, Y: np.ndarray | None = None, eval_gradient: bool = False
    ) -> Any:
        few = slice(*self.columns)
        return super().__call__(
            X[:, few], None if Y is None else Y[:, few], eval_gradient
        )


class _Linear(DotProduct):
    """The product of one column."""

    def __init__(self, column: int = 0) -> None:
        super().__init__(0.0, "fixed")
        self.column = column

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"column": self.column}

    def __call__(
        self, X: np.ndarray, Y: np.ndarray | None = None, eval_gradient: bool = False
    ) -> Any:
        one = slice(self.column, self.column + 1)
        return super().__call__(
            X[:, one], None if Y is None else Y[:, one], eval_gradient
        )

    def diag(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(super().diag(X[:, self.column : self.column + 1]))


def _effect(begin: int, end: int) -> Any:
    width = np.sqrt(max(end - begin, 1))
    return ConstantKernel(1.0, (1e-2, 1e2)) * _Of(
        (begin, end), width, (0.1 * width, 30 * width)
    )


def representative(
    figures: np.ndarray, most: int, rng: np.random.Generator
) -> np.ndarray:
    """Selects rows of figures (n, objectives) to fit a model on, at most `most`.

    Up to a half are on the front, including the best by each objective; at least an
    eighth are the latest; the rest is random.

    Args:
        figures: to be minimised, oldest first.
        most: rows; the run time of a Gaussian process is cubic in them.
        rng: for the random rows.
    """
    if len(figures) <= most:
        return np.arange(len(figures))
    best = np.flatnonzero(on_front(figures))
    ends = figures.argmin(axis=0)
    latest = np.arange(len(figures) - most // 8, len(figures))
    wanted = [
        ends,
        rng.permutation(best)[: most // 2 - len(ends)],
        latest,
        rng.permutation(len(figures)),
    ]
    rows, first = np.unique(np.concatenate(wanted), return_index=True)
    return np.sort(rows[np.argsort(first)[:most]])
