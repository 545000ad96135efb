"""The database under a search: an SQLite file, or a PostgreSQL server.

Once open, a database that goes away is waited for: a restart of the server costs a
search some minutes, not its trials.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote, unquote_to_bytes

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
from sqlalchemy.pool import StaticPool

from autoai4eo.errors import DamagedError, UserError
from autoai4eo.locks import locked
from autoai4eo.runs import databases
from autoai4eo.runs.layout import link, removed

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
#: Of its two bytes that tell how it is written: with a journal, as Optuna has it.
_SQLITE_WRITES, _WITH_JOURNAL = slice(18, 20), b"\1\1"
#: The last bytes of a journal that names a further file, which SQLite would delete.
_NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")
_PASSWORDS = ("password", "sslpassword")
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
    """The URL of an SQLite file; its path may have any characters, or any bytes."""
    return URL.create(
        "sqlite", database=_uri(path), query={"uri": "true"}
    ).render_as_string()


def _uri(path: Path) -> str:
    """As SQLite's own URI: that is ASCII, whatever SQLAlchemy quotes."""
    return f"file:{quote(os.fsencode(path.absolute()))}"


def open_storage(
    url: str,
    heartbeat_stale_trial_callback: Stale | None = None,
    *,
    read_only: bool = False,
    heartbeat_interval: int = HEARTBEAT_SECONDS,
    grace_period: int = GRACE_SECONDS,
    patience: float = PATIENCE_SECONDS,
) -> RDBStorage:
    """Opens the database at a URL; its tables are made where there are none.

    The callback hears of each trial whose worker gave no sign of life for
    `grace_period` seconds. A database that goes away later is waited for, `patience`
    seconds long. With `read_only` nothing can be written, tables neither; an SQLite
    file is read by `read_sqlite`.

    Raises:
        UserError: the URL is of no such database, its driver is not installed, it does
            not answer, or another version of Optuna made its tables.
    """
    given = _parse(databases.with_password(url))
    # in no URL that SQLAlchemy or Optuna could show
    passwords, parsed = _passwords(given), _bare(given)
    shown = parsed.render_as_string()
    if parsed.drivername == "postgresql":
        # SQLAlchemy 2.0 and 2.1 do not agree on the driver
        parsed = parsed.set(drivername="postgresql+psycopg2")
    if parsed.get_backend_name() == "sqlite":
        engine: dict[str, Any] = {"connect_args": _SQLITE_CONNECTION}
        advice = "check the folder and the rights to it"
    else:
        asked = _POSTGRESQL_CONNECTION.items()
        connection = {name: value for name, value in asked if name not in parsed.query}
        engine = {"connect_args": connection | passwords, "pool_pre_ping": True}
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
        if file is not None and _is_damaged(error):
            raise damaged(file, _reason(error)) from error
        expected = "a database that answers at"
        if read_only and isinstance(_from_database(error), ProgrammingError):
            expected, advice = "the record of a search in", "name its database"
        raise UserError(
            f"storage: expected {expected} {file or shown}, found {_reason(error)}; "
            f"{advice}"
        ) from None
    except RuntimeError:
        raise _other_version(shown) from None


def read_sqlite(path: Path) -> RDBStorage:
    """A copy of an SQLite file in memory: the file and its folder stay as they are.

    Raises:
        UserError: it is damaged, a link, locked for a minute, or holds no tables of
            this version of Optuna.
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
        raise _other_version(str(path)) from None
    except (
        sqlite3.Error,
        UnicodeError,  # of a damaged text that SQLite quotes
        StorageInternalError,
        SQLAlchemyError,
    ) as error:
        # the file's own error, or that of the database which SQLAlchemy wraps
        cause = getattr(_from_database(error), "orig", error)
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY:
            raise UserError(
                f"{path}: expected the record of a search, found that it cannot be "
                f"opened now ({cause}); check the rights to it, and try again"
            ) from None
        raise damaged(path, str(cause)) from error


def _copy(path: Path, memory: sqlite3.Connection) -> None:
    uri = f"{_uri(path)}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=60)) as file:
        try:
            # waits for who is writing; `backup` would do so for ever
            file.execute("BEGIN")
            file.execute("SELECT count(*) FROM sqlite_master")
            file.backup(memory)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
    # a search was killed while it wrote: that is undone in a copy
    with tempfile.TemporaryDirectory() as folder:
        for name in (path.name, f"{path.name}-journal"):
            with contextlib.suppress(FileNotFoundError):  # undone there meanwhile
                shutil.copyfile(path.with_name(name), Path(folder, name))
        with contextlib.closing(sqlite3.connect(Path(folder, path.name))) as file:
            file.backup(memory)


def _other_version(where: str) -> UserError:
    return UserError(
        f"storage: expected tables of Optuna {optuna.__version__} in {where}, found "
        "those of another version; use another database, or bring the older one of the "
        "two up to date: `optuna storage upgrade --storage URL`, or `pip install -U "
        "optuna`"
    )


def database_of(run: Path, recorded: str) -> str:
    """The database that the user names for a run which is recorded in one.

    Args:
        run: its folder.
        recorded: the URL in its run.json, which somebody else may have written: it is
            shown, never connected to.

    Raises:
        UserError: the user names none.
    """
    known = databases.named()
    if not known:
        address = without_password(recorded)
        raise UserError(
            f"{run}: expected to be told the database of this run, found it in its "
            f"run.json only ({address}); if you trust that address: --storage "
            f"{address}, or set {databases.VARIABLE}"
        )
    return next((url for url in known if without_password(url) == recorded), known[0])


def check_sqlite_is_own(path: Path) -> None:
    """Whether SQLite touches no other file when it opens this one.

    Raises:
        UserError: the file, or what SQLite opens with it, is a link or of a kind that
            no search makes.
    """
    journal = path.with_name(f"{path.name}-journal")
    for own in (path, journal):
        if own.is_symlink() or (own.exists() and not own.is_file()):
            raise link(own)
    for name in ("wal", "shm"):
        other = path.with_name(f"{path.name}-{name}")
        if os.path.lexists(other):
            raise UserError(
                f"{other}: expected no such file, which no search makes, found one; "
                "remove it"
            )
    if journal.is_file() and journal.stat().st_size:
        with journal.open("rb") as file:
            file.seek(max(0, journal.stat().st_size - len(_NAMES_ANOTHER)))
            if file.read() == _NAMES_ANOTHER:
                raise damaged(journal, "it names another file, which would be deleted")


def check_sqlite(path: Path) -> None:
    """Whether a file is an SQLite database, before SQLite makes one of it.

    Raises:
        UserError: it is missing, empty, a link, or something else.
    """
    check_sqlite_is_own(path)
    if not path.is_file():
        raise damaged(path, "there is none")
    with path.open("rb") as file:
        content = file.read(100)
    if not content.startswith(_SQLITE_BEGINS):
        raise damaged(path, "no database" if content else "it is empty")
    if content[_SQLITE_WRITES] != _WITH_JOURNAL:
        raise damaged(path, "it is not as a search writes it: in WAL mode, or cut off")


def damaged(path: Path, reason: str) -> DamagedError:
    """What is said of a search's record that cannot be read."""
    return DamagedError(
        f"{path}: expected the record of a search (SQLite), found a damaged file "
        f"({reason}); restore it from a copy, or begin the search anew (--overwrite)"
    )


def without_password(url: str) -> str:
    """The URL as it may be written to disk.

    Raises:
        UserError: it is not the URL of an SQLite or a PostgreSQL database.
    """
    return _bare(_parse(url)).render_as_string()


def _bare(url: URL) -> URL:
    return url.difference_update_query(_PASSWORDS)._replace(password=None)


def _passwords(url: URL) -> dict[str, str]:
    """As psycopg2 takes them."""
    found = {name: url.query[name] for name in _PASSWORDS if name in url.query}
    if url.password:
        found["password"] = str(url.password)
    return {name: v if isinstance(v, str) else v[-1] for name, v in found.items()}


def _parse(url: str) -> URL:
    try:
        if "\0" in unquote(url):
            raise ValueError
        parsed = make_url(url)
        bare = _bare(make_url(databases.without_password(url)))
    except (SQLAlchemyError, ValueError):
        # what cannot be read may hold a password anywhere
        found = "one that cannot be read" if "@" in url else url
    else:
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            found = f"{parsed.drivername}://…"
        elif bare != _bare(parsed):
            # where the password ends is not clear: none of it is shown
            found = "one with an @, / or ? in its password: these are written %40 …"
        else:
            return parsed
    raise UserError(
        "storage: expected a URL like sqlite:///FILE or "
        f"postgresql://USER@HOST/DATABASE, found {found}; correct it"
    )


def _open(url: URL, patience: float, **arguments: Any) -> RDBStorage:
    """Opens it again where another process was making the same tables."""
    # Optuna fills in a template
    escaped = url.render_as_string().replace("{", "{{").replace("}", "}}")
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
