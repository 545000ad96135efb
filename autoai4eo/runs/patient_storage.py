"""Optuna's storage that waits for an unavailable database.

A restart of the server delays a search by some minutes; no trial is lost. Running
trials are read again only if they changed, so that many workers can share a search.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from autoai4eo.locks import locked
from autoai4eo.runs.database_errors import is_away, is_damaged, reason
from autoai4eo.runs.idle_connections import close_idle_connections
from autoai4eo.runs.layout import removed
from autoai4eo.runs.sqlite_files import damaged, sqlite_file

FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_LAST_ID = 2**31 - 1
_COUNTED = ("trial_params", "trial_user_attributes", "trial_system_attributes")
_MARKS = text(
    "SELECT trial_id, state, "
    + ", ".join(
        f"(SELECT count(*) FROM {table} WHERE {table}.trial_id = trials.trial_id)"
        for table in _COUNTED
    )
    + " FROM trials WHERE study_id = :study "
    "AND (trial_id > :last OR state IN ('RUNNING', 'WAITING'))"
)

T = TypeVar("T")
_log = logging.getLogger(__name__)


def _patient(method: Callable[..., T]) -> Callable[..., T]:
    """Repeats a method of `RDBStorage` while the database is unavailable."""

    @functools.wraps(method)
    def patient(self: PatientStorage, *args: Any, **kwargs: Any) -> T:
        return self.patiently(method, self, *args, **kwargs)

    return patient


class PatientStorage(RDBStorage):
    """Waits for an unavailable database.

    Repeats only the methods that a trial calls: each of these is one transaction.

    Args:
        url: of the database.
        patience: seconds to wait for the database.
        **arguments: of `optuna.storages.RDBStorage`.
    """

    _create_new_trial = _patient(RDBStorage._create_new_trial)
    _set_trial_param = _patient(RDBStorage._set_trial_param)
    set_trial_user_attr = _patient(RDBStorage.set_trial_user_attr)
    set_trial_system_attr = _patient(RDBStorage.set_trial_system_attr)
    get_trial = _patient(RDBStorage.get_trial)
    # samplers keep their state there
    set_study_user_attr = _patient(RDBStorage.set_study_user_attr)
    get_study_user_attrs = _patient(RDBStorage.get_study_user_attrs)
    set_study_system_attr = _patient(RDBStorage.set_study_system_attr)
    get_study_system_attrs = _patient(RDBStorage.get_study_system_attrs)

    def __init__(self, url: str, patience: float, **arguments: Any) -> None:
        super().__init__(url, **arguments)
        self._patience = patience
        self._file = sqlite_file(self.engine.url)
        self._turns = None if self._file is None else Path(f"{self._file}.lock")
        self._last_away = -float("inf")
        self._reader: object = None
        self._known: dict[int, tuple[Any, ...]] = {}
        if self._file is None:
            close_idle_connections(self.engine)

    def patiently(self, operation: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Repeats an operation while the database is unavailable, up to `patience`."""
        until = time.monotonic() + self._patience
        pause = FIRST_PAUSE
        while True:
            try:
                return operation(*args, **kwargs)
            except (StorageInternalError, SQLAlchemyError) as error:
                if self._file is not None and is_damaged(error):
                    raise damaged(self._file, reason(error)) from error
                if self._file is not None and not self._file.exists():
                    raise removed(self._file.parent) from error
                if not is_away(error):
                    raise
                self._last_away = time.monotonic()
                if self._last_away >= until:
                    raise
                if pause < _LONGEST_PAUSE <= 2 * pause:  # once, after some seconds
                    _log.warning("storage: waits for the database: %s", reason(error))
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Sets state and values, also if an earlier attempt did so unnoticed.

        SQLite has no row locks: two processes that claim a trial would both get it.
        Therefore they take turns.
        """
        began = time.monotonic()
        operation = super().set_trial_state_values
        try:
            with self._turn():
                return self.patiently(operation, trial_id, state, values)
        except UpdateFinishedTrialError:
            if self._last_away < began:
                raise
            stored = self.get_trial(trial_id)
            same_values = values is None or stored.values == list(values)
            if stored.state != state or not same_values:
                raise
            return True

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Admits one process at a time to an SQLite file."""
        if self._turns is None:
            yield
            return
        with locked(self._turns, wait=True):
            yield

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        """Without those that run, were read before, and have not changed since.

        What is set of a trial while it runs is set once, so that the number of its
        parameters and attributes tells a change.
        """
        read = super()._get_trials
        asked = (study_id, states, included_trial_ids, trial_id_greater_than)
        if states is not None:
            return self.patiently(read, *asked)
        marks = self.patiently(self._marks, study_id, trial_id_greater_than)
        changed = {i for i, mark in marks.items() if self._known.get(i) != mark}
        changed |= included_trial_ids - marks.keys()  # they ended
        trials: list[FrozenTrial] = []
        if included_trial_ids is not self._reader:
            # the set is the reader's own: the cache of a new one knows no trials
            trials = self.patiently(read, *asked)
        elif changed:
            trials = self.patiently(read, study_id, None, changed, _LAST_ID)
        self._reader, self._known = included_trial_ids, marks
        return trials

    def _marks(self, study_id: int, last: int) -> dict[int, tuple[Any, ...]]:
        """By trial that has not ended, or is after the last: what changes with it."""
        with self.engine.connect() as connection:
            rows = connection.execute(_MARKS, {"study": study_id, "last": last})
            return {row[0]: tuple(row[1:]) for row in rows}

    def record_heartbeat(self, trial_id: int) -> None:
        """Ignores an unavailable database: the next heartbeat comes anyway."""
        try:
            self.patiently(super().record_heartbeat, trial_id)
        except (StorageInternalError, SQLAlchemyError) as error:
            if not is_away(error):
                raise

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        """Returns [] if the database was unavailable: no heartbeats could arrive."""
        stale = self.patiently(super()._get_stale_trial_ids, study_id)
        assert self.grace_period is not None
        just_back = time.monotonic() - self._last_away < self.grace_period
        return [] if just_back else stale
