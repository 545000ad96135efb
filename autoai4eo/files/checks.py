"""Checks, before the work begins, whether a path can be read or written."""

from __future__ import annotations

import math
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from autoai4eo.errors import UserError
from autoai4eo.files.writing import beside

#: The environment variable with the most that is read at once, in GiB.
MAX_GIB = "AUTOAI4EO_MAX_GIB"
_DEFAULT_GIB = 4.0


def check_regular(path: Path) -> None:
    """Refuses a path that exists and is neither a file nor a folder.

    Reading a pipe could wait forever, and a device may have no end.

    Raises:
        UserError: it is a pipe, a device or a socket, or the path is invalid.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:  # ValueError: it has a zero byte
        raise UserError(
            f"{path}: expected a path that can be read, found that it cannot "
            f"({getattr(error, 'strerror', None) or error}); correct it"
        ) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(
            f"{path}: expected a file or a folder, found a pipe, a device or a socket; "
            "copy what it gives into a file"
        )


def max_bytes() -> float:
    """Returns the largest number of bytes that is read from a file at once.

    Raises:
        UserError: the environment variable is not a number above 0.
    """
    told = os.environ.get(MAX_GIB, str(_DEFAULT_GIB))
    try:
        gib = float(told)
    except ValueError:
        gib = math.nan
    if not gib > 0:
        raise UserError(
            f"{MAX_GIB}: expected a number of GiB above 0, got {told!r}; correct it"
        )
    return gib * 2**30


def check_size(name: str | Path, size: float, what: str) -> None:
    """Refuses data that would fill the memory, before any of it is read.

    Args:
        name: of the file.
        size: that the file declares, in bytes.
        what: the data of this size, such as ``"an image"``.

    Raises:
        UserError: it is more than `max_bytes`.
    """
    if size > max_bytes():
        raise UserError(
            f"{name}: expected {what} of at most {max_bytes() / 2**30:g} GiB, found "
            f"that it declares {size / 2**30:,.1f} GiB; where that is right, allow it "
            f"with --max-gib or {MAX_GIB}"
        )


def _check_name(path: Path) -> None:
    """Checks that the file system accepts a name and the longer temporary name."""
    for name in (path, beside(path, "writing")) if path.name else (path,):
        try:
            name.lstat()
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            pass
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path}: expected a path to write to, found one that cannot be "
                f"written ({getattr(error, 'strerror', None) or error}); choose "
                "another"
            ) from None


def check_can_write(path: Path) -> None:
    """Checks that a file can be written into an existing folder.

    Raises:
        UserError: it is a folder, its folder is missing, or writing is not permitted.
    """
    _check_name(path)
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


def check_replaceable(path: Path, overwrite: bool) -> None:
    """Checks that nothing is at a path, unless it may be overwritten.

    Raises:
        UserError: there is something.
    """
    if os.path.lexists(path) and not overwrite:
        raise UserError(
            f"{path}: exists already; choose another name, or overwrite it "
            "(--overwrite)"
        )


def check_utf8(path: Path) -> None:
    """Checks that libraries such as TensorFlow can write to a path, which is UTF-8.

    Raises:
        UserError: the path has another encoding, such as Latin-1.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{path}: expected a path in UTF-8, as TensorFlow, ONNX Runtime and GDAL "
            "need it, found one of other bytes; choose or rename a folder"
        ) from None


def is_plain(path: Path) -> bool:
    """Returns whether a path is a regular file: no pipe, device or link."""
    return path.is_file() and not path.is_symlink()


def is_planted(path: Path) -> bool:
    """Returns whether a path is another user's link, which must not be followed."""
    return path.is_symlink() and path.lstat().st_uid not in (0, os.geteuid())


def check_can_write_into(folder: Path) -> None:
    """Checks that files can be written into a folder, which need not exist yet.

    Raises:
        UserError: it or a parent is a file, or writing is not permitted.
    """
    _check_name(folder)
    there = folder
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        is_special = there.exists() and not there.is_file()
        kind = "device, pipe or socket" if is_special else "file"
        raise UserError(
            f"{folder}: expected a folder to write to, found the {kind} {there}; "
            "choose another folder"
        )
    with written(folder), tempfile.TemporaryFile(dir=there):
        pass


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Turns an error while writing to `path` into a message of one line.

    Raises:
        UserError: the disk is full, or writing is not permitted.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror or error}); choose another "
            "folder, or make room there and check the rights to it"
        ) from error


def check_not_input(out: Path, inputs: Iterable[Path]) -> None:
    """Checks that an output is not one of the input files and folders.

    Raises:
        UserError: it is one of them, possibly under another name.
    """
    for path in inputs:
        if not path.exists():
            continue
        if out.exists() and os.path.samefile(out, path):
            raise UserError(
                f"{out}: expected an output that is not read as well, found that it is "
                f"the input {path}; choose another name"
            )
