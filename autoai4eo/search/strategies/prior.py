"""What earlier searches tell about the networks of a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.surrogate import Surrogate, representative

_MOST = 300  # networks of a prior that its model is fitted on
_NOTHING = 0.01  # deviation of forecasts of a prior that tells nothing; scores have 1

Describe = Callable[[Sequence[Values]], tuple[np.ndarray, np.ndarray]]
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
    networks that are good on some are often good on others. It learns from at most 300
    networks of a search, see `representative`.

    Args:
        priors: the earlier searches.
        describe: returns features of networks, (n, d), and of their training, (n, t),
            also for networks of other searches.
    """

    def __init__(self, priors: Sequence[Prior], describe: Describe) -> None:
        self._priors = [_representative(prior) for prior in priors]
        self._describe = describe
        self._models: dict[tuple[int, str, tuple[int, int]], _Model] = {}

    def forecast(self, objective: str, several: Sequence[Values]) -> np.ndarray:
        """Returns the forecast of each search, of mean 0 and deviation 1, (n, priors).

        It is 0 where a search tells nothing of these networks.

        Args:
            objective: its name; less is better.
            several: networks.
        """
        features, of_training = self._describe(several)
        found = np.zeros((len(several), len(self._priors)))
        for i in range(len(self._priors)):
            widths = (features.shape[1], of_training.shape[1])
            model = self._model(i, objective, widths)
            column = model(np.hstack([features, of_training]))
            if column.std() > _NOTHING:
                found[:, i] = (column - column.mean()) / column.std()
        return found

    def _model(self, i: int, objective: str, widths: tuple[int, int]) -> _Model:
        key = (i, objective, widths)  # a search may get further features
        if key not in self._models:
            prior = self._priors[i]
            features = np.hstack(self._describe(prior.values))
            ranks = rankdata(prior.figures[objective])
            scores = ndtri((ranks - 0.5) / len(ranks))
            scale = features.std(axis=0)
            scale[scale == 0] = np.inf  # it tells nothing of the others
            model = Surrogate(features / scale, scores, widths[1])
            self._models[key] = lambda of: model.forecast(of / scale).mean
        return self._models[key]


def _representative(prior: Prior) -> Prior:
    figures = np.column_stack([*prior.figures.values()])
    rows = representative(figures, _MOST, np.random.default_rng(0))
    return Prior(
        prior.name,
        [prior.values[i] for i in rows],
        {name: column[rows] for name, column in prior.figures.items()},
    )
