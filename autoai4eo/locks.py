"""One process at a time: locks that say who holds them and end with their process."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from autoai4eo.errors import UserError


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
    """Whether a process holds a lock file; it need not be there, nor be ours."""
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
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Holds a lock file.

    Args:
        path: of the file; it stays.
        wait: until it is free.

    Raises:
        BlockingIOError: another process holds it, and `wait` is False.
        UserError: what lies at `path` is no file.
    """
    while True:
        opened = open_lock(path)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
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

    The lock file is ``.NAME.lock`` beside it; it goes in the end.

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
    told: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, UserError):
        opened = open_lock(path, write=False)
        try:
            told = dict(json.loads(os.pread(opened, 4096, 0)))
        finally:
            os.close(opened)
    if not {"pid", "host", "since"} <= set(told):
        return "it does not say who it is"
    return f"process {told['pid']} on {told['host']}, since {told['since']}"


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
