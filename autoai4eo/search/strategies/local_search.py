"""``local-search``: trains all neighbours of the networks that nothing dominates.

Paquete, Chiarandini and Stützle 2004, *Pareto local optimum sets in the biobjective
traveling salesman problem*; for cells Demir, Traoré and Camero 2024 (ESANN).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.runs.pareto import minimised
from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.base import CandidateSampler
from autoai4eo.search.strategies.proposing import untried, values_of

_DRAWN, _LOOKED_AT = 3000, 50  # random candidates, one of which begins anew


class LocalSearch(CandidateSampler):
    """Pareto local search.

    It begins with the default network, or a random one if there is none; candidates
    that were given to the study before come instead. Of all that it has trained the
    archive keeps those that no other dominates: none is at least as good in every
    objective and better in one. Networks of the archive form a queue. All neighbours of
    the first one are trained, in random order, then those of the next one that is still
    in the archive. A neighbour differs in one choice, see `Candidates.neighbours`. With
    one objective this is local search by best improvement.

    When the queue is empty, it begins anew with a random candidate and an archive of
    its own. What was trained before is not trained again: its figures are known.

    Neighbours over the limits, and those whose trial failed, are left out. With several
    workers, running trials are not proposed again; while those of a queue run, the next
    one is worked on.

    The study has everything: each proposal records its ``parent``, the trial whose
    neighbour it is, or null where the search begins.
    """

    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Proposes a neighbour of the first network in the queue."""
        candidates = self.context.candidates
        for parent, near in self._queue(others):
            for i in rng.permutation(len(near)):
                if self._is_possible(near[i], others):
                    return self._proposal(near[i], parent.number)
        if not others and candidates.default is not None:
            return self._proposal(candidates.default, None)
        drawn = untried(candidates.draw(_DRAWN, rng), others, candidates)
        some = [drawn[i] for i in rng.permutation(len(drawn))[:_LOOKED_AT]]
        found = next((v for v in some if self._is_possible(v, others)), None)
        found = found or self.limits.first(iter(some), rng)
        return found and self._proposal(found, None)

    def _proposal(self, values: Values, parent: int | None) -> dict[str, Any]:
        record = self.limits.record(values)
        return {"values": dict(values), **record, "parent": parent}

    def _is_possible(self, values: Values, others: list[FrozenTrial]) -> bool:
        """Returns whether a candidate is within the limits and not tried."""
        # the first call may build it, by which the second one knows its network
        return self.limits.fits(values) and bool(
            untried([values], others, self.context.candidates)
        )

    def _queue(
        self, others: list[FrozenTrial]
    ) -> Iterator[tuple[FrozenTrial, list[Values]]]:
        """Yields what is left to train: a trial and its untried neighbours."""
        candidates = self.context.candidates
        known: dict[Hashable, FrozenTrial | None] = {}
        for trial in others:
            values = values_of(trial)
            if values is not None:
                network = candidates.identity(values)
                ended = trial.state == TrialState.COMPLETE
                known[network] = trial if ended else known.get(network)
        done = [t for t in others if t.state == TrialState.COMPLETE]
        points = np.array([t.values for t in done], float)
        points = minimised(points, self.context.objectives)
        figures = {t.number: row for t, row in zip(done, points, strict=True)}
        for beginning in _beginnings(done):
            archive = _Archive(figures)
            archive.add(beginning)
            for trial in archive.queue():
                near = candidates.neighbours(_values(trial))
                networks = [candidates.identity(values) for values in near]
                pairs = zip(near, networks, strict=True)
                left = [values for values, network in pairs if network not in known]
                if left:
                    yield trial, left
                trained = [t for n in networks if (t := known.get(n)) is not None]
                archive.add(sorted(trained, key=lambda t: t.number))


class _Archive:
    """Trials that no other of them dominates.

    Args:
        figures: of all trials that may be added, to be minimised, by number.
    """

    def __init__(self, figures: dict[int, np.ndarray]) -> None:
        self._figures = figures
        self._met: set[int] = set()  # what was dominated once is so for ever
        self._held: dict[int, FrozenTrial] = {}

    def add(self, trials: Iterable[FrozenTrial]) -> None:
        """Adds trials that are not dominated; removes those that they dominate."""
        for trial in trials:
            if trial.number in self._met:
                continue
            self._met.add(trial.number)
            new = self._figures[trial.number]
            held = np.array([self._figures[n] for n in self._held])
            held = held.reshape(-1, len(new))
            better, worse = (held < new).any(axis=1), (held > new).any(axis=1)
            if (better & ~worse).any():
                continue
            for number in np.array(list(self._held), int)[worse & ~better].tolist():
                del self._held[number]
            self._held[trial.number] = trial

    def queue(self) -> Iterator[FrozenTrial]:
        """Yields each trial once, while it is held; also those added meanwhile."""
        seen: set[int] = set()
        while waiting := [t for n, t in self._held.items() if n not in seen]:
            seen.add(waiting[0].number)
            yield waiting[0]


def _beginnings(done: list[FrozenTrial]) -> list[list[FrozenTrial]]:
    """Returns the trials from which each search began: given ones, then random ones."""
    given, random = [], []
    for trial in done:
        proposed = trial.user_attrs.get("proposed", {})
        if "parent" not in proposed:
            given.append(trial)
        elif proposed["parent"] is None:
            random.append([trial])
    return [given, *random]


def _values(trial: FrozenTrial) -> Values:
    values = values_of(trial)
    assert values is not None  # it is complete
    return values
