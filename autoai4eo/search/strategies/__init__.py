"""Strategies by name: they choose the next candidate.

A strategy is a `CandidateSampler`: before each trial it proposes a whole candidate
within the limits of the search. Its only memory is the study, which several workers
share. `ProposingSampler` is the base of strategies that rank networks by their costs,
`OptunaSampler` of those of Optuna, `OracleSampler` of those of KerasTuner.

To add a strategy, add a file here and its name to `STRATEGIES`. A strategy outside of
this package is a class whose constructor takes a `SearchContext`, given as ``tuner=``.
Every strategy must pass ``tests/search/strategies/test_contract.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras_tuner

from autoai4eo.callers import either
from autoai4eo.errors import UserError
from autoai4eo.search.strategies.autokeras import (
    bayesian,
    greedy,
    hyperband,
    of_oracle,
)
from autoai4eo.search.strategies.base import CandidateSampler, SearchContext
from autoai4eo.search.strategies.cost_aware import CostAware
from autoai4eo.search.strategies.cost_sorted import CostSorted
from autoai4eo.search.strategies.local_search import LocalSearch
from autoai4eo.search.strategies.optuna_samplers import OPTUNA
from autoai4eo.search.strategies.policy import PolicyGradient
from autoai4eo.text import with_nearest

__all__ = [
    "DEFAULT",
    "STRATEGIES",
    "CandidateSampler",
    "SearchContext",
    "check",
    "strategy",
]

STRATEGIES: dict[str, Callable[[SearchContext], CandidateSampler]] = {
    "greedy": greedy,
    "bayesian": bayesian,
    "hyperband": hyperband,
    **OPTUNA,
    "local-search": LocalSearch,
    "policy": PolicyGradient,
    "cost-sorted": CostSorted,
    "cost-aware": CostAware,
}


#: The default for one objective and for several.
DEFAULT = "cost-aware"


def strategy(
    tuner: str | type[keras_tuner.Oracle] | type[CandidateSampler],
    context: SearchContext,
) -> CandidateSampler:
    """Returns the sampler for a name, a `CandidateSampler` or a `keras_tuner.Oracle`.

    Raises:
        UserError: the name is unknown, or the strategy takes only one objective.
    """
    if isinstance(tuner, str):
        return STRATEGIES[check(tuner)](context)
    if issubclass(tuner, CandidateSampler):
        return tuner(context)
    return of_oracle(tuner, context)


def check(tuner: Any) -> Any:
    """Returns the argument if it names a strategy or is the class of one.

    Raises:
        UserError: it is neither.
    """
    if isinstance(tuner, str) and tuner in STRATEGIES:
        return tuner
    if isinstance(tuner, type) and issubclass(
        tuner, CandidateSampler | keras_tuner.Oracle
    ):
        return tuner
    own = either(
        " (a strategy of your own is given in Python)",
        ", or a class of autoai4eo.search.strategies.CandidateSampler or "
        "keras_tuner.Oracle",
    )
    raise UserError(
        f"tuner: expected one of {', '.join(STRATEGIES)}{own}, got "
        + with_nearest(str(tuner), STRATEGIES)
    )
