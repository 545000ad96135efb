"""KerasTuner's oracles, AutoKeras's own among them, as Optuna samplers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial as KerasTrial
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.runs.seeds import derived_seed
from autoai4eo.search.compat.keras_tuner import (
    drop_from_brackets,
    record_values,
    release,
    without_files,
)
from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.base import CandidateSampler, SearchContext

_STATE = "oracle"
_OWN = "tuner/"  # begins the names of Hyperband's notes


class OracleSampler(CandidateSampler):
    """Hands out what a `keras_tuner.Oracle` proposes.

    Before a trial the oracle is asked for a whole set of values; after it the oracle
    is told how the trial ended. A proposal that is over a limit has failed, and the
    oracle is asked again; after a few times the nearest is varied until it fits.

    The oracle's state is kept in the study after every step and taken from there
    before the next, one worker at a time, so that a search goes on where the last one
    stopped, wherever it runs; the oracle's own JSON files are never written.

    Args:
        oracle: a fresh oracle.
        setting: of the search.
        asks: for one trial; each that was refused stays in the oracle's memory.
    """

    def __init__(
        self,
        oracle: Callable[[], keras_tuner.Oracle],
        setting: SearchContext,
        asks: int = 5,
    ) -> None:
        super().__init__(setting)
        self._make = oracle
        self._asks = asks

    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Asks the oracle for values that the limits allow."""
        # greedy draws from NumPy's global generator
        np.random.seed(derived_seed(self.setting.seed, trial.number))
        with self._oracle(study) as oracle:
            proposals: list[KerasTrial] = []
            drawn = itertools.islice(
                _asked(oracle, f"autoai4eo/{trial.number}", proposals), self._asks
            )
            found = next(drawn, None)
            if found is None:
                return None
            (first,) = proposals
            # Hyperband's next round goes on with a network that was trained already
            if "tuner/trial_id" not in first.hyperparameters.values:
                found = self.limits.first(itertools.chain([found], drawn), rng)
            chosen = proposals[-1]
            if found is None or chosen.status != "RUNNING":
                return None
            proposed = chosen.hyperparameters.values
            if found != _network(proposed):
                own = {n: v for n, v in proposed.items() if n.startswith(_OWN)}
                chosen.hyperparameters.values = {**found, **own}
                record_values(oracle, chosen)
        kept = {"id": chosen.trial_id, "values": chosen.hyperparameters.values}
        return kept | (self.limits.record(found) if self.setting.limits else {})

    def after_trial(
        self, study: Any, trial: Any, state: TrialState, values: Any
    ) -> None:
        """Tells the oracle how the trial ended."""
        if "id" not in trial.user_attrs.get("proposed", {}):
            return  # it was never asked
        with self.setting.exclusive(), self._oracle(study) as oracle:
            done = oracle.get_trial(trial.user_attrs["proposed"]["id"])
            if state == TrialState.COMPLETE:
                (objective,) = self.setting.objectives
                oracle.update_trial(
                    done.trial_id,
                    {objective.name: values[0]},
                    step=trial.user_attrs["best_epoch"],
                )
            done.status = "COMPLETED" if state == TrialState.COMPLETE else "FAILED"
            oracle.end_trial(done)

    @contextmanager
    def _oracle(self, study: Any) -> Iterator[keras_tuner.Oracle]:
        """The oracle as the study keeps it, kept there again afterwards."""
        oracle = without_files(self._make())
        # The study counts trials and failures, and keeps them; the oracle must not.
        oracle.max_trials = None
        oracle.max_consecutive_failed_trials = None
        oracle.verbose = 0
        kept = study.user_attrs.get(_STATE)
        if kept is not None:
            kept = json.loads(kept)
            oracle.trials = {
                state["trial_id"]: KerasTrial.from_state(state)
                for state in kept["trials"]
            }
            oracle.set_state(kept["state"])
        # what networks turned out to have, in whichever worker
        space = keras_tuner.HyperParameters()
        space.merge(list(self.setting.candidates.space))
        oracle.update_space(space)
        try:
            yield oracle
        finally:
            release(oracle)
        trials = [trial.get_state() for trial in oracle.trials.values()]
        study.set_user_attr(
            _STATE, json.dumps({"trials": trials, "state": oracle.get_state()})
        )


def _asked(
    oracle: keras_tuner.Oracle, worker: str, proposals: list[KerasTrial]
) -> Iterator[Values]:
    """What the oracle proposes; one that is not the last has failed.

    Args:
        oracle: that is asked.
        worker: KerasTuner gives one that asks again the trial that it has.
        proposals: gets them, the last one perhaps that nothing is left.
    """
    while True:
        if proposals:
            _refuse(oracle, proposals[-1])
        proposals.append(oracle.create_trial(worker))
        if proposals[-1].status != "RUNNING":
            return
        yield _network(proposals[-1].hyperparameters.values)


def _refuse(oracle: keras_tuner.Oracle, proposal: KerasTrial) -> None:
    values = proposal.hyperparameters.values
    # its space is the oracle's own, and would be kept once for each
    proposal.hyperparameters = keras_tuner.HyperParameters()
    proposal.hyperparameters.values = values
    proposal.status = "FAILED"
    oracle.end_trial(proposal)
    drop_from_brackets(oracle, proposal.trial_id)


def _network(values: Values) -> Values:
    """Without what an oracle notes for itself."""
    return {n: v for n, v in values.items() if not n.startswith(_OWN)}
