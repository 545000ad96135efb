"""Optuna's storage that waits for an unavailable database.

A restart of the server delays a search by some minutes; no trial is lost.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from autoai4eo.locks import locked
from autoai4eo.runs.database_errors import is_away, is_damaged, reason
from autoai4eo.runs.layout import removed
from autoai4eo.runs.sqlite_files import damaged, sqlite_file

FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0

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
    _get_trials = _patient(RDBStorage._get_trials)
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
