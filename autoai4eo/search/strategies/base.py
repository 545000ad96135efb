"""The base class of every strategy, and the context it gets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
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
from autoai4eo.search.strategies.prior import Prior


class SearchContext(NamedTuple):
    """What a strategy knows about its search.

    Attributes:
        objectives: of the search, in order.
        space: the hyperparameters of the default network.
        epochs: per network.
        seed: of the search.
        candidates: the networks that can be proposed, and their costs.
        limits: upper limits of costs by name.
        exclusive: returns a lock among all processes of the study, for what one worker
            may do at a time; it need not be reentrant.
        priors: earlier searches, for a strategy that learns from them.
    """

    objectives: tuple[Objective, ...]
    space: keras_tuner.HyperParameters
    epochs: int
    seed: int
    candidates: Candidates
    limits: Mapping[str, float]
    exclusive: Callable[[], AbstractContextManager[Any]] = nullcontext
    priors: Sequence[Prior] = ()


class CandidateSampler(BaseSampler):
    """The base of every strategy: proposes a whole candidate before its trial begins.

    A subclass defines `propose`, which is called once for each new trial, in the worker
    that runs it. The trial records the proposal as ``proposed``; a trial that repeats
    an interrupted one reuses it, without a call of `propose`. One worker proposes at a
    time, so that each knows the proposals of the others.

    A new worker process makes a new sampler. Proposals must therefore depend only on
    the seed, the trial and the study, not on attributes of the sampler.

    Attributes:
        context: of the search.
        limits: checks proposals against the limits.
        proposed: the values of the running trial; None: they are drawn one by one.
        exhausted: whether nothing is left to propose.

    Args:
        context: of the search.
    """

    def __init__(self, context: SearchContext) -> None:
        self.context = context
        self.limits = Limits(context.candidates, context.limits)
        self.proposed: dict[str, Any] | None = {}
        self.exhausted = False

    def ask_again(self) -> None:
        """Resets `exhausted`, as trials of other workers have ended meanwhile."""
        self.exhausted = False

    @abstractmethod
    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Returns the proposal for a trial, with its ``values``; None: nothing is left.

        Args:
            study: of the search.
            trial: to propose for.
            others: all other trials that began, including running ones of other
                workers.
            rng: seeded for this trial.
        """

    def before_trial(self, study: Any, trial: FrozenTrial) -> None:
        """Calls `propose`, unless the trial repeats an interrupted one."""
        kept = trial.user_attrs.get("proposed")
        if kept is None:
            rng = np.random.default_rng(
                derived_seed(self.context.seed, candidate(study, trial))
            )
            with self.context.exclusive():
                others = [
                    other
                    for other in study.get_trials(deepcopy=False)
                    if other.number != trial.number
                    and other.state != TrialState.WAITING
                ]
                self.context.candidates.learn_from(others)
                self.limits.begin(others)
                kept = self.propose(study, trial, others, rng)
                if kept is not None:
                    set_attribute(study, trial, "proposed", kept)
        self.exhausted = kept is None
        if kept is not None:
            self.proposed = dict(kept["values"])

    def learn(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Adds the hyperparameters of a built network; returns the new ones.

        The trial records these as ``space``, for other workers.
        """
        return self.context.candidates.learn_space(hp)

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """Returns {}: `sample_independent` returns all values."""
        return {}

    def sample_relative(
        self, study: Any, trial: Any, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        """Returns {}: `sample_independent` returns all values."""
        return {}

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: Any
    ) -> Any:
        """Returns the proposed value."""
        assert self.proposed is not None
        return self.proposed[param_name]
