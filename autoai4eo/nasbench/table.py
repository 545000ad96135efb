"""A table of recorded networks as the candidates of a search."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import pandas as pd
from keras_tuner.engine import hyperparameters as hp_types
from optuna.trial import FrozenTrial

from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.learning.objectives import Objective
from autoai4eo.nasbench.cells import (
    cell_choices,
    cell_features,
    cell_of_choices,
    parse_adjacency,
    parse_operations,
)
from autoai4eo.nasbench.database import NASBENCH101, Database
from autoai4eo.nasbench.database_file import is_database
from autoai4eo.nasbench.frame import complete, numbers, read_frame
from autoai4eo.networks.cell import Cell
from autoai4eo.search.space.base import Values, is_of_training

#: Objectives that are on a logarithmic scale by default.
LOGARITHMIC = ("latency", "latency_ms", "macs", "params", "flops")


Describe = Callable[[Sequence[Values]], np.ndarray]


@dataclass(frozen=True)
class Table:
    """Recorded networks, in place of the `Candidates` of a search.

    Attributes:
        levels: by choice column, the values that occur.
        values: the choices of each network, in the order of the file.
        rows: the row of each network in the file, from 0.
        objectives: their names are columns.
        figures: values of the objectives, (n, objectives).
        costs: names of the columns that are known before training.
        known: values of the costs, (n, costs).
        described: features of the networks, (n, d).
        trained: features of how they were trained, (n, t).
        logarithmic: the objectives on a logarithmic scale.
        describe, describe_training: return these features of other networks.
    """

    levels: dict[str, list[Any]]
    values: list[Values]
    rows: np.ndarray
    objectives: tuple[Objective, ...]
    figures: np.ndarray
    costs: tuple[str, ...]
    known: np.ndarray
    described: np.ndarray
    trained: np.ndarray
    logarithmic: tuple[str, ...]
    describe: Describe
    describe_training: Describe

    def __post_init__(self) -> None:
        codes = np.array(
            [[self.levels[c].index(v[c]) for c in self.levels] for v in self.values]
        )
        object.__setattr__(self, "_codes", codes)
        places = {self._key(values): i for i, values in enumerate(self.values)}
        object.__setattr__(self, "_places", places)

    default: Values | None = None
    _codes: np.ndarray = None  # type: ignore[assignment]
    _places: dict[Hashable, int] = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.values)

    def _key(self, values: Values) -> Hashable:
        return tuple(values.get(column) for column in self.levels)

    @property
    def space(self) -> list[hp_types.Choice]:
        """The choices of the search space."""
        return [hp_types.Choice(name, some) for name, some in self.levels.items()]

    def draw(self, number: int, rng: np.random.Generator) -> list[Values]:
        """Draws `number` networks at random, or returns all if there are no more."""
        if number >= len(self):
            return list(self.values)
        return [self.values[i] for i in rng.choice(len(self), number, replace=False)]

    def vary(
        self, parents: Sequence[Values], number: int, rng: np.random.Generator
    ) -> list[Values]:
        """Returns networks of the table that differ from a parent in one choice."""
        near = np.zeros(len(self), bool)
        for parent in parents:
            code = self._codes[self.identity(parent)]
            near |= (self._codes != code).sum(axis=1) == 1
        found = np.flatnonzero(near)
        return [self.values[i] for i in rng.permutation(found)[:number]]

    def neighbours(self, values: Values) -> list[Values]:
        """Returns the networks of the table that differ in one choice."""
        distance = (self._codes != self._codes[self.identity(values)]).sum(axis=1)
        return [self.values[i] for i in np.flatnonzero(distance == 1)]

    def features(self, several: Sequence[Values]) -> np.ndarray:
        """Returns features of networks for a model of the accuracy, (n, d).

        They may be networks of another table with the same choices.
        """
        return self._rows(several, self.described, self.describe)

    def features_of_training(self, several: Sequence[Values]) -> np.ndarray:
        """Returns features of how the networks were trained, (n, t)."""
        return self._rows(several, self.trained, self.describe_training)

    def _rows(
        self, several: Sequence[Values], known: np.ndarray, describe: Describe
    ) -> np.ndarray:
        places = [self._places.get(self._key(values), -1) for values in several]
        rows = known[places]
        foreign = [i for i, place in enumerate(places) if place < 0]
        if foreign:
            rows[foreign] = describe([several[i] for i in foreign])
        return rows

    def estimate(self, several: Sequence[Values]) -> np.ndarray:
        """Returns the recorded costs, (n, costs)."""
        return self.known[[self.identity(values) for values in several]]

    def learn_from(self, trials: Sequence[FrozenTrial]) -> None:
        """Does nothing: all costs are known."""

    def learn_space(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Returns []: the choices are those of the table."""
        return []

    def build_and_count(self, several: Sequence[Values]) -> list[dict[str, Any]]:
        """Returns []: all costs are exact."""
        return []

    def identity(self, values: Values) -> int:
        """Returns the index of a network in `values`."""
        return self._places[self._key(values)]

    def nearest(self, values: Values, rng: np.random.Generator) -> int:
        """Returns the network with the most equal choices, drawn among ties."""
        place = self._places.get(self._key(values))
        if place is not None:
            return place
        code = [self.levels[c].index(values[c]) for c in self.levels]
        distance = (self._codes != code).sum(axis=1)
        return int(rng.choice(np.flatnonzero(distance == distance.min())))


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
    recorded = None
    if is_database(path):
        recorded, choices, adjacency = _recorded(path, choices, adjacency)
    if not path.exists():
        raise UserError(f"{path}: expected a CSV file, found none")
    if bool(choices) == bool(adjacency):
        raise UserError("expected either --choices or --adjacency, got both or neither")
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
    if adjacency:
        values, of_cells = _cells(frame, adjacency)
    else:
        values = frame[list(choices)].astype(object).to_dict("records")
    first = {tuple(v.values()): i for i, v in reversed(list(enumerate(values)))}
    rows = np.array(sorted(first.values()), int)
    if len(rows) < len(values):
        warnings.warn(
            f"{path}: {len(values) - len(rows)} rows repeat the network of an earlier "
            "row and are left out",
            AutoAI4EOWarning,
            stacklevel=2,
        )
    if len(rows) < 2:
        raise UserError(f"{path}: expected two networks or more, found {len(rows)}")
    kept = [values[i] for i in rows]
    levels = {c: sorted({v[c] for v in kept}, key=_order) for c in kept[0]}
    network = {c: some for c, some in levels.items() if not is_of_training(c)}
    training = {c: some for c, some in levels.items() if is_of_training(c)}
    describe = of_cells if adjacency else partial(_choice_features, levels=network)
    describe_training = partial(_choice_features, levels=training)
    return Table(
        levels,
        kept,
        rows,
        objectives,
        figures[rows],
        tuple(known),
        costs[rows],
        describe(kept),
        describe_training(kept),
        tuple(logarithmic),
        describe,
        describe_training,
    )


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


def _order(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value


def _cells(
    frame: pd.DataFrame, adjacency: Sequence[str]
) -> tuple[list[Values], Describe]:
    if len(adjacency) > 2:
        raise UserError(
            "--adjacency: expected the column of the matrix and that of the "
            f"operations, got {len(adjacency)} columns"
        )
    matrices = [parse_adjacency(text) for text in frame[adjacency[0]]]
    if len(adjacency) == 2:
        operations = [
            parse_operations(text, len(matrix))
            for text, matrix in zip(frame[adjacency[1]], matrices, strict=True)
        ]
    else:
        operations = [["vertex"] * len(matrix) for matrix in matrices]
    most = max(len(matrix) for matrix in matrices)
    vocabulary = sorted({name for names in operations for name in names[1:-1]})
    cells = list(zip(matrices, operations, strict=True))
    values = [cell_choices(matrix, names, most) for matrix, names in cells]
    return values, partial(_cell_features, vocabulary=vocabulary)


def _cell_features(several: Sequence[Values], vocabulary: Sequence[str]) -> np.ndarray:
    """Returns the features of cells by their choices, (n, d)."""
    cells = (cell_of_choices(values, vocabulary) for values in several)
    return np.array([cell_features(m, o, vocabulary) for m, o in cells], float)


def _choice_features(
    values: Sequence[Values], levels: Mapping[str, Sequence[Any]]
) -> np.ndarray:
    """Returns features: a column per level, numeric choices, and counts of levels.

    Choices with the same levels, such as the operations on the edges of a cell, are
    counted together.
    """
    table = pd.DataFrame(values)
    columns = []
    for name, some in levels.items():
        columns += [table[name] == level for level in some]
        if len(some) > 2 and all(isinstance(level, int | float) for level in some):
            columns.append(table[name])
    alike = sorted(levels, key=lambda name: repr(levels[name]))
    for _, group in itertools.groupby(alike, key=lambda name: repr(levels[name])):
        names = list(group)
        if len(names) > 1:
            some = levels[names[0]]
            columns += [(table[names] == level).sum(axis=1) for level in some]
    return np.array(columns, float).T.reshape(len(values), -1)
