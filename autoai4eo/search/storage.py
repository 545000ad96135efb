"""The database under a search: an SQLite file, or a PostgreSQL server.

Once open, a database that goes away is waited for: a restart of the server costs a
search some minutes, not its trials.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote_to_bytes

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import URL, make_url
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from autoai4eo.errors import UserError
from autoai4eo.locks import locked
from autoai4eo.search.layout import removed

HEARTBEAT_SECONDS = 20
GRACE_SECONDS = 60
PATIENCE_SECONDS = 600.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_OPENINGS = 5

_SQLITE_CONNECTION = {"timeout": 60}
# a server that is gone without a word is noticed after a minute, not after hours
_POSTGRESQL_CONNECTION = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_SQLITE_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
_SQLITE_BEGINS = b"SQLite format 3\0"
#: It can be read no more, or is no database at all.
_SQLITE_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# What opens one session each, so that a repetition begins with a fresh one. The other
# methods of RDBStorage call these.
_ONE_SESSION = (
    "create_new_study",
    "delete_study",
    "set_study_user_attr",
    "set_study_system_attr",
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_directions",
    "get_study_user_attrs",
    "get_study_system_attrs",
    "get_all_studies",
    "_create_new_trial",
    "_set_trial_param",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "get_trial_param",
    "get_trial_user_attrs",
    "get_trial_system_attrs",
    "get_trial_id_from_study_id_trial_number",
    "get_trial",
    "_get_trials",
    "_get_best_trial_id",
)

Stale = Callable[[optuna.Study, FrozenTrial], None]
T = TypeVar("T")
_log = logging.getLogger(__name__)


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file; its path may have any characters, or any bytes.

    As SQLite's own URI: that is ASCII, whatever SQLAlchemy quotes.
    """
    uri = f"file:{quote(os.fsencode(path.absolute()))}"
    return URL.create("sqlite", database=uri, query={"uri": "true"}).render_as_string()


def open_storage(
    url: str,
    heartbeat_stale_trial_callback: Stale | None = None,
    *,
    heartbeat_interval: int = HEARTBEAT_SECONDS,
    grace_period: int = GRACE_SECONDS,
    patience: float = PATIENCE_SECONDS,
) -> RDBStorage:
    """Opens the database at a URL; its tables are made where there are none.

    The callback hears of each trial whose worker gave no sign of life for
    `grace_period` seconds. A database that goes away later is waited for, `patience`
    seconds long.

    Raises:
        UserError: the URL is of no such database, its driver is not installed, it does
            not answer, or another version of Optuna made its tables.
    """
    parsed, shown = _parse(url), without_password(url)
    if parsed.drivername == "postgresql":
        # SQLAlchemy 2.0 and 2.1 do not agree on the driver
        parsed = parsed.set(drivername="postgresql+psycopg2")
    if parsed.get_backend_name() == "sqlite":
        engine: dict[str, Any] = {"connect_args": _SQLITE_CONNECTION}
        advice = "check the folder and the rights to it"
    else:
        asked = _POSTGRESQL_CONNECTION.items()
        connection = {name: value for name, value in asked if name not in parsed.query}
        engine = {"connect_args": connection, "pool_pre_ping": True}
        advice = (
            "start the server or correct the URL; PGPASSWORD or ~/.pgpass give a "
            "password"
        )
    try:
        return _open(
            parsed,
            patience,
            engine_kwargs=engine,
            heartbeat_interval=heartbeat_interval,
            grace_period=grace_period,
            heartbeat_stale_trial_callback=heartbeat_stale_trial_callback,
        )
    except ImportError:
        raise UserError(
            f"storage: expected a driver for {shown}, found none; "
            '`pip install "autoai4eo[postgresql]"`'
        ) from None
    except (StorageInternalError, SQLAlchemyError) as error:
        file = sqlite_file(parsed)
        if file is not None and _is_damaged(error):
            raise damaged(file, _reason(error)) from error
        raise UserError(
            f"storage: expected a database that answers at {file or shown}, found "
            f"{_reason(error)}; {advice}"
        ) from None
    except RuntimeError:
        raise UserError(
            f"storage: expected tables of Optuna {optuna.__version__} in {shown}, "
            "found those of another version; use another database, or bring the older "
            "one of the two up to date: `optuna storage upgrade --storage URL`, or "
            "`pip install -U optuna`"
        ) from None


def check_sqlite(path: Path) -> None:
    """Whether a file is an SQLite database, before SQLite makes one of it.

    Raises:
        UserError: it is missing, empty, or something else.
    """
    content = path.read_bytes()[:16] if path.is_file() else None
    if content != _SQLITE_BEGINS:
        found = "no database" if content else "it is empty"
        raise damaged(path, "there is none" if content is None else found)


def damaged(path: Path, reason: str) -> UserError:
    """What is said of a search's record that cannot be read."""
    return UserError(
        f"{path}: expected the record of a search (SQLite), found a damaged file "
        f"({reason}); restore it from a copy, or begin the search anew (--overwrite)"
    )


def without_password(url: str) -> str:
    """The URL as it may be written to disk.

    Raises:
        UserError: it is not the URL of an SQLite or a PostgreSQL database.
    """
    parsed = _parse(url).difference_update_query(["password", "sslpassword"])
    return parsed._replace(password=None).render_as_string()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        # what cannot be read may hold a password anywhere
        found = "one that cannot be read" if "@" in url else url
    else:
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            found = f"{parsed.drivername}://…"
        elif "@" in (parsed.host or ""):
            found = "one with a second @, which is written %40 in a password"
        else:
            return parsed
    raise UserError(
        "storage: expected a URL like sqlite:///FILE or "
        f"postgresql://USER@HOST/DATABASE, found {found}; correct it"
    )


def _open(url: URL, patience: float, **arguments: Any) -> RDBStorage:
    """Opens it again where another process was making the same tables."""
    # Optuna fills in a template
    escaped = url.render_as_string(False).replace("{", "{{").replace("}", "}}")
    attempts = _OPENINGS
    while True:
        attempts -= 1
        try:
            with warnings.catch_warnings():
                # heartbeats
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return _PatientStorage(escaped, patience, **arguments)
        except DBAPIError as error:
            made_meanwhile = "already exists" in str(error) or isinstance(
                error, IntegrityError | ProgrammingError
            )
            if not (made_meanwhile and attempts):
                raise
        time.sleep(_FIRST_PAUSE)


def _reason(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    return str(getattr(cause, "orig", cause)).strip().partition("\n")[0]


def _is_away(error: BaseException | None) -> bool:
    """Whether the database could not be reached or was locked."""
    error = _from_database(error)
    if error is None:
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY
    return error.connection_invalidated or isinstance(
        error, OperationalError | InterfaceError
    )


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database; None for a server's, or one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    if not url.database.startswith("file:"):
        return Path(url.database)
    return Path(os.fsdecode(unquote_to_bytes(url.database.removeprefix("file:"))))


def _is_damaged(error: BaseException | None) -> bool:
    error = _from_database(error)
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
    return code & 0xFF in _SQLITE_DAMAGED


def _from_database(error: BaseException | None) -> DBAPIError | None:
    """The error of the database that another one was raised for."""
    while error is not None and not isinstance(error, DBAPIError):
        error = error.__cause__ or error.__context__
    return error


class _PatientStorage(RDBStorage):
    """Waits for a database that is away."""

    def __init__(self, url: str, patience: float, **arguments: Any) -> None:
        super().__init__(url, **arguments)
        self._patience = patience
        self._file = sqlite_file(self.engine.url)
        self._turns = None if self._file is None else Path(f"{self._file}.lock")
        self._last_away = -float("inf")

    def _patiently(self, operation: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        until = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return operation(*args, **kwargs)
            except (StorageInternalError, SQLAlchemyError) as error:
                if self._file is not None and _is_damaged(error):
                    raise damaged(self._file, _reason(error)) from error
                if self._file is not None and not self._file.exists():
                    raise removed(self._file.parent) from error
                if not _is_away(error):
                    raise
                self._last_away = time.monotonic()
                if self._last_away >= until:
                    raise
                if pause < _LONGEST_PAUSE <= 2 * pause:  # once, after some seconds
                    _log.warning("storage: waits for the database: %s", _reason(error))
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Also where the answer to the first attempt was lost, not the attempt.

        SQLite has no locks on rows: of two that claim a trial both would get it.
        """
        began = time.monotonic()
        operation = super().set_trial_state_values
        try:
            with self._turn():
                return self._patiently(operation, trial_id, state, values)
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
        """One process at a time with an SQLite file."""
        if self._turns is None:
            yield
            return
        with locked(self._turns, wait=True):
            yield

    def record_heartbeat(self, trial_id: int) -> None:
        """Does not fail for want of a database: the next heartbeat comes anyway."""
        try:
            self._patiently(super().record_heartbeat, trial_id)
        except (StorageInternalError, SQLAlchemyError) as error:
            if not _is_away(error):
                raise

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        """None while nobody could have given a sign of life."""
        stale = self._patiently(super()._get_stale_trial_ids, study_id)
        assert self.grace_period is not None
        just_back = time.monotonic() - self._last_away < self.grace_period
        return [] if just_back else stale


def _patient(method: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(method)
    def patient(self: _PatientStorage, *args: Any, **kwargs: Any) -> T:
        return self._patiently(method, self, *args, **kwargs)

    return patient


for _name in _ONE_SESSION:
    setattr(_PatientStorage, _name, _patient(getattr(RDBStorage, _name)))
