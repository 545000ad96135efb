"""The networks of a graph of blocks; only few of them are built."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine import hyperparameters as hp_types
from optuna.trial import FrozenTrial
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from autoai4eo.learning.figures import COUNTED
from autoai4eo.search.space.base import Values, is_of_training, recipe

_MOST = 300  # samples of a Gaussian process, whose run time is cubic in them
_LAST = float(np.nextafter(1.0, 0.0))  # KerasTuner's probabilities are below 1
_FEWEST = 8  # measured networks, from which on a line is fitted
_UNKNOWN = 1e-3  # estimate of a cost before any measurement: below every limit


class GraphCandidates:
    """`Candidates` of a graph: costs are counted if built, otherwise estimated.

    The space consists of the hyperparameters of all networks built so far. A Gaussian
    process over the hyperparameters estimates the costs of other networks; it is fitted
    on the logarithms of known costs, each as noisy as its measurement was. Of a network
    that was built, MACs and FLOPs tell more about its latency than the hyperparameters
    do: it is on a line through their logarithms, once eight networks were measured.

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
        self._space: dict[str, Any] = {}
        self._fingerprints: dict[Hashable, str] = {}
        self._recipes: dict[Hashable, Hashable] = {}
        self._exact: dict[str, dict[str, float]] = {}
        self._counts: dict[str, list[float]] = {}
        self._spread: dict[str, dict[str, float]] = {}
        self._of_fingerprint: dict[str, Values] = {}
        self._read: set[int] = set()
        self._models: dict[str, Any] = {}
        self._lines: dict[str, Any] = {}
        self.learn_space(space)

    @property
    def space(self) -> list[Any]:
        """KerasTuner's hyperparameters known so far, each after those it depends on."""
        return list(self._space.values())

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
            self._completed({}, rng.random(len(self._space))) for _ in range(number)
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
            found.append(self._completed(kept, rng.random(len(self._space))))
        return found

    def neighbours(self, values: Values) -> list[Values]:
        """Returns the candidates with one hyperparameter changed.

        A choice takes each of its other values; a number moves by about a tenth of its
        range, up and down. Hyperparameters that become active take their defaults.
        """
        defaults = {name: hp.default for name, hp in self._parameters()}
        unused = np.zeros(len(self._space))
        return [
            self._completed({**defaults, **values, name: other}, unused)
            for name, hp in self._parameters()
            if name in values and all(c.is_active(values) for c in hp.conditions)
            for other in _others(hp, values[name])
        ]

    def features(self, several: Sequence[Values]) -> np.ndarray:
        """Returns a column per level of a choice, numbers from 0 to 1, (n, d)."""
        return self._columns(several, of_training=False)

    def features_of_training(self, several: Sequence[Values]) -> np.ndarray:
        """Returns the same of the hyperparameters of the training, (n, t)."""
        return self._columns(several, of_training=True)

    def _columns(self, several: Sequence[Values], of_training: bool) -> np.ndarray:
        columns = []
        for name, hp in self._parameters():
            if is_of_training(name) != of_training:
                continue
            values = [v.get(name) for v in several]
            if isinstance(hp, hp_types.Choice | hp_types.Boolean):
                levels = hp.values if isinstance(hp, hp_types.Choice) else [False, True]
                columns += [[value == level for value in values] for level in levels]
            elif not isinstance(hp, hp_types.Fixed):
                columns.append(
                    [0.5 if v is None else hp.value_to_prob(v) for v in values]
                )
        return np.array(columns, float).T.reshape(len(several), len(columns))

    def estimate(self, several: Sequence[Values]) -> np.ndarray:
        """Returns their costs, exact or estimated, (n, costs)."""
        fingerprints = [self._fingerprints.get(self._key(values)) for values in several]
        table = np.empty((len(several), len(self.costs)))
        if not several:
            return table
        features = self.features(several)
        for i, name in enumerate(self.costs):
            table[:, i] = np.exp(self._model(name)(features))
            of_counts = self._line(name)
            for row, fingerprint in enumerate(fingerprints):
                if fingerprint is None:
                    continue
                if self._exact[fingerprint].get(name):
                    table[row, i] = self._exact[fingerprint][name]
                elif of_counts is not None:
                    table[row, i] = np.exp(of_counts(self._counts[fingerprint]))
        return table

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
        self._counts[fingerprint] = [np.log(max(cost[n], 1)) for n in ("macs", "flops")]
        known = self._exact.setdefault(fingerprint, {})
        for name in self.costs:
            if cost.get(name) and known.get(name) != cost[name]:
                known[name] = cost[name]
                self._models.pop(name, None)
                self._lines.pop(name, None)
        if "latency_ms" in known and cost.get("latency_spread_ms"):
            spread = {"latency_ms": cost["latency_spread_ms"] / known["latency_ms"]}
            self._spread[fingerprint] = spread

    def _know(self, space: list[dict[str, Any]]) -> list[dict[str, Any]]:
        new = [one for one in space if json.dumps(one) not in self._space]
        found = keras_tuner.HyperParameters.from_config({"space": new, "values": {}})
        for one, hp in zip(new, found.space, strict=True):
            self._space[json.dumps(one)] = hp
            self._models.clear()  # they were fitted on fewer features
        return new

    def _model(self, name: str) -> Callable[[np.ndarray], np.ndarray]:
        """Returns a model of the logarithm of a cost, fitted on known costs."""
        if name not in self._models:
            known = {m: c[name] for m, c in self._exact.items() if name in c}
            if not known:
                return lambda features: np.full(len(features), np.log(_UNKNOWN))
            self._models[name] = _interpolation(
                self.features(
                    [self._of_fingerprint[fingerprint] for fingerprint in known]
                ),
                np.log(list(known.values())),
                np.array([self._spread.get(f, {}).get(name, 0.0) for f in known]),
            )
        return self._models[name]

    def _line(self, name: str) -> Callable[[list[float]], float] | None:
        """Returns the logarithm of a cost by those of MACs and FLOPs; None: too few."""
        if name not in self._lines:
            known = [m for m, costs in self._exact.items() if name in costs]
            if len(known) < _FEWEST:
                return None
            line = make_pipeline(StandardScaler(), Ridge(1e-3))
            logs = np.log([self._exact[m][name] for m in known])
            self._lines[name] = line.fit([self._counts[m] for m in known], logs)
        return lambda counts: float(self._lines[name].predict([counts])[0])

    def _parameters(self) -> list[tuple[str, Any]]:
        return [(hp.name, hp) for hp in self._space.values()]

    def _completed(self, kept: Values, drawn: np.ndarray) -> Values:
        """Returns a value for each active hyperparameter: kept or drawn."""
        values: Values = {}
        for (name, hp), probability in zip(self._parameters(), drawn, strict=True):
            if all(condition.is_active(values) for condition in hp.conditions):
                values[name] = (
                    kept[name] if name in kept else hp.prob_to_value(float(probability))
                )
        return values

    def _key(self, values: Values) -> Hashable:
        return tuple(sorted((name, str(value)) for name, value in values.items()))


def _others(hp: Any, value: Any) -> list[Any]:
    """Returns the values of a hyperparameter that are next to one."""
    if isinstance(hp, hp_types.Choice | hp_types.Boolean):
        levels = hp.values if isinstance(hp, hp_types.Choice) else [False, True]
        return [level for level in levels if level != value]
    if isinstance(hp, hp_types.Fixed):
        return []
    found = []
    place = hp.value_to_prob(value)
    for sign in (-1, 1):
        # farther than a tenth if the range has fewer than ten values
        for step in (0.1, 0.2, 0.4, 0.8):
            other = hp.prob_to_value(float(np.clip(place + sign * step, 0.0, _LAST)))
            if other != value:
                found.append(other)
                break
    return found


def _interpolation(
    built: np.ndarray, logs: np.ndarray, spreads: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a model of logarithms (n,), of which each has a spread, (n,)."""
    rows = _spread(logs)
    built, logs, spreads = built[rows], logs[rows], spreads[rows]
    # Fixed length scale: fitting it would take longer than building a network.
    kernel = Matern(np.sqrt(max(built.shape[1], 1)), nu=2.5) + WhiteKernel(1e-3)
    mean, scale = logs.mean(), logs.std() or 1.0
    noise = 1e-10 + (spreads / scale) ** 2
    process = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None)
    process.fit(built, (logs - mean) / scale)
    return lambda features: np.asarray(mean + scale * process.predict(features))


def _spread(logs: np.ndarray) -> np.ndarray:
    """Selects rows to fit: the latest ones, and others evenly spread over the costs."""
    if len(logs) <= _MOST:
        return np.arange(len(logs))
    old = np.argsort(logs[: -_MOST // 3], kind="stable")
    evenly = np.linspace(0, len(old) - 1, _MOST - _MOST // 3).round().astype(int)
    return np.concatenate([old[evenly], np.arange(len(logs) - _MOST // 3, len(logs))])
