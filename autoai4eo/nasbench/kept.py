"""Keeps the finished searches of a simulation in its folder.

``OUT/simulation.json`` records what was simulated, ``OUT/queries.csv`` has a row for
each training. A simulation that was interrupted, or gets more seeds or strategies,
resumes from these files.
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
from autoai4eo.nasbench.recorded import Table
from autoai4eo.nasbench.summary import Searches, queries_of

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

#: Settings that are checksums of files.
_FILES = ("table", "start", "prior")
#: Settings that folders of earlier versions do not record.
_BEFORE: dict[str, Any] = {
    **dict.fromkeys(("fitted_on", "charge")),
    **{"start": "random", "prior": []},
}


def begin(out: Path, settings: Mapping[str, Any]) -> None:
    """Writes the settings of a simulation, or compares them with those in the folder.

    Args:
        out: the folder.
        settings: by name, everything that changes a search.

    Raises:
        UserError: the folder holds searches of another simulation, or files of these
            names that no simulation made.
    """
    path = out / MANIFEST
    found = [out / name for name in WRITTEN if os.path.lexists(out / name)]
    if not found:
        return write_json(path, dict(settings))
    if path not in found:
        raise UserError(
            f"{out}: expected a folder of a simulation, found {found[0].name} of "
            "something else in it; choose another --out"
        )
    remove_leftovers(out)
    cure = f"remove it and {out / QUERIES}, or choose another --out"
    known = read_json(path, cure, {"table": object})
    if not (out / QUERIES).exists():
        return write_json(path, dict(settings))
    known = {**_BEFORE, **known}
    for name, value in settings.items():
        if known.get(name) == value:
            continue
        told = f"another {name} there"
        if name not in _FILES:  # whose checksums tell nobody anything
            told = f"{name} {known.get(name, 'unknown')} there and {value} here"
        raise UserError(
            f"{out}: expected searches of the same simulation, found {told}; choose "
            "another --out"
        )


def read(out: Path, table: Table) -> Searches:
    """Reads the finished searches of a folder.

    Raises:
        UserError: the file of queries is damaged.
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
