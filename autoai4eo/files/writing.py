"""Writes files and folders in one step: complete or absent, even after a power cut."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

from autoai4eo.errors import UserError

# Matches the random part of names that `beside` makes, and no names of other files.
_TOKEN = "[0-9a-f]" * 16
# What SQLite (GeoPackages, databases) writes beside a file.
_BESIDE_SQLITE = ("-journal", "-wal", "-shm")


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder, which replaces `path` at the end.

    The file and its name are then on disk. If writing fails, the temporary file is
    removed; `remove_leftovers` removes the one of a killed process. A link at `path`
    is replaced, not followed.

    Args:
        path: of the file; the temporary name has the same suffix.

    Raises:
        UserError: `path` is a device, which root could replace.
    """
    if not path.is_symlink() and (path.is_char_device() or path.is_block_device()):
        raise UserError(
            f"{path}: expected a file to write, found a device; name a file"
        )
    temporary = beside(path, "writing")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_in_one_step(path: Path) -> Iterator[Path]:
    """Does the same as `in_one_step` for a folder, which the caller creates.

    An earlier folder at `path` is replaced at the end, and kept if writing fails. If an
    earlier process was killed in between, its old folder is first put back.

    Args:
        path: of the folder.
    """
    for old in path.parent.glob(f".old-{_TOKEN}-{escape(path.name)}"):
        if not os.path.lexists(path):
            os.replace(old, path)
    remove_leftovers(path.parent, path.name)
    temporary, old = beside(path, "writing"), beside(path, "old")
    try:
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                sync(Path(folder, name))
            sync(Path(folder))
        if os.path.lexists(path):
            os.replace(path, old)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        _remove(temporary)
        if os.path.lexists(path):
            _remove(old)


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Removes temporary files that killed processes left behind.

    The caller must hold the lock under which these files are written.

    Args:
        folder: of the files.
        name: of one file; None: all files of the folder.
    """
    end = "*" if name is None else escape(name)
    for more in ("", *_BESIDE_SQLITE):
        # a writer may itself write in one step
        for kind in ("writing", "old", f"writing-{_TOKEN}-.writing"):
            for path in folder.glob(f".{kind}-{_TOKEN}-{end}{more}"):
                _remove(path)


def set_aside(path: Path) -> Path:
    """Renames a damaged file, so that it can be made again and is not lost.

    Returns:
        The new name: ``NAME.damaged``, with a number if that name is taken.
    """
    number, aside = 1, path.with_name(f"{path.name}.damaged")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    os.replace(path, aside)
    sync(path.parent)
    return aside


def sync(path: Path) -> None:
    """Flushes a file, or the names in a folder, to disk, to survive a power cut."""
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    except OSError as error:
        # some network drives cannot do so with folders
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(opened)


def no_follow(path: str, flags: int) -> int:
    """Opens a file without following a link; an `opener` for `open`."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def write_json(path: Path, content: Any) -> None:
    """Writes JSON in one step; creates its folder if that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with in_one_step(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def beside(path: Path, kind: str) -> Path:
    """Returns a name that nobody can guess, so nobody can plant a link there."""
    return path.with_name(f".{kind}-{secrets.token_hex(8)}-{path.name}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
