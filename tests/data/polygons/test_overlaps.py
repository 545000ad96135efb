"""What polygons of different classes share belongs to the smaller, or to none."""

import numpy as np
import polygons
import shapely

from autoai4eo.data.polygons.overlaps import without_contradictions, without_overlaps


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


def marks(*places):
    found = np.empty(len(places), object)
    found[:] = [shapely.Point(place) for place in places]
    return found


def test_points_of_one_pixel_and_several_classes():
    """By hand: three points on pixel (0, 0), one beside it, one far away."""
    given = marks((0.1, 0.1), (0.9, 0.9), (0.5, 0.5), (1.0, 0.5), (9.5, 9.5))
    classes = np.array([0, 1, 0, 1, 0])
    found, pixels = without_contradictions(given, classes, drop=False)
    assert pixels == 1
    assert [p.is_empty for p in found] == [False, True, False, False, False]
    found, pixels = without_contradictions(given, classes, drop=True)
    assert pixels == 1
    assert [p.is_empty for p in found] == [True, True, True, False, False]
    assert not any(p.is_empty for p in given)


def test_points_that_agree_and_polygons_are_left_as_they_are():
    given = np.concatenate([marks((0.1, 0.1), (0.9, 0.9)), areas(LARGE, SMALL)])
    found, pixels = without_contradictions(given, np.array([0, 0, 1, 2]), drop=True)
    assert pixels == 0 and (found == given).all()
    assert without_contradictions(areas(LARGE), np.array([0]), drop=False)[1] == 0
