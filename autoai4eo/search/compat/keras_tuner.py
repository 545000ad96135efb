"""What is touched of KerasTuner beside its public names."""

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
    """A container that is told of a hyperparameter before it looks up its value."""

    def ask(self, hyperparameter: Any) -> None:
        """Is called with each hyperparameter that a block names."""
        raise NotImplementedError

    def _register(self, hyperparameter: Any, overwrite: bool = False) -> Any:
        self.ask(hyperparameter)
        return super()._register(hyperparameter, overwrite)


def without_files(oracle: keras_tuner.Oracle) -> keras_tuner.Oracle:
    """The oracle, which then writes no JSON files."""
    oracle.save = lambda: None
    oracle._save_trial = lambda trial: None
    return oracle


def release(oracle: keras_tuner.Oracle) -> None:
    """Removes the lock that KerasTuner keeps for each oracle of the process."""
    _LOCKS.pop(oracle, None)
    _THREADS.pop(oracle, None)


def record_values(oracle: keras_tuner.Oracle, trial: Any) -> None:
    """Tells an oracle that the values of one of its trials were changed."""
    oracle._record_values(trial)


def drop_from_brackets(oracle: keras_tuner.Oracle, trial_id: str) -> None:
    """Has another trial take the place of this one, where the oracle is Hyperband."""
    for bracket in getattr(oracle, "_brackets", ()):
        for held in bracket["rounds"]:
            held[:] = [one for one in held if one["id"] != trial_id]
