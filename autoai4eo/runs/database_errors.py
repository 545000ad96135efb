"""What is wrong with a database, told from the errors of SQLAlchemy and of drivers."""

from __future__ import annotations

import sqlite3

import optuna
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from autoai4eo.errors import UserError

_SQLITE_AWAY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
#: It can be read no more, or is no database at all.
_SQLITE_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def reason(error: Exception) -> str:
    """The first line of what the database says."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    return str(getattr(cause, "orig", cause)).strip().partition("\n")[0]


def is_away(error: BaseException | None) -> bool:
    """Whether the database could not be reached or was locked."""
    error = from_database(error)
    if error is None:
        return False
    if isinstance(error.orig, sqlite3.Error):
        return is_away_sqlite(error.orig)
    return error.connection_invalidated or isinstance(
        error, OperationalError | InterfaceError
    )


def is_away_sqlite(error: BaseException | None) -> bool:
    """Whether SQLite could not open its file, or found it locked."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY


def is_damaged(error: BaseException | None) -> bool:
    """Whether SQLite cannot read its file."""
    error = from_database(error)
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
    return code & 0xFF in _SQLITE_DAMAGED


def from_database(error: BaseException | None) -> DBAPIError | None:
    """The error of the database that another one was raised for."""
    while error is not None and not isinstance(error, DBAPIError):
        error = error.__cause__ or error.__context__
    return error


def other_version(where: str) -> UserError:
    """The error for tables that another version of Optuna made."""
    return UserError(
        f"storage: expected tables of Optuna {optuna.__version__} in {where}, found "
        "those of another version; use another database, or bring the older one of the "
        "two up to date: `optuna storage upgrade --storage URL`, or `pip install -U "
        "optuna`"
    )
