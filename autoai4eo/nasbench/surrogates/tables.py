"""The files beside a surrogate: networks that it predicts, and what it predicted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.nasbench.database import NASBENCH101, Database, Entry
from autoai4eo.nasbench.database_file import check_new, is_database
from autoai4eo.nasbench.filling import filled
from autoai4eo.nasbench.sample import read_sample
from autoai4eo.nasbench.surrogates.records import Records
from autoai4eo.nasbench.surrogates.surrogate import SURROGATE

VALIDATION, CURVE = "validation.csv", "learning_curve.csv"


def check_own(folder: Path) -> None:
    """Checks that a folder is empty, or holds a surrogate, which may be replaced.

    Raises:
        UserError: something else is in it.
    """
    if not os.path.lexists(folder):
        return
    others = [
        path.name
        for path in folder.iterdir()
        if path.name not in (SURROGATE, VALIDATION, CURVE)
        and not path.name.startswith("member_")
    ]
    if others:
        raise UserError(
            f"{folder}: expected a folder of a surrogate, found {others[0]} of "
            "something else in it; choose another --out"
        )


def entries_of(path: Path, space: str) -> list[Entry]:
    """Returns the networks of a sample of cells, or of a database of networks.

    Raises:
        UserError: the file is missing or damaged, or of another space.
    """
    if is_database(path):
        with Database(path) as database:
            found, entries = database.space, list(database.entries())
    else:
        found, walks = NASBENCH101, read_sample(path)
        entries = [
            Entry(one, {}, walk, step) if len(steps) > 1 else Entry(one, {})
            for walk, steps in enumerate(walks)
            for step, one in enumerate(steps)
        ]
    if found != space:
        raise UserError(
            f"{path}: expected networks of the space {space}, found {found}; name "
            "another --sample"
        )
    return entries


def write_out_of_fold(
    path: Path,
    records: Records,
    predicted: tuple[np.ndarray, np.ndarray],
    space: str,
    about: Mapping[str, Any],
) -> None:
    """Writes the recorded networks with predicted figures, at their places on walks.

    Args:
        path: of the database, which does not exist.
        records: the recorded networks.
        predicted: mean and standard deviation of each network, (n,) each.
        space: of the networks.
        about: what they have in common.

    Raises:
        UserError: the file exists.
    """
    check_new(path)
    target, entries = records.target, []
    for one, mean, std in zip(records.entries, *predicted, strict=True):
        before = {n: v for n, v in one.figures.get(0, {}).items() if n != target}
        after = {target: float(mean), f"{target}_std": float(std)}
        figures = {0: before, records.epoch: after}
        entries.append(replace(one, figures=figures))
    filled(path, space, {**about, "predicted": target}, entries).close()
