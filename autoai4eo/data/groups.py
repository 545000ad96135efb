"""Groups of samples that look alike: of one city, scene or block of the ground."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from autoai4eo.callers import either
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.spatial_blocks import SPATIAL_BLOCK, check_block_km, spatial_blocks
from autoai4eo.errors import UserError
from autoai4eo.files import check_regular

#: Preferred groups, if data have several.
COARSEST_FIRST = ("city", "parent")


def members(dataset: Dataset, group: str, block_km: float | None = None) -> np.ndarray:
    """Returns the group of each sample (N,).

    Args:
        dataset: N samples.
        group: name of a group of the dataset, or ``"spatial_block"``, see
            `autoai4eo.data.spatial_blocks`.
        block_km: side of the spatial blocks in kilometres.

    Raises:
        UserError: the dataset has no such groups, or no coordinates, or `block_km` is
            not above 0 or is given with other groups.
    """
    check_block_km(group, block_km)
    if group in dataset.groups and block_km is None:
        return dataset.groups[group]
    if group == SPATIAL_BLOCK:
        return spatial_blocks(dataset, block_km)
    there = [*dataset.groups]
    if dataset.coordinates() is not None:
        there.append(SPATIAL_BLOCK)
    named = f"name one of these ({', '.join(there)})" if there else "leave it out"
    raise UserError(
        f"{dataset.path}: expected a group called {group}, found "
        f"{', '.join(dataset.groups) or 'none'}; {named}"
        + either("", ", or split by a CSV file (groups=)")
    )


def coarsest(dataset: Dataset) -> str | None:
    """Returns the name of the coarsest groups: city, parent, or the first of the data.

    Returns None if the dataset has no groups of several samples.
    """
    for name in (*COARSEST_FIRST, *dataset.groups):
        groups = np.unique(dataset.groups.get(name, np.empty(0)))
        if 1 < len(groups) < len(dataset):
            return name
    return None


def from_csv(dataset: Dataset, path: Path, group: str | None) -> np.ndarray:
    """Returns the group of each sample (N,) from a CSV file, see `split`.

    Raises:
        UserError: the file cannot be read, or lacks the column or rows.
    """
    check_regular(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as cause:
        raise UserError(f"{path}: cannot be read as CSV ({cause})") from cause
    others = [c for c in columns if c != "file"]
    column = group if group is not None else (others[0] if len(others) == 1 else None)
    if column not in others:
        raise UserError(
            f"{path}: expected a column called {column or '(name it with group=)'}, "
            f"found {', '.join(columns) or 'none'}"
        )
    if "file" in columns and dataset.names is not None:
        by_file = {row["file"]: row[column] for row in rows}
        missing = [name for name in dataset.names if name not in by_file]
        if missing:
            raise UserError(
                f"{path}: expected a row for each image, found none for "
                f"{len(missing)} of {len(dataset)}, the first {missing[0]}"
            )
        return np.array([by_file[name] for name in dataset.names])
    if len(rows) != len(dataset):
        raise UserError(
            f"{path}: expected {len(dataset)} rows, one per sample, found {len(rows)}"
        )
    return np.array([row[column] for row in rows])
