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


def cell_choices(
    matrix: np.ndarray, operations: Sequence[str], most: int
) -> dict[str, Any]:
    """Returns a cell as choices: whether two vertices are joined, and operations.

    Args:
        matrix, operations: of the cell.
        most: vertices of the largest cell; the output is always the last vertex.
    """
    place = [*range(len(matrix) - 1), most - 1]
    choices: dict[str, Any] = {
        f"edge_{i}_{j}": 0 for i in range(most) for j in range(i + 1, most)
    }
    choices.update({f"operation_{i}": NO_VERTEX for i in range(1, most - 1)})
    for i, j in zip(*np.nonzero(matrix), strict=True):
        choices[f"edge_{place[i]}_{place[j]}"] = 1
    for i in range(1, len(matrix) - 1):
        choices[f"operation_{i}"] = operations[i]
    return choices


def cell_of_choices(
    choices: Mapping[str, Any], vocabulary: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Returns the matrix and operations of a cell's choices, see `cell_choices`.

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
    """Returns features that do not depend on how the vertices are numbered.

    Numbers of vertices, edges and paths (log(1 + n)); longest and shortest path; edges
    at input and output; for each operation, how often it occurs, in all and at most on
    one path; for each pair of operations, the edges between them.
    """
    size = len(matrix)
    kinds = ["input", *vocabulary, "output"]
    kind = [0, *(kinds.index(name) for name in operations[1:-1]), len(kinds) - 1]
    reached = np.full(size, False)
    longest, shortest, paths = np.zeros(size), np.zeros(size), np.zeros(size)
    most = np.zeros((size, len(kinds)))
    reached[0], paths[0] = True, 1
    for j in range(1, size):
        before = [i for i in range(j) if matrix[i, j] and reached[i]]
        if not before:
            continue
        reached[j] = True
        longest[j] = 1 + max(longest[i] for i in before)
        shortest[j] = 1 + min(shortest[i] for i in before)
        paths[j] = sum(paths[i] for i in before)
        most[j] = np.max([most[i] for i in before], axis=0)
        most[j, kind[j]] += 1
    joined = np.zeros((len(kinds), len(kinds)))
    for i, j in zip(*np.nonzero(matrix), strict=True):
        joined[kind[i], kind[j]] += 1
    return [
        size,
        matrix.sum(),
        np.log1p(paths[-1]),
        longest[-1],
        shortest[-1],
        matrix[0].sum(),
        matrix[:, -1].sum(),
        *np.bincount(kind, minlength=len(kinds))[1:-1],
        *most[-1][1:-1],
        *joined.ravel(),
    ]


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
