"""``tpe``: Optuna's tree-structured Parzen estimator."""

from __future__ import annotations

from optuna.samplers import BaseSampler, TPESampler

from autoai4eo.search.strategies.base import SearchContext
from autoai4eo.search.strategies.optuna_samplers import OptunaSampler


def tpe(setting: SearchContext) -> BaseSampler:
    """Bergstra et al. (2011); with several objectives Ozaki et al. (2022)."""
    return OptunaSampler(lambda seed: TPESampler(seed=seed), setting)
