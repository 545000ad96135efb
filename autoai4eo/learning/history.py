"""The learning curve of a trial, ``history.csv``: a line for each epoch."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoai4eo.errors import DamagedError
from autoai4eo.files import in_one_step, read_csv

_CURE = "restore it from a copy, or remove it: the run is read without it"


def write(path: Path, trial: int, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes the lines of a trial's history, in one step."""
    columns = dict.fromkeys(name for row in rows for name in row)
    with in_one_step(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*columns, "trial"], restval="")
        writer.writeheader()
        writer.writerows({**row, "trial": trial} for row in rows)


def read(path: Path, trial: int) -> list[dict[str, float]]:
    """Reads the lines of a trial's history; returns [] without a file.

    A line lacks the figures that were not computed after its epoch.

    Raises:
        UserError: it is damaged, or of another trial.
    """
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = [*read_csv(path, _CURE)]
    whole = path.read_bytes().endswith(b"\n")
    if not whole or not all(row.get("epoch") for row in found):
        reason = "it is not a table of epochs" if whole else "its end is missing"
        raise _damaged(path, reason)
    try:
        rows = [{n: float(v) for n, v in row.items() if v != ""} for row in found]
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    others = {row.pop("trial", trial) for row in rows} - {trial}
    if others:
        raise _damaged(path, f"it is that of trial {int(others.pop())}")
    return rows


def _damaged(path: Path, reason: str) -> DamagedError:
    return DamagedError(
        f"{path}: expected the learning curve of this trial, found a damaged file "
        f"({reason}); {_CURE}"
    )
