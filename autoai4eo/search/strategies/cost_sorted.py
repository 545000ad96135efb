"""``cost-sorted``: cheap networks of much capacity first, and nothing learned.

The baseline that a strategy which learns has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial

from autoai4eo.learning.objectives import Objective
from autoai4eo.runs.pareto import fronts
from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.proposing import ProposingSampler

_POOL = 3000
#: What tells how much a network can learn, the first that is no objective itself.
CAPACITIES = ("macs", "flops", "params")


class CostSorted(ProposingSampler):
    """Non-dominated sorting by costs that are known before training.

    Few of each cost that is an objective, many of the first of ``macs``, ``flops`` and
    ``params`` that is none. Within a front the order is random.
    """

    def choose(
        self, earlier: list[FrozenTrial], rng: np.random.Generator
    ) -> Values | None:
        """The best sorted of 3,000 drawn that was not tried."""
        candidates = self.setting.candidates

        def ranked(pool: list[Values], costs: np.ndarray) -> np.ndarray:
            figures = promising(costs, candidates.costs, self.setting.objectives)
            # within a front at random
            return np.lexsort((rng.random(len(pool)), fronts(figures)))

        return self.first_of(candidates.draw(_POOL, rng), earlier, ranked)


def promising(
    costs: np.ndarray, names: Sequence[str], objectives: Sequence[Objective]
) -> np.ndarray:
    """Figures (n, …) to be minimised: costs asked for, capacity with its sign turned.

    Where no cost tells the capacity, an expensive network counts as an accurate one.
    """
    asked = [o.name for o in objectives if o.name in names]
    capacity = [name for name in CAPACITIES if name in names and name not in asked]
    columns = [costs[:, names.index(name)] for name in asked]
    columns += [-costs[:, names.index(name)] for name in capacity[:1]]
    if not capacity:
        columns += [-column for column in columns]
    return np.column_stack(columns) if columns else np.zeros((len(costs), 1))
