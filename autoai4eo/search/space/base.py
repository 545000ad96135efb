"""The candidates of a search, and what is known about them before training."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import keras_tuner
import numpy as np
from optuna.trial import FrozenTrial

Values = dict[str, Any]

#: Last parts of the names of hyperparameters that change the training of a network, not
#: the network.
_OF_TRAINING = (
    "learning_rate",
    "learning_rate_factor",
    "weight_decay",
    "label_smoothing",
    "optimizer",
    "pretrained",
    "epochs",
    "initial_epoch",
)


def is_of_training(name: str) -> bool:
    """Returns whether a hyperparameter is of the training, not of the network."""
    return name.rpartition("/")[2] in _OF_TRAINING


def recipe(values: Values) -> tuple[tuple[str, Any], ...]:
    """Returns the hyperparameters of the training, sorted by name."""
    return tuple(sorted((n, v) for n, v in values.items() if is_of_training(n)))


class Candidates(Protocol):
    """The networks of a search, by their hyperparameter values."""

    @property
    def costs(self) -> tuple[str, ...]:
        """Names of the costs that are known before training."""

    @property
    def default(self) -> Values | None:
        """The first candidate of a search, if one is given."""

    @property
    def space(self) -> Sequence[Any]:
        """KerasTuner's hyperparameters known so far, each after those it depends on."""

    def learn_from(self, trials: Sequence[FrozenTrial]) -> None:
        """Learns the costs of networks built and measured in earlier trials."""

    def learn_space(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Adds the hyperparameters of a network; returns the new ones."""

    def draw(self, number: int, rng: np.random.Generator) -> list[Values]:
        """Draws candidates at random; returns all if there are not more."""

    def vary(
        self, parents: Sequence[Values], number: int, rng: np.random.Generator
    ) -> list[Values]:
        """Returns up to `number` mutations and crossovers of `parents`."""

    def neighbours(self, values: Values) -> list[Values]:
        """Returns all candidates that differ in one choice, in a fixed order."""

    def features(self, several: Sequence[Values]) -> np.ndarray:
        """Returns features of the networks for a model of the accuracy, (n, d).

        They may be networks of another search, which has other hyperparameters.
        """

    def features_of_training(self, several: Sequence[Values]) -> np.ndarray:
        """Returns features of their training for the same model, (n, t)."""

    def estimate(self, several: Sequence[Values]) -> np.ndarray:
        """Returns their costs, above 0, (n, costs): exact or predicted by a model."""

    def build_and_count(self, several: Sequence[Values]) -> list[dict[str, Any]]:
        """Builds networks for their exact costs; returns those built, for JSON.

        Call it with few: building a network takes most of a second.
        """

    def identity(self, values: Values) -> Hashable:
        """Returns a key; equal for values of the same network and training.

        None: they are of no candidate, though each is a value of its hyperparameter.
        """
