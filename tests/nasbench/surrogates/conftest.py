"""A database of cells on walks, whose score is a known function of the cell."""

import numpy as np
import pytest

from autoai4eo.nasbench.database import NASBENCH101, Database, Entry
from autoai4eo.nasbench.sample import walks_of
from autoai4eo.nasbench.surrogates import read_records


def score(cell):
    """More convolutions are better, and so is an edge from input to output."""
    convolutions = sum("conv" in name for name in cell.operations)
    return 0.3 + 0.08 * convolutions + 0.1 * cell.matrix[0][-1]


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    rng = np.random.default_rng(0)
    entries = [
        Entry(
            cell,
            {
                0: {"naswot": score(cell) + rng.normal(0, 0.005)},
                5: {"val_accuracy": score(cell) + rng.normal(0, 0.02)},
            },
            walk,
            step,
        )
        for walk, cells in enumerate(walks_of(12, 8, rng))
        for step, cell in enumerate(cells)
    ]
    path = tmp_path_factory.mktemp("surrogates") / "planted.sqlite"
    about = {"channels": 16, "size": 8, "bands": 4, "classes": 3}
    with Database.create(path, NASBENCH101, about) as database:
        database.add(entries)
    return path


@pytest.fixture(scope="session")
def records(planted):
    with Database(planted) as database:
        return read_records(database, "val_accuracy")
