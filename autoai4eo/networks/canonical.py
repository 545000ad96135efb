"""One number for all ways to number the vertices of a graph of operations.

It holds the number of vertices, the operations and the edges: of all numberings in
which edges go from lower to higher vertices, the smallest such number. At most 5!
numberings of 7 vertices are compared, for many graphs at once.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np

_KINDS = 3
_MOST = 7  # vertices
_BITS, _CODES = 21, 8  # of the edges of 7 vertices, of the operations of 5
_AT_ONCE = 4096
#: In place of the number of a graph that has a cycle.
NO_GRAPH = np.iinfo(np.int64).max


@cache
def _numberings(vertices: int) -> np.ndarray:
    """Returns the orders that keep input and output, (n, vertices)."""
    last = vertices - 1
    inner = itertools.permutations(range(1, last))
    return np.array([(0, *order, last) for order in inner])


def canonical_codes(matrices: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Returns the numbers of graphs, int64 (n,); `NO_GRAPH` for one with a cycle.

    Args:
        matrices: 1 for an edge from row to column, (n, v, v); 2 to 7 vertices.
        kinds: operations of the vertices between the first and the last, from 0 to 2,
            (n, v - 2).
    """
    orders = _numberings(matrices.shape[1])
    found = [
        _codes(matrices[i : i + _AT_ONCE], kinds[i : i + _AT_ONCE], orders)
        for i in range(0, len(matrices), _AT_ONCE)
    ]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def own_codes(matrices: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Returns the numbers of graphs for their own order of vertices, int64 (n,)."""
    order = np.arange(matrices.shape[1])[None]
    return _codes(matrices, kinds, order)


def _codes(matrices: np.ndarray, kinds: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Returns the smallest number over some orders of the vertices."""
    vertices = matrices.shape[1]
    rows, columns = np.triu_indices(vertices, 1)
    places = orders[:, rows] * vertices + orders[:, columns]
    flat = matrices.reshape(len(matrices), vertices**2).astype(np.float32)
    # bits of up to 21 edges are exact in float32, and so multiplied fast
    weights = np.stack([2.0 ** np.arange(len(rows)), np.ones(len(rows))], axis=1)
    edges, forwards = np.moveaxis(
        flat.take(places, axis=1) @ weights.astype(np.float32), -1, 0
    )
    operations = kinds[:, orders[:, 1:-1] - 1] @ _KINDS ** np.arange(
        vertices - 2, dtype=np.int64
    )
    codes = ((vertices << _CODES) + operations << _BITS) + edges.astype(np.int64)
    codes[forwards != flat.sum(axis=1)[:, None]] = NO_GRAPH
    return codes.min(axis=1)


def decoded(code: int) -> tuple[np.ndarray, list[int]]:
    """Returns the matrix (v, v) and the operations (v - 2) of a number.

    Raises:
        ValueError: no graph has so many vertices.
    """
    vertices = code >> _BITS + _CODES
    if not 2 <= vertices <= 7:
        raise ValueError(f"a graph of {vertices} vertices")
    matrix = np.zeros((vertices, vertices), int)
    rows, columns = np.triu_indices(vertices, 1)
    matrix[rows, columns] = code >> np.arange(len(rows)) & 1
    rest, kinds = code >> _BITS & (1 << _CODES) - 1, []
    for _ in range(vertices - 2):
        rest, kind = divmod(rest, _KINDS)
        kinds.append(kind)
    return matrix, kinds


def padded(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the graphs of many numbers, all with 7 vertices; the output is the last.

    Args:
        codes: that `canonical_codes` gave, int64 (n,).

    Returns:
        The matrices, int8 (n, 7, 7), and the operations, int8 (n, 5): -1 for a vertex
        that a graph does not have.
    """
    matrices = np.zeros((len(codes), _MOST, _MOST), np.int8)
    kinds = np.full((len(codes), _MOST - 2), -1, np.int8)
    sizes = codes >> _BITS + _CODES
    for size in np.unique(sizes).tolist():
        chosen = np.flatnonzero(sizes == size)
        some = codes[chosen]
        places = np.array([*range(size - 1), _MOST - 1])
        rows, columns = places[np.array(np.triu_indices(size, 1))]
        bits = some[:, None] >> np.arange(len(rows)) & 1
        matrices[chosen[:, None], rows, columns] = bits
        rest = some >> _BITS & (1 << _CODES) - 1
        for i in range(size - 2):
            kinds[chosen, i] = rest // _KINDS**i % _KINDS
    return matrices, kinds
