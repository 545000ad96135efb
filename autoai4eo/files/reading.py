"""The files that this package wrote, read: JSON, CSV and ``.npz``, whole or refused."""

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
        form: a type, or several (``str | None``); a tuple of the strings that are
            allowed; ``[form]`` for a list of such;
            a dict of forms for an object with these names, or with those of them that
            are there where they end in ``?``; ``{ANY: form}`` for one of any names.
        where: the value is, for the message.

    Raises:
        ValueError: it is of another one.
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
        raise DamagedError(
            f"{path}: expected {what}, found a damaged file ({found}); {cure}"
        ) from error
