"""The private parts of KerasTuner that this package uses."""

from __future__ import annotations

from typing import Any

import keras_tuner

from autoai4eo.search.compat import private

private("keras-tuner", "keras_tuner:Oracle._record_values")
private("keras-tuner", "keras_tuner:Oracle._save_trial")
private("keras-tuner", "keras_tuner:HyperParameters._register")
_LOCKS = private("keras-tuner", "keras_tuner.src.engine.oracle:LOCKS")
_THREADS = private("keras-tuner", "keras_tuner.src.engine.oracle:THREADS")


class AskingHyperParameters(keras_tuner.HyperParameters):
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
