"""The cells of a table as choices, features and ids; all of a size at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from autoai4eo.errors import UserError
from autoai4eo.nasbench.cells import (
    NO_VERTEX,
    cell_codes,
    cell_features,
    cell_of_choices,
    choice_names,
    features_of_cells,
    parse_adjacency,
    parse_operations,
)
from autoai4eo.nasbench.space import whole
from autoai4eo.networks.canonical import canonical_codes
from autoai4eo.networks.cell import MOST_EDGES, MOST_VERTICES, OPERATIONS, between
from autoai4eo.search.space.base import Values


@dataclass(frozen=True)
class CodedCells:
    """What a table knows of its cells.

    Attributes:
        features: see `features_of_cells`, (n, d).
        ids: int64 (n,); None: some are no cells of NAS-Bench-101.
        vocabulary: the operations between input and output that there are.
    """

    features: np.ndarray
    ids: np.ndarray | None
    vocabulary: Sequence[str]

    def describe(self, several: Sequence[Values]) -> np.ndarray:
        """Returns the features of other cells by their choices, (n, d).

        An operation that this table has not counts as the first that it has.
        """
        return np.array(
            [
                cell_features(
                    *cell_of_choices(values, self.vocabulary), self.vocabulary
                )
                for values in several
            ]
        )


def coded_cells(
    frame: pd.DataFrame, adjacency: Sequence[str]
) -> tuple[dict[str, list[Any]], np.ndarray, CodedCells]:
    """Reads the cells of a table.

    Args:
        frame: with a row for each cell.
        adjacency: the column of the matrices and optionally that of the operations.

    Returns:
        The values of each choice; their places in them, (n, choices); the rest.

    Raises:
        UserError: a row is no cell.
    """
    if len(adjacency) > 2:
        raise UserError(
            "--adjacency: expected the column of the matrix and that of the "
            f"operations, got {len(adjacency)} columns"
        )
    # the same few texts come again and again
    graph, texts = pd.factorize(frame[adjacency[0]])
    matrices = [parse_adjacency(text) for text in texts]
    sizes = np.array([len(matrix) for matrix in matrices])[graph]
    parts, names = [], set()
    for size in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == size)
        every, place = np.unique(graph[rows], return_inverse=True)
        stacked = np.array([matrices[i] for i in every])[place]
        operations = _operations(frame.iloc[rows], adjacency[1:], size)
        parts.append((rows, stacked, operations))
        names |= set(operations.ravel().tolist())
    vocabulary = sorted(names)
    most = int(sizes.max())
    codes = np.zeros((len(frame), len(choice_names(most))), np.uint8)
    features, ids = [], np.zeros(len(frame), np.int64)
    for rows, stacked, operations in parts:
        kinds = np.searchsorted(vocabulary, operations) + 1
        codes[rows] = cell_codes(stacked, kinds, most)
        features.append(features_of_cells(stacked, kinds, len(vocabulary)))
        ids[rows] = _ids(stacked, operations)
    order = np.argsort(np.concatenate([rows for rows, *_ in parts]))
    levels, codes = _used(codes, most, vocabulary)
    known = ids if ids.all() else None
    return levels, codes, CodedCells(np.concatenate(features)[order], known, vocabulary)


def _operations(frame: pd.DataFrame, column: Sequence[str], size: int) -> np.ndarray:
    """Returns the operations of cells of a size, without both ends, (n, v - 2)."""
    if not column:
        return np.full((len(frame), size - 2), "vertex")
    which, texts = pd.factorize(frame[column[0]])
    known = [parse_operations(text, size)[1:-1] for text in texts]
    return np.array(known, str).reshape(len(known), size - 2)[which]


def _used(
    codes: np.ndarray, most: int, vocabulary: Sequence[str]
) -> tuple[dict[str, list[Any]], np.ndarray]:
    """Returns the values that occur in each choice, and their places in them."""
    levels, columns = {}, []
    for name, column in zip(choice_names(most), codes.T, strict=True):
        every = [0, 1] if name.startswith("edge") else [NO_VERTEX, *vocabulary]
        known, places = np.unique(column, return_inverse=True)
        values = [every[i] for i in known]
        levels[name] = sorted(values)
        new = np.array([levels[name].index(value) for value in values], np.uint8)
        columns.append(new[places])
    return levels, np.column_stack(columns)


def _ids(matrices: np.ndarray, operations: np.ndarray) -> np.ndarray:
    """Returns the ids of cells of a size, (n,); 0 for one not of NAS-Bench-101."""
    found = np.zeros(len(matrices), np.int64)
    known = np.isin(operations, OPERATIONS).all(axis=1)
    if matrices.shape[1] > MOST_VERTICES or not known.any():
        return found
    order = np.argsort(OPERATIONS)
    kinds = order[np.searchsorted(np.array(OPERATIONS)[order], operations) % len(order)]
    good = whole(matrices) & known
    found[good] = canonical_codes(matrices[good], kinds[good])
    for i in np.flatnonzero(known & ~good):
        alive = sorted(between(matrices[i]))
        pruned = matrices[i][np.ix_(alive, alive)]
        if alive and pruned.sum() <= MOST_EDGES:
            inner = kinds[i][np.array(alive[1:-1], int) - 1]
            found[i] = canonical_codes(pruned[None], inner[None])[0]
    return found
