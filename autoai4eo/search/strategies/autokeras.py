"""The strategies of AutoKeras (greedy, bayesian, hyperband) and of users' oracles."""

from __future__ import annotations

import inspect
from typing import Any

import keras_tuner
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle

from autoai4eo.errors import UnsuitableStrategyError
from autoai4eo.search.compat.autokeras import GreedyOracle
from autoai4eo.search.strategies.base import CandidateSampler, SearchContext
from autoai4eo.search.strategies.oracles import OracleSampler


def greedy(context: SearchContext) -> CandidateSampler:
    """Returns AutoKeras's default: changes a few values of the best so far."""
    return of_oracle(GreedyOracle, context)


def bayesian(context: SearchContext) -> CandidateSampler:
    """Returns KerasTuner's Bayesian optimisation by a Gaussian process."""
    # a second proposal takes seconds, and is nearly the same
    return of_oracle(BayesianOptimizationOracle, context, asks=1)


def hyperband(context: SearchContext) -> CandidateSampler:
    """Returns Hyperband (Li et al. 2018): trains many briefly, and the best longer."""
    return of_oracle(HyperbandOracle, context)


def of_oracle(
    oracle: type[keras_tuner.Oracle], context: SearchContext, asks: int = 5
) -> CandidateSampler:
    """Returns the strategy of a `keras_tuner.Oracle` class.

    Args:
        oracle: the class.
        context: of the search.
        asks: most proposals for one trial until one is within the limits.

    Raises:
        UnsuitableStrategyError: the search has several objectives.
    """
    if len(context.objectives) > 1:
        raise UnsuitableStrategyError(
            f"--tuner: {oracle.__name__} takes one objective, got "
            f"{[o.name for o in context.objectives]}; use --tuner cost-aware for "
            "several"
        )
    (objective,) = context.objectives
    given: dict[str, Any] = {}
    takes = inspect.signature(oracle).parameters
    if "max_epochs" in takes:
        given["max_epochs"] = context.epochs
    if "initial_hps" in takes:
        given["initial_hps"] = [dict(context.space.values)]  # the defaults first

    def fresh() -> keras_tuner.Oracle:
        return oracle(
            objective=keras_tuner.Objective(*objective),
            # 0 means "no seed" in KerasTuner
            seed=context.seed + 1,
            **given,
        )

    return OracleSampler(fresh, context, asks)
