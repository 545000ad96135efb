"""The hyperparameters of a space as a sequence of choices among numbered levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras_tuner.engine import hyperparameters as hp_types

from autoai4eo.search.space.base import Values
from autoai4eo.search.space.hyperparameters import is_active, is_choice, value_at
from autoai4eo.search.strategies.controller import (
    Weights,
    next_log_probabilities,
    untrained,
)

_INTERVALS = 10  # most of a number


class Choices:
    """A space of KerasTuner's hyperparameters as a sequence of choices.

    The levels of a choice are its values. Those of a number are equal intervals of its
    `value_to_prob`: as many as it has values, at most ten.

    Args:
        space: each hyperparameter after those it depends on.
    """

    def __init__(self, space: Sequence[Any]) -> None:
        self._space = list(space)
        self._levels = [_levels(hp) for hp in self._space]

    def untrained(self, seed: int) -> Weights:
        """Returns weights by which all levels are equally probable."""
        return untrained([hp.name for hp in self._space], self._levels, seed)

    def draw(
        self, weights: Weights, number: int, rng: np.random.Generator
    ) -> list[Values]:
        """Draws candidates; a number is uniform within its interval.

        Args:
            weights: of the network that says how probable each level is.
            number: of candidates.
            rng: random generator.
        """
        found: list[Values] = [{} for _ in range(number)]
        state = np.zeros((number, weights.first.shape[1]))
        for step, (hp, levels) in enumerate(
            zip(self._space, self._levels, strict=True)
        ):
            below = np.exp(next_log_probabilities(weights, step, state)).cumsum(axis=1)
            codes = (below < rng.random((number, 1))).sum(axis=1).clip(max=levels - 1)
            within = rng.random(number)
            active = [is_active(hp, values) for values in found]
            for i in np.flatnonzero(active):
                place = (codes[i] + within[i]) / levels
                found[i][hp.name] = value_at(hp, place)
                codes[i] = _code(hp, levels, found[i][hp.name])
            state += weights.embedding[step, codes] * np.array(active)[:, None]
        return found

    def codes(self, several: Sequence[Values]) -> np.ndarray:
        """Returns the levels of candidates, int (n, t).

        A hyperparameter that is not active, or has a value that is none of its choices,
        is -1.
        """
        found = [
            [
                _code(hp, levels, values[hp.name])
                if hp.name in values and is_active(hp, values)
                else -1
                for hp, levels in zip(self._space, self._levels, strict=True)
            ]
            for values in several
        ]
        return np.array(found, int).reshape(len(several), len(self._space))


def _levels(hp: Any) -> int:
    known = len(set(hp.values))
    counted = is_choice(hp) or isinstance(hp, hp_types.Fixed)
    return known if counted else min(known, _INTERVALS)


def _code(hp: Any, levels: int, value: Any) -> int:
    if isinstance(hp, hp_types.Choice) and value not in hp.values:
        return -1
    return int(min(max(hp.value_to_prob(value) * levels, 0), levels - 1))
