"""Strategies by name: how the next candidate is chosen.

A strategy is an Optuna sampler: asked before a trial (`before_trial`), for values as
the blocks name them (`sample_independent`), and told how the trial ended
(`after_trial`). It decides on a whole candidate first and hands that out
(`base.CandidateSampler.propose`), within the limits of the search; those that rank
networks by their costs are `ProposingSampler`s, and Optuna's own
(`optuna_samplers.OptunaSampler`) draw value by value where there are no limits. What
it knows it reads from the study, which several workers share.

A new strategy is a file here, whose function or class makes the sampler for a
`SearchContext`, and its name in `STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras_tuner
from optuna.samplers import BaseSampler

from autoai4eo.errors import UserError
from autoai4eo.search.strategies.autokeras import (
    bayesian,
    greedy,
    hyperband,
    of_oracle,
)
from autoai4eo.search.strategies.base import SearchContext
from autoai4eo.search.strategies.cost_aware import CostAware
from autoai4eo.search.strategies.cost_sorted import CostSorted
from autoai4eo.search.strategies.gp import gp
from autoai4eo.search.strategies.nsga2 import nsga2
from autoai4eo.search.strategies.random import random
from autoai4eo.search.strategies.tpe import tpe

__all__ = ["DEFAULT", "STRATEGIES", "SearchContext", "check", "strategy"]

STRATEGIES: dict[str, Callable[[SearchContext], BaseSampler]] = {
    "greedy": greedy,
    "bayesian": bayesian,
    "hyperband": hyperband,
    "random": random,
    "tpe": tpe,
    "nsga2": nsga2,
    "gp": gp,
    "cost-sorted": CostSorted,
    "cost-aware": CostAware,
}


#: Where none is named, for one objective and for several.
DEFAULT = "cost-aware"


def strategy(
    tuner: str | type[keras_tuner.Oracle], setting: SearchContext
) -> BaseSampler:
    """The sampler for a name, or for a `keras_tuner.Oracle` class of the user's own.

    Raises:
        UserError: an unknown name, or several objectives where one is possible.
    """
    if isinstance(tuner, str):
        return STRATEGIES[check(tuner)](setting)
    return of_oracle(tuner, setting)


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
