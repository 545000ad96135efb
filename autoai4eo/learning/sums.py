"""Scores computed from sums over samples, during training and in an evaluation.

Both use the same two functions: ``rows(truth, output, xp)`` returns rows (n, k) to sum
over n samples; ``figures(sums, xp)`` returns scores by name from sums (…, k). ``xp`` is
`numpy` or `keras.ops`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from autoai4eo.learning.intervals import GroupSums, of_groups, resampled

Rows = Callable[..., Any]
Figures = Callable[..., dict[str, Any]]


class SumsMetric(keras.metrics.Metric):
    """The base class of a Keras metric that is computed from sums.

    A subclass must be registered with Keras, since it is sent to worker processes.

    Args:
        name: of the metric, one of those that `scores` returns.
        size: number of sums.
        dtype: of the sums.
    """

    def __init__(self, name: str, size: int, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.sums = self.add_variable(shape=(size,), initializer="zeros", name="sums")

    def sums_of(self, truth: Any, output: Any) -> Any:
        """Returns the sums of a batch, (size,)."""
        raise NotImplementedError

    def scores(self, sums: Any) -> dict[str, Any]:
        """Returns scores by name, see ``figures`` in the module."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch; all samples have the same weight."""
        y_true, y_pred = (ops.cast(y, self.dtype) for y in (y_true, y_pred))
        self.sums.assign_add(self.sums_of(y_true, y_pred))

    def result(self) -> Any:
        """Returns the score of all batches since the last reset, a scalar."""
        return self.scores(ops.convert_to_tensor(self.sums))[self.name]


class SumsScorer:
    """See `Scorer`. Keeps the sums of each group.

    Args:
        rows: see the module.
        figures: see the module.
    """

    def __init__(self, rows: Rows, figures: Figures) -> None:
        self._rows = rows
        self._figures = partial(figures, xp=np)
        self._sums = GroupSums()

    def add(
        self, truth: np.ndarray, output: np.ndarray, group: np.ndarray | None = None
    ) -> None:
        """See `Scorer.add`."""
        truth, output = truth.astype(float), output.astype(float)
        self._sums.add(self._rows(truth, output, xp=np), group)

    def resampled(self) -> dict[str, np.ndarray]:
        """See `Scorer.resampled`."""
        return resampled(self._sums.table, self._drawn)

    def _drawn(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the scores of resamples of groups, from their sums (n, k)."""
        return self._figures(sums)

    @property
    def total(self) -> np.ndarray:
        """The sums over all samples, (k,)."""
        return np.asarray(self._sums.table.sum(axis=0))

    def result(self) -> dict[str, Any]:
        """See `Scorer.result`."""
        return {
            **self._scores(),
            "intervals": of_groups(self._sums.table, self._drawn),
        }

    def _scores(self) -> dict[str, float]:
        found = self._figures(self.total)
        return {name: float(value) for name, value in found.items()}
