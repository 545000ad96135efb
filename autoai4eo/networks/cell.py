"""A cell of NAS-Bench-101: a small graph of operations.

Ying et al. 2019, *NAS-Bench-101: Towards reproducible neural architecture search*,
arXiv:1902.09635.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.networks.canonical import canonical_codes, decoded

INPUT, OUTPUT = "input", "output"
#: The operations of the vertices between input and output.
OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
MOST_VERTICES, MOST_EDGES = 7, 9

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell whose vertices all lie on a path from its input to its output.

    `Cell.of` makes one and leaves out other vertices. Two cells are equal exactly if
    their graphs are isomorphic, however their vertices are numbered. Where channels
    cannot be divided evenly, the numbering decides which vertex has one more.

    Attributes:
        matrix: 1 where an edge goes from the vertex of the row to that of the column,
            (v, v), above the diagonal only; vertex 0 is the input, the last the output.
        operations: of the vertices between them.
    """

    matrix: Matrix
    operations: tuple[str, ...]

    @classmethod
    def of(cls, matrix: Any, operations: Sequence[str]) -> Cell:
        """Returns the cell of a graph.

        Args:
            matrix: (v, v) of 0 and 1, vertices in any order between the first, which is
                the input, and the last, which is the output.
            operations: of the vertices, with or without those of input and output.

        Raises:
            UserError: it is no such graph, has a cycle, no path from its input to its
                output, an unknown operation, or more than 7 vertices or 9 edges.
        """
        checked = _matrix_of(matrix)
        kinds = _operations_of(operations, len(checked))
        order = _ordered(checked)
        alive = [i for i in order if i in between(checked)]
        if not alive:
            raise UserError(
                "cell: expected a path from its input to its output, found none"
            )
        pruned = checked[np.ix_(alive, alive)]
        if (edges := int(pruned.sum())) > MOST_EDGES:
            raise UserError(f"cell: expected at most {MOST_EDGES} edges, found {edges}")
        return cls(_rows(pruned), tuple(OPERATIONS[kinds[i]] for i in alive[1:-1]))

    @classmethod
    def from_id(cls, number: int) -> Cell:
        """Returns the cell of an `id`.

        Raises:
            UserError: no cell has this number.
        """
        try:
            found = cls.of_code(number)
            cell = cls.of(found.matrix, found.operations)
        except (ValueError, IndexError):  # a UserError is a ValueError, too
            raise _no_id(number) from None
        if cell.id != number:
            raise _no_id(number)
        return cell

    @classmethod
    def of_code(cls, code: int) -> Cell:
        """Returns the cell of a number that `canonical_codes` gave, unchecked."""
        matrix, kinds = decoded(code)
        cell = cls(_rows(matrix), tuple(OPERATIONS[kind] for kind in kinds))
        cell.__dict__["id"] = code
        return cell

    @cached_property
    def id(self) -> int:
        """A number below 2**32, the same exactly for isomorphic cells."""
        kinds = [[OPERATIONS.index(name) for name in self.operations]]
        inner = np.array(kinds, int).reshape(1, -1)
        return int(canonical_codes(np.array([self.matrix]), inner)[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def vertices(self) -> int:
        """Number of vertices, with input and output."""
        return len(self.matrix)

    @property
    def edges(self) -> int:
        """Number of edges."""
        return sum(map(sum, self.matrix))

    def record(self) -> dict[str, Any]:
        """Returns the cell for JSON."""
        return {
            "matrix": [list(row) for row in self.matrix],
            "operations": list(self.operations),
        }


def _no_id(number: int) -> UserError:
    return UserError(f"cell: expected the id of a cell, found {number}")


def _rows(matrix: np.ndarray) -> Matrix:
    return tuple(tuple(int(x) for x in row) for row in matrix)


def _matrix_of(matrix: Any) -> np.ndarray:
    try:
        found = np.array(matrix)
        good = found.ndim == 2 and found.shape[0] == found.shape[1] >= 2
        good = good and bool(np.isin(found, (0, 1)).all())
    except (ValueError, TypeError):
        good = False
    if not good:
        raise UserError(
            "cell: expected a square matrix of 0 and 1, two vertices or more, found "
            f"{str(matrix)[:60]}"
        )
    if len(found) > MOST_VERTICES:
        raise UserError(
            f"cell: expected at most {MOST_VERTICES} vertices, found {len(found)}"
        )
    return found.astype(int)


def _operations_of(operations: Sequence[str], vertices: int) -> list[int]:
    """Returns the place of each vertex's operation in `OPERATIONS`; -1 at both ends."""
    names = list(operations)
    if len(names) == vertices and (names[0], names[-1]) == (INPUT, OUTPUT):
        names = names[1:-1]
    if len(names) != vertices - 2:
        raise UserError(
            f"cell: expected {vertices - 2} operations between input and output, found "
            f"{len(names)}"
        )
    unknown = sorted({str(name) for name in names if name not in OPERATIONS})
    if unknown:
        raise UserError(
            f"cell: expected operations out of {', '.join(OPERATIONS)}, found "
            f"{', '.join(unknown)}"
        )
    return [-1, *(OPERATIONS.index(name) for name in names), -1]


def _ordered(matrix: np.ndarray) -> list[int]:
    """Returns the vertices so that edges go forwards; the input comes first.

    Raises:
        UserError: there is a cycle.
    """
    left, order = set(range(len(matrix))), []
    while left:
        free = [i for i in sorted(left) if not any(matrix[j, i] for j in left)]
        if not free:
            raise UserError("cell: expected a graph without cycles, found a cycle")
        order.append(free[0])
        left.remove(free[0])
    return order


def between(matrix: np.ndarray) -> set[int]:
    """Returns the vertices on a path from the first to the last; none without one."""
    last = len(matrix) - 1
    forwards = _reached(matrix, 0)
    return forwards & _reached(matrix.T, last) if last in forwards else set()


def _reached(matrix: np.ndarray, start: int) -> set[int]:
    found, waiting = {start}, [start]
    while waiting:
        after = set(np.flatnonzero(matrix[waiting.pop()]).tolist()) - found
        found |= after
        waiting += after
    return found
