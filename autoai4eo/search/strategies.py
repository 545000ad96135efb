"""Strategies by name: how the next candidate is chosen.

A strategy is an Optuna sampler. Its lifecycle for one trial: `before_trial`, then
`sample_relative` and, for every hyperparameter that this did not cover,
`sample_independent`, in the order in which the blocks name them, then `after_trial`
with what came out. Everything that it knows it reads from the study. A new strategy is
a function here that makes the sampler, under its name in `STRATEGIES`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import keras_tuner
from autokeras.tuners.greedy import GreedyOracle
from keras_tuner.src.tuners.bayesian import BayesianOptimizationOracle
from keras_tuner.src.tuners.hyperband import HyperbandOracle
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from autoai4eo.errors import UserError
from autoai4eo.search.objectives import Objective
from autoai4eo.search.oracles import OracleSampler
from autoai4eo.search.seeds import candidate, derived_seed

DEFAULT = "greedy"


class Setting(NamedTuple):
    """What a strategy may want to know of the search it serves."""

    objectives: tuple[Objective, ...]
    space: keras_tuner.HyperParameters
    epochs: int
    seed: int


class SeededSampler(BaseSampler):
    """An Optuna sampler made anew for every trial from (seed, candidate).

    Optuna keeps no sampler state over a restart; so a resumed search would repeat its
    first draws. This way it goes on as if it had never stopped.
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


def _optuna(make: Callable[[int], BaseSampler]) -> Callable[[Setting], BaseSampler]:
    return lambda setting: SeededSampler(make, setting.seed)


def _oracle(
    oracle: type[keras_tuner.Oracle], **arguments: Any
) -> Callable[[Setting], BaseSampler]:
    def make(setting: Setting) -> BaseSampler:
        if len(setting.objectives) > 1:
            raise UserError(
                f"tuner: {oracle.__name__} takes one objective, got "
                f"{[o.name for o in setting.objectives]}; use tuner='tpe' for several"
            )
        (objective,) = setting.objectives
        given = dict(arguments)
        takes = inspect.signature(oracle).parameters
        if "max_epochs" in takes:
            given["max_epochs"] = setting.epochs
        if "initial_hps" in takes:
            given["initial_hps"] = [dict(setting.space.values)]  # the defaults first

        def fresh() -> keras_tuner.Oracle:
            return oracle(
                objective=keras_tuner.Objective(*objective),
                # 0 would be taken for "no seed" by KerasTuner
                seed=setting.seed + 1,
                **given,
            )

        return OracleSampler(fresh, setting.space, objective.name, setting.seed)

    return make


STRATEGIES: dict[str, Callable[[Setting], BaseSampler]] = {
    "greedy": _oracle(GreedyOracle),
    "bayesian": _oracle(BayesianOptimizationOracle),
    "hyperband": _oracle(HyperbandOracle),
    "random": _optuna(lambda seed: RandomSampler(seed=seed)),
    "tpe": _optuna(lambda seed: TPESampler(seed=seed)),
}


def strategy(tuner: str | type[keras_tuner.Oracle], setting: Setting) -> BaseSampler:
    """The sampler for a name, or for a `keras_tuner.Oracle` class of the user's own.

    Raises:
        UserError: an unknown name, or several objectives where one is possible.
    """
    if isinstance(tuner, str):
        return STRATEGIES[check(tuner)](setting)
    return _oracle(tuner)(setting)


def check(tuner: Any) -> Any:
    """The argument itself, where it names a strategy or is an oracle class.

    Raises:
        UserError: it is neither.
    """
    if isinstance(tuner, str) and tuner in STRATEGIES:
        return tuner
    if isinstance(tuner, type) and issubclass(tuner, keras_tuner.Oracle):
        return tuner
    raise UserError(
        f"tuner: expected one of {', '.join(STRATEGIES)} or a keras_tuner.Oracle "
        f"class, got {tuner!r}"
    )
