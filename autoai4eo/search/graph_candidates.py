"""The networks that a graph of blocks can build, few of them ever built."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.src.engine.hyperparameters import hp_types
from optuna.trial import FrozenTrial
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from autoai4eo.cost.device import device_name
from autoai4eo.search.candidates import Values

#: Costs that are counted; the others are measured on a device.
COUNTED = ("params", "trainable_params", "macs", "flops", "size_bytes")
_UNKNOWN = 1e-3  # stands for a cost of which nothing was measured: over no limit


class GraphCandidates:
    """`Candidates` of a graph: counted when built, estimated otherwise.

    The space of hyperparameters is what the blocks asked for in the networks built so
    far. A cost of a network that was not built is estimated by a Gaussian process over
    its hyperparameters, fitted on the logarithms of those that were.

    Args:
        count: builds a network of these values; gives the hyperparameters that were
            asked for, its fingerprint and its counted costs.
        space: the hyperparameters of the default network.
        costs: names of the costs that matter to the search.
        batch_size: for which latency is measured.
    """

    def __init__(
        self,
        count: Callable[
            [Values], tuple[keras_tuner.HyperParameters, str, Mapping[str, float]]
        ],
        space: keras_tuner.HyperParameters,
        costs: Sequence[str],
        batch_size: int,
    ) -> None:
        self.costs = tuple(costs)
        self.default: Values | None = dict(space.values)
        self._count = count
        self._batch_size = batch_size
        self._space: dict[str, Any] = {}
        self._marks: dict[Hashable, str] = {}
        self._exact: dict[str, dict[str, float]] = {}
        self._of_mark: dict[str, Values] = {}
        self.learn_space(space)

    def learn_from(self, trials: Sequence[FrozenTrial]) -> None:
        """Takes over what was built and measured for earlier trials."""
        for trial in trials:
            kept = trial.user_attrs
            for built in kept.get("proposed", {}).get("screened", []):
                self._know(built["space"])
                self._remember(built["values"], built["fingerprint"], built["cost"])
            self._know(kept.get("space", []))
            if "fingerprint" in kept:
                cost = dict(kept["cost"])
                here = cost.get("device") == device_name()
                if not here or cost.get("latency_batch_size") != self._batch_size:
                    cost = {name: cost[name] for name in COUNTED}
                self._remember(kept["hyperparameters"], kept["fingerprint"], cost)

    def draw(self, number: int, rng: np.random.Generator) -> list[Values]:
        """So many at random."""
        return [
            self._completed({}, rng.random(len(self._space))) for _ in range(number)
        ]

    def vary(
        self, parents: Sequence[Values], number: int, rng: np.random.Generator
    ) -> list[Values]:
        """Half of them mutations of one or two values, half crossovers of two."""
        found = []
        for i in range(number):
            mother, father = (parents[k] for k in rng.integers(len(parents), size=2))
            kept = dict(mother)
            if i % 2:
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

    def features(self, several: Sequence[Values]) -> np.ndarray:
        """Choices as one column per level, numbers on a scale from 0 to 1, (n, d)."""
        columns = []
        for name, hp in self._parameters():
            values = [v.get(name) for v in several]
            if isinstance(hp, hp_types.Choice | hp_types.Boolean):
                levels = hp.values if isinstance(hp, hp_types.Choice) else [False, True]
                columns += [[value == level for value in values] for level in levels]
            elif not isinstance(hp, hp_types.Fixed):
                columns.append(
                    [0.5 if v is None else hp.value_to_prob(v) for v in values]
                )
        return np.array(columns, float).T.reshape(len(several), -1)

    def estimate(self, several: Sequence[Values]) -> np.ndarray:
        """Their costs, (n, costs)."""
        marks = [self._marks.get(self._key(values)) for values in several]
        table = np.empty((len(several), len(self.costs)))
        features = self.features(several)
        for i, name in enumerate(self.costs):
            known = {m: c[name] for m, c in self._exact.items() if c.get(name)}
            if not known:
                table[:, i] = _UNKNOWN
                continue
            built = self.features([self._of_mark[mark] for mark in known])
            logs = np.log(list(known.values()))
            table[:, i] = np.exp(_interpolated(built, logs, features))
            for row, mark in enumerate(marks):
                if mark in known:
                    table[row, i] = known[mark]
        return table

    def screen(self, several: Sequence[Values]) -> list[dict[str, Any]]:
        """Builds those of them that were not built; counts them."""
        new = [v for v in several if self._key(v) not in self._marks]
        guesses = self.estimate(new).tolist() if new else []
        built = []
        for values, guess in zip(new, guesses, strict=True):
            hp, mark, cost = self._count(values)
            known = {name: cost[name] for name in COUNTED}
            self._remember(values, mark, known)
            estimated = dict(zip(self.costs, guess, strict=True))
            built.append(
                {
                    "values": values,
                    "fingerprint": mark,
                    "cost": known,
                    "estimated": {n: estimated[n] for n in COUNTED if n in estimated},
                    "space": self.learn_space(hp),
                }
            )
        return built

    def learn_space(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Takes over hyperparameters that a network asked for; gives the new ones."""
        return self._know(hp.get_config()["space"])

    def identity(self, values: Values) -> Hashable:
        """The fingerprint and the recipe of training, once the network was built."""
        key = self._key(values)
        mark = self._marks.get(key)
        return key if mark is None else (mark, recipe(values))

    def _remember(self, values: Values, mark: str, cost: Mapping[str, Any]) -> None:
        self._marks[self._key(values)] = mark
        self._of_mark.setdefault(mark, dict(values))
        known = self._exact.setdefault(mark, {})
        known |= {name: cost[name] for name in self.costs if cost.get(name)}

    def _know(self, space: list[dict[str, Any]]) -> list[dict[str, Any]]:
        new = [one for one in space if json.dumps(one) not in self._space]
        found = keras_tuner.HyperParameters.from_config({"space": new, "values": {}})
        for one, hp in zip(new, found.space, strict=True):
            self._space[json.dumps(one)] = hp
        return new

    def _parameters(self) -> list[tuple[str, Any]]:
        return [(hp.name, hp) for hp in self._space.values()]

    def _completed(self, kept: Values, drawn: np.ndarray) -> Values:
        """Values for all hyperparameters that are active; drawn where none is kept."""
        values: Values = {}
        for (name, hp), probability in zip(self._parameters(), drawn, strict=True):
            if all(condition.is_active(values) for condition in hp.conditions):
                values[name] = (
                    kept[name] if name in kept else hp.prob_to_value(float(probability))
                )
        return values

    def _key(self, values: Values) -> Hashable:
        return tuple(sorted((name, str(value)) for name, value in values.items()))


def recipe(values: Values) -> tuple[Any, ...]:
    """What else than the network decides how a training ends."""
    names = ("learning_rate", "weight_decay", "tuner/epochs", "tuner/initial_epoch")
    return tuple(values.get(name) for name in names)


def _interpolated(built: np.ndarray, logs: np.ndarray, asked: np.ndarray) -> np.ndarray:
    # Costs are smooth in the choices: the lengths need no fitting, which would take
    # longer than it takes to build a network.
    kernel = Matern(np.sqrt(max(built.shape[1], 1)), nu=2.5) + WhiteKernel(1e-3)
    process = GaussianProcessRegressor(kernel, optimizer=None)
    scale = logs.std() or 1.0
    process.fit(built, (logs - logs.mean()) / scale)
    return np.asarray(logs.mean() + scale * process.predict(asked))
