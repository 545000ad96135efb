"""The cells of NAS-Bench-101: all of them, those drawn at random, and neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.networks.canonical import NO_GRAPH, canonical_codes, own_codes
from autoai4eo.networks.cell import MOST_EDGES, MOST_VERTICES, OPERATIONS, Cell

#: As many as there are, see `all_ids`.
CELLS = 423_624
_AT_ONCE = 2**17
#: One of some 1,300 drawn graphs is kept. To count all cells takes no longer than to
#: draw this many.
_LEAST, _TRIES, _MANY = 2**12, 1300, 2000


def neighbours(cell: Cell) -> list[Cell]:
    """Returns the cells at one edit, see `neighbour_ids`."""
    return [Cell.of_code(code) for code in neighbour_ids(cell)]


def neighbour_ids(cell: Cell) -> list[int]:
    """Returns the ids of the cells at one edit: an edge more, less, another operation.

    An edge may join any two vertices if no cycle results. As in the published walks of
    EO HW-NAS, a neighbour has as many vertices, all between input and output. To be a
    neighbour is mutual, and does not depend on how vertices are numbered.
    """
    last = cell.vertices - 1
    matrix = np.array(cell.matrix, np.int8)
    kinds = np.array([OPERATIONS.index(name) for name in cell.operations], int)
    matrices, operations = [], []
    for i in range(last):
        for j in range(1, cell.vertices):
            if i != j and not matrix[j, i]:
                other = matrix.copy()
                other[i, j] ^= 1
                matrices.append(other)
                operations.append(kinds)
    for i in range(len(kinds)):
        for kind in range(len(OPERATIONS)):
            if kind != kinds[i]:
                changed = kinds.copy()
                changed[i] = kind
                matrices.append(matrix)
                operations.append(changed)
    several = np.array(matrices)
    good = whole(several)
    inner = np.array(operations, int).reshape(len(operations), -1)
    codes = np.unique(canonical_codes(several[good], inner[good]))
    return [int(code) for code in codes if code not in (cell.id, NO_GRAPH)]


def all_ids(vertices: int = MOST_VERTICES) -> np.ndarray:
    """Returns the `id` of every cell of at most so many vertices, ascending.

    There are 423,624 of up to 7 vertices, as published; they take some ten seconds.

    Raises:
        UserError: the number of vertices is not 2 to 7.
    """
    if not 2 <= vertices <= MOST_VERTICES:
        raise UserError(
            f"vertices: expected 2 to {MOST_VERTICES}, got {vertices}; cells have no "
            "other number"
        )
    found = []
    for size in range(2, vertices + 1):
        graphs = _graphs(size)
        every = itertools.product(range(len(OPERATIONS)), repeat=size - 2)
        kinds = np.array(list(every), int).reshape(
            len(OPERATIONS) ** (size - 2), -1 if size > 2 else 0
        )
        for graph in graphs:
            same = np.broadcast_to(graph, (len(kinds), *graph.shape))
            found.append(np.unique(canonical_codes(same, kinds)))
    return np.sort(np.concatenate(found))


def random_cells(number: int, rng: np.random.Generator) -> list[Cell]:
    """Draws distinct cells; every cell is as probable as any other.

    Of all numberings of a cell's vertices one is that of its `id`. A graph drawn at
    random is kept if it has this numbering, so each cell has one way to be drawn.

    Raises:
        UserError: there are not so many.
    """
    if number > CELLS:
        raise UserError(
            f"expected at most {CELLS:,} cells, as many as there are, got {number:,}"
        )
    if number > _MANY:
        chosen = rng.choice(all_ids(), number, replace=False)
        return [Cell.of_code(int(code)) for code in chosen]
    at_once = min(_AT_ONCE, max(_LEAST, _TRIES * number))
    sizes = np.arange(2, MOST_VERTICES + 1)
    ways = 2.0 ** (sizes * (sizes - 1) / 2) * len(OPERATIONS) ** (sizes - 2.0)
    found: dict[int, None] = {}
    while len(found) < number:
        counts = rng.multinomial(at_once, ways / ways.sum())
        drawn = []
        for size, count in zip(sizes.tolist(), counts, strict=True):
            matrices = _upper(rng.integers(0, 2, (count, size * (size - 1) // 2)), size)
            kinds = rng.integers(0, len(OPERATIONS), (count, size - 2))
            good = whole(matrices)
            matrices, kinds = matrices[good], kinds[good]
            codes = canonical_codes(matrices, kinds)
            own = own_codes(matrices, kinds)
            drawn.append(codes[codes == own])
        found |= dict.fromkeys(map(int, rng.permutation(np.concatenate(drawn))))
    return [Cell.of_code(code) for code in list(found)[:number]]


def walk(
    steps: int, rng: np.random.Generator, taken: Sequence[Cell] = ()
) -> list[Cell]:
    """Walks at random from cell to neighbour; no cell twice.

    The first cell is drawn as by `random_cells`, each next one among the neighbours
    that were not met.

    Args:
        steps: number of cells.
        rng: random generator.
        taken: cells that the walk must not meet.

    Raises:
        UserError: a cell has no further neighbour, or all cells are taken.
    """
    met = {cell.id for cell in taken}
    if len(met) + steps > CELLS:
        raise UserError(
            f"expected walks of at most {CELLS:,} cells together, got more; ask for "
            "fewer or shorter ones"
        )
    drawn: list[Cell] = []
    while not (free := [cell for cell in drawn if cell.id not in met]):
        drawn = random_cells(1, rng)
    found = free
    while len(found) < steps:
        met.add(found[-1].id)
        free = [cell for cell in neighbours(found[-1]) if cell.id not in met]
        if not free:
            raise UserError(
                f"expected walks of {steps} cells, found a cell of "
                f"{found[-1].vertices} vertices without a further neighbour after "
                f"{len(found)}; ask for fewer steps, or choose another seed"
            )
        found.append(free[rng.integers(len(free))])
    return found


def _graphs(size: int) -> np.ndarray:
    """Returns the graphs without operations that are not isomorphic, (n, v, v)."""
    bits = size * (size - 1) // 2
    found = []
    for start in range(0, 2**bits, _AT_ONCE):
        masks = np.arange(start, min(start + _AT_ONCE, 2**bits))
        matrices = _upper(masks[:, None] >> np.arange(bits) & 1, size)
        matrices = matrices[whole(matrices)]
        same = np.zeros((len(matrices), size - 2), int)
        found.append(
            matrices[canonical_codes(matrices, same) == own_codes(matrices, same)]
        )
    return np.concatenate(found)


def _upper(edges: np.ndarray, size: int) -> np.ndarray:
    """Returns matrices (n, v, v) of edges (n, v (v - 1) / 2)."""
    rows, columns = np.triu_indices(size, 1)
    matrices = np.zeros((len(edges), size, size), np.int8)
    matrices[:, rows, columns] = edges
    return matrices


def whole(matrices: np.ndarray) -> np.ndarray:
    """Returns which graphs (n, v, v) are cells, bool (n,).

    All vertices lie between input and output, and edges are not too many.
    """
    few = matrices.sum(axis=(1, 2)) <= MOST_EDGES
    size = matrices.shape[1]
    forwards = np.zeros((len(matrices), size), bool)
    forwards[:, 0] = True
    backwards = np.zeros_like(forwards)
    backwards[:, -1] = True
    joined = matrices.astype(bool)
    for _ in range(size - 1):
        forwards |= (forwards[:, :, None] & joined).any(axis=1)
        backwards |= (joined & backwards[:, None, :]).any(axis=2)
    return few & forwards.all(axis=1) & backwards.all(axis=1)
