"""Takes over trials whose worker has ended: they resume from their last epoch."""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta
from pathlib import Path

import keras
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.learning import checkpoint_file
from autoai4eo.runs.folder import Run
from autoai4eo.runs.seeds import candidate
from autoai4eo.runs.study import FULL_TRAINING_OF
from autoai4eo.runs.trials import interrupted
from autoai4eo.search.compat import optuna as compat

#: How often in a row a trial is tried again without completing another epoch.
MAX_RETRIES = 3
INTERRUPTED = "interrupted"
GIVEN_UP = "not tried again"
_ASKED_BY = "asked_by"
# more than the duration of any proposal
_PROPOSED_BY = timedelta(minutes=5)


def given_up(trial: FrozenTrial) -> bool:
    """Returns whether a trial was interrupted too often to be tried again."""
    return interrupted(trial) and GIVEN_UP in trial.user_attrs.get("message", "")


def fail_and_retry(
    study: optuna.Study, trial: FrozenTrial, run: Path, cause: str = INTERRUPTED
) -> bool:
    """Fails a running trial and queues it again, unless it was interrupted too often.

    If several workers call this for the same trial, only one succeeds.

    Args:
        study: of the search.
        trial: whose worker has ended.
        run: the run's folder.
        cause: recorded as the trial's message.

    Returns:
        False if the trial is given up; then another candidate takes its place.
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
    """Takes over trials of workers, on any machine, that have disappeared.

    The storage calls `enqueue_retry` for those without heartbeats. A worker that died
    during a proposal had none yet; such trials are found by their start time.
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
    """Queues an interrupted trial, to resume from its last finished epoch.

    Does nothing if it was interrupted too often.
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
    """Returns the worker that runs a trial or created it; None if it is queued."""
    return trial.user_attrs.get("worker", trial.user_attrs.get(_ASKED_BY))


def sign_new_trials(study: optuna.Study, worker: str) -> None:
    """Makes each new trial of a study record its worker when it is created.

    So the trial of a worker that died during a proposal can be found. A worker runs one
    trial at a time: if it has a second running trial, the answer of the database to an
    earlier creation was lost, and that trial is dropped.
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
    """Ends a training that another worker has taken over.

    It must be the first callback, so that a worker that was stopped for minutes writes
    nothing.
    """

    def __init__(self, study: optuna.Study, trial: optuna.Trial | FrozenTrial) -> None:
        super().__init__()
        self._study, self._trial = study, trial

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Raises UpdateFinishedTrialError if the trial was ended by another worker."""
        kept = compat.stored(self._study, self._trial)
        if kept.state != TrialState.RUNNING:
            raise UpdateFinishedTrialError(
                f"trial {kept.number} was taken over by another worker"
            )


def fail_and_retry_all(study: optuna.Study, run: Path) -> None:
    """Takes over all interrupted trials; the caller must be the study's only user."""
    trials = study.get_trials(deepcopy=False)
    known = {trial.user_attrs.get("retry_of") for trial in trials}
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            fail_and_retry(study, trial, run)
        elif interrupted(trial) and trial.number not in known:
            # the process that failed it was killed before it queued it
            enqueue_retry(study, trial, run)


def _retries(trial: FrozenTrial, run: Path) -> int:
    """Returns how often in a row the trial did not complete another epoch."""
    finished = checkpoint_file.epochs(Run(run).trial(trial.number).state)
    if finished > trial.user_attrs.get("resumed", 0):
        return 0
    return int(trial.user_attrs.get("retries", 0)) + 1
