"""What a strategy may propose, and what is known of it before it is trained."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import keras_tuner
import numpy as np
from optuna.trial import FrozenTrial

Values = dict[str, Any]

#: Ends the names of hyperparameters that a network does not show: equal networks are
#: trained in unequal ways by them.
_OF_TRAINING = (
    "learning_rate",
    "learning_rate_factor",
    "weight_decay",
    "optimizer",
    "pretrained",
    "epochs",
    "initial_epoch",
)


def is_of_training(name: str) -> bool:
    """Whether a hyperparameter is of the training, not of the network."""
    return name.rpartition("/")[2] in _OF_TRAINING


def recipe(values: Values) -> tuple[tuple[str, Any], ...]:
    """What else than the network decides how a training ends."""
    return tuple(sorted((n, v) for n, v in values.items() if is_of_training(n)))


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
        """What a model of the accuracy is told of the networks, (n, d)."""

    def features_of_training(self, several: Sequence[Values]) -> np.ndarray:
        """What it is told of how they are trained, (n, t)."""

    def estimate(self, several: Sequence[Values]) -> np.ndarray:
        """Their costs, above 0, (n, costs); exact, or by a model of the exact ones."""

    def build_and_count(self, several: Sequence[Values]) -> list[dict[str, Any]]:
        """Makes these exact; gives what had to be built for it, ready for JSON.

        Few at a time: a network takes most of a second to build.
        """

    def identity(self, values: Values) -> Hashable:
        """Equal for values known to give the same network, trained the same way."""
