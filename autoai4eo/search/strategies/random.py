"""``random``: Optuna's, independent draws."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler

from autoai4eo.search.strategies.base import Setting
from autoai4eo.search.strategies.optuna_samplers import OptunaSampler


def random(setting: Setting) -> BaseSampler:
    """Every value at random."""
    return OptunaSampler(lambda seed: RandomSampler(seed=seed), setting)
