"""Writes vectors by pyogrio: where it can, and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoai4eo.errors import UserError
from autoai4eo.files import check_utf8

# pyogrio takes a path for an address: it drops line breaks and tabs, and takes what is
# before ! for an archive
_NOT_IN_PATHS = {"!": "!", "\n": "a line break", "\r": "a line break", "\t": "a tab"}


def check_vector_path(path: Path) -> None:
    """Checks that pyogrio can write to a path.

    Raises:
        UserError: it is not UTF-8, or has an exclamation mark, a tab or a line break.
    """
    check_utf8(path)
    for character, name in _NOT_IN_PATHS.items():
        if character in str(path.absolute()):
            raise UserError(
                f"{path}: expected a path that pyogrio can write vectors to, found "
                f"{name} in it; choose another name or folder"
            )


@contextmanager
def vectors() -> Iterator[None]:
    """Turns the errors of pyogrio while it writes into OSError.

    Raises:
        OSError: the file cannot be written.
    """
    from pyogrio import errors

    try:
        yield
    except (errors.DataSourceError, errors.DataLayerError) as error:
        raise OSError(str(error)) from error
