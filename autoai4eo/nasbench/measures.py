"""How good the networks are that a search has trained, after each training."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np

from autoai4eo.learning.objectives import Objective
from autoai4eo.nasbench.recorded import Table
from autoai4eo.runs.pareto import hypervolume, minimised, on_front

#: Measures of a front, by the names of their columns.
FRONT_MEASURES = {
    "hv": "share of the attainable hypervolume",
    "igd_plus": "IGD+",
    "pareto_distance": "mean Pareto distance",
}


def labels(objectives: Sequence[Objective]) -> dict[str, str]:
    """Returns what the curves of `Measures.after_each` show, by their names."""
    return FRONT_MEASURES | {o.name: f"best {o.name}" for o in objectives}


def scaled(table: Table) -> np.ndarray:
    """Returns objectives (n, objectives), scaled: 0 is the table's best, 1 its worst.

    Objectives in `Table.logarithmic` are scaled after taking the logarithm.
    """
    figures = table.figures.copy()
    for i, objective in enumerate(table.objectives):
        if objective.name in table.logarithmic:
            figures[:, i] = np.log(figures[:, i])
    figures = minimised(figures, table.objectives)
    low, high = figures.min(axis=0), figures.max(axis=0)
    return (figures - low) / np.where(high > low, high - low, 1.0)


class Measures:
    """Measures of searches on a table.

    Its objectives are scaled, see `scaled`. The *true front* is that of all networks of
    the table, each point once; the *found front* that of the networks trained so far.

    ``hv``
        the share of the attainable hypervolume, which is that of the true front up to
        the worst value of each objective. With one objective it is the distance from
        the worst.
    ``igd_plus``
        the modified inverted generational distance IGD+ (Ishibuchi et al. 2015): the
        mean, over the true front, of how much worse the nearest point of the found
        front is. 0: the whole true front was found.
    ``pareto_distance``
        the mean, over the found front, of the Euclidean distance to the nearest point
        of the true front: the generational distance with exponent 1. 0: all that was
        found lies on the true front.

    Attributes:
        points: the scaled objectives, (n, objectives).
        front: the true front, (k, objectives).

    Args:
        table: the recorded networks.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.points = scaled(table)
        self.front = np.unique(self.points[on_front(self.points)], axis=0)
        self._worst = np.ones(self.points.shape[1])
        self._attainable = hypervolume(self.front, self._worst)

    def after_each(self, trained: np.ndarray, budget: int) -> dict[str, np.ndarray]:
        """Returns the measures after each training, each (budget,), by name.

        Beside those of the front they are each objective's best value so far, by its
        name. After an early end they stay constant.

        Args:
            trained: indices in the table, in order.
            budget: length of the curves.
        """
        found = np.empty((len(trained), len(FRONT_MEASURES)))
        front = np.empty((0, self.points.shape[1]))
        for i, point in enumerate(self.points[trained]):
            if (front <= point).all(axis=1).any():
                found[i] = found[i - 1]
                continue
            front = np.vstack([front[~(point <= front).all(axis=1)], point])
            found[i] = self._of(front)
        curves = dict(zip(FRONT_MEASURES, found.T, strict=True))
        for i, objective in enumerate(self._table.objectives):
            best = np.maximum if objective.direction == "max" else np.minimum
            curves[objective.name] = best.accumulate(self._table.figures[trained, i])
        more = budget - len(trained)
        return {name: np.pad(c, (0, more), mode="edge") for name, c in curves.items()}

    def _of(self, front: np.ndarray) -> Sequence[float]:
        volume = hypervolume(front, self._worst)
        return (
            volume / self._attainable if self._attainable > 0 else 1.0,
            float(moocore.igd_plus(front, ref=self.front)),
            float(moocore.igd(self.front, ref=front)),
        )
