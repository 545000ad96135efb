"""Lock files for one process at a time; they name their holder and end with it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from autoai4eo.errors import UserError, warn
from autoai4eo.files import in_one_step, remove_leftovers, written

#: After so many seconds of waiting, the holder of the lock is reported.
TELL_S = 10.0
#: Nobody waits longer for a process that is stopped (Ctrl-Z); a search ends those of
#: its own workers sooner.
STOPPED_S = 300.0
_POLL_S, _LATER_POLL_S = 0.005, 0.25


def open_lock(path: Path, *, write: bool = True) -> int:
    """Opens a lock file; does not follow links.

    Args:
        path: of the file.
        write: whether to create a missing file and to open it for writing.

    Returns:
        Its file descriptor.

    Raises:
        UserError: the path is something else: a link, a folder, a device.
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
    """Returns whether a process holds a lock file; False if the file is missing."""
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
    path: Path, *, wait: bool = False, tell: Callable[[str], None] = warn
) -> Iterator[None]:
    """Holds a lock file.

    Args:
        path: of the file, which is not removed.
        wait: whether to wait until the lock is free.
        tell: called with a line that names the holder, after `TELL_S` of waiting.

    Raises:
        BlockingIOError: another process holds the lock, and `wait` is False.
        UserError: `path` is not a regular file; or the holder has been stopped
            (Ctrl-Z) for longer than `STOPPED_S`.
    """
    while True:
        opened = open_lock(path)
        try:
            if wait:
                _wait_for(opened, path, tell)
            else:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_still(opened, path):
                continue  # the last holder removed the file: open the new one
            _sign(opened)
            yield
            return
        finally:
            os.close(opened)


@contextmanager
def output_alone(out: Path, command: str) -> Iterator[None]:
    """Keeps a second process from writing the same output.

    The lock file is ``.NAME.lock`` in the same folder; it is removed at the end.

    Args:
        out: the file or folder that is written.
        command: name of the command, for messages.

    Raises:
        UserError: another process writes it; the message names that process.
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


@contextmanager
def written_alone(out: Path, command: str) -> Iterator[Path]:
    """Yields a temporary path, which replaces `out` at the end, see `in_one_step`.

    One process at a time writes it, and what killed ones left of it is removed.

    Args:
        out: the file.
        command: name of the command, for messages.

    Raises:
        UserError: another process writes it, or it cannot be written.
    """
    with written(out), output_alone(out, command):
        remove_leftovers(out.parent, out.name)
        with in_one_step(out) as temporary:
            yield temporary


def holder(path: Path) -> str:
    """Describes the process that holds a lock file."""
    told = _signature(path)
    if not told:
        return "an unknown process"
    return f"process {told['pid']} on {told['host']}, since {told['since']}"


def is_stopped(pid: int) -> bool:
    """Returns whether a process is stopped (Ctrl-Z or a debugger), according to /proc.

    False on systems without /proc (macOS), for a process that has ended, and for one in
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
        # counted in steps: this process may have been stopped, too
        stopped = stopped + _LATER_POLL_S if _is_held_in_vain(path) else 0.0
        if stopped > STOPPED_S:
            raise UserError(
                f"{path}: expected a running holder of this lock, found that "
                f"{holder(path)}, is stopped (Ctrl-Z); resume it (fg) or end it, and "
                "rerun"
            )


def _is_held_in_vain(path: Path) -> bool:
    """Returns whether the holder is a stopped process of this machine."""
    told = _signature(path)
    return told.get("host") == platform.node() and is_stopped(told["pid"])


def _signature(path: Path) -> dict[str, Any]:
    """Reads what the holder of a lock wrote into its file; empty if unreadable."""
    told: Any = None
    # RecursionError: deeply nested brackets
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
