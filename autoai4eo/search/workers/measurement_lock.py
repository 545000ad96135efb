"""A lock to measure latency while no search of this user works on the machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from autoai4eo.errors import UserError
from autoai4eo.locks import TELL_S, is_stopped, open_lock

#: Longest wait for each of the two locks, in seconds: a measurement takes seconds, and
#: so does a batch. Twice this is less than `watching.STALLED_S`.
LIMIT_S = 240.0
_POLL_S = 0.01
_SHOW_S = 1.0  # a shorter wait is not shown


class MeasurementLock:
    """Many processes work at the same time, or one of them measures alone.

    All searches of a user share two lock files. Working processes share the second
    lock; a measuring process holds both alone. Every process takes the first lock
    first: otherwise working processes could make a measuring one wait for ever. The
    kernel releases the locks of a process that ends.

    A stopped process (Ctrl-Z) keeps its locks, but uses no core: it is passed over, as
    is one that holds a lock for longer than `LIMIT_S`. To pass over a process means to
    replace the lock file; a process that continues takes the new one next time.

    Args:
        folder: of the lock files; None: `private_folder`.
        tell: takes a line about each process that is waited for or passed over.
        waits: takes what is waited for, in words, after a second, and an empty text
            when the waiting is over.

    Attributes:
        waited_s: how long this process has waited so far, in seconds.

    Raises:
        UserError: there is no private folder.
    """

    def __init__(
        self,
        folder: Path | None = None,
        tell: Callable[[str], None] | None = None,
        waits: Callable[[str], None] | None = None,
    ) -> None:
        folder = folder or private_folder()
        self._tell = tell or (lambda line: None)
        self._waits = waits or (lambda text: None)
        self.waited_s = 0.0
        self._gate = _Lock(folder / f"{platform.node()}-gate.lock")
        self._room = _Lock(folder / f"{platform.node()}-room.lock")
        self._works = False

    @contextmanager
    def training(self) -> Iterator[None]:
        """Waits until no process measures; then none can begin to."""
        self._enter()
        self._works = True
        try:
            yield
        finally:
            self._works = False
            self._room.leave()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Waits until no process works, or all have paused; makes them wait."""
        self._room.leave()
        try:
            self._take(self._gate, fcntl.LOCK_EX)
            self._take(self._room, fcntl.LOCK_EX)
            yield
        finally:
            self._room.leave()
            self._gate.leave()
            if self._works:
                self._enter()

    def yield_(self) -> None:
        """Pauses for waiting measurements; takes microseconds if there are none."""
        if self._works:
            self._room.leave()
            self._enter()

    def _enter(self) -> None:
        self._take(self._gate, fcntl.LOCK_SH)
        self._take(self._room, fcntl.LOCK_SH)
        self._gate.leave()

    def _take(self, lock: _Lock, how: int) -> None:
        if lock.take(how):
            return
        start, shown = time.monotonic(), False
        begun, reported = start, False
        why_wait = (
            "which measures a latency: nothing trains beside it"
            if how == fcntl.LOCK_SH
            else "which trains: a latency is measured alone"
        )
        while not lock.take(how):
            waited = time.monotonic() - begun
            holders = lock.holders()
            stopped = holders and all(map(is_stopped, holders))
            if stopped or waited > LIMIT_S:
                why = "stopped" if stopped else f"still there after {waited:.0f} s"
                self._tell(f"passes over {_named(holders)}: {why}")
                lock.pass_over()
                begun, reported = time.monotonic(), False
            elif waited > TELL_S and not reported:
                self._tell(f"waits for {_named(holders)}, {why_wait}")
                reported = True
            elif waited > _SHOW_S and not shown:
                self._waits(f"waits for {_named(holders)}")
                shown = True
            time.sleep(_POLL_S)
        self.waited_s += time.monotonic() - start
        if shown:
            self._waits("")


class _Lock:
    """A lock file that another process may replace."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_lock(path)

    def take(self, how: int) -> bool:
        """Tries to take the lock; returns whether it was free."""
        while True:
            try:
                fcntl.flock(self._file, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if not self._reopen_if_replaced():
                    return False
            else:
                if not self._reopen_if_replaced():
                    return True

    def leave(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def holders(self) -> list[int]:
        """Returns the processes that hold it; empty if unknown (macOS)."""
        inode = str(os.fstat(self._file).st_ino)
        found = []
        with contextlib.suppress(OSError):
            for line in Path("/proc/locks").read_text().splitlines():
                # 1: FLOCK  ADVISORY  WRITE 7616 fe:00:2205488 0 EOF
                words = line.split()
                if words[1] == "FLOCK" and words[5].split(":")[-1] == inode:
                    found.append(int(words[4]))
        # processes of other containers are 0
        return [pid for pid in found if pid > 0 and pid != os.getpid()]

    def pass_over(self) -> None:
        """Replaces the lock file by a new one, which no process holds."""
        # unless another process has replaced it meanwhile
        if not self._reopen_if_replaced():
            self._path.unlink(missing_ok=True)
            self._reopen_if_replaced()

    def _reopen_if_replaced(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            named = os.stat(self._path, follow_symlinks=False)
            if os.path.samestat(named, os.fstat(self._file)):
                return False
        os.close(self._file)
        self._file = open_lock(self._path)
        return True


def private_folder() -> Path:
    """Returns a folder that only this user can write to.

    It is the first one possible in the user's runtime, cache or temporary folder.

    Raises:
        UserError: there is none.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    folders = [Path(given, "autoai4eo")] if given else []
    with contextlib.suppress(RuntimeError):  # no home
        folders.append(Path.home() / ".cache" / "autoai4eo")
    folders.append(Path(tempfile.gettempdir(), f"autoai4eo-{os.getuid()}"))
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(folder) and os.access(folder, os.W_OK | os.X_OK):
                return folder
    raise UserError(
        "expected a folder that only you can write to, found none at "
        f"{', '.join(map(str, folders))}; set XDG_RUNTIME_DIR to one"
    )


def _is_private(folder: Path) -> bool:
    found = os.lstat(folder)
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return own and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _named(holders: list[int]) -> str:
    if not holders:
        return "a process that the system does not name"
    some = "process" if len(holders) == 1 else "processes"
    return f"{some} {', '.join(map(str, holders))} of a search"
