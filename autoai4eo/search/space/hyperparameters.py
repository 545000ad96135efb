"""The hyperparameters of a space that grows with the networks built."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine import hyperparameters as hp_types

from autoai4eo.search.space.base import Values, is_of_training

_LAST = float(np.nextafter(1.0, 0.0))  # KerasTuner's probabilities are below 1


class KnownHyperparameters:
    """KerasTuner's hyperparameters of all networks built so far.

    Each comes after those it depends on. A candidate has a value for each that is
    active. One of a name is known once, with the most conditions: a search that began
    before a block told them has records without. (Only where a block asks for a name
    under conditions that exclude each other, there is one for each of these.)
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[frozenset[str], Any]] = {}

    def __iter__(self) -> Iterator[Any]:
        return (hp for same in self._known.values() for hp in same.values())

    def __len__(self) -> int:
        return sum(map(len, self._known.values()))

    def learn(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Adds hyperparameters, by their configurations; returns the new ones."""
        new = []
        for one in records:
            conditions = frozenset(map(json.dumps, one["config"]["conditions"]))
            same = self._known.setdefault(one["config"]["name"], {})
            if any(conditions <= known for known in same):
                continue
            for fewer in [known for known in same if known < conditions]:
                del same[fewer]
            same[conditions] = _loaded(one)
            new.append(one)
        return new

    def completed(self, kept: Values, drawn: np.ndarray) -> Values:
        """Returns a value for each active hyperparameter: kept or drawn.

        Args:
            kept: values by name.
            drawn: a probability for each hyperparameter.
        """
        values: Values = {}
        for hp, probability in zip(self, drawn, strict=True):
            if is_active(hp, values):
                found = kept[hp.name] if hp.name in kept else value_at(hp, probability)
                values[hp.name] = found
        return values

    def neighbours(self, values: Values) -> list[Values]:
        """Returns the candidates with one hyperparameter changed.

        A choice takes each of its other values; a number moves by about a tenth of its
        range, up and down. Hyperparameters that become active take their defaults.
        """
        defaults = {hp.name: hp.default for hp in self}
        unused = np.zeros(len(self))
        return [
            self.completed({**defaults, **values, hp.name: other}, unused)
            for hp in self
            if hp.name in values and is_active(hp, values)
            for other in _others(hp, values[hp.name])
        ]

    def columns(self, several: Sequence[Values], of_training: bool) -> np.ndarray:
        """Returns a column per level of a choice, numbers from 0 to 1, (n, d).

        Args:
            several: candidates.
            of_training: whether hyperparameters of the training are wanted, or those of
                the network.
        """
        columns: list[Any] = []
        for hp in self:
            if is_of_training(hp.name) != of_training:
                continue
            values = [v.get(hp.name) for v in several]
            if is_choice(hp):
                columns += [[value == level for value in values] for level in hp.values]
            elif not isinstance(hp, hp_types.Fixed):
                columns.append(
                    [0.5 if v is None else hp.value_to_prob(v) for v in values]
                )
        return np.array(columns, float).T.reshape(len(several), len(columns))


def is_active(hp: Any, values: Values) -> bool:
    """Returns whether a candidate has a hyperparameter, by its values before it."""
    return all(condition.is_active(values) for condition in hp.conditions)


def is_choice(hp: Any) -> bool:
    """Returns whether a hyperparameter has levels without an order."""
    return isinstance(hp, hp_types.Choice | hp_types.Boolean)


def value_at(hp: Any, place: float) -> Any:
    """Returns the value at a place in the range of a hyperparameter, from 0 to 1."""
    return hp.prob_to_value(float(np.clip(place, 0.0, _LAST)))


def _loaded(record: dict[str, Any]) -> Any:
    """Returns a hyperparameter from its configuration."""
    one = copy.deepcopy(record)  # KerasTuner puts objects in place of conditions
    found = keras_tuner.HyperParameters.from_config({"space": [one], "values": {}})
    return found.space[0]


def _others(hp: Any, value: Any) -> list[Any]:
    """Returns the values of a hyperparameter that are next to one."""
    if is_choice(hp):
        return [level for level in hp.values if level != value]
    if isinstance(hp, hp_types.Fixed):
        return []
    found = []
    place = hp.value_to_prob(value)
    for sign in (-1, 1):
        # farther than a tenth if the range has fewer than ten values
        for step in (0.1, 0.2, 0.4, 0.8):
            other = value_at(hp, place + sign * step)
            if other != value:
                found.append(other)
                break
    return found
