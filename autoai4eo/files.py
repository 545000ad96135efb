"""Files that are there whole or not at all, also after a power cut; and their reading.

What this package wrote is read by `read_json`, `read_npz` and `read_csv`, which say
which file is damaged and what helps. A command that writes asks `check_can_write` or
`check_can_write_into` before it works, and writes inside `written`.
"""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import secrets
import shutil
import stat
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import IO, Any

import numpy as np

from autoai4eo.errors import UserError

#: The environment variable with the most that is read at once, in GiB.
MAX_GIB = "AUTOAI4EO_MAX_GIB"
_DEFAULT_GIB = 4.0
#: In `check_form`: every name of an object.
ANY = "*"
# In patterns of names: what `_beside` puts in. Names of others must not fit.
_TOKEN = "[0-9a-f]" * 16
MOST_TEXT = 256 * 2**20  # bytes of a JSON or CSV file


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
    for old in path.parent.glob(f".old-{_TOKEN}-{escape(path.name)}"):
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
    """Whether what lies at a path, if anything, is a file or a folder.

    A pipe would be waited for without an end, and a device may have no end.

    Raises:
        UserError: it is a pipe, a device or a socket, or no path can be so.
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
    """The most that is read of a file at once.

    Raises:
        UserError: the environment variable is no number above 0.
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
    """Refuses what would fill the memory, before any of it is read.

    Args:
        name: of the file.
        size: that it declares, in bytes.
        what: has the size, such as ``"an image"``.

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
    """Whether the file system takes a name, and the longer one that is written to."""
    for name in (path, _beside(path, "writing")) if path.name else (path,):
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
    """Whether a file can be written, of which the folder is there.

    Raises:
        UserError: it is a folder, its folder is missing, or nothing may be written.
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
    _check_name(folder)
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


def read_json(
    path: Path, cure: str, form: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: of the file.
        cure: what helps where it is damaged, such as "restore it from a copy".
        form: that it must have, see `check_form`.

    Raises:
        UserError: it is missing, damaged or something else; the message has the cure.
    """
    with reading(path, "JSON", cure):
        _check_short(path)
        text = path.read_bytes().decode()
        if not text.strip("\0 \n"):
            raise ValueError("it is empty")
        content = json.loads(text)
        found = type(content).__name__
        if not isinstance(content, dict):
            raise ValueError(f"a {found} where names and values should be")
        check_form(content, dict(form or {}))
    return dict(content)


def check_form(value: Any, form: Any, where: str = "it") -> None:
    """Whether a value of a JSON file is of the form that its readers rely on.

    Args:
        value: of the file.
        form: a type, or several (``str | None``); ``[form]`` for a list of such;
            a dict of forms for an object with these names, or with those of them that
            are there where they end in ``?``; ``{ANY: form}`` for one of any names.
        where: the value is, for the message.

    Raises:
        ValueError: it is of another one.
    """
    kind = type(form) if isinstance(form, dict | list) else form
    if not isinstance(value, kind):
        kind = getattr(kind, "__name__", str(kind))
        raise ValueError(f"{where} is {type(value).__name__}, and should be {kind}")
    if isinstance(form, dict):
        for name, of in form.items():
            known = name.removesuffix("?")
            if name == known != ANY and known not in value:
                raise ValueError(f"no {known} in {where}")
            for each in list(value) if known == ANY else {known} & set(value):
                check_form(value[each], of, each)
    if isinstance(form, list):
        for each in value:
            check_form(each, form[0], f"a value of {where}")


def _check_short(path: Path) -> None:
    """Whether a file of text can be one that this package wrote, by its length."""
    if (size := path.stat().st_size) > MOST_TEXT:
        raise ValueError(f"{size:,} bytes, more than it can have")


def read_npz(path: Path, cure: str, needs: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The arrays in a ``.npz`` file, by name; see `read_json`.

    Raises:
        UserError: it is missing, damaged or something else; the message has the cure.
            Or it declares more than `max_bytes`.
    """
    with reading(path, "a whole .npz file of numbers", cure), path.open("rb") as raw:
        if not zipfile.is_zipfile(raw):
            empty = path.stat().st_size == 0
            raise ValueError("it is empty" if empty else "no zip archive, or cut off")
        raw.seek(0)
        _check_declared(raw, path)
        with np.load(raw) as file:
            arrays = {name: file[name] for name in file.files}
        if missing := [name for name in needs if name not in arrays]:
            raise ValueError(f"no {missing[0]} in it")
    return arrays


def _check_declared(raw: IO[bytes], path: Path) -> None:
    """Whether what the members of a ``.npz`` file declare is not too large.

    Both the archive and the header of each array say how large it is, and NumPy makes
    room for what the header says before it reads.
    """
    with zipfile.ZipFile(raw) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        check_size(path, unpacked, "arrays")
        declared = 0
        for member in members:
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0
                if version > (1, 0):
                    read = np.lib.format.read_array_header_2_0
                shape, _, kind = read(file)
            declared += math.prod(shape) * kind.itemsize
        check_size(path, declared, "arrays")
    raw.seek(0)


def read_csv(path: Path, cure: str) -> list[dict[str, str]]:
    """The rows of a CSV file, by column; see `read_json`.

    A row that has not as many cells as the first line is left out: it is being written.

    Raises:
        UserError: it is missing or no text; the message has the cure.
    """
    with reading(path, "a table (CSV)", cure), path.open(newline="") as file:
        _check_short(path)
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
    check_regular(path)
    try:
        yield
    except UserError:
        raise
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
        # what NumPy makes of a damaged header, and of numbers that cannot be so
        SyntaxError,
        tokenize.TokenError,
        TypeError,
        OverflowError,
        csv.Error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path}: expected {what}, found a damaged file ({found}); {cure}"
        ) from error
