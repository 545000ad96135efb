"""What every strategy is made from, and made for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import keras_tuner
import numpy as np
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.learning.objectives import Objective
from autoai4eo.runs.seeds import candidate, derived_seed
from autoai4eo.search.compat.optuna import set_attribute
from autoai4eo.search.space.base import Candidates
from autoai4eo.search.strategies.limits import Limits


class SearchContext(NamedTuple):
    """What a strategy may want to know of the search it serves.

    Attributes:
        objectives: what is optimised.
        space: the hyperparameters of the default network.
        epochs: per network.
        seed: of the search.
        candidates: what can be proposed and what it costs.
        limits: upper limits of costs by name.
        exclusive: keeps other workers out of what must be done by one at a time; a
            lock of all processes that run the study, which need not be reentrant.
    """

    objectives: tuple[Objective, ...]
    space: keras_tuner.HyperParameters
    epochs: int
    seed: int
    candidates: Candidates
    limits: Mapping[str, float]
    exclusive: Callable[[], AbstractContextManager[Any]] = nullcontext


class CandidateSampler(BaseSampler):
    """The base of every strategy: proposes a whole candidate before its trial begins.

    A subclass defines `propose`, which is called once for each new trial, in whichever
    worker runs it. What it proposed is kept with the trial as ``proposed``; a trial
    that repeats an interrupted one gets it again, and `propose` is not called. One
    worker proposes at a time, so that each knows what the others try.

    A worker that is started anew makes a new sampler. Proposals must therefore depend
    only on the seed, the trial and what the study holds, and on nothing that the
    sampler remembers.

    Attributes:
        setting: of the search.
        limits: what they allow.
        proposed: the values of the trial that runs; None: they are drawn one by one.
        exhausted: there is nothing more to propose.

    Args:
        setting: of the search.
    """

    def __init__(self, setting: SearchContext) -> None:
        self.setting = setting
        self.limits = Limits(setting.candidates, setting.limits)
        self.proposed: dict[str, Any] | None = {}
        self.exhausted = False

    def ask_again(self) -> None:
        """Takes back that nothing is left: other workers' trials ended meanwhile."""
        self.exhausted = False

    @abstractmethod
    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """What to keep as ``proposed``, its ``values`` at least; None: nothing is left.

        Args:
            study: that is run.
            trial: for which to propose.
            others: all other trials that began, the running ones of other workers
                included.
            rng: seeded for this trial.
        """

    def before_trial(self, study: Any, trial: FrozenTrial) -> None:
        """Asks `propose`, unless the trial repeats an interrupted one."""
        kept = trial.user_attrs.get("proposed")
        if kept is None:
            rng = np.random.default_rng(
                derived_seed(self.setting.seed, candidate(study, trial))
            )
            with self.setting.exclusive():
                others = [
                    other
                    for other in study.get_trials(deepcopy=False)
                    if other.number != trial.number
                    and other.state != TrialState.WAITING
                ]
                self.setting.candidates.learn_from(others)
                self.limits.screened = []
                kept = self.propose(study, trial, others, rng)
                if kept is not None:
                    set_attribute(study, trial, "proposed", kept)
        self.exhausted = kept is None
        if kept is not None:
            self.proposed = dict(kept["values"])

    def learn(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Tells which hyperparameters a network turned out to have; gives new ones.

        They are kept with the trial as ``space``, whence other workers know them.
        """
        return self.setting.candidates.learn_space(hp)

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """Nothing: values are handed out one by one."""
        return {}

    def sample_relative(
        self, study: Any, trial: Any, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        """Nothing: values are handed out one by one."""
        return {}

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: Any
    ) -> Any:
        """The value that was decided on."""
        assert self.proposed is not None
        return self.proposed[param_name]
