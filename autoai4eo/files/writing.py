"""Files and folders that are there whole or not at all, also after a power cut."""

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

# In patterns of names: what `beside` puts in. Names of others must not fit.
_TOKEN = "[0-9a-f]" * 16


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it takes the place of `path` in the end.

    The file and its name are on disk then. Where the writing fails nothing is left of
    it; what a killed process leaves `remove_leftovers` finds. A link at `path` is
    replaced, not followed.

    Args:
        path: of the file; its suffix is that of the temporary name, too.
    """
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
    """The same for a folder, which the writer makes.

    What stood at `path` is gone in the end; where the writing fails it is as before.
    Where an earlier process was killed between the two, what stood there is put back
    first.

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
    """Removes what killed processes left of the writing of a file or of all files.

    Only for one who holds the lock under which they are written.

    Args:
        folder: where the files lie.
        name: of the one file; None: of all.
    """
    end = "*" if name is None else escape(name)
    # a writer may itself write in one step
    for kind in ("writing", "old", f"writing-{_TOKEN}-.writing"):
        for path in folder.glob(f".{kind}-{_TOKEN}-{end}"):
            _remove(path)


def set_aside(path: Path) -> Path:
    """Renames what is damaged, so that it can be made again and is not lost.

    Returns:
        The new name: ``NAME.damaged``, with a number where that is taken.
    """
    number, aside = 1, path.with_name(f"{path.name}.damaged")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    os.replace(path, aside)
    sync(path.parent)
    return aside


def sync(path: Path) -> None:
    """Puts a file, or the names in a folder, on disk: a power cut leaves them."""
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
    """An `opener` for `open` that follows no link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def write_json(path: Path, content: Any) -> None:
    """Writes JSON, in one step; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with in_one_step(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


def beside(path: Path, kind: str) -> Path:
    """A name that nobody guesses: no link can have been planted there."""
    return path.with_name(f".{kind}-{secrets.token_hex(8)}-{path.name}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
