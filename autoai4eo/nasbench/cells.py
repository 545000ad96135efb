"""Cells as graphs: their choices, and features that ignore vertex numbering."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.networks.cell import Cell

NO_VERTEX = "none"


def parse_adjacency(text: Any) -> np.ndarray:
    """Returns the matrix (v, v) of a cell; edges go from lower to higher vertices.

    Args:
        text: JSON rows, or the digits 0 and 1 of all rows in one string.

    Raises:
        UserError: it is neither, or not square, or has edges that go backwards.
    """
    try:
        if "[" in str(text):
            matrix = np.array(json.loads(text))
        else:
            matrix = np.array(list(map(int, str(text))))
        whole = bool(np.isin(matrix, (0, 1)).all())
        matrix = matrix.astype(int)
        if matrix.ndim == 1:
            side = round(len(matrix) ** 0.5)
            matrix = matrix.reshape(side, side)
        good = whole and matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 1
    except (ValueError, TypeError, RecursionError):
        good = False
    if not good or np.tril(matrix).any() or not np.isin(matrix, (0, 1)).all():
        raise UserError(
            "--adjacency: expected a square matrix of 0 and 1 with ones above the "
            f"diagonal only, as JSON rows or digits, found {str(text)[:60]!r}"
        )
    return matrix


def parse_operations(text: Any, vertices: int) -> list[str]:
    """Returns the operation of each vertex, including input and output.

    Args:
        text: a JSON list, or names separated by commas, bars, semicolons or spaces; of
            all vertices, or of those between input and output.
        vertices: number of vertices of the cell.

    Raises:
        UserError: the number of operations does not fit.
    """
    text = str(text)
    if text.lstrip().startswith("["):
        try:
            names = [str(name) for name in json.loads(text)]
        except ValueError as error:
            raise UserError(
                f"--adjacency: expected operations as a JSON list, found {text[:60]!r} "
                f"({error})"
            ) from None
    else:
        for mark in ",|;":
            text = text.replace(mark, " ")
        names = text.split()
    if len(names) == vertices - 2:
        names = ["input", *names, "output"]
    if len(names) != vertices:
        raise UserError(
            f"--adjacency: expected {vertices} operations for {vertices} vertices, or "
            f"{vertices - 2} without input and output, found {len(names)}: {names}"
        )
    return names


def choice_names(most: int) -> list[str]:
    """Returns the names of a cell's choices, for cells of at most so many vertices."""
    edges = [f"edge_{i}_{j}" for i in range(most) for j in range(i + 1, most)]
    return edges + [f"operation_{i}" for i in range(1, most - 1)]


def cell_codes(matrices: np.ndarray, kinds: np.ndarray, most: int) -> np.ndarray:
    """Returns cells as choices: whether two vertices are joined, and operations.

    Args:
        matrices: of cells of one size, (n, v, v).
        kinds: their operations between input and output, from 1, (n, v - 2).
        most: vertices of the largest cell; the output is always the last vertex.

    Returns:
        In the order of `choice_names`, (n, choices); 0 is no edge and no vertex.
    """
    last = matrices.shape[1] - 1
    joined = np.zeros((len(matrices), most, most), np.uint8)
    joined[:, :last, :last] = matrices[:, :last, :last]
    joined[:, :last, most - 1] = matrices[:, :last, last]
    operations = np.zeros((len(matrices), most - 2), np.uint8)
    operations[:, : last - 1] = kinds
    return np.hstack([joined[:, *np.triu_indices(most, 1)], operations])


def cell_of_choices(
    choices: Mapping[str, Any], vocabulary: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Returns the matrix and operations of a cell's choices, see `choice_names`.

    An operation that is not in the vocabulary becomes its first one.
    """
    kinds = [name for name in choices if name.startswith("operation_")]
    kept = [
        i for i in range(1, len(kinds) + 1) if choices[f"operation_{i}"] != NO_VERTEX
    ]
    place = [0, *kept, len(kinds) + 1]
    matrix = np.zeros((len(place), len(place)), int)
    for row, i in enumerate(place):
        for column, j in enumerate(place[row + 1 :], row + 1):
            matrix[row, column] = choices[f"edge_{i}_{j}"]
    names = [choices[f"operation_{i}"] for i in kept]
    known = [name if name in vocabulary else vocabulary[0] for name in names]
    return matrix, ["input", *known, "output"]


def cell_features(
    matrix: np.ndarray, operations: Sequence[str], vocabulary: Sequence[str]
) -> list[float]:
    """Returns the features of a cell, see `features_of_cells`.

    Args:
        matrix: of the cell, (v, v).
        operations: of all its vertices.
        vocabulary: the operations between input and output that there are.
    """
    inner = [vocabulary.index(name) + 1 for name in operations[1:-1]]
    kinds = np.array(inner, int).reshape(1, -1)
    found: list[float] = features_of_cells(matrix[None], kinds, len(vocabulary))[
        0
    ].tolist()
    return found


def features_of_cells(
    matrices: np.ndarray, kinds: np.ndarray, vocabulary: int
) -> np.ndarray:
    """Returns features that do not depend on how vertices are numbered, (n, d).

    Numbers of vertices, edges and paths (log(1 + n)); longest and shortest path; edges
    at input and output; for each operation, how often it occurs, in all and at most on
    one path; for each pair of operations, the edges between them.

    Args:
        matrices: of cells of one size, (n, v, v).
        kinds: their operations between input and output, from 1, (n, v - 2).
        vocabulary: number of operations that there are.
    """
    number, size = matrices.shape[:2]
    joined = matrices.astype(bool)
    kind = np.zeros((number, size), int)
    kind[:, 1:-1], kind[:, -1] = kinds, vocabulary + 1
    every = np.arange(number)
    reached = np.zeros((number, size), bool)
    reached[:, 0] = True
    longest, shortest, paths = (np.zeros((number, size)) for _ in range(3))
    paths[:, 0] = 1
    most = np.zeros((number, size, vocabulary + 2))
    pairs = np.zeros((number, vocabulary + 2, vocabulary + 2))
    for j in range(1, size):
        before = joined[:, :j, j] & reached[:, :j]
        some = reached[:, j] = before.any(axis=1)
        far = np.where(before, longest[:, :j], -1).max(axis=1)
        close = np.where(before, shortest[:, :j], size).min(axis=1)
        longest[:, j] = np.where(some, 1 + far, 0)
        shortest[:, j] = np.where(some, 1 + close, 0)
        paths[:, j] = np.where(before, paths[:, :j], 0).sum(axis=1)
        most[:, j] = np.where(before[:, :, None], most[:, :j], 0).max(axis=1)
        most[every, j, kind[:, j]] += some
        for i in range(j):
            pairs[every, kind[:, i], kind[:, j]] += joined[:, i, j]
    counts = [(kind == one).sum(axis=1) for one in range(1, vocabulary + 1)]
    return np.column_stack(
        [
            np.full(number, size),
            joined.sum(axis=(1, 2)),
            np.log1p(paths[:, -1]),
            longest[:, -1],
            shortest[:, -1],
            joined[:, 0].sum(axis=1),
            joined[:, :, -1].sum(axis=1),
            *counts,
            most[:, -1, 1:-1],
            pairs.reshape(number, -1),
        ]
    ).astype(float)


def cell_of(path: Path, row: int, matrix: Any, operations: Any) -> Cell:
    """Returns the cell of a row of a table, counted from 1.

    Raises:
        UserError: it is no cell; the message names the file and the row.
    """
    try:
        found = parse_adjacency(matrix)
        return Cell.of(found, parse_operations(operations, len(found)))
    except UserError as error:
        raise UserError(f"{path}, row {row}: {error}") from None
