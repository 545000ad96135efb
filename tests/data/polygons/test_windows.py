"""Which windows belong to a polygon: figures computed by hand, and a slow twin."""

import numpy as np
import polygons
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.data.polygons.windows import WindowRule, choose, sharing_pixels
from autoai4eo.deploy.mapping.windows import WindowGrid

# Windows of 8 pixels each 4: they begin at -2, 2, 6, 10, 14, …, their centres are at
# 2, 6, 10, 14, 18, ….
RULE = WindowRule(8, 4)


def areas(*shapes):
    found = np.empty(len(shapes), object)
    found[:] = [s if hasattr(s, "geom_type") else shapely.Polygon(s) for s in shapes]
    return found


def test_windows_whose_centre_lies_in_the_polygon():
    """By hand: of the centres 2, 6, 10, … only 10 and 14 are between 9 and 15."""
    found = choose(areas(polygons.square(9, 9, 6)), (40, 40), RULE)
    assert found.places.tolist() == [[6, 6], [6, 10], [10, 6], [10, 10]]
    assert found.owners.tolist() == [0, 0, 0, 0]


def test_windows_that_a_polygon_covers_to_a_share():
    """By hand: the polygon is columns 6 to 16, rows 6 to 14.

    The window at (6, 6) is covered wholly. At (6, 10) columns 10 to 16 of 10 to 18 are:
    6/8. At (2, 6) rows 6 to 10 of 2 to 10 are: 4/8; at (2, 10) 4/8 · 6/8.
    """
    shape = areas([(6, 6), (16, 6), (16, 14), (6, 14)])

    def places(share):
        return choose(shape, (40, 40), WindowRule(8, 4, share)).places.tolist()

    assert places(1) == [[6, 6]]
    assert places(0.75) == [[6, 6], [6, 10]]
    assert places(0.5) == [[2, 6], [6, 2], [6, 6], [6, 10], [10, 6]]
    assert [2, 10] in places(0.375) and [2, 10] not in places(0.376)


def test_the_window_of_a_point_is_centred_on_its_pixel():
    """By hand: the pixel (row 20, column 13) minus half a window, 4."""
    found = choose(areas(shapely.Point(13.9, 20.1)), (40, 40), RULE)
    assert found.places.tolist() == [[16, 9]]
    assert not len(choose(areas(shapely.Point(40.5, 3)), (40, 40), RULE))


def test_a_window_belongs_to_one_polygon():
    """By centre to the smaller; by share to the one that covers more of it."""
    large, small = polygons.square(0, 0, 40), polygons.square(9, 9, 2)
    found = choose(areas(large, small), (40, 40), RULE)
    assert len(found) == 100
    of_small = found.places[found.owners == 1].tolist()
    assert of_small == [[6, 6]]
    found = choose(areas(large, small), (40, 40), WindowRule(8, 4, 0.01))
    assert set(found.owners.tolist()) == {0}
    assert len(np.unique(found.places, axis=0)) == len(found)


def test_holes_are_no_part_of_a_polygon():
    ring = shapely.Polygon(polygons.square(0, 0, 40), [polygons.square(5, 5, 30)])
    found = choose(areas(ring), (40, 40), RULE)
    centres = found.places + 4
    assert len(found) == 100 - 8 * 8 and (centres.min(axis=1) <= 5).any()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_windows_are_those_of_a_map(data):
    """Users rely on: a network is trained on windows like those that it will map."""
    size, stride = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    height, width = data.draw(st.integers(4, 30)), data.draw(st.integers(4, 30))
    grid = WindowGrid((height, width), (size, size), stride)
    whole = areas(polygons.square(-100, -100, 300))
    found = choose(whole, (height, width), WindowRule(size, stride))
    rows, columns = grid.shape
    assert found.places.tolist() == [
        [grid.first_pixel(i, 0), grid.first_pixel(j, 1)]
        for i in range(rows)
        for j in range(columns)
    ]


@settings(max_examples=60, deadline=None)
@given(
    corners=st.lists(
        st.tuples(st.integers(-5, 35), st.integers(-5, 35)), min_size=3, max_size=7
    ),
    share=st.sampled_from([None, 0.1, 0.5, 0.9, 1.0]),
)
def test_windows_like_those_of_a_slow_twin(corners, share):
    shape = shapely.Polygon(corners)
    if not shape.is_valid or shape.area == 0:
        return
    wanted = []
    for row in range(8):
        for column in range(8):
            top, left = 4 * row - 2, 4 * column - 2
            box = shapely.box(left, top, left + 8, top + 8)
            covered = shape.intersection(box).area / 64
            inside = shape.intersects(shapely.Point(left + 4, top + 4))
            if inside if share is None else covered >= share - 1e-9:
                wanted.append([top, left])
    found = choose(areas(shape), (30, 30), WindowRule(8, 4, share))
    assert found.places.tolist() == wanted


@pytest.mark.parametrize(("gap", "shared"), [(9, []), (7, [0, 1])])
def test_polygons_whose_windows_share_pixels_are_found(gap, shared):
    """By hand: the last centre in the first is 6; windows are 8 wide."""
    rule = WindowRule(8, 1)
    pair = areas(polygons.square(2, 2, 4), polygons.square(6 + gap, 2, 4))
    windows = choose(pair, (40, 60), rule)
    assert sharing_pixels(windows, 8).tolist() == shared
