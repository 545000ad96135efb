"""``random``: Optuna's, independent draws."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler

from autoai4eo.search.strategies.base import SearchContext
from autoai4eo.search.strategies.optuna_samplers import OptunaSampler


def random(setting: SearchContext) -> BaseSampler:
    """Every value at random."""
    return OptunaSampler(lambda seed: RandomSampler(seed=seed), setting)
