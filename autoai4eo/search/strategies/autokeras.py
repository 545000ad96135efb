"""AutoKeras's tuners and a user's own oracle: greedy, bayesian, hyperband."""

from __future__ import annotations

import inspect
from typing import Any

import keras_tuner
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle

from autoai4eo.errors import UnsuitableStrategyError
from autoai4eo.search.compat.autokeras import GreedyOracle
from autoai4eo.search.strategies.base import CandidateSampler, SearchContext
from autoai4eo.search.strategies.oracles import OracleSampler


def greedy(setting: SearchContext) -> CandidateSampler:
    """AutoKeras's default: the best so far with a few values changed."""
    return of_oracle(GreedyOracle, setting)


def bayesian(setting: SearchContext) -> CandidateSampler:
    """KerasTuner's Gaussian process."""
    # asked again it takes seconds, and ends where it did before
    return of_oracle(BayesianOptimizationOracle, setting, asks=1)


def hyperband(setting: SearchContext) -> CandidateSampler:
    """Li et al. (2018): many for a few epochs, the best of them for longer."""
    return of_oracle(HyperbandOracle, setting)


def of_oracle(
    oracle: type[keras_tuner.Oracle], setting: SearchContext, asks: int = 5
) -> CandidateSampler:
    """The strategy of a `keras_tuner.Oracle` class.

    Args:
        oracle: the class.
        setting: of the search.
        asks: for one trial, until what it proposes is within the limits.

    Raises:
        UnsuitableStrategyError: the search has several objectives.
    """
    if len(setting.objectives) > 1:
        raise UnsuitableStrategyError(
            f"tuner: {oracle.__name__} takes one objective, got "
            f"{[o.name for o in setting.objectives]}; use tuner='cost-aware' for "
            "several"
        )
    (objective,) = setting.objectives
    given: dict[str, Any] = {}
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

    return OracleSampler(fresh, setting, asks)
