"""``nsga2``: Optuna's elitist genetic algorithm."""

from __future__ import annotations

from optuna.samplers import BaseSampler, NSGAIISampler

from autoai4eo.search.strategies.base import SearchContext
from autoai4eo.search.strategies.optuna_samplers import OptunaSampler

# Optuna's own is 50, which a search of some dozens of trainings never outlives.
_POPULATION = 20


def nsga2(setting: SearchContext) -> BaseSampler:
    """Deb et al. (2002), in generations of 20."""
    return OptunaSampler(
        lambda seed: NSGAIISampler(population_size=_POPULATION, seed=seed),
        setting,
    )
