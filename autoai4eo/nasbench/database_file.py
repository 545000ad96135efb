"""The file of a database of networks: whether it is one, and what can go wrong."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from autoai4eo.errors import DamagedError, UserError
from autoai4eo.files import check_can_write
from autoai4eo.runs.folder import Run

#: Errors that another try may not have.
_LATER = (
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN),
)
_BEGINS = b"SQLite format 3\0"


def database_in(path: Path) -> Path:
    """Returns the database in a folder of ``nasbench train``; else the path itself."""
    inside = Run(path).networks
    return inside if path.is_dir() and inside.is_file() else path


def is_database(path: Path) -> bool:
    """Whether a file, or that in a folder of ``nasbench train``, is an SQLite file."""
    path = database_in(path)
    if not path.is_file():  # a pipe would be waited for
        return False
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(len(_BEGINS)) == _BEGINS
    return False


def check_new(path: Path) -> None:
    """Checks that a database can be made.

    Raises:
        UserError: there is a file, or it cannot be written.
    """
    check_can_write(path)
    if path.exists():
        raise UserError(
            f"{path}: expected no file, found one; choose another name, or remove it"
        )


@contextlib.contextmanager
def using(path: Path) -> Iterator[None]:
    """Turns errors of SQLite into our own.

    Raises:
        UserError: the file is damaged, in use or cannot be written now.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise UserError(
            f"{path}: expected new networks, found that another process added one of "
            "them; open it again"
        ) from None
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in _LATER:
            raise _damaged(path, error) from None
        raise UserError(
            f"{path}: expected to read and write it, found {error}; free some space or "
            "end what uses it, and try again"
        ) from None
    except (sqlite3.Error, json.JSONDecodeError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DamagedError:
    return DamagedError(
        f"{path}: expected a database of networks, found a file that cannot be used "
        f"({error}); restore it from a copy, or make it again"
    )
