"""The private parts of KerasTuner that this package uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner

from autoai4eo.search.compat import private

private("keras-tuner", "keras_tuner:Oracle._record_values")
private("keras-tuner", "keras_tuner:Oracle._save_trial")
private("keras-tuner", "keras_tuner:HyperParameters._register")
private("keras-tuner", "keras_tuner:HyperParameters._get_name")
_LOCKS = private("keras-tuner", "keras_tuner.src.engine.oracle:LOCKS")
_THREADS = private("keras-tuner", "keras_tuner.src.engine.oracle:THREADS")


class RecordedHyperParameters(keras_tuner.HyperParameters):
    """A container in which a choice offers the values that a search began with.

    Args:
        recorded: values of choices by name, see `recorded_choices`. Those of a choice
            that no longer offers all of them are not used.
    """

    def __init__(self, recorded: Mapping[str, Sequence[Any]]) -> None:
        super().__init__()
        self._recorded = recorded

    def Choice(
        self,
        name: str,
        values: Sequence[Any],
        ordered: bool | None = None,
        default: Any = None,
        **condition: Any,
    ) -> Any:
        """Returns the value of the hyperparameter; None: it is not active."""
        began = self._recorded.get(self._get_name(name), values)
        if set(began) <= set(values):
            values = list(began)
            default = default if default in values else None
        return super().Choice(name, values, ordered, default, **condition)


class AskingHyperParameters(RecordedHyperParameters):
    """A container that calls `ask` before it looks up a hyperparameter's value."""

    def ask(self, hyperparameter: Any) -> None:
        """Called with each hyperparameter that a block registers."""
        raise NotImplementedError

    def _register(self, hyperparameter: Any, overwrite: bool = False) -> Any:
        self.ask(hyperparameter)
        return super()._register(hyperparameter, overwrite)


def without_files(oracle: keras_tuner.Oracle) -> keras_tuner.Oracle:
    """Stops an oracle from writing JSON files, and returns it."""
    oracle.save = lambda: None
    oracle._save_trial = lambda trial: None
    return oracle


def release(oracle: keras_tuner.Oracle) -> None:
    """Removes the lock that KerasTuner keeps for each oracle of the process."""
    _LOCKS.pop(oracle, None)
    _THREADS.pop(oracle, None)


def record_values(oracle: keras_tuner.Oracle, trial: Any) -> None:
    """Updates an oracle after the values of one of its trials were changed."""
    oracle._record_values(trial)


def drop_from_brackets(oracle: keras_tuner.Oracle, trial_id: str) -> None:
    """Frees the place of a trial for another one, if the oracle is Hyperband."""
    for bracket in getattr(oracle, "_brackets", ()):
        for held in bracket["rounds"]:
            held[:] = [one for one in held if one["id"] != trial_id]
