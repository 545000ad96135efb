"""What polygons of different classes share belongs to the smaller, or to none."""

import numpy as np
import polygons
import shapely

from autoai4eo.data.polygons.overlaps import without_overlaps


def areas(*shapes):
    found = np.empty(len(shapes), object)
    found[:] = [shapely.Polygon(shape) for shape in shapes]
    return found


LARGE, SMALL = polygons.square(0, 0, 10), polygons.square(8, 0, 6)


def test_the_smaller_keeps_what_both_cover():
    """By hand: they share 2 × 6 = 12."""
    both = areas(LARGE, SMALL)
    found, pairs = without_overlaps(both, np.array([0, 1]), drop=False)
    assert pairs.tolist() == [[0, 1]]
    assert [shape.area for shape in found] == [88, 36]
    found, _ = without_overlaps(both, np.array([0, 1]), drop=True)
    assert [shape.area for shape in found] == [88, 24]


def test_overlap_within_a_class_is_none():
    both = areas(LARGE, SMALL)
    found, pairs = without_overlaps(both, np.array([1, 1]), drop=True)
    assert not len(pairs) and [shape.area for shape in found] == [100, 36]


def test_polygons_that_touch_do_not_overlap():
    both = areas(polygons.square(0, 0, 5), polygons.square(5, 0, 5))
    assert not len(without_overlaps(both, np.array([0, 1]), drop=False)[1])


def test_three_that_lie_in_each_other():
    """The smallest wins over both, the middle one over the largest; none is changed."""
    given = areas(*(polygons.square(0, 0, size) for size in (9, 6, 3)))
    found, pairs = without_overlaps(given, np.array([0, 1, 2]), drop=False)
    assert len(pairs) == 3
    assert [shape.area for shape in found] == [81 - 36, 36 - 9, 9]
    assert [shape.area for shape in given] == [81, 36, 9]
