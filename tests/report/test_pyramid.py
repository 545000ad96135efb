"""The drawing of a found pyramid: whatever was found can be followed."""

from itertools import pairwise
from types import SimpleNamespace
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.networks.merging import OPERATIONS, MergingCell, check_cells
from autoai4eo.report import pyramid
from autoai4eo.report.pyramid import levels_in, of_block, pyramid_svg

LEVELS = 4


@st.composite
def found(draw):
    """Up to seven cells, each of two different features before it."""
    cells = []
    for i in range(draw(st.integers(1, 7))):
        first, second = draw(
            st.lists(
                st.integers(0, LEVELS + i - 1), min_size=2, max_size=2, unique=True
            )
        )
        level = draw(st.integers(0, LEVELS - 1))
        cells.append(
            MergingCell(first, second, level, draw(st.sampled_from(OPERATIONS)))
        )
    check_cells(cells, LEVELS)
    return cells


def boxes(cells):
    """The nodes of levels and cells: column, level, and the ends of each axis."""
    nodes = [(0, level, 18, 18) for level in range(LEVELS)]
    nodes += [(i, cell.level, 76, 28) for i, cell in enumerate(cells, 1)]
    return {
        (column, level): (
            pyramid._x(column) - wide / 2,
            pyramid._x(column) + wide / 2,
            pyramid._y(level) - high / 2,
            pyramid._y(level) + high / 2,
        )
        for column, level, wide, high in nodes
    }


@settings(deadline=None, max_examples=40)
@given(found())
def test_no_line_crosses_a_node(cells):
    routes = []
    of = pyramid._route
    place = list(boxes(cells))

    def noted(start, end, wide, taken, lane):
        routes.append((start, end, of(start, end, wide, taken, lane)))
        return routes[-1][2]

    pyramid._route = noted
    try:
        pyramid._drawn(cells, LEVELS)
    finally:
        pyramid._route = of
    assert len(routes) >= 2 * len(cells) + LEVELS
    for start, end, corners in routes:
        for node, (left, right, top, bottom) in boxes(cells).items():
            if node in (start, end):
                continue
            for (x, y), (to_x, to_y) in pairwise(corners):
                apart = (
                    max(x, to_x) <= left
                    or min(x, to_x) >= right
                    or max(y, to_y) <= top
                    or min(y, to_y) >= bottom
                )
                assert apart, (start, end, node, place)


def test_every_cell_and_level_is_told():
    cells = [MergingCell(0, 1, 1, "sum"), MergingCell(4, 2, 0, "attention")]
    drawn = ElementTree.fromstring(pyramid_svg(cells, LEVELS))
    told = [text.text for text in drawn.iter("text")]
    assert sorted(filter(None, told)) == [
        "attention", "stride 16", "stride 2", "stride 4", "stride 8", "sum",
    ]  # fmt: skip


def test_values_of_the_chosen_decoder_alone_are_taken():
    choices = {
        "decoder_block_1/decoder": "nasfpn",
        "decoder_block_1/nasfpn/cells": 3,
        "decoder_block_1/nasfpn/cell_1_operation": "sum",
        "decoder_block_1/fpn/channels": 32,
        "learning_rate": 0.001,
    }
    assert of_block(choices) == {"cells": 3, "cell_1_operation": "sum"}
    assert of_block({**choices, "decoder_block_1/decoder": "unet"}) == {}
    assert of_block({"learning_rate": 0.001}) == {}
    assert of_block({"nasfpn_block_1/cell_1_operation": "sum"}) == {
        "cell_1_operation": "sum"
    }


def test_levels_are_those_of_the_network():
    names = ["nasfpn_lateral1", "nasfpn_lateral2", "nasfpn_lateral2_bn", "x_level3"]
    assert levels_in(SimpleNamespace(name=name) for name in names) == 2
