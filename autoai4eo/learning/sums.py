"""Scores that follow from sums over samples: told in training, judged by groups.

The same two functions serve both: ``rows(truth, output, xp)`` gives what is to be
summed over n samples, (n, k); ``figures(sums, xp)`` gives the scores, by name, that
sums (…, k) lead to. ``xp`` is `numpy` or `keras.ops`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from autoai4eo.learning.intervals import GroupSums, of_groups

Rows = Callable[..., Any]
Sums = Callable[..., Any]
Figures = Callable[..., dict[str, Any]]


def sum_of(truth: Any, output: Any, rows: Rows, xp: Any) -> Any:
    """The sums of n samples, (k,)."""
    return xp.sum(rows(truth, output, xp=xp), axis=0)


class SumsMetric(keras.metrics.Metric):
    """A Keras metric that follows from sums.

    Args:
        name: of the metric, one of those that ``figures`` gives.
        size: how many sums there are.
        sums: gives the sums of a batch, (size,); see `sum_of`.
        figures: see the module.
        dtype: of the sums.
    """

    def __init__(
        self, name: str, size: int, sums: Sums, figures: Figures, dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self._how: dict[str, Any] = {"size": size, "sums": sums, "figures": figures}
        self.sums = self.add_variable(shape=(size,), initializer="zeros", name="sums")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch; all samples count the same."""
        y_true, y_pred = (ops.cast(y, self.dtype) for y in (y_true, y_pred))
        self.sums.assign_add(self._how["sums"](y_true, y_pred, xp=ops))

    def result(self) -> Any:
        """The score of all batches since the last reset, a scalar."""
        return self._how["figures"](ops.convert_to_tensor(self.sums), xp=ops)[self.name]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), **self._how}


class SumsScorer:
    """See `Scorer`. Holds the sums of each group.

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

    @property
    def total(self) -> np.ndarray:
        """The sums over all samples, (k,)."""
        return np.asarray(self._sums.table.sum(axis=0))

    def result(self) -> dict[str, Any]:
        """See `Scorer.result`."""
        found = self._figures(self.total)
        return {
            **{name: float(value) for name, value in found.items()},
            "intervals": of_groups(self._sums.table, self._figures),
        }
