"""Optuna's samplers as strategies, within the limits of a search."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from autoai4eo.errors import UnsuitableStrategyError
from autoai4eo.runs.seeds import candidate, derived_seed
from autoai4eo.search.compat.optuna import contains
from autoai4eo.search.space.base import Values
from autoai4eo.search.space.hyperparameters import is_active
from autoai4eo.search.space.suggestions import suggest
from autoai4eo.search.strategies.base import CandidateSampler, SearchContext

# Optuna's default is 50, too large for a search of some dozens of trainings.
_POPULATION = 20


def _gp(seed: int) -> BaseSampler:
    if importlib.util.find_spec("torch") is None:
        raise UnsuitableStrategyError(
            "--tuner: expected the extra gp for 'gp', found no PyTorch; "
            'pip install "autoai4eo[gp]"'
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.GPSampler(seed=seed)


@dataclass(frozen=True)
class OptunaStrategy:
    """A strategy that uses a sampler of Optuna.

    Attributes:
        make: makes the sampler from a seed.
        draws: most whole candidates drawn for one trial, if there are limits.
    """

    make: Callable[[int], BaseSampler]
    draws: int = 50

    def __call__(self, context: SearchContext) -> CandidateSampler:
        """Returns the sampler for a search."""
        return OptunaSampler(self.make, context, self.draws)


#: Strategies by name.
OPTUNA = {
    # every value is drawn independently
    "random": OptunaStrategy(lambda seed: RandomSampler(seed=seed)),
    # a tree-structured Parzen estimator: Bergstra et al. (2011); with several
    # objectives Ozaki et al. (2022)
    "tpe": OptunaStrategy(lambda seed: TPESampler(seed=seed)),
    # an elitist genetic algorithm: Deb et al. (2002)
    "nsga2": OptunaStrategy(
        lambda seed: NSGAIISampler(population_size=_POPULATION, seed=seed)
    ),
    # a Gaussian process, to which costs are unknown, as accuracies are; a draw takes
    # seconds, and is mostly the same as the one before
    "gp": OptunaStrategy(_gp, draws=3),
}


class OptunaSampler(CandidateSampler):
    """An Optuna sampler made anew for every trial from (seed, candidate).

    Its draws therefore do not depend on interruptions of the search. Without limits,
    each value is drawn when a block registers it. With limits, whole candidates are
    drawn before the trial until one fits.

    Attributes:
        proposed: the values of the running trial; None: they are drawn one by one.

    Args:
        make: makes the sampler from a seed.
        context: of the search.
        draws: most whole candidates drawn for one trial.
    """

    def __init__(
        self,
        make: Callable[[int], BaseSampler],
        context: SearchContext,
        draws: int = 50,
    ) -> None:
        super().__init__(context)
        self._make = make
        self._draws = draws
        self._sampler = make(context.seed)

    def before_trial(self, study: Any, trial: FrozenTrial) -> None:
        """Seeds the sampler; draws a whole candidate if there are limits."""
        seed = derived_seed(self.context.seed, candidate(study, trial))
        self._sampler = self._make(seed)
        self._sampler.before_trial(study, trial)
        self.proposed = None
        if "proposed" in trial.user_attrs and isinstance(self._sampler, NSGAIISampler):
            # it is not asked for this trial, which belongs to a generation, too
            self._sampler.get_trial_generation(study, trial)
        if self.context.limits or "proposed" in trial.user_attrs:
            super().before_trial(study, trial)

    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Returns the first drawn candidate within the limits, see `Limits.first`."""
        draft = _Draft(self._sampler, study, trial)
        found = self.limits.first(
            (draft.draw(self.context.candidates.space) for _ in range(self._draws)),
            rng,
        )
        return found and {"values": found, **self.limits.record(found)}

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """Calls Optuna's sampler; {} if the candidate is proposed already."""
        if self.proposed is not None:
            return {}
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Any, trial: Any, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        """Calls Optuna's sampler; {} if the candidate is proposed already."""
        if self.proposed is not None:
            return {}
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Any, trial: Any, param_name: str, param_distribution: Any
    ) -> Any:
        """Returns the proposed value, or calls Optuna's sampler."""
        if self.proposed is not None:
            return self.proposed[param_name]
        return self._sampler.sample_independent(
            study, trial, param_name, param_distribution
        )

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        """Calls Optuna's sampler."""
        self._sampler.after_trial(study, trial, state, values)


class _Draft:
    """A substitute for an Optuna trial that stores nothing."""

    def __init__(self, sampler: BaseSampler, study: Any, trial: FrozenTrial) -> None:
        self._sampler = sampler
        self._study = study
        self._trial = trial
        self._relative: dict[str, Any] = {}

    def draw(self, space: Any) -> Values:
        """Draws a whole candidate: a value for each active hyperparameter."""
        of = (self._study, self._trial)
        self._relative = self._sampler.sample_relative(
            *of, self._sampler.infer_relative_search_space(*of)
        )
        values: Values = {}
        for hp in space:
            if is_active(hp, values):
                values[hp.name] = suggest(self, hp)
        return values

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._value(name, CategoricalDistribution(choices))

    def suggest_int(self, name: str, low: int, high: int, **how: Any) -> Any:
        return self._value(name, IntDistribution(low, high, **how))

    def suggest_float(self, name: str, low: float, high: float, **how: Any) -> Any:
        return self._value(name, FloatDistribution(low, high, **how))

    def _value(self, name: str, distribution: BaseDistribution) -> Any:
        if distribution.single():
            return distribution.to_external_repr(_only(distribution))
        if name in self._relative:
            value = self._relative[name]
            if contains(distribution, value):
                return value
        return self._sampler.sample_independent(
            self._study, self._trial, name, distribution
        )


def _only(distribution: Any) -> float:
    return 0.0 if hasattr(distribution, "choices") else float(distribution.low)
