"""The searches of a simulation that are finished, kept in its folder.

``OUT/simulation.json`` says what was simulated, ``OUT/queries.csv`` holds a row for
each training. A simulation that was interrupted, or is asked for more seeds or
strategies, goes on from there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step, read_json, remove_leftovers, write_json
from autoai4eo.nasbench.summary import Searches, queries_of
from autoai4eo.nasbench.table import Table

MANIFEST, QUERIES = "simulation.json", "queries.csv"
#: What a simulation writes into its folder.
WRITTEN = (
    MANIFEST,
    QUERIES,
    "summary.csv",
    "curves.csv",
    "differences.csv",
    "curves.png",
    "index.html",
)


def begin(out: Path, asked: Mapping[str, Any]) -> None:
    """Writes what is simulated in a folder, or holds it against what is there.

    Args:
        out: the folder.
        asked: by name, whatever changes a search.

    Raises:
        UserError: the folder holds searches of another simulation, or files of these
            names that no simulation made.
    """
    path = out / MANIFEST
    found = [out / name for name in WRITTEN if os.path.lexists(out / name)]
    if not found:
        return write_json(path, dict(asked))
    if path not in found:
        raise UserError(
            f"{out}: expected a folder of a simulation, found {found[0].name} of "
            "something else in it; choose another --out"
        )
    remove_leftovers(out)
    cure = f"remove it and {out / QUERIES}, or choose another --out"
    known = read_json(path, cure, {"table": object})
    if not (out / QUERIES).exists():
        return write_json(path, dict(asked))
    for name, value in asked.items():
        if known.get(name) != value:
            raise UserError(
                f"{out}: expected searches of the same simulation, found {name} "
                f"{known.get(name, 'unknown')} there and {value} here; choose another "
                "--out"
            )


def read(out: Path, table: Table) -> Searches:
    """The finished searches of a folder.

    Raises:
        UserError: a file of queries that is damaged.
    """
    path = out / QUERIES
    if not path.exists():
        return {}
    try:
        frame = pd.read_csv(path, dtype={"strategy": str, "seed": int, "row": int})
        rows = frame["row"].to_numpy()
        places = np.searchsorted(table.rows, rows)
        if not np.array_equal(table.rows[places], rows):
            raise ValueError("a row that is not in the table")
        return {
            (str(name), int(str(seed))): places[found]
            for (name, seed), found in frame.groupby(
                ["strategy", "seed"]
            ).indices.items()
        }
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise UserError(
            f"{path}: expected the queries of a simulation, found {error}; remove it, "
            "or choose another --out"
        ) from error


def keep(out: Path, table: Table, searches: Searches) -> None:
    """Writes the finished searches of a folder, in one step."""
    with in_one_step(out / QUERIES) as temporary:
        queries_of(table, searches).to_csv(temporary, index=False)
