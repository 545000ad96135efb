"""The database under a search: an SQLite file, or a PostgreSQL server."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import URL
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
)

from autoai4eo.errors import UserError
from autoai4eo.runs import databases
from autoai4eo.runs.database_errors import (
    from_database,
    is_damaged,
    is_full,
    other_version,
    reason,
)
from autoai4eo.runs.database_urls import bare, parse, passwords, without_password
from autoai4eo.runs.patient_storage import FIRST_PAUSE, PatientStorage
from autoai4eo.runs.sqlite_files import damaged, sqlite_file

HEARTBEAT_SECONDS = 20
GRACE_SECONDS = 60
PATIENCE_SECONDS = 600.0
_OPENINGS = 5

_SQLITE_CONNECTION = {"timeout": 60}
# notices after a minute, not after hours, that a server has disappeared
_POSTGRESQL_CONNECTION = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}

Stale = Callable[[optuna.Study, FrozenTrial], None]


def open_storage(
    url: str,
    heartbeat_stale_trial_callback: Stale | None = None,
    *,
    read_only: bool = False,
    heartbeat_interval: int = HEARTBEAT_SECONDS,
    grace_period: int = GRACE_SECONDS,
    patience: float = PATIENCE_SECONDS,
) -> RDBStorage:
    """Opens the database at a URL, and creates missing tables.

    Calls the callback with each trial whose worker sent no heartbeat for `grace_period`
    seconds. If the database becomes unavailable later, waits for it up to `patience`
    seconds. With `read_only` nothing can be written and no tables are created; use
    `read_sqlite` for an SQLite file.

    Raises:
        UserError: the URL is not of SQLite or PostgreSQL, its driver is not installed,
            the database does not answer, or another version of Optuna made its tables.
    """
    given = parse(databases.with_password(url))
    # SQLAlchemy and Optuna may show the URL: it has no passwords
    secret, parsed = passwords(given), bare(given)
    shown = parsed.render_as_string()
    if parsed.drivername == "postgresql":
        # the default driver differs between SQLAlchemy 2.0 and 2.1
        parsed = parsed.set(drivername="postgresql+psycopg2")
    if parsed.get_backend_name() == "sqlite":
        engine: dict[str, Any] = {"connect_args": _SQLITE_CONNECTION}
        advice = "check the folder and the rights to it"
    else:
        defaults = _POSTGRESQL_CONNECTION.items()
        connection = {name: v for name, v in defaults if name not in parsed.query}
        engine = {"connect_args": connection | secret, "pool_pre_ping": True}
        if read_only:
            engine["execution_options"] = {"postgresql_readonly": True}
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
            skip_table_creation=read_only,
        )
    except ImportError:
        raise UserError(
            f"storage: expected a driver for {shown}, found none; "
            '`pip install "autoai4eo[postgresql]"`'
        ) from None
    except (StorageInternalError, SQLAlchemyError) as error:
        file = sqlite_file(parsed)
        if file is not None and is_damaged(error):
            raise damaged(file, reason(error)) from error
        expected = "a database that answers at"
        if read_only and isinstance(from_database(error), ProgrammingError):
            expected, advice = "the record of a search in", "name its database"
        raise UserError(
            f"storage: expected {expected} {file or shown}, found {reason(error)}; "
            f"{advice}"
        ) from None
    except RuntimeError:
        raise other_version(shown) from None


def database_of(run: Path, recorded: str) -> str:
    """Returns the database that the user names for a run recorded in a database.

    Args:
        run: its folder.
        recorded: the URL in its run.json. Somebody else may have written it: it is
            shown, never connected to.

    Raises:
        UserError: the user names no database.
    """
    known = databases.named()
    if not known:
        address = without_password(recorded)
        raise UserError(
            f"{run}: expected the database of this run as an argument or in "
            f"{databases.VARIABLE}, found it in run.json only ({address}); if you "
            f"trust this address, give --storage {address}"
        )
    return next((url for url in known if without_password(url) == recorded), known[0])


def _open(url: URL, patience: float, **arguments: Any) -> RDBStorage:
    """Opens a database; waits while others make its tables or fill the server."""
    # Optuna formats the URL as a template
    escaped = url.render_as_string().replace("{", "{{").replace("}", "}}")
    attempts, until = _OPENINGS, time.monotonic() + patience
    while True:
        try:
            with warnings.catch_warnings():
                # heartbeats are experimental in Optuna
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return PatientStorage(escaped, patience, **arguments)
        except (DBAPIError, StorageInternalError) as error:
            made_meanwhile = isinstance(error, DBAPIError) and (
                "already exists" in str(error)
                or isinstance(error, IntegrityError | ProgrammingError)
            )
            attempts -= made_meanwhile
            goes_on = is_full(error) and time.monotonic() < until
            if not (goes_on or (made_meanwhile and attempts)):
                raise
        time.sleep(FIRST_PAUSE)
