"""``gp``: Optuna's Gaussian process, all objectives unknown."""

from __future__ import annotations

import importlib.util
import warnings

import optuna
from optuna.samplers import BaseSampler

from autoai4eo.errors import UserError
from autoai4eo.search.strategies.base import SearchContext
from autoai4eo.search.strategies.optuna_samplers import OptunaSampler

# Each takes seconds, and most often ends where the one before did.
_DRAWS = 3


def gp(setting: SearchContext) -> BaseSampler:
    """Expected improvement of the figure, or of the hypervolume.

    Raises:
        UserError: the extra ``gp`` (PyTorch) is missing.
    """
    if importlib.util.find_spec("torch") is None:
        raise UserError(
            "tuner: expected the extra gp for 'gp', found no PyTorch; "
            'pip install "autoai4eo[gp]"'
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return OptunaSampler(
            lambda seed: optuna.samplers.GPSampler(seed=seed), setting, _DRAWS
        )
