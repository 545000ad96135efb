"""The base of strategies that propose whole candidates."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
from optuna.trial import FrozenTrial

from autoai4eo.search.candidates import Candidates, Values
from autoai4eo.search.seeds import candidate, derived_seed
from autoai4eo.search.strategies.base import HandsOut, Setting

_ROUNDS, _SCREENED = 2, 3  # how often so many are built to compare their exact costs


class ProposingSampler(HandsOut):
    """Proposes the values of a whole candidate before each trial.

    A subclass says in `propose` which candidate is next, from the trials of the study;
    it keeps no state of its own, so that any worker can take over. The values are kept
    with the trial as ``proposed``, and a trial that repeats an interrupted one gets
    them again.

    Attributes:
        proposed: the values of the trial that runs.
        exhausted: there is nothing more to propose.

    Args:
        setting: of the search.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        self._screened: list[dict[str, Any]] = []

    @abstractmethod
    def propose(
        self, earlier: list[FrozenTrial], rng: np.random.Generator
    ) -> Values | None:
        """The next candidate; None where all were tried.

        Args:
            earlier: all trials before, running ones included. What is known of one
                before its training is in its ``user_attrs``: ``hyperparameters`` (of
                a running one perhaps only ``proposed``) and ``cost``.
            rng: seeded for this trial.
        """

    def before_trial(self, study: Any, trial: FrozenTrial) -> None:
        """Asks `propose`, unless the trial repeats an interrupted one."""
        if "proposed" in trial.user_attrs:
            self.proposed = dict(trial.user_attrs["proposed"]["values"])
            return
        number = candidate(study, trial)
        rng = np.random.default_rng(derived_seed(self.setting.seed, number))
        earlier = study.get_trials(deepcopy=False)[: trial.number]
        self._screened = []
        self.setting.candidates.learn_from(earlier)
        found = self.propose(earlier, rng)
        self.exhausted = found is None
        if found is None:
            return
        self.proposed = dict(found)
        study._storage.set_trial_user_attr(
            trial._trial_id,
            "proposed",
            {
                "values": self.proposed,
                "screened": self._screened,
                "estimated": self._estimate(self.proposed),
            },
        )

    def learn(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Tells which hyperparameters a network turned out to have; gives new ones."""
        return self.setting.candidates.learn_space(hp)

    def _estimate(self, values: Values) -> dict[str, float]:
        candidates = self.setting.candidates
        costs = candidates.estimate([values])[0].tolist()
        return dict(zip(candidates.costs, costs, strict=True))

    def first_of(
        self,
        pool: list[Values],
        earlier: Sequence[FrozenTrial],
        ranked: Callable[[list[Values], np.ndarray], np.ndarray],
    ) -> Values | None:
        """The best of those that the limits allow and nobody tried, if there is one.

        Where costs are estimates, the few that look best are built, and all are ranked
        again by what is known then. What was built is kept with the trial, so that it
        is known after a restart.

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
                # Nothing fits by estimate: the nearest tells most about the limit.
                return pool[over.argmin()]
            order = allowed[ranked([pool[i] for i in allowed], costs[allowed])]
            few = [pool[i] for i in order[:_SCREENED]]
            built = candidates.screen(few) if remaining else []
            self._screened += built
            if not built:
                return few[0]
        raise AssertionError("the last round builds nothing")


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


def excess(
    costs: np.ndarray, names: Sequence[str], limits: Mapping[str, float]
) -> np.ndarray:
    """By which share costs (n, names) are over their limits, (n,); ≤ 0: not at all."""
    upper = np.array([limits.get(name, np.inf) for name in names])
    return np.asarray((costs / upper - 1).max(axis=1, initial=-1.0))
