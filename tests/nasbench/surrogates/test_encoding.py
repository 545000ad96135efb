"""Features of cells: against the obvious way, and whatever the numbering."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.blocks.cells.nasbench import Stacks, count
from autoai4eo.nasbench.space import all_ids, random_cells
from autoai4eo.nasbench.surrogates.costs import Shape, costs
from autoai4eo.nasbench.surrogates.encoding import (
    LONGEST_PATH,
    CellEncoding,
    ChoiceEncoding,
    encoding_of,
    path_encoding,
)
from autoai4eo.networks.canonical import padded
from autoai4eo.networks.cell import OPERATIONS, Cell

CELLS = [Cell.of_code(int(one)) for one in all_ids(4)]
CELLS += random_cells(60, np.random.default_rng(0))
IDS = np.array([cell.id for cell in CELLS])


def paths_of(cell):
    """All sequences of operations from input to output, by walking every path."""
    found, waiting = set(), [(0, ())]
    while waiting:
        vertex, before = waiting.pop()
        if vertex == cell.vertices - 1:
            found.add(before)
            continue
        if vertex:
            before = (*before, cell.operations[vertex - 1])
        for after in range(vertex + 1, cell.vertices):
            if cell.matrix[vertex][after]:
                waiting.append((after, before))
    return found


def test_paths_are_those_of_every_walk_from_input_to_output():
    every = [
        path
        for length in range(LONGEST_PATH + 1)
        for path in itertools.product(OPERATIONS, repeat=length)
    ]
    found = path_encoding(*padded(IDS))
    assert found.shape == (len(CELLS), len(every)) == (len(CELLS), 40)
    for cell, row in zip(CELLS, found, strict=True):
        assert {p for p, there in zip(every, row, strict=True) if there} == {
            p for p in paths_of(cell) if len(p) <= LONGEST_PATH
        }


def test_padded_graphs_are_the_cells():
    for cell, matrix, kinds in zip(CELLS, *padded(IDS), strict=True):
        places = [*range(cell.vertices - 1), 6]
        inner = matrix[np.ix_(places, places)]
        assert inner.sum() == matrix.sum()
        names = [OPERATIONS[kind] for kind in kinds if kind >= 0]
        assert Cell.of(inner, names) == cell


@pytest.mark.parametrize("shape", [Shape(), Shape(10, 2, 1, 7, 4, 3)])
def test_costs_are_those_of_one_network_after_another(shape):
    macs, params = costs(*padded(IDS), shape)
    stacks = Stacks(shape.channels, shape.stacks, shape.cells)
    head = shape.channels * 2 ** (shape.stacks - 1) * shape.classes
    for number, m, p in zip(IDS.tolist(), macs, params, strict=True):
        cell = Cell.of_code(number)  # in its canonical numbering
        found = count(cell, stacks, shape.size, shape.size, shape.bands)
        assert (m - head, p - head - shape.classes) == found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(CELLS) - 1), st.randoms(use_true_random=False))
def test_features_do_not_depend_on_the_numbering(place, random):
    cell = CELLS[place]
    inner = list(range(1, cell.vertices - 1))
    random.shuffle(inner)
    order = [0, *inner, cell.vertices - 1]
    matrix = np.array(cell.matrix)[np.ix_(order, order)]
    other = Cell.of(matrix, [cell.operations[i - 1] for i in inner])
    encoding = CellEncoding(Shape())
    assert np.array_equal(encoding.features([cell]), encoding.features([other]))


def test_cells_that_differ_have_different_features():
    features = CellEncoding(Shape()).features(CELLS)
    assert len(np.unique(features, axis=0)) == len(set(CELLS))


def test_choices_have_a_column_for_each_value_and_numbers():
    rows = [{"width": 8, "unit": "plain"}, {"width": 16, "unit": "residual"}]
    encoding = ChoiceEncoding.of(rows)
    expected = [[1, 0, 8, 1, 0], [0, 1, 16, 0, 1], [0, 0, 32, 0, 1]]
    several = [*rows, {"unit": "residual", "width": 32}]
    assert encoding.features(several).tolist() == expected
    again = encoding_of(encoding.record())
    assert again.features(several).tolist() == expected


def test_a_database_tells_its_shape():
    assert Shape.of({"channels": 16, "source": "own"}) == Shape(channels=16)
