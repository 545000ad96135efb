"""Files that are there whole or not at all, also after a power cut; and their reading.

What this package wrote is read by `read_json`, `read_npz` and `read_csv`, which say
which file is damaged and what helps. A command that writes asks `check_can_write` or
`check_can_write_into` before it works, and writes inside `written`.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import secrets
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.errors import UserError


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it takes the place of `path` in the end.

    The file and its name are on disk then. Where the writing fails nothing is left of
    it; what a killed process leaves `remove_leftovers` finds. A link at `path` is
    replaced, not followed.

    Args:
        path: of the file; its suffix is that of the temporary name, too.
    """
    temporary = _beside(path, "writing")
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
    for old in path.parent.glob(f".old-*-{escape(path.name)}"):
        if not os.path.lexists(path):
            os.replace(old, path)
    remove_leftovers(path.parent, path.name)
    temporary, old = _beside(path, "writing"), _beside(path, "old")
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
    for kind in ("writing", "old"):
        for path in folder.glob(f".{kind}-*-{end}"):
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


def check_not_input(out: Path, inputs: Iterable[Path]) -> None:
    """Whether an output is none of the files and folders that are read.

    Raises:
        UserError: it is one of them, under whatever name.
    """
    for path in inputs:
        if not path.exists():
            continue
        if out.exists() and os.path.samefile(out, path):
            raise UserError(
                f"{out}: expected an output that is not read as well, found that it is "
                f"the input {path}; choose another name"
            )


def _beside(path: Path, kind: str) -> Path:
    """A name that nobody guesses: no link can have been planted there."""
    return path.with_name(f".{kind}-{secrets.token_hex(8)}-{path.name}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def check_regular(path: Path) -> None:
    """Whether a path can be read without waiting: no pipe, device or socket.

    Raises:
        UserError: it exists and is neither a regular file nor a folder.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise UserError(
            f"{path}: expected a file or folder, found a pipe, device or socket; copy "
            "its content to a file"
        )


def check_can_write(path: Path) -> None:
    """Whether a file can be written, of which the folder is there.

    Raises:
        UserError: it is a folder, its folder is missing, or nothing may be written.
    """
    if path.is_dir():
        raise UserError(
            f"{path}: expected a file to write, found a folder; name a file"
        )
    if not path.parent.exists():
        raise UserError(
            f"{path}: expected a folder to write it to, found no {path.parent}; make "
            "it, or correct the path"
        )
    if not path.exists() or is_plain(path):
        check_can_write_into(path.parent)


def check_utf8(path: Path) -> None:
    """Whether TensorFlow can write to a path: it must be text in UTF-8.

    Raises:
        UserError: it is of other bytes, such as Latin-1.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{path}: expected a path in UTF-8, which TensorFlow writes to, found one "
            "of other bytes; choose or rename a folder"
        ) from None


def is_plain(path: Path) -> bool:
    """Whether it is a file, and no pipe, device or link, which must stay what it is."""
    return path.is_file() and not path.is_symlink()


def is_planted(path: Path) -> bool:
    """Whether it is a link of another user's, which is not to be followed."""
    return path.is_symlink() and path.lstat().st_uid not in (0, os.geteuid())


def check_can_write_into(folder: Path) -> None:
    """Whether files can be written into a folder; it may have to be made.

    Raises:
        UserError: it, or one above it, is a file, or nothing may be written there.
    """
    there = folder
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        raise UserError(
            f"{folder}: expected a folder to write to, found the file {there}; choose "
            "another folder"
        )
    with written(folder), tempfile.TemporaryFile(dir=there):
        pass


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Tells in one line that a place cannot be written to.

    Raises:
        UserError: the disk is full, or nothing may be written there.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror or error}); choose another "
            "folder, or make room there and check the rights to it"
        ) from error


def read_json(path: Path, cure: str, needs: Sequence[str] = ()) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: of the file.
        cure: what helps where it is damaged, such as "restore it from a copy".
        needs: names that it must have.

    Raises:
        UserError: it is missing, damaged or something else; the message has the cure.
    """
    with reading(path, "JSON", cure):
        text = path.read_bytes().decode()
        if not text.strip("\0 \n"):
            raise ValueError("it is empty")
        content = json.loads(text)
        found = type(content).__name__
        if not isinstance(content, dict):
            raise ValueError(f"a {found} where names and values should be")
        if missing := [name for name in needs if name not in content]:
            raise ValueError(f"no {missing[0]} in it")
    return dict(content)


def read_npz(path: Path, cure: str, needs: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The arrays in a ``.npz`` file, by name; see `read_json`.

    Raises:
        UserError: it is missing, damaged or something else; the message has the cure.
    """
    with reading(path, "a whole .npz file of numbers", cure), path.open("rb") as raw:
        if not zipfile.is_zipfile(raw):
            empty = path.stat().st_size == 0
            raise ValueError("it is empty" if empty else "no zip archive, or cut off")
        raw.seek(0)
        with np.load(raw) as file:
            arrays = {name: file[name] for name in file.files}
        if missing := [name for name in needs if name not in arrays]:
            raise ValueError(f"no {missing[0]} in it")
    return arrays


def read_csv(path: Path, cure: str) -> list[dict[str, str]]:
    """The rows of a CSV file, by column; see `read_json`.

    A row that has not as many cells as the first line is left out: it is being written.

    Raises:
        UserError: it is missing or no text; the message has the cure.
    """
    with reading(path, "a table (CSV)", cure), path.open(newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    return [r for r in rows if None not in r and None not in r.values()]


def write_json(path: Path, content: Any) -> None:
    """Writes JSON, in one step; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with in_one_step(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")


@contextmanager
def reading(path: Path, what: str, cure: str) -> Iterator[None]:
    """Tells in one line what a damaged file makes of the readers of Python and NumPy.

    Args:
        path: of the file.
        what: is expected, such as ``"JSON"``.
        cure: see `read_json`.

    Raises:
        UserError: it is missing, damaged or something else; the message has the cure.
    """
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: expected {what}, found no file; {cure}") from None
    except OSError as error:
        raise UserError(
            f"{path}: expected {what}, found that it cannot be read "
            f"({error.strerror or error}); {cure}"
        ) from error
    except (
        ValueError,
        KeyError,
        EOFError,
        RuntimeError,
        csv.Error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path}: expected {what}, found a damaged file ({found}); {cure}"
        ) from error
