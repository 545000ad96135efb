"""Locks of a run's folder: against other commands and among its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from autoai4eo import locks
from autoai4eo.errors import UserError, warn

LOCK = ".lock"


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Locks the folder against other commands; the lock ends with the process.

    Args:
        run: the folder.

    Raises:
        UserError: another command is working in the folder.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locks.locked(run / LOCK))
        except BlockingIOError:
            raise _in_use(run) from None
        yield


def check_not_in_use(run: Path) -> None:
    """Checks early what `alone` makes sure of, before data are opened for long.

    Raises:
        UserError: another command is working in the folder.
    """
    if is_locked(run):
        raise _in_use(run)


def _in_use(run: Path) -> UserError:
    return UserError(
        f"{run}: expected a folder that is not in use, found another command at "
        f"work in it ({locks.holder(run / LOCK)}); wait for it or choose another folder"
    )


@contextmanager
def locked(run: Path, name: str, tell: Callable[[str], None] = warn) -> Iterator[None]:
    """Locks one activity of a run; waits until no other worker does it.

    Args:
        run: the folder.
        name: of the activity.
        tell: takes a line about the worker that is waited for.
    """
    with locks.locked(run / f".{name}.lock", wait=True, tell=tell):
        yield


def is_locked(run: Path) -> bool | None:
    """Returns whether a command holds the folder; None: another user owns its lock."""
    try:
        return locks.is_held(run / LOCK)
    except PermissionError:
        return None
