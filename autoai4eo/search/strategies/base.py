"""What every strategy is made from, and made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras_tuner
from optuna.samplers import BaseSampler

from autoai4eo.search.candidates import Candidates
from autoai4eo.search.objectives import Objective
from autoai4eo.search.seeds import candidate, derived_seed


class Setting(NamedTuple):
    """What a strategy may want to know of the search it serves.

    Attributes:
        objectives: what is optimised.
        space: the hyperparameters of the default network.
        epochs: per network.
        seed: of the search.
        candidates: what can be proposed and what it costs.
        limits: upper limits of costs by name.
    """

    objectives: tuple[Objective, ...]
    space: keras_tuner.HyperParameters
    epochs: int
    seed: int
    candidates: Candidates
    limits: Mapping[str, float]


class SeededSampler(BaseSampler):
    """An Optuna sampler made anew for every trial from (seed, candidate).

    So what a trial draws does not depend on whether the search was broken off before.

    Args:
        make: the sampler for a seed.
        seed: of the search.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self._make = make
        self._seed = seed
        self._sampler = make(seed)

    def before_trial(self, study: Any, trial: Any) -> None:
        """Seeds for this trial."""
        self._sampler = self._make(derived_seed(self._seed, candidate(study, trial)))
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """As the sampler within."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Any, trial: Any, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        """As the sampler within."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: Any
    ) -> Any:
        """As the sampler within."""
        return self._sampler.sample_independent(
            study, trial, param_name, param_distribution
        )

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        """As the sampler within."""
        self._sampler.after_trial(study, trial, state, values)


class HandsOut(BaseSampler):
    """A sampler that decides on a whole candidate before its trial begins.

    Attributes:
        proposed: the values of the trial that runs.
        exhausted: there is nothing more to propose.
    """

    def __init__(self) -> None:
        self.proposed: dict[str, Any] = {}
        self.exhausted = False

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
        return self.proposed[param_name]
