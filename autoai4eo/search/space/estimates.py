"""The costs of networks: exact where known, otherwise estimated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from autoai4eo.learning.figures import COUNTED, THROUGHPUT
from autoai4eo.search.space.base import Values
from autoai4eo.search.space.interpolation import interpolation

_FEWEST = 8  # measured networks, from which on a line is fitted
_WORK = ("macs", "flops")  # what it is fitted on
_UNKNOWN = 1e-3  # estimate of a cost before any measurement: below every limit

Model = Callable[[np.ndarray], np.ndarray]


class CostEstimates:
    """The costs of networks, exact if they were counted or measured.

    A Gaussian process over the hyperparameters estimates the counted costs of other
    networks, fitted on the logarithms of known costs. Few networks are measured, and
    MACs and FLOPs, counted or estimated, tell more about a latency than the
    hyperparameters do: it is on a line through their logarithms, once eight networks
    were measured, and proportional to the MACs before. A second process corrects the
    line; there each cost is as uncertain as its measurement was.

    Args:
        names: of the costs.
        features: describes networks, (n, d).
    """

    def __init__(
        self,
        names: Sequence[str],
        features: Callable[[Sequence[Values]], np.ndarray],
    ) -> None:
        self._names = tuple(names)
        self._features = features
        # by the fingerprint of a network
        self._exact: dict[str, dict[str, float]] = {}
        self._values: dict[str, Values] = {}
        self._spreads: dict[str, float] = {}  # of measured latencies, as shares of them
        # by the name of a cost
        self._models: dict[str, Model] = {}
        self._lines: dict[str, Model] = {}

    def learn(self, fingerprint: str, values: Values, cost: Mapping[str, Any]) -> None:
        """Records the costs of a network that are known."""
        self._values.setdefault(fingerprint, dict(values))
        known = self._exact.setdefault(fingerprint, {})
        for name in dict.fromkeys((*self._names, *_WORK)):
            if cost.get(name) and known.get(name) != cost[name]:
                known[name] = cost[name]
                self._models.pop(name, None)
                self._lines.pop(name, None)
        if "latency_ms" in known and cost.get("latency_spread_ms"):
            spread = cost["latency_spread_ms"] / known["latency_ms"]
            self._spreads[fingerprint] = spread

    def learn_features(self) -> None:
        """Forgets the models: networks have further features."""
        self._models.clear()

    def estimate(
        self, several: Sequence[Values], fingerprints: Sequence[str | None]
    ) -> np.ndarray:
        """Returns the costs of networks, (n, costs).

        Args:
            several: hyperparameters of the networks.
            fingerprints: of those that were built; None: it was not.
        """
        table = np.empty((len(several), len(self._names)))
        if not several:
            return table
        features = self._features(several)
        for i, name in enumerate(self._names):
            logs = self._model(name)(features)
            if name not in COUNTED:
                logs = logs + self._line(name)(self._work(features, fingerprints))
            table[:, i] = np.exp(logs)
            for row, fingerprint in enumerate(fingerprints):
                if fingerprint is not None and self._exact[fingerprint].get(name):
                    table[row, i] = self._exact[fingerprint][name]
        return table

    def _work(
        self, features: np.ndarray, fingerprints: Sequence[str | None]
    ) -> np.ndarray:
        """Returns the logarithms of MACs and FLOPs, exact or estimated, (n, 2)."""
        logs = np.stack([self._model(name)(features) for name in _WORK], axis=1)
        for row, fingerprint in enumerate(fingerprints):
            if fingerprint is not None:
                logs[row] = self._counts(fingerprint)
        return logs

    def _counts(self, fingerprint: str) -> list[float]:
        return [np.log(self._exact[fingerprint].get(name, 1)) for name in _WORK]

    def _model(self, name: str) -> Model:
        """Returns a model of the logarithm of a cost, or of what its line lacks."""
        if name not in self._models:
            known = self._known(name)
            if not known:
                unknown = np.log(_UNKNOWN) if name in COUNTED else 0.0
                return lambda features: np.full(len(features), unknown)
            logs = np.log([self._exact[m][name] for m in known])
            if name not in COUNTED:
                logs -= self._line(name)(np.array([self._counts(m) for m in known]))
            spreads = self._spreads if name == "latency_ms" else {}
            self._models[name] = interpolation(
                self._features([self._values[m] for m in known]),
                logs,
                np.array([spreads.get(m, 0.0) for m in known]),
            )
        return self._models[name]

    def _line(self, name: str) -> Model:
        """Returns the logarithm of a cost by those of MACs and FLOPs, (n, 2)."""
        if name not in self._lines:
            known = self._known(name)
            if not known:
                return lambda counts: np.full(len(counts), np.log(_UNKNOWN))
            logs = np.log([self._exact[m][name] for m in known])
            counts = np.array([self._counts(m) for m in known])
            if len(known) >= _FEWEST:
                line = make_pipeline(StandardScaler(), Ridge(1e-3)).fit(counts, logs)
                self._lines[name] = line.predict
            else:
                sign = -1 if name == THROUGHPUT else 1
                level = (logs - sign * counts[:, 0]).mean()
                self._lines[name] = lambda others: level + sign * others[:, 0]
        return self._lines[name]

    def _known(self, name: str) -> list[str]:
        return [m for m, costs in self._exact.items() if name in costs]
