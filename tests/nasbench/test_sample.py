"""Samples of cells: distinct, repeatable, and written as they are."""

import json
import re

import numpy as np
import pytest
from scipy.stats import kstest

from autoai4eo.errors import UserError
from autoai4eo.nasbench.sample import (
    read_sample,
    spread_cells,
    walks_of,
    write_sample,
)
from autoai4eo.nasbench.space import neighbours, random_cells
from autoai4eo.networks.cell import Cell


def test_walks_are_distinct_and_written_as_they_are(tmp_path):
    walks = walks_of(3, 4, np.random.default_rng(0))
    assert [len(one) for one in walks] == [4, 4, 4]
    assert len({cell for one in walks for cell in one}) == 12
    assert walks[1][1] in neighbours(walks[1][0])
    path = tmp_path / "sample.json"
    write_sample(path, walks)
    content = json.loads(path.read_text())["walks"]
    assert [[Cell.of(**cell) for cell in one] for one in content] == walks
    assert walks_of(3, 4, np.random.default_rng(0)) == walks


@pytest.mark.slow
def test_spread_cells_cover_the_space_more_evenly_than_random_ones():
    rng = np.random.default_rng(0)
    edges = np.sort([cell.edges for cell in random_cells(2000, rng)])

    def unevenness(cells):
        ranks = np.searchsorted(edges, [c.edges for c in cells]) / len(edges)
        return kstest(ranks, "uniform").statistic

    spread = spread_cells(40, rng)
    assert len(set(spread)) == 40
    random = [unevenness(random_cells(40, rng)) for _ in range(9)]
    assert unevenness(spread) <= np.median(random)


def test_a_sample_is_read_as_it_was_written(tmp_path):
    walks = walks_of(2, 3, np.random.default_rng(0))
    path = tmp_path / "sample.json"
    write_sample(path, walks)
    assert read_sample(path) == walks


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[]", "draw a sample with"),
        ('{"walks": []}', "expected cells, found none"),
        ('{"walks": [[{"matrix": [[0, 1], [1, 0]]}]]}', "no operations"),
        (
            '{"walks": [[{"matrix": [[0, 1], [1, 0]], "operations": []}]]}',
            "walk 0, step 0: ",
        ),
        ('{"walks": [[{"matrix": [[0,1],[0,0]], "operations": []}] ]', "json"),
        (
            '{"walks": [[{"matrix": [[0,1,0],[0,0,1],[0,0,0]], "operations": ["x"]}]]}',
            "operation",
        ),
        (
            json.dumps(
                {"walks": [[{"matrix": [[0, 1], [0, 0]], "operations": []}]] * 2}
            ),
            "walk 1, step 0: expected every cell once",
        ),
    ],
)
def test_a_sample_that_is_none_is_told(tmp_path, content, expected):
    path = tmp_path / "sample.json"
    path.write_text(content)
    with pytest.raises(UserError, match=re.escape(expected)) as raised:
        read_sample(path)
    assert "\n" not in str(raised.value)
