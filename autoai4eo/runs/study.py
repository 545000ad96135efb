"""The record of a search: every trial in ``RUN/study.db``, the one source of truth."""

from __future__ import annotations

import sqlite3
import uuid
import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import StorageInternalError
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from autoai4eo.causes import cause
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular
from autoai4eo.learning.objectives import Objective
from autoai4eo.runs.database_urls import without_password
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import made
from autoai4eo.runs.paths import BEST
from autoai4eo.runs.sqlite_files import (
    check_sqlite,
    check_sqlite_is_own,
    damaged,
    read_sqlite,
    sqlite_url,
)
from autoai4eo.runs.storage import Stale, database_of, open_storage
from autoai4eo.runs.tables import estimate_errors, trials_table
from autoai4eo.runs.trials import (
    FULL_TRAINING_OF,
    best_trial,
    judged,
    objectives_of,
    status,
    trial_of,
    trials_of,
)

__all__ = [
    "FULL_TRAINING_OF",
    "best_trial",
    "claim",
    "estimate_errors",
    "forget",
    "judged",
    "mark_of",
    "objectives_of",
    "open_study",
    "status",
    "trial_of",
    "trials_of",
    "trials_table",
]

STUDY = "autoai4eo"
_KINDS = {
    **dict.fromkeys(("metrics", "cost", "hyperparameters", "proposed", "files"), dict),
    **dict.fromkeys(("message", "status", "fingerprint", "worker"), str),
}
#: What Optuna and SQLAlchemy raise of a database whose content is damaged.
_UNREADABLE = (
    StorageInternalError,
    SQLAlchemyError,
    ValueError,
    TypeError,
    LookupError,
)


def open_study(
    run: Path,
    objectives: Sequence[Objective] | None = None,
    sampler: Any = None,
    storage: str | None = None,
    stale: Stale | None = None,
) -> optuna.Study:
    """Opens the study of a run folder; creates it if `objectives` are given.

    Without them it is read-only: nothing in the folder or database is changed.

    Args:
        run: the folder.
        objectives: of a search that is begun or resumed.
        sampler: chooses candidates.
        storage: URL of the database. None: ``RUN/study.db``, or, if ``RUN/run.json``
            names a database, the one that the user names, see `databases.named`.
        stale: is called with each trial whose worker sends no heartbeats.

    Raises:
        UserError: the study is missing or has other objectives, or the database is
            damaged, cannot be used, or is not named by the user.
    """
    # the tuner reports failed trials, in one line
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = Run(run).study
    check_regular(run)
    if Run(run).exists:
        recorded = Run(run).read()["arguments"].get("storage")
        if objectives is not None:
            _check_place(run, recorded, storage)
        elif recorded is not None and storage is None:
            storage = database_of(run, str(recorded))
    if storage is None:
        if objectives is None and not path.is_file():
            raise Run(run).missing(path.name)
        check_sqlite_is_own(path)
        if objectives is not None and _holds_networks(run):
            check_sqlite(path)  # SQLite would fill an empty file with empty tables
        if objectives is not None and path.is_file():
            _check_whole(path)
    name = STUDY if storage is None else run.resolve().name
    if objectives is None and storage is None:
        database = read_sqlite(path)
    else:
        database = open_storage(
            storage or sqlite_url(path), stale, read_only=objectives is None
        )
    if objectives is None:
        try:
            study = optuna.load_study(study_name=name, storage=database)
            if storage is None:
                _check_trials(study)
            _check_run(study, run, shared=storage is not None)
            return study
        except KeyError:
            if storage is None:
                raise damaged(path, "it holds no search") from None
            raise UserError(
                f"{run}: expected the study {name} in {without_password(storage)}"
                ", found no study of this name"
            ) from None
        except _UNREADABLE as error:
            if storage is not None:
                raise
            raise damaged(path, cause(error)) from error
    directions = [
        StudyDirection.MAXIMIZE if o.direction == "max" else StudyDirection.MINIMIZE
        for o in objectives
    ]
    names = [o.name for o in objectives]
    new = name not in optuna.get_all_study_names(database)
    if new and _holds_networks(run):
        raise UserError(
            f"{run}: expected the record of the search that left networks there, found "
            "none; restore it from a copy, or begin the search anew (--overwrite)"
        )
    study = optuna.create_study(
        study_name=name,
        storage=database,
        directions=directions,
        sampler=sampler,
        load_if_exists=True,
    )
    kept = study.user_attrs.get("objectives")
    if kept is None:
        study.set_user_attr("objectives", names)
        with warnings.catch_warnings():
            # optuna-dashboard and Optuna's plots show the names
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(names)
    elif kept != names:
        raise UserError(
            f"{run}: expected the objective {', '.join(kept)} of this search, found "
            f"{', '.join(names)}; choose another folder, or overwrite this one "
            "(--overwrite)"
        )
    return study


def _check_place(run: Path, recorded: object, storage: str | None) -> None:
    """Checks that a search is resumed in the database that has its record."""
    if recorded is not None and storage is None:
        raise UserError(
            f"{run}: expected --storage, as this search was begun with it "
            f"({without_password(str(recorded))}), found none; give it, or choose "
            "another folder"
        )
    if recorded is None and storage is not None:
        raise UserError(
            f"{run}: expected no --storage, as the record of this search is in its "
            f"study.db, found {without_password(storage)}; leave it out, choose "
            "another folder, or overwrite this one (--overwrite)"
        )


def _holds_networks(run: Path) -> bool:
    """Returns whether a search left networks in a folder, which need its record."""
    networks = [path for path in made(run) if path.name == Run(run).network.name]
    return any(p.parent.name == BEST or p.parent.name.isdecimal() for p in networks)


def _check_whole(path: Path) -> None:
    """Checks the whole SQLite file: SQLite itself checks only the pages that it reads.

    Raises:
        UserError: the file is damaged.
    """
    try:
        with closing(sqlite3.connect(path, timeout=60)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        return  # locked or unreadable: `open_storage` reports why
    except (sqlite3.DatabaseError, UnicodeError) as error:  # damaged text
        found = str(error)
    if found != "ok":
        raise damaged(path, " ".join(found.split()))


def _check_trials(study: optuna.Study) -> None:
    """Checks that the record of the trials can be read and has the expected types.

    SQLite has no checksums: a readable page may hold anything.

    Raises:
        ValueError: it has not; Optuna and SQLAlchemy raise other errors.
    """
    try:
        trials = study.get_trials(deepcopy=False)
        kept = study.user_attrs.get("objectives")
    except KeyError as error:
        raise ValueError(f"no {error} in it") from error
    objectives = len(study.directions)
    if not isinstance(kept, list) or len(kept) != objectives:
        raise ValueError(f"{kept!r} as the names of {objectives} objectives")
    for trial in trials:
        if trial.state == TrialState.COMPLETE:
            found = trial.values
            if len(found) != objectives or not np.isfinite(found).all():
                raise ValueError(f"trial {trial.number} reached {found}")
        for name, kind in _KINDS.items():
            value = trial.user_attrs.get(name, kind())
            if not isinstance(value, kind):
                raise ValueError(f"{name} of trial {trial.number} is {value!r}")


def _check_run(study: optuna.Study, run: Path, shared: bool) -> None:
    """Checks that study and folder have the same mark, if both have one."""
    known, mark = study.user_attrs.get("run"), Run(run).mark()
    if None not in (known, mark) and known != mark:
        raise _foreign(study, run, shared)


def mark_of(
    study: optuna.Study, run: Path, shared: bool, begun_with: Mapping[str, Any]
) -> str:
    """Returns the mark that distinguishes a folder's search from all others.

    Args:
        study: the study with the folder's name.
        run: the folder.
        shared: whether other folders may have studies in the same database.
        begun_with: what must not change when a search is resumed: its data.

    Returns:
        The mark of the folder, for run.json and then for `claim`.

    Raises:
        UserError: the study is of another folder, or of other data.
    """
    known = study.user_attrs.get("run")
    mark = Run(run).mark() or (None if shared else known) or uuid.uuid4().hex
    if known not in (None, mark):
        raise _foreign(study, run, shared)
    before = study.user_attrs.get("begun_with")
    if before is None and Run(run).mark() is None and trials_of(study):
        raise UserError(
            f"{run}: expected run.json, which records the data of this search, found "
            "none; restore it from a copy, or begin anew (--overwrite)"
        )
    if before not in (None, dict(begun_with)):
        raise UserError(
            f"{run}: expected the data and the map step that this search was begun "
            "with, found others; choose another folder, or overwrite this one "
            "(--overwrite)"
        )
    return mark


def claim(study: optuna.Study, mark: str, begun_with: Mapping[str, Any]) -> None:
    """Records the mark of its folder and its data in a study, see `mark_of`."""
    study.set_user_attr("run", mark)
    study.set_user_attr("begun_with", dict(begun_with))


def _foreign(study: optuna.Study, run: Path, shared: bool) -> UserError:
    if shared:
        return UserError(
            f"storage: expected the study {study.study_name} to be that of {run}, "
            "found that of another folder; machines that work together must share the "
            "folder; otherwise choose another folder name"
        )
    return UserError(
        f"{run}: expected the record (study.db) of the run in run.json, found that of "
        "another run; restore one of the two files from a copy"
    )


def forget(run: Path, storage: str) -> None:
    """Deletes a run's study from a shared database.

    Raises:
        UserError: a worker is working on it, or it is the study of another folder.
    """
    name = run.resolve().name
    database = open_storage(storage)
    if name not in optuna.get_all_study_names(database):
        return
    study = optuna.load_study(study_name=name, storage=database)
    _check_run(study, run, shared=True)
    if study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        raise UserError(
            f"{run}: expected to overwrite a search without workers, found running "
            "trials; end their workers and wait a minute, or choose another folder"
        )
    optuna.delete_study(study_name=name, storage=database)
