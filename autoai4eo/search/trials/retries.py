"""Trials whose worker is gone are taken over: tried again from where they were."""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta
from pathlib import Path

import keras
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.learning import checkpoint
from autoai4eo.runs.folder import Run
from autoai4eo.runs.seeds import candidate
from autoai4eo.runs.study import FULL_TRAINING_OF
from autoai4eo.search.compat import optuna as compat

#: How often a trial is tried again that never gets through another epoch.
MAX_RETRIES = 3
INTERRUPTED = "interrupted"
GIVEN_UP = "not tried again"
_ASKED_BY = "asked_by"
# longer than any proposal takes
_PROPOSED_BY = timedelta(minutes=5)


def interrupted(trial: FrozenTrial) -> bool:
    """Whether a trial ended because its worker did, and not of itself."""
    return trial.state == TrialState.FAIL and (
        trial.user_attrs.get("interrupted", False) or "message" not in trial.user_attrs
    )


def given_up(trial: FrozenTrial) -> bool:
    """Whether a trial was interrupted too often to be tried again."""
    return interrupted(trial) and GIVEN_UP in trial.user_attrs.get("message", "")


def fail_and_retry(
    study: optuna.Study, trial: FrozenTrial, run: Path, cause: str = INTERRUPTED
) -> bool:
    """Fails a running trial and queues it again, unless that was in vain before.

    Of several that try this for the same trial one does it.

    Args:
        study: of the search.
        trial: whose worker is gone.
        run: the run's folder.
        cause: kept as the trial's message.

    Returns:
        False where the trial is given up; another candidate is tried in its place.
    """
    again = _retries(trial, run) <= MAX_RETRIES
    if not again:
        cause = f"{cause}; interrupted {MAX_RETRIES + 1} times, {GIVEN_UP}"
    try:
        compat.set_attribute(study, trial, "interrupted", True)
        compat.set_attribute(study, trial, "message", cause)
        compat.end(study, trial, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return True
    if again:
        enqueue_retry(study, trial, run)
    return again


def fail_and_retry_stale(study: optuna.Study, run: Path) -> None:
    """Takes over trials of workers, on any machine, that gave no sign of life.

    The storage calls `enqueue_retry` for those whose heartbeat stopped; a worker that
    died while it proposed had none yet.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    before = datetime.now() - _PROPOSED_BY
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        begun = trial.datetime_start
        if "worker" not in trial.user_attrs and begun is not None and begun < before:
            fail_and_retry(study, trial, run)


def fail_for_good(study: optuna.Study, trial: FrozenTrial, cause: str) -> None:
    """Fails a running trial for good."""
    try:
        compat.set_attribute(study, trial, "message", cause)
        compat.end(study, trial, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return


def enqueue_retry(study: optuna.Study, trial: FrozenTrial, run: Path) -> None:
    """Queues a trial that was interrupted; it goes on from its last finished epoch.

    Not where that was in vain too often.
    """
    if _retries(trial, run) > MAX_RETRIES:
        return
    kept = {
        n: trial.user_attrs[n]
        for n in ("proposed", FULL_TRAINING_OF)
        if n in trial.user_attrs
    }
    attributes = {
        **kept,
        "candidate": candidate(study, trial),
        "retry_of": trial.number,
        "retries": _retries(trial, run),
    }
    study.enqueue_trial(trial.params, user_attrs=attributes)


def worker_of(trial: FrozenTrial) -> str | None:
    """Who works on a trial, or asked for it; None: one that was queued, not begun."""
    return trial.user_attrs.get("worker", trial.user_attrs.get(_ASKED_BY))


def sign_new_trials(study: optuna.Study, worker: str) -> None:
    """Has each new trial of a study say from its first moment who asked for it.

    So nobody waits for one of a worker that died while it proposed. A worker runs one
    trial at a time: where it begins another one, a database made the one before and its
    answer was lost; that one is dropped.
    """

    def signed() -> FrozenTrial:
        return optuna.trial.create_trial(
            state=TrialState.RUNNING, user_attrs={_ASKED_BY: worker}
        )

    def drop_others(made: int) -> None:
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if worker_of(trial) == worker and not compat.is_same(trial, made):
                compat.set_attribute(study, trial, "status", "exhausted")
                compat.end(study, trial, TrialState.PRUNED)

    compat.watch_new_trials(study, signed, drop_others)


class StillMine(keras.callbacks.Callback):
    """Ends a training that another worker has taken over; first in the list.

    So nothing is written by a worker that was stopped for minutes and went on.
    """

    def __init__(self, study: optuna.Study, trial: optuna.Trial) -> None:
        super().__init__()
        self._study, self._trial = study, trial

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Raises UpdateFinishedTrialError where the trial does not run any more."""
        kept = compat.stored(self._study, self._trial)
        if kept.state != TrialState.RUNNING:
            raise UpdateFinishedTrialError(
                f"trial {kept.number} was taken over by another worker"
            )


def fail_and_retry_all(study: optuna.Study, run: Path) -> None:
    """Takes over whatever was interrupted; only for one who is alone with the study."""
    trials = study.get_trials(deepcopy=False)
    known = {trial.user_attrs.get("retry_of") for trial in trials}
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            fail_and_retry(study, trial, run)
        elif interrupted(trial) and trial.number not in known:
            # by someone who was killed before it was queued
            enqueue_retry(study, trial, run)


def _retries(trial: FrozenTrial, run: Path) -> int:
    """How often in a row the trial did not get through another epoch."""
    finished = checkpoint.epochs(Run(run).trial(trial.number).state)
    if finished > trial.user_attrs.get("resumed", 0):
        return 0
    return int(trial.user_attrs.get("retries", 0)) + 1
