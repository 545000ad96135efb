"""One process at a time: locks that say who holds them and end with their process."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import stat
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from autoai4eo.errors import UserError

#: After so many seconds it is said who is waited for.
TELL_S = 10.0
#: Nobody waits longer for a process that is stopped (Ctrl-Z); a search ends those of
#: its own workers sooner.
STOPPED_S = 300.0
_POLL_S, _LATER_POLL_S = 0.005, 0.25


def open_lock(path: Path, *, write: bool = True) -> int:
    """Opens a lock file; links are not followed.

    Args:
        path: of the file.
        write: whether it is made where it is missing and can be signed.

    Returns:
        Its file descriptor.

    Raises:
        UserError: something else lies there: a link, a folder, a device.
        OSError: it cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT if write else os.O_RDONLY
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe would be waited for
    try:
        opened = os.open(path, flags, 0o600)
    except OSError as error:
        if not os.path.lexists(path) or (path.is_file() and not path.is_symlink()):
            raise
        raise _foreign(path) from error
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise _foreign(path)
    return opened


def is_held(path: Path) -> bool:
    """Whether a process holds a lock file; False where there is no such file."""
    try:
        opened = open_lock(path, write=False)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False


@contextmanager
def locked(
    path: Path, *, wait: bool = False, tell: Callable[[str], None] = warnings.warn
) -> Iterator[None]:
    """Holds a lock file.

    Args:
        path: of the file; it stays.
        wait: until it is free.
        tell: is told in a line who is waited for.

    Raises:
        BlockingIOError: another process holds it, and `wait` is False.
        UserError: what lies at `path` is no file; or the process that is waited for
            is stopped, and stays so.
    """
    while True:
        opened = open_lock(path)
        try:
            if wait:
                _wait_for(opened, path, tell)
            else:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_still(opened, path):
                continue  # whoever held it removed it: that is another file now
            _sign(opened)
            yield
            return
        finally:
            os.close(opened)


@contextmanager
def output_alone(out: Path, command: str) -> Iterator[None]:
    """Keeps a second process from writing the same output.

    The lock file is ``.NAME.lock`` beside it; it is removed in the end.

    Args:
        out: the file or folder that is written.
        command: as messages call it.

    Raises:
        UserError: another process writes it; the message says which.
    """
    path = out.with_name(f".{out.name}.lock")
    with ExitStack() as held:
        try:
            held.enter_context(locked(path))
        except BlockingIOError:
            raise UserError(
                f"{out}: expected an output that nobody writes, found another "
                f"{command} at work on it ({holder(path)}); wait for it or choose "
                "another name"
            ) from None
        held.callback(path.unlink, missing_ok=True)
        yield


def holder(path: Path) -> str:
    """Who holds a lock file, in words."""
    told = _signature(path)
    if not told:
        return "it does not say who it is"
    return f"process {told['pid']} on {told['host']}, since {told['since']}"


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, by Ctrl-Z or a debugger, as far as /proc says.

    False on systems without /proc (macOS), for a process that has ended, and for one of
    another container.
    """
    try:
        found = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return False
    # 7616 (a name, which may hold brackets) T …
    return found.rpartition(")")[2].split()[0] in ("T", "t")


def _wait_for(opened: int, path: Path, tell: Callable[[str], None]) -> None:
    """Takes a lock as soon as it is free."""
    begun, told, stopped = time.monotonic(), False, 0.0
    while True:
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not told and time.monotonic() - begun > TELL_S:
            tell(f"waits for {path}: held by {holder(path)}")
            told = True
        if not told:
            time.sleep(_POLL_S)
            continue
        time.sleep(_LATER_POLL_S)
        # by steps, as this process may have been stopped, too
        stopped = stopped + _LATER_POLL_S if _is_held_in_vain(path) else 0.0
        if stopped > STOPPED_S:
            raise UserError(
                f"{path}: expected a process that goes on, found that {holder(path)}, "
                "is stopped (Ctrl-Z); let it go on (fg) or end it, and rerun"
            )


def _is_held_in_vain(path: Path) -> bool:
    """Whether a process of this machine holds it that is stopped."""
    told = _signature(path)
    return told.get("host") == platform.node() and is_stopped(told["pid"])


def _signature(path: Path) -> dict[str, Any]:
    """What the holder of a lock wrote into its file; empty where that is not known."""
    told: Any = None
    # RecursionError: of brackets in brackets
    with contextlib.suppress(OSError, ValueError, RecursionError, UserError):
        opened = open_lock(path, write=False)
        try:
            told = json.loads(os.pread(opened, 4096, 0))
        finally:
            os.close(opened)
    whole = isinstance(told, dict) and {"pid", "host", "since"} <= set(told)
    return told if whole else {}


def _sign(opened: int) -> None:
    """Writes who holds the lock into its file."""
    told = {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": datetime.now().isoformat(" ", "seconds"),
    }
    os.ftruncate(opened, 0)
    os.pwrite(opened, json.dumps(told).encode(), 0)


def _is_still(opened: int, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(opened), os.stat(path, follow_symlinks=False))
    return False


def _foreign(path: Path) -> UserError:
    return UserError(
        f"{path}: expected a lock file, found a link or something else that is no "
        "file; remove it"
    )
