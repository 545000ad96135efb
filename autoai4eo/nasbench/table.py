"""Reads tables of recorded networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autoai4eo.errors import UserError, warn
from autoai4eo.learning.objectives import Objective
from autoai4eo.nasbench.cell_table import coded_cells
from autoai4eo.nasbench.database import NASBENCH101, Database
from autoai4eo.nasbench.database_file import database_in, is_database
from autoai4eo.nasbench.frame import check_identified, complete, numbers, read_frame
from autoai4eo.nasbench.recorded import Describe, Table, numbers_of
from autoai4eo.networks.cell import Cell
from autoai4eo.runs.pareto import minimised
from autoai4eo.search.space.base import Values, is_of_training
from autoai4eo.search.strategies.prior import Prior

#: Objectives that are on a logarithmic scale by default.
LOGARITHMIC = ("latency", "latency_ms", "macs", "params", "flops")


def read_table(
    path: Path,
    *,
    maximize: Sequence[str],
    minimize: Sequence[str],
    choices: Sequence[str] = (),
    adjacency: Sequence[str] = (),
    known: Sequence[str] = (),
    log: Sequence[str] | None = None,
) -> Table:
    """Reads a CSV file of one network per row, or a database of networks.

    Args:
        path: of the file, with a header; of a database the figures after its last
            epoch are read.
        maximize, minimize: objectives.
        choices: columns that identify a network; a database knows its own.
        adjacency: in place of `choices`: the column of the cell's adjacency matrix and
            optionally that of its operations.
        known: columns that are known before training.
        log: objectives on a logarithmic scale; None: those named latency, latency_ms,
            macs, params or flops.

    Raises:
        UserError: the file or a column does not exist, a figure is missing or no
            number, a logarithm is of 0 or less, or there are fewer than two networks.
    """
    path, recorded = database_in(path), None
    if is_database(path):
        recorded, choices, adjacency = _recorded(path, choices, adjacency)
    if not path.exists():
        raise UserError(f"{path}: expected a CSV file, found none; check the path")
    check_identified(path, choices, adjacency)
    objectives = (
        *(Objective(name, "max") for name in maximize),
        *(Objective(name, "min") for name in minimize),
    )
    names = [objective.name for objective in objectives]
    if not names or len(set(names)) < len(names):
        raise UserError(
            "expected one or more different columns in --maximize and --minimize, got "
            f"{', '.join(names) or 'none'}"
        )
    columns = [*choices, *adjacency, *names, *known]
    if recorded is None:
        frame = read_frame(path, columns, adjacency)
    else:
        frame = complete(path, recorded, columns)
    figures, costs = numbers(path, frame, names), numbers(path, frame, list(known))
    logarithmic = [n for n in names if n in LOGARITHMIC] if log is None else list(log)
    for name in logarithmic:
        if name not in names:
            raise UserError(
                f"--log: expected an objective ({', '.join(names)}), got {name!r}"
            )
    for name, column in zip(
        (*names, *known), np.hstack([figures, costs]).T, strict=True
    ):
        if (name in logarithmic or name in known) and column.min() <= 0:
            raise UserError(
                f"{path}: expected figures above 0 in {name}, which is taken in "
                f"logarithm, found {column.min():g}"
            )
    cells = None
    if adjacency:
        levels, codes, cells = coded_cells(frame, adjacency)
    else:
        levels, codes = _coded(frame[list(choices)])
    _, first = np.unique(numbers_of(levels, codes), return_index=True)
    rows = np.sort(first)
    if len(rows) < len(frame):
        warn(
            f"{path}: {len(frame) - len(rows)} rows repeat the network of an earlier "
            "row and are left out"
        )
    if len(rows) < 2:
        raise UserError(f"{path}: expected two networks or more, found {len(rows)}")
    kept = codes[rows]
    of_training = [is_of_training(name) for name in levels]
    network, training = (
        np.flatnonzero(np.logical_not(of_training)),
        np.flatnonzero(of_training),
    )
    describe: Describe = partial(_described, levels=levels, places=network)
    if cells is not None:
        describe = cells.describe
    return Table(
        levels,
        kept,
        rows,
        objectives,
        figures[rows],
        tuple(known),
        costs[rows],
        _choice_features(kept, levels, network)
        if cells is None
        else cells.features[rows],
        _choice_features(kept, levels, training),
        tuple(logarithmic),
        describe,
        partial(_described, levels=levels, places=training),
        None if cells is None or cells.ids is None else cells.ids[rows],
    )


def read_prior(
    path: Path,
    *,
    maximize: Sequence[str],
    minimize: Sequence[str],
    choices: Sequence[str] = (),
    adjacency: Sequence[str] = (),
    known: Sequence[str] = (),
) -> Prior:
    """Reads another table of such networks as an earlier search.

    The arguments are those of the table that is searched, see `read_table`; only
    objectives that are not known before training are read.

    Raises:
        UserError: see `read_table`; or all objectives are known.
    """
    unknown = [
        [name for name in names if name not in known] for names in (maximize, minimize)
    ]
    if not any(unknown):
        raise UserError(
            "--prior: expected an objective that is not known before training, got "
            f"--known {','.join(known)}; leave one of them out"
        )
    own = is_database(path)
    table = read_table(
        path,
        maximize=unknown[0],
        minimize=unknown[1],
        log=(),
        choices=() if own else choices,
        adjacency=() if own else adjacency,
    )
    figures = minimised(table.figures, table.objectives)
    by_name = {o.name: figures[:, i] for i, o in enumerate(table.objectives)}
    return Prior(path.name, list(table.values), by_name)


def _recorded(
    path: Path, choices: Sequence[str], adjacency: Sequence[str]
) -> tuple[pd.DataFrame, Sequence[str], Sequence[str]]:
    """Returns the networks of a database, and the columns that identify them."""
    if choices or adjacency:
        raise UserError(
            f"{path}: expected neither --choices nor --adjacency, since a database "
            "knows them, got one; leave it out"
        )
    with Database(path) as database:
        frame = database.frame()
        if database.space == NASBENCH101:
            return frame, (), ("matrix", "operations")
        first = next(database.architectures(), {})
        assert not isinstance(first, Cell), "it is of another space"
        return frame, list(first), ()


def _coded(frame: pd.DataFrame) -> tuple[dict[str, list[Any]], np.ndarray]:
    """Returns the values of each choice, and their places (n, choices) in them."""
    levels, columns = {}, []
    for name in frame:
        places, values = pd.factorize(frame[name])
        known = values.tolist()
        levels[str(name)] = sorted(known, key=_order)
        new = [levels[str(name)].index(value) for value in known]
        columns.append(np.array(new, np.min_scalar_type(len(known)))[places])
    return levels, np.column_stack(columns)


def _order(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value


def _described(
    several: Sequence[Values], levels: Mapping[str, Sequence[Any]], places: np.ndarray
) -> np.ndarray:
    """Returns `_choice_features` of networks that may have other values."""
    codes = [
        [_nearest(values.get(name), some) for name, some in levels.items()]
        for values in several
    ]
    return _choice_features(np.array(codes), levels, places)


def _nearest(value: Any, levels: Sequence[Any]) -> int:
    """Returns the place of a value; of the nearest number; -1 for another."""
    if value in levels:
        return levels.index(value)
    if not all(isinstance(one, int | float) for one in (value, *levels)):
        return -1
    return int(np.argmin([abs(value - one) for one in levels]))


def _choice_features(
    codes: np.ndarray, levels: Mapping[str, Sequence[Any]], places: np.ndarray
) -> np.ndarray:
    """Returns features: a column per level, numeric choices, and counts of levels.

    Choices with the same levels, such as the operations on the edges of a cell, are
    counted together.

    Args:
        codes: of each network the places of its choices in their levels.
        levels: of all choices.
        places: the choices to use.
    """
    used = [list(levels.values())[i] for i in places]
    columns: list[np.ndarray] = []
    for i, some in zip(places, used, strict=True):
        columns += [codes[:, i] == level for level in range(len(some))]
        if len(some) > 2 and all(isinstance(level, int | float) for level in some):
            numbers = np.array(some)[codes[:, i]]
            columns.append(np.where(codes[:, i] < 0, np.mean(some), numbers))
    alike: dict[str, list[int]] = {}
    for i, some in zip(places, used, strict=True):
        alike.setdefault(repr(some), []).append(i)
    for _, group in sorted(alike.items()):
        if len(group) > 1:
            several = codes[:, group]
            count = len(list(levels.values())[group[0]])
            columns += [(several == level).sum(axis=1) for level in range(count)]
    found = np.empty((len(codes), len(columns)))
    for i, column in enumerate(columns):
        found[:, i] = column
    return found
