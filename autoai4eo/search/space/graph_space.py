"""The networks of a graph of blocks; only few of them are built."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
from optuna.trial import FrozenTrial

from autoai4eo.learning.figures import COUNTED
from autoai4eo.runs.trials import networks_built
from autoai4eo.search.space.base import Values, recipe
from autoai4eo.search.space.estimates import CostEstimates
from autoai4eo.search.space.hyperparameters import KnownHyperparameters


class GraphCandidates:
    """`Candidates` of a graph: costs are counted if built, otherwise estimated.

    The space consists of the hyperparameters of all networks built so far. For the
    estimates see `CostEstimates`.

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
        self._estimates = CostEstimates(self.costs, self.features)
        # of the networks built so far, by their values
        self._fingerprints: dict[Hashable, str] = {}
        self._recipes: dict[Hashable, Hashable] = {}
        self._read: set[int] = set()  # numbers of trials that are known for good
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
            for built in networks_built(trial):
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
        return self._estimates.estimate(several, fingerprints)

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
        self._estimates.learn(fingerprint, values, cost)

    def _know(self, space: list[dict[str, Any]]) -> list[dict[str, Any]]:
        new = self._space.learn(space)
        if new:
            self._estimates.learn_features()
        return new

    def _key(self, values: Values) -> Hashable:
        return tuple(sorted((name, str(value)) for name, value in values.items()))
