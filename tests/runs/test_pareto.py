import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs.pareto import fronts, hypervolume, knee, minimised, on_front

POINTS = arrays(
    float,
    st.tuples(st.integers(1, 12), st.integers(2, 3)),
    elements=st.integers(0, 5).map(float),
)


def dominates(a, b):
    return (a <= b).all() and (a < b).any()


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points):
    expected = [
        not any(dominates(other, point) for other in points) for point in points
    ]
    assert on_front(points).tolist() == expected


@given(POINTS)
def test_fronts_are_peeled_off_one_by_one(points):
    rank = fronts(points)
    for number in range(rank.max() + 1):
        left = rank >= number
        assert (on_front(points[left]) == (rank[left] == number)).all()


@given(POINTS)
def test_the_hypervolume_is_the_number_of_dominated_unit_cells(points):
    reference = np.full(points.shape[1], 4.0)
    cells = np.stack(np.meshgrid(*[np.arange(4)] * points.shape[1]), -1)
    cells = cells.reshape(-1, points.shape[1])
    expected = sum(any((p <= cell).all() for p in points) for cell in cells)
    assert hypervolume(points, reference) == pytest.approx(expected)


def test_a_point_that_is_no_better_than_the_reference_counts_nothing():
    assert hypervolume(np.array([[1.0, 3.0]]), np.array([2.0, 3.0])) == 0
    assert hypervolume(np.empty((0, 2)), np.ones(2)) == 0


def test_the_knee_is_where_the_front_bends():
    front = np.array([[0, 10], [1, 4], [2, 1], [10, 0]], float)
    assert knee(front) == 2
    assert knee(front * [1, 100]) == 2  # whatever the units


def test_what_is_maximised_has_its_sign_turned():
    objectives = parse_objectives(["val_cohen_kappa", "latency_ms"])
    assert minimised(np.array([[0.5, 2.0]]), objectives).tolist() == [[-0.5, 2.0]]
