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

_ROUNDS = 1  # how often the best are built, and all ranked again
_BEST = 2  # how many of the best are built in a round
_SHORTLIST = 500  # how many of the best are ranked again
_PROBES = 3  # networks built if none fits by estimate: the nearest, and farther ones
_BUILT = 20  # most networks built in the end, until an untried one fits
_LOOKED_AT = 6  # most of these that are untried


class ProposingSampler(CandidateSampler):
    """Proposes the values of a whole candidate before each trial.

    A subclass chooses the next candidate in `choose`, from the trials of the study. It
    keeps no state, so that any worker can take over.
    """

    @abstractmethod
    def choose(
        self, earlier: list[FrozenTrial], rng: np.random.Generator
    ) -> Values | None:
        """Returns the next candidate; None if all were tried.

        Args:
            earlier: all trials that began before, including running ones. Their
                ``user_attrs`` have ``hyperparameters`` (a running one may have only
                ``proposed``, or neither yet) and ``cost``.
            rng: seeded for this trial.
        """

    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Proposes the candidate that `choose` returns."""
        found = self.choose(others, rng)
        return found and {"values": dict(found), **self.limits.record(found)}

    def first_of(
        self,
        pool: list[Values],
        earlier: Sequence[FrozenTrial],
        ranked: Callable[[list[Values], np.ndarray], np.ndarray],
    ) -> Values | None:
        """Returns the best untried candidate within the limits; None: all were tried.

        If costs are estimates, builds the few best, and ranks the best again. The trial
        records what was built, for use after a restart. If none is within the limits,
        returns the nearest, whose trial improves the estimates.

        Args:
            pool: candidates; where there are limits, those of `Limits.approached`.
            earlier: all earlier trials.
            ranked: takes candidates and their costs (n, costs); returns their order,
                best first, and may leave some out.
        """
        candidates = self.context.candidates
        for remaining in reversed(range(_ROUNDS + 1)):
            pool = untried(pool, earlier, candidates)
            if not pool:
                return None
            costs = candidates.estimate(pool)
            over = excess(costs, candidates.costs, self.context.limits)
            allowed = np.flatnonzero(over <= 0)
            if len(allowed) == 0:
                # Nothing fits by estimate: building the nearest and some farther away
                # improves the estimate.
                nearest = [pool[i] for i in np.argsort(over, kind="stable")]
                places = np.linspace(0, len(pool) - 1, _PROBES).astype(int)
                few = [nearest[i] for i in places]
                if not remaining or not self.limits.build_and_count(few):
                    return nearest[0]
                continue
            order = allowed[ranked([pool[i] for i in allowed], costs[allowed])]
            if not remaining:
                return self._built([pool[i] for i in order[:_BUILT]], earlier)
            few = [pool[i] for i in order[:_BEST]]
            if not self.limits.build_and_count(few):
                return few[0]
            if len(order) > _SHORTLIST:
                pool = [pool[i] for i in order[:_SHORTLIST]]
        raise AssertionError("the last round returns")

    def _built(self, few: list[Values], earlier: Sequence[FrozenTrial]) -> Values:
        """Builds candidates until one is within the limits and untried; returns it.

        If there is none, returns the nearest to the limits, where possible untried.
        """
        left = []
        for values in few:
            self.limits.build_and_count([values])
            if not untried([values], earlier, self.context.candidates):
                continue  # known networks have other hyperparameters, too
            if self.limits.excess([values])[0] <= 0:
                return values
            left.append(values)
            if len(left) == _LOOKED_AT:
                break
        left = left or few
        return left[int(np.maximum(self.limits.excess(left), 0).argmin())]


def values_of(trial: FrozenTrial) -> Values | None:
    """Returns the hyperparameters of a trial; None if not known yet."""
    kept = trial.user_attrs
    if "hyperparameters" in kept:
        return dict(kept["hyperparameters"])
    if "proposed" in kept:
        return dict(kept["proposed"]["values"])
    return None


def untried(
    pool: Sequence[Values], earlier: Sequence[FrozenTrial], candidates: Candidates
) -> list[Values]:
    """Returns the candidates whose network no trial had, each once."""
    known = (values_of(trial) for trial in earlier)
    tried = {candidates.identity(values) for values in known if values is not None}
    found = []
    for values in pool:
        identity = candidates.identity(values)
        if identity not in tried:
            tried.add(identity)
            found.append(values)
    return found
