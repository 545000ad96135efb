"""``random``: Optuna's, independent draws."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler

from autoai4eo.search.strategies.base import SeededSampler, Setting


def random(setting: Setting) -> BaseSampler:
    """Every value at random."""
    return SeededSampler(lambda seed: RandomSampler(seed=seed), setting.seed)
