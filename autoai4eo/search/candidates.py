"""What a strategy may propose, and what is known of it before it is trained."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import keras_tuner
import numpy as np
from optuna.trial import FrozenTrial

Values = dict[str, Any]


class Candidates(Protocol):
    """The networks of a search, by their hyperparameter values."""

    @property
    def costs(self) -> tuple[str, ...]:
        """Names of the costs that are known before training."""

    @property
    def default(self) -> Values | None:
        """The network that a search begins with, if there is one."""

    @property
    def space(self) -> Sequence[Any]:
        """KerasTuner's hyperparameters known so far, each after those it depends on."""

    def learn_from(self, trials: Sequence[FrozenTrial]) -> None:
        """Takes over what was built and measured for earlier trials."""

    def learn_space(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Takes over hyperparameters that a network asked for; gives the new ones."""

    def draw(self, number: int, rng: np.random.Generator) -> list[Values]:
        """So many at random, or all where there are not more."""

    def vary(
        self, parents: Sequence[Values], number: int, rng: np.random.Generator
    ) -> list[Values]:
        """Mutations and crossovers of `parents`, so many or fewer."""

    def features(self, several: Sequence[Values]) -> np.ndarray:
        """What a model of the accuracy is fitted on, (n, d)."""

    def estimate(self, several: Sequence[Values]) -> np.ndarray:
        """Their costs, above 0, (n, costs); exact, or by a model of the exact ones."""

    def screen(self, several: Sequence[Values]) -> list[dict[str, Any]]:
        """Makes these exact; gives what had to be built for it, ready for JSON.

        Few at a time: a network takes most of a second to build.
        """

    def identity(self, values: Values) -> Hashable:
        """Equal for values that are known to give the same network."""
