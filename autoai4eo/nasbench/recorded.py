"""A table of recorded networks as the candidates of a search."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import keras_tuner
import numpy as np
from keras_tuner.engine import hyperparameters as hp_types
from optuna.trial import FrozenTrial

from autoai4eo.learning.objectives import Objective
from autoai4eo.nasbench.space import neighbour_ids
from autoai4eo.networks.cell import Cell
from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.prior import Prior


def weights_of(levels: Mapping[str, Sequence[Any]]) -> list[int]:
    """Returns the weight of each choice in the number of a network."""
    sizes = [len(some) for some in levels.values()]
    return [math.prod(sizes[:i]) for i in range(len(sizes))]


def numbers_of(levels: Mapping[str, Sequence[Any]], codes: np.ndarray) -> np.ndarray:
    """Returns a number for each network, (n,), the same exactly for equal choices.

    The choices are the digits of the number. Where these can exceed 63 bits, it is of
    type object.
    """
    most = math.prod(len(some) for some in levels.values())
    kind = np.int64 if most <= np.iinfo(np.int64).max else object
    found = np.zeros(len(codes), kind)
    for column, weight in zip(codes.T, weights_of(levels), strict=True):
        found += column.astype(kind) * weight
    return found


class Rows(Sequence[Values]):
    """The choices of each network, made when they are asked for.

    Args:
        levels: by choice, its values.
        codes: of each network the place of each choice in its values, (n, choices).
    """

    def __init__(self, levels: Mapping[str, Sequence[Any]], codes: np.ndarray) -> None:
        self._levels, self._codes = list(levels.items()), codes

    def __len__(self) -> int:
        return len(self._codes)

    @overload
    def __getitem__(self, place: int) -> Values: ...

    @overload
    def __getitem__(self, place: slice) -> list[Values]: ...

    def __getitem__(self, place: int | slice) -> Values | list[Values]:
        if isinstance(place, slice):
            return [self._of(code) for code in self._codes[place].tolist()]
        return self._of(self._codes[place].tolist())

    def __iter__(self) -> Iterator[Values]:
        return map(self._of, self._codes.tolist())

    def _of(self, code: Sequence[int]) -> Values:
        return {
            name: some[i] for (name, some), i in zip(self._levels, code, strict=True)
        }


Describe = Callable[[Sequence[Values]], np.ndarray]


@dataclass(frozen=True, eq=False)
class Table:
    """Recorded networks, in place of the `Candidates` of a search.

    Networks and their neighbours are found by numbers made of their choices, so that a
    table may have some hundred thousand.

    Attributes:
        levels: by choice column, the values that occur.
        codes: of each network the place of each choice in its levels, (n, choices), in
            the order of the file.
        rows: the row of each network in the file, from 0.
        objectives: their names are columns.
        figures: values of the objectives, (n, objectives).
        costs: names of the columns that are known before training.
        known: values of the costs, (n, costs).
        described: features of the networks, (n, d).
        trained: features of how they were trained, (n, t).
        logarithmic: the objectives on a logarithmic scale.
        describe, describe_training: return the same features of other networks.
        cells: the ids of the networks' cells, (n,), which decide what a neighbour is;
            None: they are no cells of NAS-Bench-101.
        priors: other tables, that a strategy may learn from.
    """

    levels: dict[str, list[Any]]
    codes: np.ndarray
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
    cells: np.ndarray | None = None
    priors: Sequence[Prior] = ()
    default: Values | None = None
    _digits: list[dict[Any, int]] = field(init=False, repr=False)
    _places: dict[int, int] = field(init=False, repr=False)
    _by_cell: np.ndarray = field(init=False, repr=False)
    _met: dict[int, list[int]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        def set_(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        weights = weights_of(self.levels)
        # by columns: `nearest` reads one after the other
        set_("codes", np.asfortranarray(self.codes))
        set_(
            "_digits",
            [
                {value: i * weight for i, value in enumerate(some)}
                for some, weight in zip(self.levels.values(), weights, strict=True)
            ],
        )
        numbers = numbers_of(self.levels, self.codes).tolist()
        set_("_places", {number: i for i, number in enumerate(numbers)})
        cells = np.zeros(0, int) if self.cells is None else self.cells
        set_("_by_cell", np.argsort(cells, kind="stable"))

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def values(self) -> Rows:
        """The choices of each network."""
        return Rows(self.levels, self.codes)

    @property
    def space(self) -> list[hp_types.Choice]:
        """The choices of the search space."""
        return [hp_types.Choice(name, some) for name, some in self.levels.items()]

    def draw(self, number: int, rng: np.random.Generator) -> list[Values]:
        """Draws `number` networks at random, or returns all if there are no more."""
        if number >= len(self):
            return list(self.values)
        places = rng.choice(len(self), number, replace=False)
        return list(Rows(self.levels, self.codes[places]))

    def vary(
        self, parents: Sequence[Values], number: int, rng: np.random.Generator
    ) -> list[Values]:
        """Returns neighbours of the parents, see `neighbours`."""
        near = {i for parent in parents for i in self.near(self._place(parent))}
        found = rng.permutation(np.array(sorted(near), int))[:number]
        return list(Rows(self.levels, self.codes[found]))

    def neighbours(self, values: Values) -> list[Values]:
        """Returns the networks of the table that differ in one choice.

        Cells of NAS-Bench-101 differ in one edit, see `space.neighbours`.
        """
        return list(Rows(self.levels, self.codes[self.near(self._place(values))]))

    def near(self, place: int) -> list[int]:
        """Returns the indices of the neighbours of a network, ascending."""
        if self.cells is not None:
            if place not in self._met:  # half a millisecond
                ids = neighbour_ids(Cell.of_code(int(self.cells[place])))
                self._met[place] = self._of_cells(ids)
            return self._met[place]
        values = self.values[place]
        number = self._number(values)
        found = (
            self._places.get(number - digits[values[name]] + other)
            for name, digits in zip(self.levels, self._digits, strict=True)
            for value, other in digits.items()
            if value != values[name]
        )
        return sorted(i for i in found if i is not None)

    def _of_cells(self, ids: Sequence[int]) -> list[int]:
        """Returns the indices of all networks of cells, ascending."""
        assert self.cells is not None
        begin, end = (
            np.searchsorted(self.cells, ids, side, sorter=self._by_cell)
            for side in ("left", "right")
        )
        pairs = zip(begin.tolist(), end.tolist(), strict=True)
        return sorted(int(i) for b, e in pairs for i in self._by_cell[b:e])

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
        places = [self.place_of(values) for values in several]
        rows = known[[0 if place is None else place for place in places]]
        foreign = [i for i, place in enumerate(places) if place is None]
        if foreign:
            rows[foreign] = describe([several[i] for i in foreign])
        return rows

    def estimate(self, several: Sequence[Values]) -> np.ndarray:
        """Returns the recorded costs, (n, costs)."""
        return self.known[[self._place(values) for values in several]]

    def learn_from(self, trials: Sequence[FrozenTrial]) -> None:
        """Does nothing: all costs are known."""

    def learn_space(self, hp: keras_tuner.HyperParameters) -> list[dict[str, Any]]:
        """Returns []: the choices are those of the table."""
        return []

    def build_and_count(self, several: Sequence[Values]) -> list[dict[str, Any]]:
        """Returns []: all costs are exact."""
        return []

    def identity(self, values: Values) -> int | None:
        """Returns the index of a network in `values`; None: it is not in the table."""
        return self._places.get(self._number(values))

    def place_of(self, values: Values) -> int | None:
        """Returns the index of a network in `values`; None: it is not in the table."""
        known = all(
            values.get(name) in digits
            for name, digits in zip(self.levels, self._digits, strict=True)
        )
        return self._places.get(self._number(values)) if known else None

    def place_of_cell(self, cell: Cell) -> int | None:
        """Returns the index of the first network of a cell; None: there is none."""
        found = self._of_cells([cell.id])
        return found[0] if found else None

    def nearest(self, values: Values, rng: np.random.Generator) -> int:
        """Returns the network with the most equal choices, drawn among ties."""
        place = self._places.get(self._number(values))
        if place is not None:
            return place
        distance = np.zeros(len(self), np.uint16)
        for i, (column, some) in enumerate(self.levels.items()):
            distance += self.codes[:, i] != some.index(values[column])
        return int(rng.choice(np.flatnonzero(distance == distance.min())))

    def _place(self, values: Values) -> int:
        return self._places[self._number(values)]

    def _number(self, values: Values) -> int:
        return sum(
            digits[values[name]]
            for name, digits in zip(self.levels, self._digits, strict=True)
        )
