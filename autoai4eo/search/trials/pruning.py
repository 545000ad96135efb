"""Stops a training that cannot reach the front any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import optuna

from autoai4eo.learning.objectives import Objective

#: Number of whole curves that must be known before a training is judged.
LEAST = 5
#: Share of the epochs that every training completes.
_EARLIEST = 1 / 3


class PrunedByCurve(optuna.TrialPruned):
    """The training cannot reach the front any more."""


def reachable(
    curve: Sequence[float], earlier: Sequence[Sequence[float]], objective: Objective
) -> float | None:
    """Returns the best figure that a training can reach; None if too little is known.

    This is its best so far plus the largest gain of any whole training from the same
    epoch on.

    Args:
        curve: the figure after each epoch so far.
        earlier: curves of whole trainings.
        objective: the figure.
    """
    best = max if objective.direction == "max" else min
    done = len(curve)
    whole = [c for c in earlier if len(c) > done]
    if len(whole) < LEAST or done < _EARLIEST * max(map(len, whole)):
        return None
    gains = [best(c) - best(c[:done]) for c in whole]
    return best(curve) + best(gains)


class CurvePruner(keras.callbacks.Callback):
    """Raises PrunedByCurve if even the best reachable figure would be dominated.

    Args:
        objective: the figure of the curve.
        curve: its values in finished epochs.
        earlier: curves of whole trainings.
        dominated: whether a trial with a figure would be dominated.
    """

    def __init__(
        self,
        objective: Objective,
        curve: Sequence[float],
        earlier: Sequence[Sequence[float]],
        dominated: Callable[[float], bool],
    ) -> None:
        super().__init__()
        self._objective, self._curve = objective, list(curve)
        self._earlier, self._dominated = earlier, dominated

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Checks the curve after an epoch."""
        name = self._objective.name
        if name not in (logs or {}):
            return
        self._curve.append(float((logs or {})[name]))
        best = reachable(self._curve, self._earlier, self._objective)
        if best is not None and self._dominated(best):
            raise PrunedByCurve(
                f"stopped after epoch {epoch + 1}: {name} could reach {best:.4g} at "
                "most, and a trial on the front is at least as good at no higher cost"
            )
