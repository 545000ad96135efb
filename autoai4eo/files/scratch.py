"""Folders for temporary files; those of killed processes are known and removed."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "autoai4eo-scratch-"
_YOUNG_S = 60.0  # seconds in which a process surely locks its new folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yields a folder for temporary files, which is removed at the end.

    The process holds a lock of the folder, which ends with it even if it is killed. So
    the first such folder of a process removes those of killed ones. A process that was
    started in the folder may still write while it is removed: then that is tried again.

    Raises:
        OSError: the folder cannot be made.
    """
    place = tempfile.gettempdir()
    _remove_abandoned(place)
    made = tempfile.TemporaryDirectory(
        prefix=_PREFIX, dir=place, ignore_cleanup_errors=True
    )
    try:
        with made as name:
            opened = _open(Path(name))
            try:
                _is_locked(opened)
                yield Path(name)
            finally:
                os.close(opened)
    finally:
        if os.path.lexists(made.name):
            shutil.rmtree(made.name)


@functools.cache
def _remove_abandoned(place: str) -> None:
    """Removes this user's folders that no process holds; done once in a process."""
    for folder in Path(place).glob(f"{_PREFIX}*"):
        # OSError: of another user, a link, or removed by another process meanwhile
        with contextlib.suppress(OSError):
            opened = _open(folder)
            try:
                found = os.fstat(opened)
                is_ours = found.st_uid == os.geteuid()
                is_old = time.time() - found.st_mtime > _YOUNG_S
                if is_ours and is_old and _is_locked(opened):
                    shutil.rmtree(folder)
            finally:
                os.close(opened)


def _open(folder: Path) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(folder, flags)


def _is_locked(opened: int) -> bool:
    """Locks a folder; False if another holds it, or the drive has no such locks."""
    with contextlib.suppress(OSError):
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
