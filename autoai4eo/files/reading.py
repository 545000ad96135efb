"""Reads the JSON, CSV and ``.npz`` files of this package; refuses damaged ones."""

from __future__ import annotations

import csv
import json
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from autoai4eo.errors import DamagedError, MissingError, UserError
from autoai4eo.files.checks import check_regular, check_size

#: In `check_form`: every name of an object.
ANY = "*"
MOST_TEXT = 256 * 2**20  # bytes of a JSON or CSV file


def read_json(
    path: Path, cure: str, form: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Reads the object in a JSON file.

    Args:
        path: of the file.
        cure: the remedy for a damaged file, such as "restore it from a copy".
        form: the form that the object must have, see `check_form`.

    Raises:
        UserError: the file is missing, damaged or of another form; the message
            contains the cure.
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
    """Checks that a value of a JSON file has the form that its readers rely on.

    Args:
        value: from the file.
        form: a type, or several (``str | None``); a tuple of allowed strings;
            ``[form]`` for a list of values of that form; a dict of forms for an object
            with these names (a name that ends in ``?`` may be missing); ``{ANY: form}``
            for an object with any names.
        where: the place of the value, for the message.

    Raises:
        ValueError: it has another form.
    """
    if isinstance(form, tuple):
        if value not in form:
            raise ValueError(f"{where} is {value!r}, and should be {' or '.join(form)}")
        return
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
    """Refuses a text file that is longer than any that this package writes."""
    if (size := path.stat().st_size) > MOST_TEXT:
        raise ValueError(f"{size:,} bytes, more than it can have")


def read_npz(path: Path, cure: str, needs: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Reads the arrays in a ``.npz`` file, by name; see `read_json`.

    Raises:
        UserError: the file is missing, damaged or of another format (the message
            contains the cure), or declares more than `max_bytes`.
    """
    with reading(path, "a whole .npz file of numbers", cure), path.open("rb") as raw:
        if not zipfile.is_zipfile(raw):
            empty = path.stat().st_size == 0
            raise ValueError("it is empty" if empty else "no zip archive, or cut off")
        raw.seek(0)
        check_declared(raw, path)
        with np.load(raw) as file:
            arrays = {name: file[name] for name in file.files}
        if missing := [name for name in needs if name not in arrays]:
            raise ValueError(f"no {missing[0]} in it")
    return arrays


def check_declared(raw: IO[bytes], path: Path, beside: Sequence[str] = ()) -> None:
    """Refuses a zip archive of arrays that declare too large a size.

    Both the archive and the header of each array declare a size, and NumPy allocates
    what the header declares before it reads.

    Args:
        raw: the opened file; it is at its beginning again afterwards.
        path: of the file.
        beside: names of members that are no arrays.

    Raises:
        UserError: they declare more than `max_bytes`.
        ValueError: a member is no array.
    """
    with zipfile.ZipFile(raw) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        check_size(path, unpacked, "arrays")
        declared = 0
        for member in members:
            if member.filename in beside:
                continue
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
    """Reads the rows of a CSV file, by column; see `read_json`.

    A row with more or fewer cells than the first line is left out: it may be
    incomplete because another process is writing it.

    Raises:
        UserError: the file is missing or not text; the message contains the cure.
    """
    with reading(path, "a table (CSV)", cure), path.open(newline="") as file:
        _check_short(path)
        rows = list(csv.DictReader(file, strict=True))
    return [r for r in rows if None not in r and None not in r.values()]


@contextmanager
def reading(path: Path, what: str, cure: str) -> Iterator[None]:
    """Turns errors of Python and NumPy on a damaged file into a message of one line.

    Args:
        path: of the file.
        what: the expected content, such as ``"JSON"``.
        cure: see `read_json`.

    Raises:
        UserError: the file is missing or damaged; the message contains the cure.
    """
    check_regular(path)
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise MissingError(f"{path}: expected {what}, found no file; {cure}") from None
    except OSError as error:
        raise DamagedError(
            f"{path}: expected {what}, found that it cannot be read "
            f"({error.strerror or error}); {cure}"
        ) from error
    except (
        ValueError,
        KeyError,
        EOFError,
        RuntimeError,
        # NumPy raises these on a damaged header or impossible numbers
        SyntaxError,
        tokenize.TokenError,
        TypeError,
        OverflowError,
        csv.Error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise DamagedError(
            f"{path}: expected {what}, found a damaged file ({found}); {cure}"
        ) from error
