"""``cost-sorted``: networks of low cost and high capacity first, without learning.

The baseline for strategies that learn.
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
#: Measures of capacity; the first one that is no objective is used.
CAPACITIES = ("macs", "flops", "params")


class CostSorted(ProposingSampler):
    """Non-dominated sorting by costs that are known before training.

    Minimises each cost that is an objective, and maximises the first of ``macs``,
    ``flops`` and ``params`` that is none. Within a front the order is random.
    """

    def choose(
        self, earlier: list[FrozenTrial], rng: np.random.Generator
    ) -> Values | None:
        """Returns the first untried one of the sorted pool.

        The pool is 3,000 random candidates and, where few of these are within the
        limits, variations of the nearest, see `Limits.approached`. If none of it is
        within them, the nearest is returned.
        """
        candidates = self.context.candidates

        def ranked(pool: list[Values], costs: np.ndarray) -> np.ndarray:
            figures = promising(costs, candidates.costs, self.context.objectives)
            # random within a front
            return np.lexsort((rng.random(len(pool)), fronts(figures)))

        pool = self.limits.approached(candidates.draw(_POOL, rng), rng)
        return self.first_of(pool, earlier, ranked)


def promising(
    costs: np.ndarray, names: Sequence[str], objectives: Sequence[Objective]
) -> np.ndarray:
    """Returns figures to be minimised, (n, …): cost objectives and negated capacity.

    Without a measure of capacity, each cost is also negated: an expensive network
    counts as an accurate one.
    """
    wanted = [o.name for o in objectives if o.name in names]
    capacity = [name for name in CAPACITIES if name in names and name not in wanted]
    columns = [costs[:, names.index(name)] for name in wanted]
    columns += [-costs[:, names.index(name)] for name in capacity[:1]]
    if not capacity:
        columns += [-column for column in columns]
    return np.column_stack(columns) if columns else np.zeros((len(costs), 1))
