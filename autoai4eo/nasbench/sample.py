"""Samples of cells to train: on random walks, at random, or spread over the space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import qmc, rankdata

from autoai4eo.errors import UserError
from autoai4eo.files import read_json, write_json
from autoai4eo.nasbench.cells import cell_features
from autoai4eo.nasbench.space import CELLS, random_cells, walk
from autoai4eo.networks.cell import INPUT, OPERATIONS, OUTPUT, Cell

_FEATURES = 10  # sizes, paths, ends, counts of operations; then come pairs of them
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
    taken: list[Cell] = []
    for _ in range(number):
        found.append(walk(steps, rng, taken))
        taken += found[-1]
    return found


def spread_cells(number: int, rng: np.random.Generator) -> list[Cell]:
    """Returns cells spread over the space as a Latin hypercube spreads points.

    Cells drawn at random are ranked by each of their features (sizes, paths, counts of
    operations); for each point of the hypercube (McKay et al. 1979) the nearest cell
    that is left is taken.
    """
    pool = random_cells(max(number, min(_MORE * number, CELLS)), rng)
    features = np.array(
        [
            cell_features(np.array(c.matrix), _named(c), OPERATIONS)[:_FEATURES]
            for c in pool
        ]
    )
    ranks = (rankdata(features, axis=0) - 0.5) / len(pool)
    points = qmc.LatinHypercube(ranks.shape[1], rng=rng).random(number)
    left, found = np.ones(len(pool), bool), []
    for point in points:
        far = np.square(ranks - point).sum(axis=1)
        nearest = int(np.argmin(np.where(left, far, np.inf)))
        left[nearest] = False
        found.append(pool[nearest])
    return found


def _named(cell: Cell) -> list[str]:
    return [INPUT, *cell.operations, OUTPUT]


def write_sample(path: Path, walks: Sequence[Sequence[Cell]]) -> None:
    """Writes walks of cells, in JSON; single cells are walks of one step."""
    write_json(path, {"walks": [[cell.record() for cell in one] for one in walks]})


def read_sample(path: Path) -> Walks:
    """Reads the walks of cells that `write_sample` wrote.

    Raises:
        UserError: the file is none, a cell is invalid, or one is met twice.
    """
    cure = "draw a sample with `autoai4eo nasbench sample`"
    record = read_json(
        path, cure, {"walks": [[{"matrix": [[int]], "operations": [str]}]]}
    )
    found: Walks = []
    met: set[int] = set()
    for number, steps in enumerate(record["walks"]):
        found.append([])
        for step, one in enumerate(steps):
            where = f"{path}: walk {number}, step {step}"
            try:
                cell = Cell.of(one["matrix"], one["operations"])
            except UserError as error:
                raise UserError(f"{where}: {error}; {cure}") from None
            if cell.id in met:
                raise UserError(
                    f"{where}: expected every cell once, found one again; {cure}"
                )
            met.add(cell.id)
            found[-1].append(cell)
    if not met:
        raise UserError(f"{path}: expected cells, found none; {cure}")
    return found
