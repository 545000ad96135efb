"""Latency is measured while no search of this user works on this machine."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Quiet:
    """Many processes work at the same time, or one of them measures alone.

    Two lock files in the folder for temporary files, shared by all searches of this
    user: who works holds the second one together with others, who measures holds both
    alone. Everyone comes in by the first, so that who waits to measure is not passed
    for ever by those who work. The kernel opens the locks of a process that ends.

    Args:
        folder: of the lock files.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or Path(tempfile.gettempdir())
        self._gate, self._room = (
            os.open(folder / f"autoai4eo-{os.getuid()}-{name}.lock", os.O_CREAT, 0o600)
            for name in ("gate", "room")
        )
        self._works = False

    @contextmanager
    def working(self) -> Iterator[None]:
        """Waits until nobody measures; keeps others from it."""
        self._enter()
        self._works = True
        try:
            yield
        finally:
            self._works = False
            fcntl.flock(self._room, fcntl.LOCK_UN)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until nobody works, or all have given way; keeps them waiting."""
        fcntl.flock(self._room, fcntl.LOCK_UN)
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._room, fcntl.LOCK_EX)
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)
            fcntl.flock(self._gate, fcntl.LOCK_UN)
            if self._works:
                self._enter()

    def give_way(self) -> None:
        """Lets those measure who wait for it; some microseconds where nobody does."""
        if self._works:
            fcntl.flock(self._room, fcntl.LOCK_UN)
            self._enter()

    def _enter(self) -> None:
        fcntl.flock(self._gate, fcntl.LOCK_SH)
        fcntl.flock(self._room, fcntl.LOCK_SH)
        fcntl.flock(self._gate, fcntl.LOCK_UN)
