"""Writes whole databases of networks in one step."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autoai4eo.files import in_one_step, remove_leftovers
from autoai4eo.nasbench.database import Database, Entry

_AT_ONCE = 2**15  # entries in memory


def filled(
    out: Path, space: str, about: Mapping[str, Any], entries: Iterable[Entry]
) -> Database:
    """Writes a database, which replaces a file of its name, and opens it.

    One process at a time may write a file.

    Args:
        out: the file, which is complete or absent.
        space, about: see `Database.create`.
        entries: its networks.

    Raises:
        UserError: an entry cannot be added, see `Database.add`.
    """
    remove_leftovers(out.parent, out.name)
    with in_one_step(out) as temporary:
        temporary.unlink(missing_ok=True)
        with Database.create(temporary, space, about) as database:
            database.path = out  # for messages
            every = iter(entries)
            while some := list(itertools.islice(every, _AT_ONCE)):
                database.add(some)
    return Database(out)
