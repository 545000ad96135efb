"""The rules of NAS-FPN's merging cells."""

import keras_tuner
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.blocks import MergingCell
from autoai4eo.blocks.decoders import nasfpn
from autoai4eo.errors import UserError
from autoai4eo.networks.merging import check_cells, chosen_cells, outputs, usual_cell

#: The pyramid that the paper found, figure 6, with levels P3 to P7 as 0 to 4; the
#: entries are those of the authors' code (tensorflow/models, nasfpn.py).
PUBLISHED = [
    MergingCell(1, 3, 1, "attention"),
    MergingCell(1, 5, 1, "sum"),
    MergingCell(0, 6, 0, "sum"),
    MergingCell(6, 7, 1, "sum"),
    MergingCell(7, 8, 2, "attention"),
    MergingCell(6, 9, 4, "attention"),
    MergingCell(9, 10, 3, "attention"),
]


def test_the_published_pyramid_merges_what_no_cell_uses():
    # its P5 and P7 of the backbone (2 and 4) are used by no cell
    assert outputs(PUBLISHED, 5) == [[7], [8], [9, 2], [11], [10, 4]]


def test_without_cells_the_levels_are_the_outputs():
    assert outputs([], 3) == [[0], [1], [2]]


def test_a_level_of_used_features_only_gives_its_last():
    cells = [MergingCell(0, 1, 1, "sum"), MergingCell(1, 2, 0, "sum")]
    assert outputs(cells, 2) == [[3], [2]]


@pytest.mark.parametrize("levels", [2, 3, 4, 5])
def test_every_feature_reaches_an_output(levels):
    for number in range(1, 8):
        cells = [usual_cell(i, levels) for i in range(number)]
        check_cells(cells, levels)
        used = {k for cell in cells for k in (cell.first, cell.second)}
        out = {k for entries in outputs(cells, levels) for k in entries}
        assert used | out == set(range(levels + number))


def test_the_usual_cells_go_to_the_finest_level_and_back():
    cells = [usual_cell(i, 4) for i in range(7)]
    assert [cell.level for cell in cells] == [2, 1, 0, 1, 2, 3, 0]
    assert [(cell.first, cell.second) for cell in cells] == [
        (3, 2),
        (4, 1),
        (5, 0),
        (6, 5),
        (7, 4),
        (8, 3),
        (9, 0),
    ]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (MergingCell(0, 0, 0, "sum"), "two different features"),
        (MergingCell(0, -1, 0, "sum"), "a level from 0, got 0, -1"),
        (MergingCell(0, 2, 0, "sum"), "features from 0 to 1 .* 2 levels, got 0, 2"),
        (MergingCell(0, 1, 2, "sum"), "a level from 0 to 1"),
        (MergingCell(0, 1, 1, "product"), "one|operation of sum, attention, concat"),
    ],
)
def test_impossible_cells_are_refused(cell, message):
    with pytest.raises(UserError, match=message):
        check_cells([cell], 2)


@given(st.integers(2, 5), st.randoms(use_true_random=False))
def test_recorded_hyperparameters_are_the_cells_that_were_built(levels, random):
    """A report draws what a search built, from what the trial recorded."""
    hp = keras_tuner.HyperParameters()
    number = hp.Choice("cells", [random.choice([3, 5, 7])])
    nasfpn.drawn_cells(hp, levels, number)
    for one in hp.space:
        hp.values[one.name] = random.choice(one.values)
    built = nasfpn.drawn_cells(hp, levels, number)
    assert len(built) == number
    assert chosen_cells(hp.values, levels) == built


@pytest.mark.parametrize("value", ["stride_64", "cell_9", None])
def test_hyperparameters_that_are_no_feature_are_an_error(value):
    hp = keras_tuner.HyperParameters()
    nasfpn.drawn_cells(hp, 4, hp.Choice("cells", [3]))
    with pytest.raises(ValueError, match=str(value)):
        chosen_cells({**hp.values, "cells": 3, "cell_2_first": value}, 4)
