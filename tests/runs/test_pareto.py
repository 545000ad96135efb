import numpy as np
import optuna
import pytest
import runs
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs import front
from autoai4eo.runs.pareto import fronts, hypervolume, knee, minimised, on_front
from autoai4eo.runs.study import best_trial, open_study

POINTS = arrays(
    float,
    st.tuples(st.integers(1, 12), st.integers(2, 3)),
    elements=st.integers(0, 5).map(float),
)


def dominates(a, b):
    return (a <= b).all() and (a < b).any()


@given(POINTS)
def test_no_point_dominates_a_point_on_the_front(points):
    expected = [
        not any(dominates(other, point) for other in points) for point in points
    ]
    assert on_front(points).tolist() == expected


def test_a_point_that_is_worse_in_one_objective_only_is_dominated():
    """Users rely on: no weakly optimal points are on the front, except equal ones."""
    assert on_front(np.array([[1.0, 3.0], [1.0, 2.0]])).tolist() == [False, True]
    assert on_front(np.array([[1.0, 2.0], [1.0, 2.0]])).tolist() == [True, True]
    assert on_front(np.array([[3.0], [2.0], [2.0]])).tolist() == [False, True, True]


def test_the_tables_of_a_run_have_no_weakly_optimal_trial(tmp_path):
    study = open_study(tmp_path, parse_objectives(["val_loss", "macs"]))
    for values in ([1.0, 3.0], [1.0, 2.0], [0.5, 4.0], [1.0, 2.0]):
        study.add_trial(optuna.trial.create_trial(values=values))
    assert [t.number for t in front.front(study)] == [2, 1, 3]
    assert front.front_table(study)["trial"].tolist() == [2, 1, 3]
    runs.close(study)


def test_of_one_objective_a_limit_takes_the_best_of_all_trials(tmp_path):
    """Its front is the best trial alone, which may be over the limit."""
    study = open_study(tmp_path, parse_objectives(["val_accuracy"]))
    for accuracy, macs in ((0.7, 1.0), (0.8, 42.8), (0.75, 5.4)):
        cost = {"cost": {"macs": macs}}
        study.add_trial(optuna.trial.create_trial(values=[accuracy], user_attrs=cost))
    assert front.choose(study).number == 1
    assert front.choose(study, limits={"macs": 6.0}).number == 2
    assert front.choose(study, limits={"macs": 2.0}).number == 0
    with pytest.raises(UserError, match="none of 3; the smallest found: macs 1"):
        front.choose(study, limits={"macs": 0.5})
    runs.close(study)


@pytest.mark.parametrize("names", [["val_accuracy"], ["val_accuracy", "params"]])
def test_of_trials_that_tie_the_cheapest_is_the_best(tmp_path, names):
    """Users rely on: nobody gets a network of eight times the cost for nothing."""
    study = open_study(tmp_path, parse_objectives(names))
    for accuracy, macs in ((0.7, 1.0), (0.8, 42.8), (0.8, 5.4), (0.8, 5.4)):
        values, cost = [accuracy, 9.0][: len(names)], {"cost": {"macs": macs}}
        study.add_trial(optuna.trial.create_trial(values=values, user_attrs=cost))
    assert best_trial(study).number == 2
    assert front.front(study)[0].number == front.choose(study).number == 2
    assert front.finalists(study, 1)[0].number == 2
    runs.close(study)


def test_of_trials_that_tie_in_the_first_objective_the_second_decides(tmp_path):
    study = open_study(tmp_path, parse_objectives(["val_accuracy", "params"]))
    for params, macs in ((9.0, 1.0), (8.0, 2.0)):
        study.add_trial(
            optuna.trial.create_trial(
                values=[0.8, params], user_attrs={"cost": {"macs": macs}}
            )
        )
    assert best_trial(study).number == 1
    runs.close(study)


@given(POINTS)
def test_each_front_is_the_front_of_the_remaining_points(points):
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


def test_points_not_better_than_the_reference_do_not_count():
    assert hypervolume(np.array([[1.0, 3.0]]), np.array([2.0, 3.0])) == 0
    assert hypervolume(np.empty((0, 2)), np.ones(2)) == 0


def test_the_knee_is_where_the_front_bends():
    front = np.array([[0, 10], [1, 4], [2, 1], [10, 0]], float)
    assert knee(front) == 2
    assert knee(front * [1, 100]) == 2  # whatever the units


def test_maximised_figures_are_negated():
    objectives = parse_objectives(["val_cohen_kappa", "latency_ms"])
    assert minimised(np.array([[0.5, 2.0]]), objectives).tolist() == [[-0.5, 2.0]]


def test_figures_that_differ_by_less_than_their_spread_are_equal():
    """Users rely on: a front does not separate networks by noise of measurements."""
    points = np.array([[0.1, 1.00], [0.2, 0.98], [0.3, 0.50]])
    assert on_front(points).all()
    spreads = np.array([[0, 0.03], [0, 0.01], [0, 0.01]])
    assert on_front(points, spreads).tolist() == [True, False, True]


@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=12),
    st.floats(0, 0.5),
)
def test_some_point_is_always_on_the_front(rows, spread):
    points = np.array([row[:2] for row in rows])
    spreads = np.array([[0.0, spread * row[2]] for row in rows])
    found = on_front(points, spreads)
    assert found.any()
    # whoever is best by the exact objective and fastest of these is on it
    best = points[:, 0] == points[:, 0].min()
    fastest = best & (points[:, 1] == points[best, 1].min())
    assert found[fastest].all()


def test_the_growth_of_the_hypervolume_is_up_to_one_point(tmp_path):
    """Users rely on: a figure that grows means a better front."""
    study = open_study(tmp_path, parse_objectives(["val_cohen_kappa", "latency_ms"]))
    for values in ([0.5, 1.0], [0.4, 9.0], [0.6, 2.0], [0.1, 30.0], [0.7, 0.5]):
        study.add_trial(optuna.trial.create_trial(values=values))
    point = front.reference(study, {})  # 10 % beyond the slowest, trial 3
    grown = front.growth(study, point)
    assert [n for n, _ in grown] == [1, 2, 3, 5]
    volumes = [volume for _, volume in grown]
    assert volumes == sorted(volumes)
    assert volumes[0] == volumes[1] == pytest.approx(0.5 * (33 - 1))
    assert volumes[-1] == front.dominated(study, point)
    runs.close(study)


@pytest.mark.parametrize("limits", [{}, {"latency_ms": 2.0}])
def test_nothing_is_selected_before_a_trial_is_complete(limits):
    with pytest.raises(UserError, match=r"a run with a finished trial, found none; `"):
        front.within([], limits)
