"""The costs of networks: exact where known, otherwise estimated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autoai4eo.learning.figures import COUNTED, THROUGHPUT
from autoai4eo.search.space.base import Values
from autoai4eo.search.space.interpolation import interpolation

# the constants tried beside the MACs, and how far from those of the networks
_CONSTANTS, _BEYOND = 200, 1e3
_UNKNOWN = 1e-3  # estimate of a cost before any measurement: below every limit

Model = Callable[[np.ndarray], np.ndarray]


class CostEstimates:
    """The costs of networks, exact if they were counted or measured.

    A Gaussian process over the hyperparameters estimates the counted costs of other
    networks, fitted on the logarithms of known costs. Few networks are measured, and
    their MACs, counted or estimated, tell more about a latency than the hyperparameters
    do: it is proportional to the MACs plus a constant, 0 or more, by least squares of
    the logarithms (after a single measurement the constant is 0). A second process
    corrects this; there each cost is as uncertain as its measurement was.

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
        self._by_macs: dict[str, Model] = {}

    def learn(self, fingerprint: str, values: Values, cost: Mapping[str, Any]) -> None:
        """Records the costs of a network that are known."""
        self._values.setdefault(fingerprint, dict(values))
        known = self._exact.setdefault(fingerprint, {})
        for name in dict.fromkeys((*self._names, "macs")):
            if cost.get(name) and known.get(name) != cost[name]:
                known[name] = cost[name]
                self._models.pop(name, None)
                self._by_macs.pop(name, None)
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
                logs = logs + self._of_macs(name)(self._macs(features, fingerprints))
            table[:, i] = np.exp(logs)
            for row, fingerprint in enumerate(fingerprints):
                if fingerprint is not None and self._exact[fingerprint].get(name):
                    table[row, i] = self._exact[fingerprint][name]
        return table

    def _macs(
        self, features: np.ndarray, fingerprints: Sequence[str | None]
    ) -> np.ndarray:
        """Returns the MACs of networks, counted or estimated, (n,)."""
        macs = np.exp(self._model("macs")(features))
        for row, fingerprint in enumerate(fingerprints):
            if fingerprint is not None:
                macs[row] = self._counted(fingerprint)
        return macs

    def _counted(self, fingerprint: str) -> float:
        return self._exact[fingerprint].get("macs", 1.0)

    def _model(self, name: str) -> Model:
        """Returns a model of the logarithm of a cost, or of what its MACs leave."""
        if name not in self._models:
            known = self._known(name)
            if not known:
                unknown = np.log(_UNKNOWN) if name in COUNTED else 0.0
                return lambda features: np.full(len(features), unknown)
            logs = np.log([self._exact[m][name] for m in known])
            if name not in COUNTED:
                macs = np.array([self._counted(m) for m in known])
                logs -= self._of_macs(name)(macs)
            spreads = self._spreads if name == "latency_ms" else {}
            self._models[name] = interpolation(
                self._features([self._values[m] for m in known]),
                logs,
                np.array([spreads.get(m, 0.0) for m in known]),
            )
        return self._models[name]

    def _of_macs(self, name: str) -> Model:
        """Returns the logarithm of a measured cost by the MACs, (n,)."""
        if name not in self._by_macs:
            known = self._known(name)
            if not known:
                return lambda macs: np.full(len(macs), np.log(_UNKNOWN))
            sign = -1 if name == THROUGHPUT else 1
            macs = np.array([self._counted(m) for m in known])
            logs = np.log([self._exact[m][name] for m in known])
            ends = macs.min() / _BEYOND, macs.max() * _BEYOND
            constants = np.append(0.0, np.geomspace(*ends, _CONSTANTS))
            levels = logs[:, None] - sign * np.log(macs[:, None] + constants)
            best = levels.var(axis=0).round(12).argmin()  # of equal ones the least
            level, constant = levels[:, best].mean(), constants[best]
            self._by_macs[name] = lambda others: (
                level + sign * np.log(others + constant)
            )
        return self._by_macs[name]

    def _known(self, name: str) -> list[str]:
        return [m for m, costs in self._exact.items() if name in costs]
