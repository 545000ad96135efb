"""A table finds networks and neighbours as a scan of all its rows does."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.learning.objectives import Objective
from autoai4eo.nasbench import Table, read_table
from autoai4eo.nasbench.cells import cell_features
from autoai4eo.nasbench.space import all_ids, neighbours, random_cells
from autoai4eo.networks.cell import INPUT, OPERATIONS, OUTPUT, Cell


def no_features(several):
    return np.zeros((len(several), 0))


def table_of(sizes, places):
    """Some of all combinations of choices with so many values each."""
    every = list(itertools.product(*map(range, sizes)))
    codes = np.array([every[i % len(every)] for i in sorted(places)])
    codes = np.unique(codes, axis=0)
    levels = {f"c{i}": [f"v{j}" for j in range(n)] for i, n in enumerate(sizes)}
    number = len(codes)
    return Table(
        levels,
        codes,
        np.arange(number),
        (Objective("acc", "max"),),
        np.zeros((number, 1)),
        (),
        np.zeros((number, 0)),
        np.zeros((number, 0)),
        np.zeros((number, 0)),
        (),
        no_features,
        no_features,
    )


TABLES = st.builds(
    table_of,
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.sets(st.integers(0, 2000), min_size=1, max_size=60),
)


@settings(max_examples=60, deadline=None)
@given(TABLES, st.data())
def test_neighbours_and_the_nearest_are_those_of_a_scan(table, data):
    place = data.draw(st.integers(0, len(table) - 1))
    far = (table.codes != table.codes[place]).sum(axis=1)
    assert table.near(place) == np.flatnonzero(far == 1).tolist()
    assert table.identity(table.values[place]) == place
    some = {name: data.draw(st.sampled_from(v)) for name, v in table.levels.items()}
    (known,) = [[i for i, v in enumerate(table.values) if v == some]]
    assert table.identity(some) == (known[0] if known else None)

    values = {n: data.draw(st.sampled_from(some)) for n, some in table.levels.items()}
    code = [some.index(values[name]) for name, some in table.levels.items()]
    far = (table.codes != code).sum(axis=1)
    nearest = table.nearest(values, np.random.default_rng(0))
    assert far[nearest] == far.min()
    every = {table.nearest(values, np.random.default_rng(i)) for i in range(200)}
    if (far == far.min()).sum() <= 5:
        assert every == set(np.flatnonzero(far == far.min()).tolist())


def test_many_choices_of_many_values_are_told_apart():
    """Their number is far above 64 bits."""
    sizes = [1000] * 30
    codes = np.zeros((1000, 30), int)
    codes[:, 29] = np.arange(1000)
    levels = {f"c{i}": list(range(n)) for i, n in enumerate(sizes)}
    empty = np.zeros((1000, 0))
    table = Table(
        levels,
        codes,
        np.arange(1000),
        (Objective("acc", "max"),),
        np.zeros((1000, 1)),
        (),
        *[empty] * 3,
        (),
        no_features,
        no_features,
    )
    assert [table.identity(v) for v in table.values] == list(range(1000))
    assert table.near(7) == [i for i in range(1000) if i != 7]


def cells_table(tmp_path, cells):
    rows = [
        (json.dumps(c.record()["matrix"]), json.dumps(c.operations), i, 1 + i)
        for i, c in enumerate(cells)
    ]
    names = ["matrix", "operations", "acc", "macs"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "cells.csv", index=False)
    return read_table(
        tmp_path / "cells.csv",
        maximize=["acc"],
        minimize=["macs"],
        adjacency=["matrix", "operations"],
    )


def test_neighbours_of_cells_are_at_one_edit_however_they_are_numbered(tmp_path):
    cells = [
        Cell.of_code(int(i)) for i in np.random.default_rng(0).permutation(all_ids(5))
    ]
    table = cells_table(tmp_path, cells)
    assert table.cells.tolist() == [c.id for c in cells]
    for place in (0, 17, 500):
        near = {cells[i] for i in table.near(place)}
        assert near == set(neighbours(cells[place]))
    parents = [table.values[i] for i in (0, 17)]
    found = table.vary(parents, 10_000, np.random.default_rng(0))
    places = sorted(table.identity(v) for v in found)
    assert places == sorted({*table.near(0), *table.near(17)})


def test_rows_of_one_cell_are_all_neighbours_and_dead_vertices_do_not_matter(tmp_path):
    conv, one, pool = OPERATIONS
    dead = ([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]], (conv, pool))
    chain = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    rows = [(*dead, 1.0), (chain, (one,), 2.0), (chain, (conv,), 3.0)]
    frame = pd.DataFrame(
        [(json.dumps(m), json.dumps(o), acc) for m, o, acc in rows],
        columns=["m", "o", "acc"],
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = read_table(
        tmp_path / "t.csv", maximize=["acc"], minimize=[], adjacency=["m", "o"]
    )
    assert len(table) == 3 and table.cells[0] == table.cells[2]
    assert table.near(1) == [0, 2] and table.near(0) == [1]


def test_cells_of_another_space_differ_in_one_choice(tmp_path):
    chain = json.dumps([[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    frame = pd.DataFrame(
        [(chain, json.dumps([name]), i) for i, name in enumerate(["a", "b", "c"])],
        columns=["m", "o", "acc"],
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = read_table(
        tmp_path / "t.csv", maximize=["acc"], minimize=[], adjacency=["m", "o"]
    )
    assert table.cells is None and table.near(0) == [1, 2]


def one_by_one(matrix, operations, vocabulary):
    """Features of a cell, by paths and edges counted one after the other."""
    size = len(matrix)
    kinds = ["input", *vocabulary, "output"]
    ways = []

    def go(path):
        if path[-1] == size - 1:
            ways.append(path)
        for j in np.flatnonzero(matrix[path[-1]]):
            go([*path, int(j)])

    go([0])
    on = [[sum(operations[v] == k for v in w) for k in vocabulary] for w in ways]
    edges = [
        (operations[i], operations[j]) for i, j in zip(*np.nonzero(matrix), strict=True)
    ]
    return [
        size,
        len(edges),
        np.log1p(len(ways)),
        max(map(len, ways)) - 1,
        min(map(len, ways)) - 1,
        sum(a == "input" for a, _ in edges),
        sum(b == "output" for _, b in edges),
        *(operations[1:-1].count(k) for k in vocabulary),
        *np.max(on, axis=0),
        *(edges.count((a, b)) for a in kinds for b in kinds),
    ]


def test_features_of_cells_are_those_counted_one_by_one():
    for cell in random_cells(60, np.random.default_rng(0)):
        operations = [INPUT, *cell.operations, OUTPUT]
        matrix = np.array(cell.matrix)
        found = cell_features(matrix, operations, OPERATIONS)
        assert found == pytest.approx(one_by_one(matrix, operations, OPERATIONS))


def test_networks_of_another_table_are_described_like_its_own(tmp_path):
    (tmp_path / "t.csv").write_text("width,unit,f\n8,a,1\n16,a,2\n32,b,3\n")
    how = {"maximize": ["f"], "minimize": [], "choices": ["width", "unit"]}
    table = read_table(tmp_path / "t.csv", **how)
    own = table.features(list(table.values))
    foreign = table.features([{"width": 16, "unit": "b"}, {"width": 20, "unit": "c"}])
    assert foreign[0, :4].tolist() == own[1, :4].tolist()  # the width
    assert foreign[0, 4:].tolist() == own[2, 4:].tolist()  # the unit
    assert foreign[1, :4].tolist() == own[1, :4].tolist()  # the nearest width
    assert not foreign[1, 4:6].any()
    missing = table.features([{"unit": "a"}])[0]
    assert not missing[:3].any() and missing[3] == (8 + 16 + 32) / 3


def test_cells_of_another_table_are_described_like_its_own(tmp_path):
    cells = random_cells(12, np.random.default_rng(0))
    few, more = tmp_path / "few", tmp_path / "more"
    few.mkdir()
    more.mkdir()
    table, other = cells_table(few, cells[:6]), cells_table(more, cells)
    several = list(other.values)
    assert np.array_equal(table.features(several[:6]), table.described)
    assert table.described.shape[1] == other.described.shape[1]
    assert np.array_equal(table.features(several), other.described)
