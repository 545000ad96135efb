"""Measures of a search against values worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from autoai4eo.nasbench import read_table
from autoai4eo.nasbench.measures import Measures
from autoai4eo.nasbench.summary import differences

A, B, C, D, E = range(5)


@pytest.fixture
def table(tmp_path):
    """Figures from 0 to 1, so that scaling changes nothing. A, B, C are the front."""
    points = [(0, 1), (0.25, 0.5), (1, 0), (0.5, 0.75), (1, 1)]
    frame = pd.DataFrame(points, columns=["error", "cost"]).assign(name=[*"abcde"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    return read_table(
        tmp_path / "t.csv", maximize=[], minimize=["error", "cost"], choices=["name"]
    )


def test_measures_of_a_front_by_hand(table):
    """Ishibuchi et al. 2015, eq. 18: only by how much a point is worse counts."""
    measures = Measures(table)
    assert measures.front.tolist() == [[0, 1], [0.25, 0.5], [1, 0]]
    found = measures.after_each(np.array([D, A, B]), 5)
    beyond = np.hypot(0.25, 0.25)  # from B to D
    # D is worse than A by 0.5 in error, than C by 0.75 in cost
    first, second = (0.5 + beyond + 0.75) / 3, (0 + beyond + 0.75) / 3
    last = 0.5 / 3  # only C is missing; B is worse than it by 0.5 in cost
    assert found["igd_plus"] == pytest.approx([first, second, last, last, last])
    assert found["pareto_distance"] == pytest.approx([beyond, beyond / 2, 0, 0, 0])
    # B alone covers 0.75 × 0.5, D 0.5 × 0.25; A and C lie on the worst values
    assert found["hv"] == pytest.approx([1 / 3, 1 / 3, 1, 1, 1])
    assert found["error"].tolist() == [0.5, 0, 0, 0, 0]
    assert found["cost"].tolist() == [0.75, 0.75, 0.5, 0.5, 0.5]


def test_the_whole_front_is_at_no_distance_and_the_worst_network_is_nothing(table):
    measures = Measures(table)
    found = measures.after_each(np.array([E, C, B, A]), 4)
    assert found["igd_plus"][-1] == found["pareto_distance"][-1] == 0
    assert found["hv"][0] == 0 and found["igd_plus"][0] == pytest.approx(
        (1 + np.hypot(0.75, 0.5) + 1) / 3
    )


def test_with_one_objective_all_are_the_distance_to_the_best(tmp_path):
    frame = pd.DataFrame({"a": range(5), "acc": [0.0, 0.25, 0.5, 0.75, 1.0]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv", maximize=["acc"], minimize=[], choices=["a"])
    found = Measures(table).after_each(np.array([1, 0, 3]), 3)
    for name in ("igd_plus", "pareto_distance"):
        assert found[name].tolist() == [0.75, 0.75, 0.25]
    assert found["hv"].tolist() == found["acc"].tolist() == [0.25, 0.25, 0.75]


def curves(**shares):
    return {n: {"hv": np.array(s, float)[:, None]} for n, s in shares.items()}


def test_the_size_of_an_effect_by_hand():
    """Vargha and Delaney 2000: of nine pairs one is won, two are equal."""
    found = differences(curves(one=[1, 2, 3], other=[2, 3, 4]))
    assert found["a12"].tolist() == pytest.approx([2 / 9])
    found = differences(curves(a=[3, 4], b=[1, 2], c=[3, 4]))
    assert found[["strategy", "other"]].to_numpy().tolist() == [
        ["a", "b"],
        ["a", "c"],
        ["b", "c"],
    ]
    assert found["a12"].tolist() == [1, 0.5, 0]
    assert (found["p_holm"] >= found["p"]).all()
