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
import pandas as pd
from optuna.exceptions import StorageInternalError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from autoai4eo.causes import cause
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular
from autoai4eo.learning.objectives import MAP_COST, MEASURED, Objective
from autoai4eo.runs.database_urls import without_password
from autoai4eo.runs.folder import id_of, read_run
from autoai4eo.runs.layout import BEST, NETWORK, made
from autoai4eo.runs.sqlite_files import (
    check_sqlite,
    check_sqlite_is_own,
    damaged,
    read_sqlite,
    sqlite_url,
)
from autoai4eo.runs.storage import Stale, database_of, open_storage

STUDY = "autoai4eo"
#: Attribute of a trial that trains another one's network in full, after a search by
#: cheaper trainings; its value is that one's number.
FULL_TRAINING_OF = "full_of"
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
_COST_COLUMNS = (
    "params",
    "macs",
    "flops",
    "size_bytes",
    "latency_ms",
    "latency_p95_ms",
    "latency_batch_size",
    "device",
)


def open_study(
    run: Path,
    objectives: Sequence[Objective] | None = None,
    sampler: Any = None,
    storage: str | None = None,
    stale: Stale | None = None,
) -> optuna.Study:
    """The study of a run folder; made there where `objectives` are given.

    Without them it can be read only, and nothing in the folder or database is changed.

    Args:
        run: the folder.
        objectives: of a search that is begun or gone on with.
        sampler: chooses candidates.
        storage: URL of the database; None: ``RUN/study.db``, or where ``RUN/run.json``
            names a database the one that the user names, see `named`.
        stale: is told of a trial whose worker is not heard of any more.

    Raises:
        UserError: there is no study, or one of other objectives; or the database is
            damaged, cannot be used, or is not named by the user.
    """
    # failed trials are told by the tuner, in one line
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = run / "study.db"
    check_regular(run)
    if (run / "run.json").is_file():
        recorded = read_run(run)["arguments"].get("storage")
        if objectives is not None:
            _check_place(run, recorded, storage)
        elif recorded is not None and storage is None:
            storage = database_of(run, str(recorded))
    if storage is None:
        if objectives is None and not path.is_file():
            raise UserError(
                f"{run}: expected a run folder with study.db in it, found none; "
                "`autoai4eo fit … --out` makes one"
            )
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
                ", found none of this name there"
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
            f"{run}: this search has the objective {', '.join(kept)}, asked was "
            f"{', '.join(names)}; use another folder, or overwrite this one"
        )
    return study


def _check_place(run: Path, recorded: object, storage: str | None) -> None:
    """Keeps a search from going on in another place than where its record is."""
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
            "another folder, or overwrite this one"
        )


def _holds_networks(run: Path) -> bool:
    """Whether a search left something in a folder that only its record can explain."""
    networks = [path for path in made(run) if path.name == NETWORK]
    return any(p.parent.name == BEST or p.parent.name.isdecimal() for p in networks)


def _check_whole(path: Path) -> None:
    """Has SQLite look through its file, which otherwise fails only where it is read.

    Raises:
        UserError: it is damaged.
    """
    try:
        with closing(sqlite3.connect(path, timeout=60)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        return  # locked, or not to be opened: opening it in earnest tells why
    except (sqlite3.DatabaseError, UnicodeError) as error:  # its schema is text
        found = str(error)
    if found != "ok":
        raise damaged(path, " ".join(found.split()))


def _check_trials(study: optuna.Study) -> None:
    """Whether what a search kept of its trials can be read, and is of its kind.

    SQLite has no checksums: a page that is whole may hold anything.

    Raises:
        ValueError: it is not; or what Optuna and SQLAlchemy raise.
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
            told = trial.user_attrs.get(name, kind())
            if not isinstance(told, kind):
                raise ValueError(f"{name} of trial {trial.number} is {told!r}")


def _check_run(study: optuna.Study, run: Path, shared: bool) -> None:
    """Whether a study is that of its folder, as far as both say it."""
    known, mark = study.user_attrs.get("run"), id_of(run)
    if None not in (known, mark) and known != mark:
        raise _foreign(study, run, shared)


def mark_of(
    study: optuna.Study, run: Path, shared: bool, begun_with: Mapping[str, Any]
) -> str:
    """Keeps a folder's search apart from every other one.

    Args:
        study: of the folder's name in a database.
        run: the folder.
        shared: whether other folders have studies in this database, too.
        begun_with: what a search does not go on without: its data.

    Returns:
        The mark of the folder, for run.json and then for `claim`.

    Raises:
        UserError: the study is that of another folder, or of other data.
    """
    known = study.user_attrs.get("run")
    mark = id_of(run) or (None if shared else known) or uuid.uuid4().hex
    if known not in (None, mark):
        raise _foreign(study, run, shared)
    before = study.user_attrs.get("begun_with")
    if before is None and id_of(run) is None and trials_of(study):
        raise UserError(
            f"{run}: expected run.json, which says what data this search is of, found "
            "none; restore it from a copy, or begin anew (--overwrite)"
        )
    if before not in (None, dict(begun_with)):
        raise UserError(
            f"{run}: expected the data and the map step that this search was begun "
            "with, found others; choose another folder, or overwrite this one"
        )
    return mark


def claim(study: optuna.Study, mark: str, begun_with: Mapping[str, Any]) -> None:
    """Writes into a study whose it is and what it is of, see `mark_of`."""
    study.set_user_attr("run", mark)
    study.set_user_attr("begun_with", dict(begun_with))


def _foreign(study: optuna.Study, run: Path, shared: bool) -> UserError:
    if shared:
        return UserError(
            f"storage: expected the study {study.study_name} to be that of {run}, "
            "found another folder's; machines that work together share the folder "
            "itself; else choose another name for it"
        )
    return UserError(
        f"{run}: expected the record (study.db) of the run that run.json is of, "
        "found that of another run; restore the one or the other from a copy"
    )


def check_device(study: optuna.Study, run: Path, device: str) -> None:
    """Keeps what is measured on one device from that of another.

    Raises:
        UserError: the search was begun on another device.
    """
    known = study.user_attrs.get("device")
    if known is None:
        study.set_user_attr("device", device)
    elif known != device:
        raise UserError(
            f"{run}: this search measures latency on {known}, found {device} here; go "
            "on there, or choose another folder"
        )


def forget(run: Path, storage: str) -> None:
    """Deletes a run's study from a database that others use, too.

    Raises:
        UserError: a worker is at work on it, or it is that of another folder.
    """
    name = run.resolve().name
    database = open_storage(storage)
    if name not in optuna.get_all_study_names(database):
        return
    study = optuna.load_study(study_name=name, storage=database)
    _check_run(study, run, shared=True)
    if study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        raise UserError(
            f"{run}: expected a search that nobody works on to overwrite, found "
            "running trials; end their workers and wait a minute, or choose another "
            "folder"
        )
    optuna.delete_study(study_name=name, storage=database)


def objectives_of(study: optuna.Study) -> tuple[Objective, ...]:
    """What the study optimises, in order."""
    return tuple(
        Objective(name, "max" if direction.name == "MAXIMIZE" else "min")
        for name, direction in zip(
            study.user_attrs["objectives"], study.directions, strict=True
        )
    )


def status(trial: FrozenTrial) -> str:
    """complete, infeasible, failed, pruned or running."""
    if trial.state == TrialState.PRUNED:
        return str(trial.user_attrs.get("status", "pruned"))
    return {
        TrialState.COMPLETE: "complete",
        TrialState.FAIL: "failed",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
    }[trial.state]


def trials_of(study: optuna.Study) -> list[FrozenTrial]:
    """The trials of a study, oldest first, without empty and queued ones."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if status(trial) not in ("exhausted", "waiting")
    ]


def trial_of(study: optuna.Study, run: Path, number: int) -> FrozenTrial:
    """The trial of a number that a file of the run names.

    Raises:
        UserError: the search has none of this number.
    """
    trials = study.get_trials(deepcopy=False)
    if not 0 <= number < len(trials):
        raise UserError(
            f"{run}: expected a search with the trial {number} that its files name, "
            f"found {len(trials)} trials; `autoai4eo check {run}` tells what is damaged"
        )
    return trials[number]


def judged(study: optuna.Study) -> list[FrozenTrial]:
    """The complete trials that can be held against each other.

    Those that were trained in full, where a search was by cheaper trainings and some
    were.
    """
    complete = [t for t in trials_of(study) if t.state == TrialState.COMPLETE]
    full = [t for t in complete if FULL_TRAINING_OF in t.user_attrs]
    return full or complete


def best_trial(study: optuna.Study) -> FrozenTrial:
    """The complete trial that is best by the first objective.

    Raises:
        UserError: no trial is complete.
    """
    (objective, *_) = objectives_of(study)
    complete = judged(study)
    if not complete:
        raise UserError(
            "expected a run with a finished trial, found none; "
            "`autoai4eo fit` with the same folder goes on with it"
        )
    sign = -1 if objective.direction == "max" else 1
    return min(complete, key=lambda t: (sign * t.values[0], t.number))


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """One row per trial: status, objectives and metrics, costs, hyperparameters.

    Times are in seconds, latencies in milliseconds, sizes in bytes; the metrics are
    those of the trial's best epoch. ``map_ms_per_km2`` is there where the run has a
    map step.
    """
    rows = [_row(trial) for trial in trials_of(study)]
    objectives = study.user_attrs["objectives"]
    metrics = dict.fromkeys(name for row in rows for name in row["metrics"])
    shown = list(dict.fromkeys([*objectives, *metrics]))
    costs = [*_COST_COLUMNS]
    if MAP_COST in objectives or any(MAP_COST in row["cost"] for row in rows):
        costs.insert(costs.index("latency_batch_size") + 1, MAP_COST)
    shown = [name for name in shown if name not in costs]
    hyperparameters = dict.fromkeys(n for row in rows for n in row["hyperparameters"])
    return pd.DataFrame(
        [
            {
                "trial": row["trial"],
                "status": row["status"],
                **{name: row["metrics"].get(name) for name in shown},
                **{name: row["cost"].get(name) for name in costs},
                **{n: row[n] for n in ("train_seconds", "epochs", "message")},
                **{n: row["hyperparameters"].get(n) for n in hyperparameters},
            }
            for row in rows
        ],
        columns=[
            "trial",
            "status",
            *shown,
            *costs,
            "train_seconds",
            "epochs",
            "message",
            *hyperparameters,
        ],
    )


def _row(trial: FrozenTrial) -> dict[str, Any]:
    kept = trial.user_attrs
    return {
        "trial": trial.number,
        "status": status(trial),
        "metrics": kept.get("metrics", {}),
        "cost": kept.get("cost", {}),
        "train_seconds": kept.get("train_seconds"),
        "epochs": kept.get("epochs"),
        # no message: its worker was not heard of any more
        "message": kept.get(
            "message", "interrupted" if trial.state == TrialState.FAIL else ""
        ),
        "hyperparameters": kept.get("hyperparameters", trial.params),
    }


def estimate_errors(study: optuna.Study) -> dict[str, float]:
    """By cost, how far estimates were off: the median of |estimate / exact - 1|.

    Of all networks that were estimated first, and built or measured afterwards; empty
    where a strategy estimates nothing.
    """
    errors: dict[str, list[float]] = {}
    for trial in trials_of(study):
        proposed = trial.user_attrs.get("proposed", {})
        pairs = [(b["estimated"], b["cost"]) for b in proposed.get("screened", [])]
        if "estimated" in proposed and "cost" in trial.user_attrs:
            cost = trial.user_attrs["cost"]
            measured = {n: cost[n] for n in MEASURED if n in cost}
            pairs.append((proposed["estimated"], measured))
        for estimated, exact in pairs:
            for name in estimated.keys() & exact.keys():
                if exact[name]:
                    off = abs(estimated[name] / exact[name] - 1)
                    errors.setdefault(name, []).append(off)
    return {name: float(np.median(off)) for name, off in sorted(errors.items())}
