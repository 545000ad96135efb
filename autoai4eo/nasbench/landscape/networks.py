"""Recorded networks as the points of a landscape: neighbours and distances."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from autoai4eo.nasbench.database import Architecture
from autoai4eo.nasbench.space import neighbours
from autoai4eo.networks.cell import MOST_VERTICES, Cell


@dataclass(frozen=True)
class Landscape:
    """Recorded networks and their fitness.

    Attributes:
        name: of the data.
        fitness_name: of the column.
        architectures: n cells, or n choices by name, all different.
        fitness: (n,), more is better.
        figures: further columns by name, each (n,): costs and scores.
        walks: indices of the networks of each random walk, in its order.
        by_epoch: fitness after each epoch, (n,), ascending epochs.
        minimize: whether less of the column is better: the fitness is its negative.
        recalls: by class of the data, (n,).
    """

    name: str
    fitness_name: str
    architectures: Sequence[Architecture]
    fitness: np.ndarray
    figures: Mapping[str, np.ndarray] = field(default_factory=dict)
    walks: Sequence[np.ndarray] = ()
    by_epoch: Mapping[int, np.ndarray] = field(default_factory=dict)
    minimize: bool = False
    recalls: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.fitness)

    @property
    def values(self) -> np.ndarray:
        """The column as it is recorded, (n,)."""
        return -self.fitness if self.minimize else self.fitness

    @cached_property
    def _near(self) -> tuple[csr_array, bool]:
        """The neighbours of each network, and whether all of them are recorded."""
        places = {key_of(one): i for i, one in enumerate(self.architectures)}
        rows, columns, missing = [], [], False
        levels = _levels(self.architectures)
        for i, one in enumerate(self.architectures):
            for key in _neighbour_keys(one, levels):
                if (j := places.get(key)) is None:
                    missing = True
                else:
                    rows.append(i)
                    columns.append(j)
        ones = np.ones(len(rows))
        shape = (len(self), len(self))
        return csr_array((ones, (rows, columns)), shape=shape), not missing

    @property
    def adjacency(self) -> csr_array:
        """1 where two recorded networks are neighbours, (n, n).

        Neighbours differ in one choice; cells as told by `space.neighbours`.
        """
        return self._near[0]

    @property
    def is_closed(self) -> bool:
        """Whether every neighbour of a recorded network is recorded."""
        return self._near[1]

    @cached_property
    def distances(self) -> np.ndarray:
        """The distance of each network to the nearest best one, (n,)."""
        best = np.flatnonzero(self.fitness == self.fitness.max())
        return np.min([self.distances_to(int(place)) for place in best], axis=0)

    def distances_to(self, place: int) -> np.ndarray:
        """Returns the distance of each network to one of them, (n,).

        Of choices it is the number of different ones (Hamming); of cells the smallest
        number of edges and operations that differ, over all numberings of vertices.
        """
        other = self.architectures[place]
        if not isinstance(other, Cell):
            return np.array(
                [
                    sum(one[name] != value for name, value in other.items())
                    for one in self.architectures
                    if not isinstance(one, Cell)
                ]
            )
        fixed = _padded(other)
        return np.array(
            [
                _edits(_padded(one), fixed)
                for one in self.architectures
                if isinstance(one, Cell)
            ]
        )


def key_of(architecture: Architecture) -> Hashable:
    """Returns what two architectures share exactly if they are the same."""
    if isinstance(architecture, Cell):
        return architecture.id
    return tuple(architecture.values())


def _levels(architectures: Sequence[Architecture]) -> list[list[Any]]:
    """Returns the values of each choice that occur; [] for cells."""
    if isinstance(architectures[0], Cell):
        return []
    rows = [tuple(one.values()) for one in architectures if not isinstance(one, Cell)]
    return [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]


def _neighbour_keys(one: Architecture, levels: list[list[Any]]) -> list[Hashable]:
    if isinstance(one, Cell):
        return [cell.id for cell in neighbours(one)]
    values = tuple(one.values())
    return [
        (*values[:i], other, *values[i + 1 :])
        for i, some in enumerate(levels)
        for other in some
        if other != values[i]
    ]


def _padded(cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """Returns the matrix of 7 vertices and the operations of 5, "" where there is none.

    The output stays the last vertex.
    """
    last = cell.vertices - 1
    places = [*range(last), MOST_VERTICES - 1]
    matrix = np.zeros((MOST_VERTICES, MOST_VERTICES), np.int8)
    matrix[np.ix_(places, places)] = cell.matrix
    missing = MOST_VERTICES - cell.vertices
    return matrix, np.array([*cell.operations, *[""] * missing])


_ORDERS = np.array(
    [
        (0, *inner, MOST_VERTICES - 1)
        for inner in itertools.permutations(range(1, MOST_VERTICES - 1))
    ]
)


def _edits(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]
) -> int:
    matrix, operations = one
    numbered = matrix[_ORDERS[:, :, None], _ORDERS[:, None, :]]
    edges = (numbered != other[0]).sum(axis=(1, 2))
    kinds = (operations[_ORDERS[:, 1:-1] - 1] != other[1]).sum(axis=1)
    return int((edges + kinds).min())
