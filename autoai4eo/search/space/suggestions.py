"""Hyperparameters with values suggested by an Optuna trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from keras_tuner.engine import hyperparameters as hp_types
from optuna.distributions import CategoricalDistribution

from autoai4eo.search.compat.keras_tuner import AskingHyperParameters


class SuggestedHyperParameters(AskingHyperParameters):
    """KerasTuner's container, filled by an Optuna trial.

    The trial suggests a value when a block registers a hyperparameter and the
    conditions of its scope hold: conditional spaces stay conditional in the storage.

    Args:
        trial: the Optuna trial, which suggests and records values.
        proposed: values chosen beforehand, which the trial's sampler returns; a missing
            name gets the hyperparameter's default, as in KerasTuner.
        recorded: the choices of the search, see `recorded_choices`.
    """

    def __init__(
        self,
        trial: Any,
        proposed: dict[str, Any] | None = None,
        recorded: Mapping[str, Sequence[Any]] = {},
    ) -> None:
        super().__init__(recorded)
        self._trial = trial
        self._proposed = proposed

    def ask(self, hyperparameter: Any) -> None:
        """Lets the trial suggest a value if the hyperparameter is active."""
        name = hyperparameter.name
        if self.is_active(hyperparameter) and name not in self.values:
            if self._proposed is not None:
                self._proposed.setdefault(name, hyperparameter.default)
            self.values[name] = suggest(self._trial, hyperparameter)


def suggest(trial: Any, hp: Any) -> Any:
    """Returns a value for a KerasTuner hyperparameter, suggested by a trial."""
    if isinstance(hp, hp_types.Fixed):
        return hp.value
    if isinstance(hp, hp_types.Boolean):
        return trial.suggest_categorical(hp.name, [False, True])
    if isinstance(hp, hp_types.Choice):
        return trial.suggest_categorical(hp.name, list(hp.values))
    log = hp.sampling == "log"
    if log and hp.step is not None:  # Optuna has no multiplicative steps
        return trial.suggest_categorical(hp.name, list(hp.values))
    if isinstance(hp, hp_types.Int):
        return trial.suggest_int(
            hp.name, hp.min_value, hp.max_value, step=hp.step or 1, log=log
        )
    return trial.suggest_float(
        hp.name, hp.min_value, hp.max_value, step=hp.step, log=log
    )


def recorded_choices(study: optuna.Study) -> dict[str, tuple[Any, ...]]:
    """Returns the values of the choices that a search began with, by name.

    A later version of a block may offer more; the storage refuses a change.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for trial in study.get_trials(deepcopy=False):
        for name, of in trial.distributions.items():
            if isinstance(of, CategoricalDistribution):
                found.setdefault(name, of.choices)
    return found
