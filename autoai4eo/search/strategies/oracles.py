"""KerasTuner's oracles, including AutoKeras's own, as Optuna samplers."""

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
_OWN = "tuner/"  # prefix of Hyperband's internal values


class OracleSampler(CandidateSampler):
    """Proposes the candidates of a `keras_tuner.Oracle`.

    The oracle proposes all values before a trial, and gets its result afterwards. A
    proposal over a limit is reported as failed, and the oracle proposes another; after
    a few proposals the nearest is varied until it fits.

    The study records the oracle's state after every step; it is restored before the
    next one, one worker at a time. So any worker can resume a search. The oracle's own
    JSON files are not written.

    Args:
        oracle: makes an oracle.
        context: of the search.
        asks: most proposals for one trial; the oracle remembers refused ones.
    """

    def __init__(
        self,
        oracle: Callable[[], keras_tuner.Oracle],
        context: SearchContext,
        asks: int = 5,
    ) -> None:
        super().__init__(context)
        self._make = oracle
        self._asks = asks

    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Returns values of the oracle that are within the limits."""
        # greedy draws from NumPy's global generator
        np.random.seed(derived_seed(self.context.seed, trial.number))
        with self._oracle(study) as oracle:
            proposals: list[KerasTrial] = []
            drawn = itertools.islice(
                _proposals(oracle, f"autoai4eo/{trial.number}", proposals), self._asks
            )
            found = next(drawn, None)
            if found is None:
                return None
            (first,) = proposals
            # Hyperband's next round continues with a trained network
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
        return kept | (self.limits.record(found) if self.context.limits else {})

    def after_trial(
        self, study: Any, trial: Any, state: TrialState, values: Any
    ) -> None:
        """Reports the result of a trial to the oracle.

        A complete one that was given to the study takes the place of a proposal.
        """
        proposed = trial.user_attrs.get("proposed")
        if proposed is None or ("id" not in proposed and state != TrialState.COMPLETE):
            return  # not proposed by the oracle
        with self.context.exclusive(), self._oracle(study) as oracle:
            if "id" in proposed:
                done = oracle.get_trial(proposed["id"])
            else:
                done = oracle.create_trial(f"autoai4eo/{trial.number}")
                if done.status != "RUNNING":
                    return
                done.hyperparameters.values = dict(proposed["values"])
                record_values(oracle, done)
            if state == TrialState.COMPLETE:
                (objective,) = self.context.objectives
                oracle.update_trial(
                    done.trial_id,
                    {objective.name: values[0]},
                    step=trial.user_attrs["best_epoch"],
                )
            done.status = "COMPLETED" if state == TrialState.COMPLETE else "FAILED"
            oracle.end_trial(done)

    @contextmanager
    def _oracle(self, study: Any) -> Iterator[keras_tuner.Oracle]:
        """Restores the oracle from the study, and records it there afterwards."""
        oracle = without_files(self._make())
        # the study counts trials and failures, not the oracle
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
            # those of an earlier version may lack conditions that blocks have now
            oracle.hyperparameters = keras_tuner.HyperParameters()
        # hyperparameters found by any worker
        space = keras_tuner.HyperParameters()
        space.merge(list(self.context.candidates.space))
        oracle.update_space(space)
        try:
            yield oracle
        finally:
            release(oracle)
        trials = [trial.get_state() for trial in oracle.trials.values()]
        study.set_user_attr(
            _STATE, json.dumps({"trials": trials, "state": oracle.get_state()})
        )


def _proposals(
    oracle: keras_tuner.Oracle, worker: str, proposals: list[KerasTrial]
) -> Iterator[Values]:
    """Yields proposals of an oracle; reports each as failed before the next.

    Args:
        oracle: that proposes.
        worker: its name; KerasTuner returns the running trial of a known worker.
        proposals: gets all proposals; the status of the last one may be that nothing
            is left.
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
    # without the space, which would be stored again with each proposal
    proposal.hyperparameters = keras_tuner.HyperParameters()
    proposal.hyperparameters.values = values
    proposal.status = "FAILED"
    oracle.end_trial(proposal)
    drop_from_brackets(oracle, proposal.trial_id)


def _network(values: Values) -> Values:
    """Returns the values without internal ones of the oracle."""
    return {n: v for n, v in values.items() if not n.startswith(_OWN)}
