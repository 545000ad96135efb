"""Stops a training that cannot reach the front any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import optuna

from autoai4eo.learning.objectives import Objective

#: Whole curves that must be known before one is judged.
LEAST = 5
#: Share of the epochs before which no training is stopped.
_EARLIEST = 1 / 3


class PrunedByCurve(optuna.TrialPruned):
    """The training cannot reach the front any more."""


def reachable(
    curve: Sequence[float], earlier: Sequence[Sequence[float]], objective: Objective
) -> float | None:
    """The best that a training may still come to, None where too little is known.

    Its best so far and the largest gain that any whole training made from the same
    epoch on.

    Args:
        curve: the figure after each epoch so far.
        earlier: those of whole trainings.
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
    """Raises PrunedByCurve where what is reachable would still be dominated.

    Args:
        objective: the figure of the curve.
        curve: its values in epochs already done.
        earlier: curves of whole trainings.
        dominated: whether a trial with this figure would be.
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
        """Looks at the curve."""
        name = self._objective.name
        if name not in (logs or {}):
            return
        self._curve.append(float((logs or {})[name]))
        best = reachable(self._curve, self._earlier, self._objective)
        if best is not None and self._dominated(best):
            raise PrunedByCurve(
                f"stopped after epoch {epoch + 1}: {name} could come to {best:.4g}, "
                "which the front has at no more cost"
            )
