"""The SQLite file of a search: its URL, checks, and a copy for reading."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from autoai4eo.errors import DamagedError, UserError
from autoai4eo.files import scratch_folder
from autoai4eo.runs.database_errors import (
    from_database,
    is_away_sqlite,
    other_version,
)
from autoai4eo.runs.layout import link

_SQLITE_BEGINS = b"SQLite format 3\0"
#: The two bytes with the write and read version: 1, 1 with a rollback journal.
_SQLITE_WRITES, _WITH_JOURNAL = slice(18, 20), b"\1\1"
#: The last bytes of a journal that names another file, which SQLite would delete.
_NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")


def sqlite_url(path: Path) -> str:
    """Returns the URL of an SQLite file; its path may contain any bytes."""
    return URL.create(
        "sqlite", database=_uri(path), query={"uri": "true"}
    ).render_as_string()


def _uri(path: Path) -> str:
    """Returns the URI that SQLite itself reads; it is ASCII, safe in SQLAlchemy."""
    return f"file:{quote(os.fsencode(path.absolute()))}"


def sqlite_file(url: URL) -> Path | None:
    """Returns the file of an SQLite database; None for a server, or one in memory."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    if not url.database.startswith("file:"):
        return Path(url.database)
    return Path(os.fsdecode(unquote_to_bytes(url.database.removeprefix("file:"))))


def read_sqlite(path: Path) -> RDBStorage:
    """Copies an SQLite file into memory, without changing the file or its folder.

    Raises:
        UserError: it is damaged, a link, locked for a minute, or has no tables of this
            version of Optuna.
    """
    check_sqlite(path)
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        _copy(path, memory)
        (found,) = memory.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise damaged(path, " ".join(found.split()))
        memory.execute("PRAGMA query_only = ON")
        engine = {"creator": lambda: memory, "poolclass": StaticPool}
        return RDBStorage("sqlite://", engine, skip_table_creation=True)
    except RuntimeError:
        raise other_version(str(path)) from None
    except (
        sqlite3.Error,
        UnicodeError,  # damaged text in SQLite's message
        StorageInternalError,
        SQLAlchemyError,
    ) as error:
        # an error of sqlite3 itself, or one that SQLAlchemy wraps
        cause = getattr(from_database(error), "orig", error)
        if is_away_sqlite(cause):
            raise UserError(
                f"{path}: expected the record of a search, found that it cannot be "
                f"opened now ({cause}); check its permissions, and try again"
            ) from None
        raise damaged(path, str(cause)) from error


def _copy(path: Path, memory: sqlite3.Connection) -> None:
    uri = f"{_uri(path)}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=60)) as file:
        try:
            # waits a minute for a writer; `backup` would wait for ever
            file.execute("BEGIN")
            file.execute("SELECT count(*) FROM sqlite_master")
            file.backup(memory)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
    # a search was killed while writing: SQLite undoes the rest in a copy
    with scratch_folder() as folder:
        for name in (path.name, f"{path.name}-journal"):
            with contextlib.suppress(FileNotFoundError):  # undone by another
                shutil.copyfile(path.with_name(name), Path(folder, name))
        with contextlib.closing(sqlite3.connect(Path(folder, path.name))) as file:
            file.backup(memory)


def check_sqlite_is_own(path: Path) -> None:
    """Checks that SQLite touches no other file when it opens this one.

    Raises:
        UserError: the file, or another that SQLite opens with it, is a link or of a
            kind that no search makes.
    """
    journal = path.with_name(f"{path.name}-journal")
    for own in (path, journal):
        if own.is_symlink() or (own.exists() and not own.is_file()):
            raise link(own)
    for name in ("wal", "shm"):
        other = path.with_name(f"{path.name}-{name}")
        if os.path.lexists(other):
            raise UserError(
                f"{other}: expected no file of this name, as no search makes one, "
                "found one; remove it"
            )
    if journal.is_file() and journal.stat().st_size:
        with journal.open("rb") as file:
            file.seek(max(0, journal.stat().st_size - len(_NAMES_ANOTHER)))
            if file.read() == _NAMES_ANOTHER:
                raise damaged(journal, "it names another file, which would be deleted")


def check_sqlite(path: Path) -> None:
    """Checks that a file is an SQLite database; SQLite would fill an empty file.

    Raises:
        UserError: it is missing, empty, a link, or something else.
    """
    check_sqlite_is_own(path)
    if not path.is_file():
        raise damaged(path, "it is missing")
    with path.open("rb") as file:
        content = file.read(100)
    if not content.startswith(_SQLITE_BEGINS):
        raise damaged(path, "not SQLite" if content else "it is empty")
    if content[_SQLITE_WRITES] != _WITH_JOURNAL:
        raise damaged(path, "it is in WAL mode, which no search uses, or cut off")


def damaged(path: Path, reason: str) -> DamagedError:
    """Returns the error for a record of a search that cannot be read."""
    return DamagedError(
        f"{path}: expected the record of a search (SQLite), found a damaged file "
        f"({reason}); restore it from a copy, or begin the search anew (--overwrite)"
    )
