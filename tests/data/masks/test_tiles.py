"""Tiles of a scene."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.data.masks.tiles import check_tile, cut
from autoai4eo.errors import UserError


@given(st.integers(4, 40), st.integers(4, 40), st.integers(1, 8))
def test_each_pixel_counts_once(height, width, tile):
    """As a walk over all pixels of all tiles counts them."""
    tiles = cut(height, width, tile, None, "a")
    times = np.zeros((height, width), int)
    for (top, left), (rows, columns) in zip(tiles.places, tiles.repeated, strict=True):
        times[top + rows : top + tile, left + columns : left + tile] += 1
    assert (times == 1).all()
    assert (tiles.places >= 0).all()
    inside = tiles.places + tile <= (max(height, tile), max(width, tile))
    assert inside.all()


@given(st.integers(8, 40), st.integers(1, 8), st.data())
def test_tiles_with_a_smaller_stride_overlap_and_cover(length, tile, data):
    stride = data.draw(st.integers(1, tile))
    tiles = cut(length, length, tile, stride, "a")
    first = np.unique(tiles.places[:, 0])
    assert first[0] == 0 and first[-1] == length - tile
    assert (np.diff(first) <= stride).all() and (np.diff(first) > 0).all()
    if stride < tile:
        assert not tiles.repeated.any()


def test_the_last_tile_is_shifted_inside():
    tiles = cut(225, 128, 128, None, "a")
    assert tiles.places.tolist() == [[0, 0], [97, 0]]
    assert tiles.repeated.tolist() == [[0, 0], [31, 0]]


def test_a_scene_smaller_than_half_a_tile_is_refused():
    assert len(cut(64, 500, 128, None, "a").places) == 4
    with pytest.raises(UserError, match="half a tile, 64 × 64 pixels, found 63 × 500"):
        cut(63, 500, 128, None, "a")


@pytest.mark.parametrize("how", [(0, None), (10**6, None), (64, 0), (64, 65)])
def test_impossible_sizes_are_refused(how):
    with pytest.raises(UserError, match=r"tile.* expected .*found"):
        check_tile(*how)
