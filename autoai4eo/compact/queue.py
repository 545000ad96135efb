"""The queue of a table: its trainings are the trials of a study.

Several commands, on one or several machines, take trainings from it. A training whose
process sends no heartbeats any more is queued again.
"""

from __future__ import annotations

import os
import platform
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.compact.job import COSTS, SCORES, Job, is_done
from autoai4eo.errors import UserError
from autoai4eo.files import read_json, write_json
from autoai4eo.learning.objectives import Objective
from autoai4eo.runs.database_urls import without_password
from autoai4eo.runs.folder import locked
from autoai4eo.runs.study import open_study
from autoai4eo.search.compat import optuna as compat
from autoai4eo.search.trials.retries import fail_for_good, interrupted

_RECORD = "table.json"
_CURE = "restore it from a copy, or choose another --out"
_OBJECTIVE = Objective("cohen_kappa", "max")
_OPEN = (TrialState.WAITING, TrialState.RUNNING)


def open_queue(out: Path, storage: str | None) -> optuna.Study:
    """Opens the queue of a table, or begins one; ``OUT/table.json`` says where it is.

    Args:
        out: the folder of the table.
        storage: URL of the database, see `open_study`; None: ``OUT/study.db``.

    Raises:
        UserError: the table has its queue elsewhere, the study of this name is that of
            another folder, or the database cannot be used.
    """
    path = out / _RECORD
    with _alone(out):
        known: dict[str, Any] = {}
        if path.is_file():
            known = read_json(path, _CURE, {"id": str, "storage": str | None})
            _check_place(out, known["storage"], storage)
        study = study_of(out, storage)
        of_study = study.user_attrs.get("run")
        mark = known.get("id") or (storage is None and of_study) or uuid.uuid4().hex
        if of_study not in (None, mark):
            raise UserError(
                f"storage: expected the study {study.study_name} to be that of {out}, "
                "found that of another folder; machines that work together must share "
                "the folder; otherwise choose another --out"
            )
        recorded = None if storage is None else without_password(storage)
        write_json(path, {"id": mark, "storage": recorded})
        study.set_user_attr("run", mark)
    return study


def study_of(out: Path, storage: str | None) -> optuna.Study:
    """Returns the study of a queue that is open, in any process, see `open_queue`."""
    return open_study(out, (_OBJECTIVE,), storage=storage)


def add(study: optuna.Study, out: Path, jobs: Sequence[Job]) -> None:
    """Queues trainings without a result, except those that wait or run already."""
    with _alone(out):
        known = _last(study, jobs)
        is_open = {job for job, trial in known.items() if trial.state in _OPEN}
        for job in jobs:
            # after the trials were read: a result is written before its trial ends
            if job not in is_open and not is_done(out, *job):
                _enqueue(study, job)


def add_interrupted(study: optuna.Study, out: Path, jobs: Sequence[Job]) -> None:
    """Queues trainings again whose process has ended or disappeared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    with _alone(out):
        for job, trial in _last(study, jobs).items():
            if interrupted(trial):
                _enqueue(study, job)


def take(study: optuna.Study, jobs: Sequence[Job]) -> tuple[Job, FrozenTrial] | None:
    """Takes the next of these trainings that waits, as this process's own.

    No two processes get the same one. Returns None if none waits.
    """
    for job, trial in _last(study, jobs).items():
        if trial.state == TrialState.WAITING and compat.take(study, trial):
            worker = f"{platform.node()}:{os.getpid()}"
            compat.set_attribute(study, trial, "worker", worker)
            return job, trial
    return None


def unfinished(study: optuna.Study, jobs: Sequence[Job]) -> int:
    """Counts the trainings that wait, run or are to be queued again."""
    trials = _last(study, jobs).values()
    return sum(trial.state in _OPEN or interrupted(trial) for trial in trials)


def complete(study: optuna.Study, trial: FrozenTrial, found: dict[str, Any]) -> None:
    """Records the result of a training: kappa is the value of its trial.

    Args:
        study: the queue.
        trial: of the training.
        found: see `autoai4eo.compact.job.do_job`.

    Raises:
        optuna.exceptions.UpdateFinishedTrialError: another command has taken the
            training over.
    """
    about = {
        "metrics": {name: found[name] for name in SCORES},
        "cost": {name: found[name] for name in COSTS},
        **{name: found[name] for name in ("depths", "search_seconds", "train_seconds")},
    }
    for name, value in about.items():
        compat.set_attribute(study, trial, name, value)
    compat.end(study, trial, TrialState.COMPLETE, [found[_OBJECTIVE.name]])


def give_back(study: optuna.Study, trial: FrozenTrial) -> None:
    """Ends the trial of a training that another command may go on with at once."""
    try:
        compat.end(study, trial, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return


def fail(study: optuna.Study, trial: FrozenTrial, cause: str) -> None:
    """Ends the trial of a training that failed; a later command tries it again."""
    fail_for_good(study, trial, cause)


def _last(study: optuna.Study, jobs: Sequence[Job]) -> dict[Job, FrozenTrial]:
    """Returns the last trial of each training, in the order of the trainings."""
    trials = study.get_trials(deepcopy=False)
    last = {(t.user_attrs.get("method"), t.user_attrs.get("seed")): t for t in trials}
    return {job: last[job] for job in jobs if job in last}


def _enqueue(study: optuna.Study, job: Job) -> None:
    study.enqueue_trial({}, user_attrs=dict(zip(("method", "seed"), job, strict=True)))


def _alone(out: Path) -> Any:
    """Admits one process at a time to what must be read and written in one go."""
    return locked(out, "queue")


def _check_place(out: Path, recorded: str | None, storage: str | None) -> None:
    given = None if storage is None else without_password(storage)
    if (recorded is None) != (given is None):
        raise UserError(
            f"{out}: expected {_told(recorded)}, as this table was begun with it, "
            f"found {_told(given)}; give the same, or choose another --out"
        )


def _told(storage: str | None) -> str:
    return "no --storage" if storage is None else f"--storage {storage}"
