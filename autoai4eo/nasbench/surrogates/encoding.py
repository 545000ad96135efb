"""Features of networks for a surrogate: of cells, and of choices.

Cells are encoded by their canonical numbering, so isomorphic cells have the same
features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, Self

import numpy as np

from autoai4eo.nasbench.database import Architecture
from autoai4eo.nasbench.surrogates.costs import Shape, costs
from autoai4eo.networks.canonical import padded
from autoai4eo.networks.cell import MOST_VERTICES, OPERATIONS, Cell

#: Operations of the longest path that is a feature: there are 40 of up to three. White
#: et al. 2021 (BANANAS, arXiv:1910.11858) cut their 364 after the 40 shortest ones.
LONGEST_PATH = 3
_PATHS = sum(len(OPERATIONS) ** n for n in range(LONGEST_PATH + 1))


@dataclass(frozen=True)
class CellEncoding:
    """Features of cells.

    In this order: edges of the matrix of 7 vertices (21), operations of the vertices
    between (5 × 3), paths (40), logarithms of multiply-adds and parameters.

    Attributes:
        shape: of the networks, for their costs.
    """

    shape: Shape

    def features(self, networks: Sequence[Architecture]) -> np.ndarray:
        """Returns the features of cells, (n, d)."""
        return self.features_of_ids(_ids(networks))

    def costs(self, networks: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """Returns multiply-adds and parameters of the networks of cells, (n,) each."""
        return costs(*padded(_ids(networks)), self.shape)

    def features_of_ids(self, ids: np.ndarray) -> np.ndarray:
        """Returns the features of the cells of these ids, float32 (n, d)."""
        matrices, kinds = padded(ids)
        edges = matrices[:, *np.triu_indices(MOST_VERTICES, 1)]
        operations = kinds[:, :, None] == np.arange(len(OPERATIONS))
        known = costs(matrices, kinds, self.shape)
        return np.hstack(
            [
                edges,
                operations.reshape(len(ids), -1),
                path_encoding(matrices, kinds),
                np.log(np.stack(known, axis=1)),
            ]
        ).astype(np.float32)

    def record(self) -> dict[str, Any]:
        """Returns what describes the encoding, for JSON."""
        return {"shape": asdict(self.shape)}


def _ids(networks: Sequence[Architecture]) -> np.ndarray:
    return np.array([one.id for one in networks if isinstance(one, Cell)], np.int64)


def path_encoding(matrices: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Returns which paths from input to output occur in each cell, bool (n, 40).

    A path is the sequence of its operations (White et al. 2021). The empty one comes
    first; the paths that go on from number i with operation k have number 3 i + 1 + k.
    Those of more than `LONGEST_PATH` operations are left out.

    Args:
        matrices, kinds: of cells, see `networks.canonical.padded`.
    """
    number, vertices, _ = matrices.shape
    width = len(OPERATIONS)
    shorter = (_PATHS - 1) // width  # that can go on
    edge = matrices.astype(bool)
    found = np.zeros((vertices, number, _PATHS), bool)
    found[0, :, 0] = True
    for v in range(1, vertices):
        for w in range(v):
            found[v] |= found[w] & edge[:, w, v, None]
        if v < vertices - 1:
            before = found[v].copy()
            found[v] = False
            for k in range(width):
                at = kinds[:, v - 1] == k
                found[v, at, 1 + k :: width] = before[at, :shorter]
    return found[-1]


@dataclass(frozen=True)
class ChoiceEncoding:
    """Features of choices: a column for each value, and for each choice of numbers.

    Attributes:
        levels: by choice, the values that occur.
    """

    levels: Mapping[str, Sequence[Any]]

    @classmethod
    def of(cls, networks: Sequence[Architecture]) -> Self:
        """Returns the encoding of the values that occur."""
        rows = [one for one in networks if not isinstance(one, Cell)]
        names = rows[0]
        return cls({n: list(dict.fromkeys(row[n] for row in rows)) for n in names})

    def features(self, networks: Sequence[Architecture]) -> np.ndarray:
        """Returns the features of choices, (n, d)."""
        rows = [one for one in networks if not isinstance(one, Cell)]
        columns = []
        for name, levels in self.levels.items():
            values = [row[name] for row in rows]
            columns += [[value == level for value in values] for level in levels]
            if all(isinstance(level, Real) for level in levels):
                columns.append(values)
        return np.array(columns, np.float32).T

    def record(self) -> dict[str, Any]:
        """Returns what describes the encoding, for JSON."""
        return {"levels": {name: list(some) for name, some in self.levels.items()}}


Encoding = CellEncoding | ChoiceEncoding


def encoding_of(record: Mapping[str, Any]) -> Encoding:
    """Returns the encoding that `record` described."""
    if "shape" in record:
        return CellEncoding(Shape(**record["shape"]))
    return ChoiceEncoding(record["levels"])
