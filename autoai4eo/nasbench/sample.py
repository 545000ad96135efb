"""Samples of cells to train: on random walks, at random, or spread over the space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree
from scipy.stats import qmc, rankdata

from autoai4eo.errors import UserError
from autoai4eo.files import read_json, write_json
from autoai4eo.nasbench.cells import cell_features
from autoai4eo.nasbench.space import CELLS, random_cells, walk
from autoai4eo.networks.cell import OPERATIONS, Cell

_CURE = "make one with `autoai4eo nasbench sample`"
_MORE = 20  # cells to choose from, for each that is chosen

Walks = list[list[Cell]]


def walks_of(number: int, steps: int, rng: np.random.Generator) -> Walks:
    """Returns random walks; no cell is met twice, see `walk`.

    Raises:
        UserError: a walk cannot go on.
    """
    if number * steps > CELLS:
        raise UserError(
            f"expected at most {CELLS:,} cells, as many as there are, got {number:,} "
            f"walks of {steps:,}; ask for fewer or shorter ones"
        )
    found: Walks = []
    for _ in range(number):
        taken = [cell for one in found for cell in one]
        found.append(walk(steps, rng, taken))
    return found


def spread_cells(number: int, rng: np.random.Generator) -> list[Cell]:
    """Returns cells spread over the space as a Latin hypercube spreads points.

    Cells drawn at random are ranked by each of their features (sizes, paths, counts of
    operations); for each point of the hypercube (McKay et al. 1979) the nearest cell
    that is left is taken.
    """
    pool = random_cells(max(number, min(_MORE * number, CELLS)), rng)
    features = np.array(
        [cell_features(np.array(c.matrix), _named(c), OPERATIONS)[:10] for c in pool]
    )
    ranks = (rankdata(features, axis=0) - 0.5) / len(pool)
    points = qmc.LatinHypercube(ranks.shape[1], rng=rng).random(number)
    left = np.arange(len(pool))
    found = []
    for point in points:
        _, place = KDTree(ranks[left]).query(point)
        found.append(pool[left[place]])
        left = np.delete(left, place)
    return found


def _named(cell: Cell) -> list[str]:
    return ["input", *cell.operations, "output"]


def write_sample(path: Path, walks: Sequence[Sequence[Cell]]) -> None:
    """Writes walks of cells, in JSON; single cells are walks of one step."""
    write_json(path, {"walks": [[cell.record() for cell in one] for one in walks]})


def read_sample(path: Path) -> Walks:
    """Reads walks of cells.

    Raises:
        UserError: the file is missing or holds something else.
    """
    content = read_json(
        path, _CURE, {"walks": [[{"matrix": list, "operations": list}]]}
    )
    try:
        return [[Cell.of(**cell) for cell in one] for one in content["walks"]]
    except (TypeError, UserError) as error:
        raise UserError(
            f"{path}: expected walks of cells, found {error}; {_CURE}"
        ) from None
