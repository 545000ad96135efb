"""Writes a whole database of networks in one step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step, remove_leftovers
from autoai4eo.nasbench.database import Database, Entry
from autoai4eo.networks.cell import Cell


def filled(
    out: Path, space: str, about: Mapping[str, Any], entries: Iterable[Entry]
) -> Database:
    """Writes a database, which replaces a file of its name, and opens it.

    Args:
        out: the file.
        space, about: see `Database.create`.
        entries: its networks.

    Raises:
        UserError: they have not all the same choices.
    """
    some = list(entries)
    shapes = {
        tuple(e.architecture) for e in some if not isinstance(e.architecture, Cell)
    }
    if len(shapes) > 1:
        first, second, *_ = sorted(shapes, key=len)
        raise UserError(
            "expected networks of the same choices, found some with "
            f"{', '.join(first)} and some with {', '.join(second)}"
        )
    remove_leftovers(out.parent, out.name)
    with in_one_step(out) as temporary:
        temporary.unlink(missing_ok=True)
        with Database.create(temporary, space, about) as database:
            database.path = out  # for messages
            database.add(some)
    return Database(out)
