"""What earlier searches tell about the networks of a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.surrogate import Surrogate

_MOST = 300  # networks of a prior that its model is fitted on

Describe = Callable[[Sequence[Values]], np.ndarray]
_Model = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Prior:
    """Networks that were trained before, on these or other data.

    Attributes:
        name: of the run or table, for messages.
        values: the hyperparameters of each network.
        figures: by objective, of each network, to be minimised, (n,).
    """

    name: str
    values: Sequence[Values]
    figures: Mapping[str, np.ndarray]


class PriorModels:
    """Forecasts of figures by earlier searches, for other networks.

    A Gaussian process over features of networks and their training learns the ranks of
    an earlier search's networks, as normal scores: accuracies differ between data, but
    networks that are good on some are often good on others.

    Args:
        priors: the earlier searches.
        describe: returns features of networks, also of other searches, (n, d).
    """

    def __init__(self, priors: Sequence[Prior], describe: Describe) -> None:
        self._priors = priors
        self._describe = describe
        self._models: dict[tuple[int, str, int], _Model] = {}

    def forecast(self, objective: str, several: Sequence[Values]) -> np.ndarray:
        """Returns the forecast of each search, of mean 0 and deviation 1, (n, priors).

        Args:
            objective: its name; less is better.
            several: networks.
        """
        features = self._describe(several)
        found = np.zeros((len(several), len(self._priors)))
        for i in range(len(self._priors)):
            column = self._model(i, objective, features.shape[1])(features)
            found[:, i] = (column - column.mean()) / (column.std() or 1.0)
        return found

    def _model(self, i: int, objective: str, width: int) -> _Model:
        key = (i, objective, width)  # a search may get further features
        if key not in self._models:
            prior = self._priors[i]
            features = self._describe(prior.values[:_MOST])
            ranks = rankdata(prior.figures[objective][:_MOST])
            scores = ndtri((ranks - 0.5) / len(ranks))
            scale = features.std(axis=0)
            scale[scale == 0] = np.inf  # it tells nothing of the others
            model = Surrogate(features / scale, scores)
            self._models[key] = lambda of: model.forecast(of / scale).mean
        return self._models[key]
