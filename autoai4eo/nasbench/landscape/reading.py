"""Reads the landscape of a database or a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from autoai4eo.errors import UserError
from autoai4eo.learning.epoch_scores import RECALL
from autoai4eo.nasbench.cells import cell_of
from autoai4eo.nasbench.database import Architecture, Database
from autoai4eo.nasbench.database_file import is_database
from autoai4eo.nasbench.frame import check_identified, read_frame
from autoai4eo.nasbench.landscape.networks import Landscape
from autoai4eo.networks.cell import Cell

_PLACES = ("id", "walk", "step")
_LARGE = 1e100


def read_landscape(
    path: Path,
    fitness: str,
    *,
    choices: Sequence[str] = (),
    adjacency: Sequence[str] = (),
    minimize: bool = False,
) -> Landscape:
    """Reads recorded networks.

    Args:
        path: of a database, whose last epoch is read, or of a CSV file with one
            network per row; its columns ``walk`` and ``step`` tell of random walks,
            columns such as ``val_recall_water`` of classes.
        fitness: the column that a search would improve.
        choices: columns that identify a network; a database knows its own.
        adjacency: in place of them, the columns of a NAS-Bench-101 cell's matrix and
            operations.
        minimize: whether less is better.

    Raises:
        UserError: the file or a column does not exist, a figure is missing or no
            number, a network is there twice, or there are fewer than three.
    """
    architectures: list[Architecture]
    by_epoch: dict[int, np.ndarray] = {}
    sign = -1.0 if minimize else 1.0
    if not path.exists():
        raise UserError(
            f"{path}: expected a table of networks, found none; check the path"
        )
    if is_database(path):
        if choices or adjacency:
            raise UserError(
                f"{path}: expected neither --choices nor --adjacency, since a "
                "database knows them, got one; leave it out"
            )
        with Database(path) as database:
            frame = database.frame()
            ids = set(frame.get("id", ()))
            architectures = [
                one for one in database.architectures() if database.id_of(one) in ids
            ]
            named = ["matrix", "operations"]
            if architectures and not isinstance(architectures[0], Cell):
                named = list(architectures[0])
            for epoch in database.epochs:
                known = [database.figures_after(one, epoch) for one in architectures]
                if all(fitness in figures for figures in known):
                    values = np.array([figures[fitness] for figures in known])
                    by_epoch[epoch] = sign * values
    else:
        check_identified(path, choices, adjacency)
        if adjacency and len(adjacency) != 2:
            raise UserError(
                "--adjacency: expected two columns, of the matrix and of the "
                f"operations, got {len(adjacency)}"
            )
        named = [*choices, *adjacency]
        frame = read_frame(path, [*named, fitness], adjacency)
        architectures = _architectures(path, frame, choices, adjacency)
    if fitness not in frame or not pd.api.types.is_numeric_dtype(frame[fitness]):
        numbers = frame.select_dtypes("number").columns.difference([*named, *_PLACES])
        raise UserError(
            f"{path}: expected a column of numbers as --fitness "
            f"({', '.join(numbers)}), got {fitness!r}"
        )
    values = frame[fitness].to_numpy(float)
    if not (np.abs(values) < _LARGE).all():
        raise UserError(
            f"{path}: expected finite numbers below {_LARGE:g} in {fitness}, found "
            f"{int((~(np.abs(values) < _LARGE)).sum())} others"
        )
    _check_networks(path, architectures)
    figures = {
        str(name): frame[name].to_numpy(float)
        for name in frame.columns
        if name not in (*named, *_PLACES, fitness)
        and pd.api.types.is_numeric_dtype(frame[name])
        and (frame[name].abs() < _LARGE).all()
        and frame[name].nunique() > 1
    }
    of_classes = {name: figures.pop(name) for name in list(figures) if RECALL in name}
    part = fitness.partition("_")[0]  # of the data that the fitness is of
    recalls = {
        name.removeprefix(f"{part}_{RECALL}"): values
        for name, values in of_classes.items()
        if name.startswith(f"{part}_{RECALL}")
    }
    return Landscape(
        path.stem,
        fitness,
        architectures,
        sign * values,
        figures,
        _walks(path, frame),
        by_epoch,
        minimize,
        recalls,
    )


def _architectures(
    path: Path,
    frame: pd.DataFrame,
    choices: Sequence[str],
    adjacency: Sequence[str],
) -> list[Architecture]:
    if choices:
        return list(frame[list(choices)].astype(object).to_dict("records"))
    rows = frame[list(adjacency)].itertuples(index=False)
    return [cell_of(path, i, *row) for i, row in enumerate(rows, 1)]


def _check_networks(path: Path, architectures: Sequence[Architecture]) -> None:
    keys = [one.id if isinstance(one, Cell) else str(one) for one in architectures]
    if len(keys) < 3:
        raise UserError(f"{path}: expected three networks or more, found {len(keys)}")
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UserError(
            f"{path}: expected each network once, found one twice ({twice!s:.60}); "
            "name further columns that tell them apart, or leave rows out"
        )


def _walks(path: Path, frame: pd.DataFrame) -> list[np.ndarray]:
    """Returns the rows of each walk; one with gaps is several walks."""
    if not {"walk", "step"} <= set(frame.columns):
        return []
    places = frame[["walk", "step"]].apply(pd.to_numeric, errors="coerce")
    given = frame[["walk", "step"]].notna().any(axis=1)
    some = places[given]
    if not (np.isfinite(some) & (some % 1 == 0)).all(axis=None):
        raise UserError(
            f"{path}: expected whole numbers in walk and step, found others; mend "
            "them, or leave both empty for networks on no walk"
        )
    if some.duplicated().any():
        raise UserError(
            f"{path}: expected each step of a walk once, found one twice; number the "
            "steps of each walk"
        )
    found = []
    for _, steps in some.groupby("walk")["step"]:
        steps = steps.sort_values()
        gaps = np.flatnonzero(np.diff(steps) != 1) + 1
        found += np.split(frame.index.get_indexer(steps.index), gaps)
    return [rows for rows in found if len(rows) > 2]
