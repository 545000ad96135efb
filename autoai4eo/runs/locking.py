"""Who is at work in a run's folder: one command, and in it one worker at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from autoai4eo import locks
from autoai4eo.errors import UserError

LOCK = ".lock"


@contextmanager
def alone(run: Path, command: str = "fit") -> Iterator[None]:
    """Keeps a second command out of the folder; the lock ends with the process.

    Args:
        run: the folder.
        command: as messages call it.

    Raises:
        UserError: another one is at work in it.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locks.locked(run / LOCK))
        except BlockingIOError:
            raise UserError(
                f"{run}: expected a folder that is not in use, found another {command} "
                f"at work in it ({locks.holder(run / LOCK)}); wait for it or choose "
                "another folder"
            ) from None
        yield


@contextmanager
def locked(
    run: Path, name: str, tell: Callable[[str], None] = warnings.warn
) -> Iterator[None]:
    """Waits until no other worker of the run does the same.

    Args:
        run: the folder.
        name: of what is done.
        tell: is told in a line who is waited for.
    """
    with locks.locked(run / f".{name}.lock", wait=True, tell=tell):
        yield


def is_locked(run: Path) -> bool | None:
    """Whether a command holds the folder; None: its lock is that of another user."""
    try:
        return locks.is_held(run / LOCK)
    except PermissionError:
        return None
