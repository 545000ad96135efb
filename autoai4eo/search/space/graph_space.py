"""The networks of a graph of blocks; only few of them are built."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
from optuna.trial import FrozenTrial
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from autoai4eo.learning.figures import COUNTED, THROUGHPUT
from autoai4eo.search.space.base import Values, recipe
from autoai4eo.search.space.hyperparameters import KnownHyperparameters
from autoai4eo.search.space.interpolation import interpolation

_FEWEST = 8  # measured networks, from which on a line is fitted
_WORK = ("macs", "flops")  # what it is fitted on
_UNKNOWN = 1e-3  # estimate of a cost before any measurement: below every limit


class GraphCandidates:
    """`Candidates` of a graph: costs are counted if built, otherwise estimated.

    The space consists of the hyperparameters of all networks built so far. A Gaussian
    process over the hyperparameters estimates the counted costs of other networks,
    fitted on the logarithms of known costs. Few networks are measured, and MACs and
    FLOPs, counted or estimated, tell more about a latency than the hyperparameters do:
    it is on a line through their logarithms, once eight networks were measured, and
    proportional to the MACs before. A second process corrects the line; there each cost
    is as noisy as its measurement was.

    Args:
        count: builds a network from values; returns its hyperparameters, fingerprint
            and counted costs.
        space: the hyperparameters of the default network.
        costs: names of the costs that the search uses.
        comparable: whether a recorded cost was measured in the same way as here.
    """

    def __init__(
        self,
        count: Callable[
            [Values], tuple[keras_tuner.HyperParameters, str, Mapping[str, float]]
        ],
        space: keras_tuner.HyperParameters,
        costs: Sequence[str],
        comparable: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        self.costs = tuple(costs)
        self.default: Values | None = dict(space.values)
        self._count = count
        self._comparable = comparable
        self._space = KnownHyperparameters()
        self._fingerprints: dict[Hashable, str] = {}
        self._recipes: dict[Hashable, Hashable] = {}
        self._exact: dict[str, dict[str, float]] = {}
        self._spread: dict[str, dict[str, float]] = {}
        self._of_fingerprint: dict[str, Values] = {}
        self._read: set[int] = set()
        self._models: dict[str, Any] = {}
        self._lines: dict[str, Any] = {}
        self.learn_space(space)

    @property
    def space(self) -> list[Any]:
        """KerasTuner's hyperparameters known so far, each after those it depends on."""
        return list(self._space)

    def learn_from(self, trials: Sequence[FrozenTrial]) -> None:
        """Learns the costs of networks built and measured in earlier trials."""
        for trial in trials:
            if trial.number in self._read:
                continue
            if trial.state.is_finished():  # its record is final
                self._read.add(trial.number)
            kept = trial.user_attrs
            for built in kept.get("proposed", {}).get("screened", []):
                self._know(built["space"])
                self._remember(
                    built["values"],
                    built["fingerprint"],
                    built["cost"],
                    built.get("asked"),
                )
            self._know(kept.get("space", []))
            if "fingerprint" in kept:
                cost = dict(kept["cost"])
                if not self._comparable(cost):
                    cost = {name: cost[name] for name in COUNTED}
                self._remember(kept["hyperparameters"], kept["fingerprint"], cost)

    def draw(self, number: int, rng: np.random.Generator) -> list[Values]:
        """Draws `number` candidates at random."""
        return [
            self._space.completed({}, rng.random(len(self._space)))
            for _ in range(number)
        ]

    def vary(
        self, parents: Sequence[Values], number: int, rng: np.random.Generator
    ) -> list[Values]:
        """Returns mutations of one or two values and crossovers, half of each.

        With one parent all are mutations.
        """
        found = []
        for i in range(number):
            mother, father = (parents[k] for k in rng.integers(len(parents), size=2))
            kept = dict(mother)
            if i % 2 and len(parents) > 1:
                kept |= {
                    name: value
                    for name, value in father.items()
                    if rng.random() < 0.5 and name in kept
                }
            else:
                for name in rng.permutation(list(kept))[: rng.integers(1, 3)]:
                    del kept[str(name)]
            found.append(self._space.completed(kept, rng.random(len(self._space))))
        return found

    def neighbours(self, values: Values) -> list[Values]:
        """Returns the candidates with one hyperparameter changed by one step."""
        return self._space.neighbours(values)

    def features(self, several: Sequence[Values]) -> np.ndarray:
        """Returns a column per level of a choice, numbers from 0 to 1, (n, d)."""
        return self._space.columns(several, of_training=False)

    def features_of_training(self, several: Sequence[Values]) -> np.ndarray:
        """Returns the same of the hyperparameters of the training, (n, t)."""
        return self._space.columns(several, of_training=True)

    def estimate(self, several: Sequence[Values]) -> np.ndarray:
        """Returns their costs, exact or estimated, (n, costs)."""
        fingerprints = [self._fingerprints.get(self._key(values)) for values in several]
        table = np.empty((len(several), len(self.costs)))
        if not several:
            return table
        features = self.features(several)
        for i, name in enumerate(self.costs):
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

    def build_and_count(self, several: Sequence[Values]) -> list[dict[str, Any]]:
        """Builds the networks that were not built yet, and counts their costs.

        Skips one that cannot be built: its trial records the error.
        """
        new = [v for v in several if self._key(v) not in self._fingerprints]
        guesses = self.estimate(new).tolist() if new else []
        built = []
        for values, guess in zip(new, guesses, strict=True):
            try:
                hp, fingerprint, cost = self._count(values)
            except Exception:
                continue
            known = {name: cost[name] for name in COUNTED}
            asked = {p.name: values[p.name] for p in hp.space if p.name in values}
            self._remember(values, fingerprint, known, asked)
            estimated = dict(zip(self.costs, guess, strict=True))
            built.append(
                {
                    "values": values,
                    "asked": asked,
                    "fingerprint": fingerprint,
                    "cost": known,
                    "estimated": {n: estimated[n] for n in COUNTED if n in estimated},
                    "space": self.learn_space(hp),
                }
            )
        return built

    def learn_space(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Adds the hyperparameters of a network; returns the new ones."""
        return self._know(hp.get_config()["space"])

    def identity(self, values: Values) -> Hashable:
        """Returns fingerprint and training recipe; the values before it is built."""
        key = self._key(values)
        fingerprint = self._fingerprints.get(key)
        return key if fingerprint is None else (fingerprint, self._recipes[key])

    def _remember(
        self,
        values: Values,
        fingerprint: str,
        cost: Mapping[str, Any],
        asked: Values | None = None,
    ) -> None:
        """Records the costs of a built network.

        Args:
            values: of its hyperparameters.
            fingerprint: of the network.
            cost: of the network.
            asked: the values that the network used; None: all.
        """
        key = self._key(values)
        self._fingerprints[key] = fingerprint
        self._recipes[key] = recipe(values if asked is None else asked)
        self._of_fingerprint.setdefault(fingerprint, dict(values))
        known = self._exact.setdefault(fingerprint, {})
        for name in dict.fromkeys((*self.costs, *_WORK)):
            if cost.get(name) and known.get(name) != cost[name]:
                known[name] = cost[name]
                self._models.pop(name, None)
                self._lines.pop(name, None)
        if "latency_ms" in known and cost.get("latency_spread_ms"):
            spread = {"latency_ms": cost["latency_spread_ms"] / known["latency_ms"]}
            self._spread[fingerprint] = spread

    def _know(self, space: list[dict[str, Any]]) -> list[dict[str, Any]]:
        new = self._space.learn(space)
        if new:
            self._models.clear()  # they were fitted on fewer features
        return new

    def _model(self, name: str) -> Callable[[np.ndarray], np.ndarray]:
        """Returns a model of the logarithm of a cost, or of what its line lacks."""
        if name not in self._models:
            known = self._known(name)
            if not known:
                unknown = np.log(_UNKNOWN) if name in COUNTED else 0.0
                return lambda features: np.full(len(features), unknown)
            logs = np.log([self._exact[m][name] for m in known])
            if name not in COUNTED:
                logs -= self._line(name)(np.array([self._counts(m) for m in known]))
            self._models[name] = interpolation(
                self.features([self._of_fingerprint[m] for m in known]),
                logs,
                np.array([self._spread.get(m, {}).get(name, 0.0) for m in known]),
            )
        return self._models[name]

    def _line(self, name: str) -> Callable[[np.ndarray], np.ndarray]:
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
        found: Callable[[np.ndarray], np.ndarray] = self._lines[name]
        return found

    def _known(self, name: str) -> list[str]:
        return [m for m, costs in self._exact.items() if name in costs]

    def _key(self, values: Values) -> Hashable:
        return tuple(sorted((name, str(value)) for name, value in values.items()))
