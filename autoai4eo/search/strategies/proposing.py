"""The base of strategies that propose whole candidates."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from autoai4eo.search.space.base import Candidates, Values
from autoai4eo.search.strategies.base import CandidateSampler
from autoai4eo.search.strategies.limits import excess

_ROUNDS, _SCREENED = 1, 2  # how often so many are built to compare their exact costs
_SPREAD = 3  # are built where nothing fits
_LOOKED_AT = 6  # of the best in the end, until one fits
_SHORTLIST = 500  # ranked again after that


class ProposingSampler(CandidateSampler):
    """Proposes the values of a whole candidate before each trial.

    A subclass says in `choose` which candidate is next, from the trials of the study;
    it keeps no state of its own, so that any worker can take over.
    """

    @abstractmethod
    def choose(
        self, earlier: list[FrozenTrial], rng: np.random.Generator
    ) -> Values | None:
        """The next candidate; None where all were tried.

        Args:
            earlier: all trials that began before, running ones included. What is known
                of one before its training is in its ``user_attrs``:
                ``hyperparameters`` (of a running one perhaps only ``proposed``, or
                neither yet) and ``cost``.
            rng: seeded for this trial.
        """

    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """What `choose` gives."""
        found = self.choose(others, rng)
        return found and {"values": dict(found), **self.limits.record(found)}

    def first_of(
        self,
        pool: list[Values],
        earlier: Sequence[FrozenTrial],
        ranked: Callable[[list[Values], np.ndarray], np.ndarray],
    ) -> Values | None:
        """The best of those that the limits allow and nobody tried, if there is one.

        Where costs are estimates, the few that look best are built, and the best are
        ranked again by what is known then. What was built is kept with the trial, so
        that it is known after a restart.

        Args:
            pool: candidates.
            earlier: all trials before.
            ranked: from candidates and their costs (n, costs) to their order, best
                first; it may leave some out.
        """
        candidates = self.setting.candidates
        for remaining in reversed(range(_ROUNDS + 1)):
            pool = untried(pool, earlier, candidates)
            if not pool:
                return None
            costs = candidates.estimate(pool)
            over = excess(costs, candidates.costs, self.setting.limits)
            allowed = np.flatnonzero(over <= 0)
            if len(allowed) == 0:
                # Nothing fits by estimate: the nearest tells most about the limit, and
                # what is farther away whether the estimate is to be trusted.
                nearest = [pool[i] for i in np.argsort(over, kind="stable")]
                spread = np.linspace(0, len(pool) - 1, _SPREAD).astype(int)
                few = [nearest[i] for i in spread]
                if not remaining or not self.limits.build_and_count(few):
                    return nearest[0]
                continue
            order = allowed[ranked([pool[i] for i in allowed], costs[allowed])]
            if not remaining:
                return self._built([pool[i] for i in order[:_LOOKED_AT]], earlier)
            few = [pool[i] for i in order[:_SCREENED]]
            if not self.limits.build_and_count(few):
                return few[0]
            if len(order) > _SHORTLIST:
                pool = [pool[i] for i in order[:_SHORTLIST]]
        raise AssertionError("the last round returns")

    def _built(self, few: list[Values], earlier: Sequence[FrozenTrial]) -> Values:
        """The first that, built, is within the limits and no trial's network."""
        for values in few:
            self.limits.build_and_count([values])
            fits = self.limits.excess([values])[0] <= 0
            if fits and untried([values], earlier, self.setting.candidates):
                return values
        return few[0]


def values_of(trial: FrozenTrial) -> Values | None:
    """The hyperparameters of a trial; None where they are not known yet."""
    kept = trial.user_attrs
    if "hyperparameters" in kept:
        return dict(kept["hyperparameters"])
    if "proposed" in kept:
        return dict(kept["proposed"]["values"])
    return None


def untried(
    pool: Sequence[Values], earlier: Sequence[FrozenTrial], candidates: Candidates
) -> list[Values]:
    """Those of the pool whose network no trial had, each once."""
    known = (values_of(trial) for trial in earlier)
    tried = {candidates.identity(values) for values in known if values is not None}
    found = []
    for values in pool:
        mark = candidates.identity(values)
        if mark not in tried:
            tried.add(mark)
            found.append(values)
    return found
