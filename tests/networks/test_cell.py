"""Cells of NAS-Bench-101: what is one, and when two are the same."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.errors import UserError
from autoai4eo.networks.cell import OPERATIONS, Cell

THREE, ONE, POOL = OPERATIONS
CHAIN = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]


def every_graph(vertices):
    """All matrices above the diagonal, with all operations."""
    pairs = list(itertools.combinations(range(vertices), 2))
    for edges in itertools.product((0, 1), repeat=len(pairs)):
        matrix = np.zeros((vertices, vertices), int)
        matrix[tuple(np.array(pairs).T)] = edges
        if matrix[:-1].any(axis=1).all() and matrix[:, 1:].any(axis=0).all():
            for kinds in itertools.product(OPERATIONS, repeat=vertices - 2):
                yield matrix, kinds


def smallest(matrix, kinds):
    """The smallest of all numberings, by brute force, without leaving any out."""
    last = len(matrix) - 1
    return min(
        (
            tuple(matrix[np.ix_(order, order)].ravel().tolist()),
            tuple(kinds[v - 1] for v in order[1:-1]),
        )
        for inner in itertools.permutations(range(1, last))
        for order in [(0, *inner, last)]
    )


@pytest.mark.parametrize(("vertices", "classes"), [(2, 1), (3, 6), (4, 84)])
def test_cells_are_equal_exactly_if_they_are_isomorphic(vertices, classes):
    by_id, by_force = {}, {}
    for place, (matrix, kinds) in enumerate(every_graph(vertices)):
        by_id.setdefault(Cell.of(matrix, kinds).id, set()).add(place)
        by_force.setdefault(smallest(matrix, kinds), set()).add(place)
    assert len(by_id) == classes
    assert sorted(map(sorted, by_id.values())) == sorted(map(sorted, by_force.values()))


@pytest.mark.slow
def test_so_are_all_of_five_vertices():
    ids, forced = [], []
    for matrix, kinds in every_graph(5):
        if matrix.sum() <= 9:
            ids.append(Cell.of(matrix, kinds).id)
            forced.append(smallest(matrix, kinds))
    assert len(set(ids)) == len(set(forced)) == len(set(zip(ids, forced, strict=True)))
    assert len(set(ids)) == 2441


@st.composite
def renumbered(draw):
    """A graph of up to 7 vertices, and the same with other numbers."""
    vertices = draw(st.integers(3, 7))
    pairs = list(itertools.combinations(range(vertices), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=9))
    matrix = np.zeros((vertices, vertices), int)
    matrix[tuple(np.array(chosen).T)] = 1
    kinds = draw(st.lists(st.sampled_from(OPERATIONS), min_size=vertices - 2))
    kinds = (kinds * vertices)[: vertices - 2] or [THREE] * (vertices - 2)
    order = [0, *draw(st.permutations(range(1, vertices - 1))), vertices - 1]
    other = matrix[np.ix_(order, order)]
    return matrix, kinds, other, [kinds[v - 1] for v in order[1:-1]]


@given(renumbered())
def test_numbers_of_vertices_do_not_matter(graphs):
    matrix, kinds, other, others = graphs
    try:
        cell = Cell.of(matrix, kinds)
    except UserError:
        with pytest.raises(UserError, match="expected a path"):
            Cell.of(other, others)
        return
    assert cell == Cell.of(other, others) == Cell.from_id(cell.id)
    assert hash(cell) == hash(Cell.of(other, others))
    assert Cell.of(**cell.record()).record() == cell.record()
    upper = np.triu(cell.matrix, 1)
    assert (upper == cell.matrix).all()
    assert upper[:-1].any(axis=1).all() and upper[:, 1:].any(axis=0).all()


def test_what_lies_on_no_path_is_left_out():
    matrix = np.zeros((5, 5), int)
    matrix[[0, 0, 2, 3], [1, 3, 4, 4]] = 1  # 1 leads nowhere, nothing leads to 2
    cell = Cell.of(matrix, ["input", ONE, POOL, THREE, "output"])
    assert cell == Cell.of(CHAIN, [THREE])
    assert (cell.vertices, cell.edges) == (3, 2)


def test_a_numbering_that_goes_forwards_is_kept():
    matrix = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    for kinds in ((THREE, ONE), (ONE, THREE)):
        assert Cell.of(matrix, kinds).operations == kinds


@pytest.mark.parametrize(
    ("matrix", "kinds", "expected"),
    [
        (np.eye(8, k=1), [THREE] * 6, "at most 7 vertices, found 8"),
        (np.triu(np.ones((5, 5)), 1), [THREE] * 3, "at most 9 edges, found 10"),
        (CHAIN, ["conv7x7"], "operations out of .*, found conv7x7"),
        (CHAIN, [THREE, ONE], "expected 1 operations .* found 2"),
        ([[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 1], [0] * 4], [THREE, ONE], "a cycle"),
        ([[0, 1, 0], [0, 0, 0], [0, 0, 0]], [THREE], "expected a path from its input"),
        ([[0, 2], [0, 0]], [], "matrix of 0 and 1"),
        ([[0, 1]], [], "expected a square matrix"),
        ("nonsense", [], "expected a square matrix"),
    ],
)
def test_what_is_no_cell_is_refused(matrix, kinds, expected):
    with pytest.raises(UserError, match=expected):
        Cell.of(matrix, kinds)


@pytest.mark.parametrize("number", [0, -1, 1 << 40, (7 << 29) + 5])
def test_what_is_no_id_is_refused(number):
    with pytest.raises(UserError, match="expected the id of a cell"):
        Cell.from_id(number)
