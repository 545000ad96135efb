"""The space of NAS-Bench-101: how many cells, which are neighbours, what is drawn."""

import itertools
import json

import numpy as np
import pytest

from autoai4eo.errors import UserError
from autoai4eo.nasbench.space import all_ids, neighbours, random_cells, walk
from autoai4eo.networks.cell import OPERATIONS, Cell

#: Of up to 2, 3, … 7 vertices; the last is published (Ying et al. 2019).
PUBLISHED = 423_624


def test_all_cells_are_counted():
    # against the brute force of tests/networks/test_cell.py: 1 + 6 + 84
    assert [len(all_ids(v)) for v in (2, 3, 4)] == [1, 7, 91]
    assert len(all_ids(5)) == 91 + 2441
    ids = all_ids(4)
    assert len(set(ids)) == len(ids) and (np.diff(ids) > 0).all()
    with pytest.raises(UserError, match="vertices: expected 2 to 7, got 8"):
        all_ids(8)


@pytest.mark.slow
def test_the_whole_space_has_the_published_size():
    assert len(all_ids()) == PUBLISHED


def test_neighbours_are_one_edit_away_and_mutual():
    for cell in random_cells(12, np.random.default_rng(0)):
        near = neighbours(cell)
        assert cell not in near and len(set(near)) == len(near) > 0
        for other in near:
            assert other.vertices == cell.vertices
            assert abs(other.edges - cell.edges) <= 1
        assert cell in neighbours(near[0])


def test_the_neighbours_of_a_small_cell():
    three, one, pool = OPERATIONS
    chain = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    beside = [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    assert set(neighbours(Cell.of(chain, [three]))) == {
        Cell.of(chain, [one]),
        Cell.of(chain, [pool]),
        Cell.of(beside, [three]),
    }
    assert neighbours(Cell.of([[0, 1], [0, 0]], [])) == []


def test_random_cells_are_uniform():
    cells = random_cells(400, np.random.default_rng(1))
    assert len(set(cells)) == 400
    again = random_cells(400, np.random.default_rng(1))
    assert [c.id for c in again] == [c.id for c in cells]
    # 359,082 of 423,624 cells have seven vertices, 62,010 have six
    for vertices, share in ((7, 359_082 / PUBLISHED), (6, 62_010 / PUBLISHED)):
        found = np.mean([cell.vertices == vertices for cell in cells])
        assert abs(found - share) < 4 * np.sqrt(share * (1 - share) / 400)


def test_a_walk_meets_no_cell_twice():
    cells = walk(10, np.random.default_rng(0))
    assert len(set(cells)) == 10
    for before, after in itertools.pairwise(cells):
        assert after in neighbours(before)
    others = walk(10, np.random.default_rng(0), taken=cells)
    assert not set(others) & set(cells)


def test_a_walk_that_cannot_go_on_is_told(monkeypatch):
    two = [Cell.of([[0, 1], [0, 0]], [])]
    monkeypatch.setattr(
        "autoai4eo.nasbench.space.random_cells", lambda number, rng: two
    )
    with pytest.raises(UserError, match="of 2 vertices without a further neighbour"):
        walk(3, np.random.default_rng(0))


def test_the_published_walks_go_to_neighbours(shared):
    """EO HW-NAS: 30 walks of 15 distinct cells."""
    walks = json.loads((shared / "eo_hw_nas" / "path_logs.json").read_text())
    cells = [
        [Cell.of(s["module_adjacency"], s["module_operations"]) for s in steps]
        for steps in walks
    ]
    assert len({cell for steps in cells for cell in steps}) == 450
    for steps in cells[:8]:
        for before, after in itertools.pairwise(steps):
            assert after in neighbours(before)
