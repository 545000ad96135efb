"""Finds the cause of a database error raised by SQLAlchemy or a driver."""

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
#: The file is damaged, or is not a database.
_SQLITE_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def reason(error: Exception) -> str:
    """Returns the first line of the database's message."""
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    return str(getattr(cause, "orig", cause)).strip().partition("\n")[0]


def is_away(error: BaseException | None) -> bool:
    """Returns whether the database could not be reached or was locked."""
    error = from_database(error)
    if error is None:
        return False
    if isinstance(error.orig, sqlite3.Error):
        return is_away_sqlite(error.orig)
    return error.connection_invalidated or isinstance(
        error, OperationalError | InterfaceError
    )


def is_full(error: BaseException) -> bool:
    """Whether a PostgreSQL server has no connection left for this process."""
    said = str(from_database(error))
    return "too many clients" in said or "connection slots" in said


def is_away_sqlite(error: BaseException | None) -> bool:
    """Returns whether SQLite could not open its file, or found it locked."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY


def is_damaged(error: BaseException | None) -> bool:
    """Returns whether the SQLite file is damaged or not a database."""
    error = from_database(error)
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)
    return code & 0xFF in _SQLITE_DAMAGED


def from_database(error: BaseException | None) -> DBAPIError | None:
    """Returns the database error that caused an error, if any."""
    while error is not None and not isinstance(error, DBAPIError):
        error = error.__cause__ or error.__context__
    return error


def other_version(where: str) -> UserError:
    """Returns the error for tables made by another version of Optuna."""
    return UserError(
        f"storage: expected tables of Optuna {optuna.__version__} in {where}, found "
        "those of another version; use another database, or upgrade the older one of "
        "the two: `optuna storage upgrade --storage URL`, or `pip install -U optuna`"
    )
