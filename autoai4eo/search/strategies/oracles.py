"""KerasTuner's oracles, AutoKeras's own among them, as Optuna samplers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.src.engine.trial import Trial as KerasTrial
from optuna.trial import TrialState

from autoai4eo.search.seeds import derived_seed
from autoai4eo.search.strategies.base import HandsOut

_STATE = "oracle"
_TUNER = "autoai4eo"


class OracleSampler(HandsOut):
    """Hands out what a `keras_tuner.Oracle` proposes.

    Before a trial the oracle is asked for a whole set of values; after it the oracle
    is told how the trial ended. The oracle's state is kept in the study after every
    step, so that a resumed search goes on where the last one stopped, and the oracle's
    own JSON files are never written.

    Attributes:
        proposed: the values of the trial that runs.
        exhausted: the oracle has nothing more to propose.

    Args:
        oracle: a fresh oracle.
        space: the hyperparameters of the default network, for its first proposal.
        objective: name of the figure that the oracle is told.
        seed: for what an oracle draws from NumPy's global generator (greedy does).
    """

    def __init__(
        self,
        oracle: Callable[[], keras_tuner.Oracle],
        space: keras_tuner.HyperParameters,
        objective: str,
        seed: int,
    ) -> None:
        super().__init__()
        self._make = oracle
        self._space = space
        self._objective = objective
        self._seed = seed
        self._oracle: keras_tuner.Oracle | None = None

    def before_trial(self, study: Any, trial: Any) -> None:
        """Asks the oracle for values, unless the trial repeats an interrupted one."""
        if "proposed" in trial.user_attrs:
            self.proposed = dict(trial.user_attrs["proposed"]["values"])
            return
        oracle = self._restored(study)
        np.random.seed(derived_seed(self._seed, trial.number))
        proposal = oracle.create_trial(_TUNER)
        self.proposed = dict(proposal.hyperparameters.values)
        self.exhausted = proposal.status != "RUNNING"
        if self.exhausted:
            return
        study._storage.set_trial_user_attr(
            trial._trial_id,
            "proposed",
            {"id": proposal.trial_id, "values": self.proposed},
        )
        self._keep(study, oracle)

    def learn(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Tells the oracle which hyperparameters a network turned out to have.

        The oracle keeps them itself: there are none to be kept with the trial.
        """
        if self._oracle is not None:
            self._oracle.update_space(hp)
        return []

    def after_trial(
        self, study: Any, trial: Any, state: TrialState, values: Any
    ) -> None:
        """Tells the oracle how the trial ended."""
        if "proposed" not in trial.user_attrs:
            return
        oracle = self._restored(study)
        done = oracle.get_trial(trial.user_attrs["proposed"]["id"])
        if state == TrialState.COMPLETE:
            oracle.update_trial(
                done.trial_id,
                {self._objective: values[0]},
                step=trial.user_attrs["best_epoch"],
            )
        done.status = "COMPLETED" if state == TrialState.COMPLETE else "FAILED"
        oracle.end_trial(done)
        self._keep(study, oracle)

    def _restored(self, study: Any) -> keras_tuner.Oracle:
        if self._oracle is not None:
            return self._oracle
        oracle = self._make()
        # The study counts trials and failures, and keeps them; the oracle must not.
        oracle.max_trials = None
        oracle.max_consecutive_failed_trials = None
        oracle.verbose = 0
        oracle.save = lambda: None
        oracle._save_trial = lambda trial: None
        kept = study.user_attrs.get(_STATE)
        if kept is None:
            oracle.update_space(self._space)
        else:
            kept = json.loads(kept)
            oracle.trials = {
                state["trial_id"]: KerasTrial.from_state(state)
                for state in kept["trials"]
            }
            oracle.set_state(kept["state"])
        self._oracle = oracle
        return oracle

    @staticmethod
    def _keep(study: Any, oracle: keras_tuner.Oracle) -> None:
        trials = [trial.get_state() for trial in oracle.trials.values()]
        study.set_user_attr(
            _STATE, json.dumps({"trials": trials, "state": oracle.get_state()})
        )
