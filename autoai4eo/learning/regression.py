"""The task of one or several numbers per sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.target import Target
from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import DEFAULTS, Objective
from autoai4eo.learning.sums import SumsMetric, SumsScorer
from autoai4eo.learning.task import Task

#: Losses of an error and the predicted spread, both in standard deviations.
_LOSSES = {
    "mse": lambda error, spread: ops.square(error),
    "mae": lambda error, spread: ops.abs(error),
    "huber": lambda error, spread: ops.where(
        ops.abs(error) <= 1, ops.square(error) / 2, ops.abs(error) - 0.5
    ),
    "gaussian": lambda error, spread: ops.square(error / spread) / 2 + ops.log(spread),
}
_SUMS = 6  # of each value, see `_figures`


@dataclass(frozen=True)
class Regression(Task):
    """See `Task`. The network's output is numbers in their own units, (n, values).

    With the loss ``gaussian`` it is (n, 2 · values): the mean of each number, then the
    spread of each, a standard deviation.
    """

    losses: ClassVar[tuple[str, ...]] = tuple(_LOSSES)
    keras_losses: ClassVar[Mapping[str, str]] = {
        "mean_squared_error": "mse",
        "mean_absolute_error": "mae",
    }
    metrics: ClassVar[tuple[str, ...]] = ("rmse", "mae", "r2")
    objective: ClassVar[Objective] = DEFAULTS["value"]
    resampled: ClassVar[tuple[str, ...]] = metrics

    @property
    def widths(self) -> tuple[int, ...]:
        """See `Task.widths`: twice as many numbers with a spread."""
        values = len(self.target.classes)
        return (values, 2 * values)

    def check(self, dataset: Dataset) -> None:
        """See `Task.check`: some value must differ between samples."""
        mean, std = _moments(dataset.targets)
        if not np.isfinite(mean).all() or not (std > 0).any():
            raise UserError(
                f"{dataset.path}: expected values that differ from sample to sample, "
                f"found none among {', '.join(dataset.class_names)}; there is nothing "
                "to learn"
            )

    def loss(self, name: str, targets: np.ndarray) -> Any:
        """See `Task.loss`: of values in standard deviations of the training data."""
        return StandardisedLoss(name, _scale(targets).tolist())

    def keras_metrics(self, targets: np.ndarray) -> list[Any]:
        """See `Task.keras_metrics`."""
        mean, std = _mean(targets).tolist(), _scale(targets).tolist()
        return [ValueMetric(name, mean, std) for name in self.metrics]

    def head(self, loss: str, targets: np.ndarray) -> dict[str, Any]:
        """See `Task.head`: ``mean`` and ``std`` undo the standardisation."""
        return {
            "shape": self.widths[:1],
            "mean": _mean(targets).tolist(),
            "std": _scale(targets).tolist(),
            "spread": loss == "gaussian",
        }

    def decide(self, output: np.ndarray, fitted: Mapping[str, Any]) -> np.ndarray:
        """Returns the numbers, float32 (n, values), without a spread."""
        return output[:, : len(self.target.classes)]

    def scorer(self, fitted: Mapping[str, Any]) -> ValueScorer:
        """See `Task.scorer`."""
        return ValueScorer(self.target)


@keras.utils.register_keras_serializable(package="autoai4eo")
class StandardisedLoss(keras.losses.Loss):
    """A loss of numbers, each in standard deviations of the training data.

    Numbers of different units have equal weights. Unknown numbers (NaN) do not count.

    Args:
        kind: ``"mse"``, ``"mae"``, ``"huber"`` (Huber, 1964; linear beyond one standard
            deviation) or ``"gaussian"``: the negative logarithm of the normal density,
            except for a constant (Nix and Weigend, 1994).
        std: standard deviation of each number in the training data.
        **kwargs: of `keras.losses.Loss`.
    """

    def __init__(self, kind: str, std: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.std = kind, std

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each sample, (n,), of targets (n, values) and output."""
        std = ops.convert_to_tensor(self.std, dtype=y_pred.dtype)
        values = len(self.std)
        known = ops.isfinite(y_true)
        error = ops.where(known, (y_pred[:, :values] - y_true) / std, 0.0)
        each = _LOSSES[self.kind](error, y_pred[:, -values:] / std)
        return ops.mean(ops.where(known, each, 0.0), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "kind": self.kind, "std": self.std}


@keras.utils.register_keras_serializable(package="autoai4eo")
class ValueMetric(SumsMetric):
    """A metric of numbers, in their units; the mean of several numbers.

    It sums standardised values: float32 is too coarse for squares of values far from
    zero.

    Args:
        name: one of `Regression.metrics`.
        mean: of each number in the training data.
        std: standard deviation of each number in the training data.
        dtype: of the state and the result.
    """

    def __init__(
        self, name: str, mean: list[float], std: list[float], dtype: Any = None
    ) -> None:
        super().__init__(name, _SUMS * len(mean), dtype)
        self._of_training = {"mean": mean, "std": std}
        self._mean = np.array(mean, np.float32)
        self._std = np.array(std, np.float32)

    def sums_of(self, truth: Any, output: Any) -> Any:
        """See `SumsMetric.sums_of`."""
        return ops.sum(_rows(truth, output, ops, self._mean, self._std), axis=0)

    def scores(self, sums: Any) -> dict[str, Any]:
        """See `SumsMetric.scores`."""
        return _figures(sums, ops, self._std)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), **self._of_training}


class ValueScorer(SumsScorer):
    """See `Scorer`. Keeps six sums per value and group.

    ``result`` returns ``rmse``, ``mae``, ``r2`` (zero if all truths are equal) and
    ``bias`` (mean of prediction − truth), each the mean over the values as in
    scikit-learn, their ``intervals``, and the same for each value in ``per_value``.

    Args:
        target: of kind ``value``.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(_rows, _figures)
        self._names = target.classes

    def result(self) -> dict[str, Any]:
        """See `Scorer.result`."""
        alone = self.total.reshape(_SUMS, -1)
        return {
            **super().result(),
            "per_value": {
                name: {
                    **{k: float(v) for k, v in self._figures(alone[:, i]).items()},
                    "samples": int(alone[0, i]),
                }
                for i, name in enumerate(self._names)
            },
        }


def _moments(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and standard deviation of each value over its known samples."""
    known = np.ma.masked_invalid(targets.astype(float))
    return known.mean(axis=0).filled(np.nan), known.std(axis=0).filled(0.0)


def _mean(targets: np.ndarray) -> np.ndarray:
    """Returns the mean of each value, float32; 0 if all are unknown."""
    return np.nan_to_num(_moments(targets)[0]).astype("float32")


def _scale(targets: np.ndarray) -> np.ndarray:
    """Returns the standard deviation of each value, float32; 1 if it is constant."""
    std = _moments(targets)[1]
    return np.where(std > 0, std, 1.0).astype("float32")


def _rows(truth: Any, output: Any, xp: Any, mean: Any = 0.0, scale: Any = 1.0) -> Any:
    """Returns rows (n, 6·values) to sum, see `_figures`; 0 for unknown values."""
    known = xp.isfinite(truth)
    error = xp.where(known, (output[:, : truth.shape[-1]] - truth) / scale, 0.0)
    value = xp.where(known, (truth - mean) / scale, 0.0)
    one = xp.where(known, 1.0, 0.0)
    parts = [one, error, xp.abs(error), error * error, value, value * value]
    return xp.concatenate(parts, axis=-1)


def _figures(sums: Any, xp: Any, scale: Any = 1.0) -> dict[str, Any]:
    """Computes scores from sums of 1, error, |error|, error², truth and truth²."""
    sums = xp.reshape(sums, (*sums.shape[:-1], _SUMS, -1))
    count = xp.maximum(sums[..., 0, :], 1.0)
    error, absolute, square, truth, truth_square = (
        sums[..., i, :] / count for i in range(1, _SUMS)
    )
    variance = truth_square - truth * truth
    varies = variance > 1e-12 * truth_square
    r2 = xp.where(varies, 1 - square / xp.where(varies, variance, 1.0), 0.0)
    by_value = {
        "rmse": scale * xp.sqrt(square),
        "mae": scale * absolute,
        "bias": scale * error,
        "r2": r2,
    }
    return {name: xp.mean(values, axis=-1) for name, values in by_value.items()}
