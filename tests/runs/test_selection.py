"""The one-standard-error rule takes the cheapest network that is not surely worse."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autoai4eo.errors import DamagedError
from autoai4eo.runs.selection import (
    ONE_SE,
    keep,
    read_selection,
    select,
    select_resampled,
)

FOLDS = np.array([[0.60, 0.50, 0.70], [0.58, 0.52, 0.64], [0.50, 0.41, 0.58]])


def selected(figures=FOLDS, rule=ONE_SE, costs=(30.0, 20.0, 10.0), metric="accuracy"):
    trials = list(range(len(figures)))
    return select(metric, "3 folds", figures, trials, list(costs), "macs", rule)


def test_a_cheaper_network_within_one_standard_error_is_selected():
    found = selected()
    # trial 1: behind by .02, -.02 and .06: mean .02, standard error .04 / sqrt(3)
    (_, second, third) = found.candidates
    assert second.behind == pytest.approx(0.02)
    assert second.behind_error == pytest.approx(0.04 / np.sqrt(3))
    # trial 2 is cheaper still, but behind by .10, .09 and .12
    assert third.behind == pytest.approx(0.31 / 3) and not third.is_tied
    assert (found.chosen, found.tied) == (1, [0, 1])
    assert found.told.endswith(
        "Within one standard error of the best: trial 0, too; trial 1 costs least of "
        "them (MACs 20)."
    )


def test_without_the_rule_the_best_mean_is_selected_and_the_tie_is_told():
    found = selected(rule=None)
    assert found.chosen == 0
    assert found.told.endswith("Within one standard error of the best: trial 1, too.")


def test_an_error_is_better_if_it_is_small():
    found = selected(metric="rmse", costs=(10.0, 20.0, 30.0))
    assert found.candidates[0].trial == 2 and found.chosen == 2


@given(
    arrays(float, (4, 3), elements=st.floats(0, 1)),
    st.lists(st.floats(-1, 1), min_size=3, max_size=3),
    st.permutations([1.0, 2.0, 3.0, 4.0]),
)
def test_a_difficult_fold_changes_no_difference(figures, difficulty, costs):
    one = selected(figures, costs=costs)
    other = selected(figures + np.array(difficulty), costs=costs)
    behind = {c.trial: c.behind for c in one.candidates}
    assert {c.trial: c.behind for c in other.candidates} == pytest.approx(
        behind, abs=1e-9
    )
    assert one.chosen in one.tied
    assert costs[one.chosen] == min(costs[trial] for trial in one.tied)


def test_resamples_of_the_same_samples_are_compared_in_pairs():
    rng = np.random.default_rng(0)
    common = rng.normal(0, 0.1, 1000)  # much noise that both have
    draws = np.array([0.60 + common, 0.55 + common + rng.normal(0, 0.01, 1000)])
    how = (draws, [7, 8], [2.0, 1.0], "macs", ONE_SE)
    found = select_resampled("cohen_kappa", "resamples", np.array([0.6, 0.55]), *how)
    assert found.chosen == 7 and found.tied == [7]
    assert found.candidates[0].standard_error == pytest.approx(0.1, rel=0.1)
    assert found.candidates[1].behind_error == pytest.approx(0.01, rel=0.1)


def test_a_selection_is_read_as_it_was_written(tmp_path):
    assert read_selection(tmp_path) is None
    keep(tmp_path, selected())
    assert read_selection(tmp_path) == selected()
    path = tmp_path / "selection.json"
    known = json.loads(path.read_text())
    for wrong in ("first", 9):
        path.write_text(json.dumps({**known, "chosen": wrong}))
        with pytest.raises(DamagedError, match=r"selection.json.*remove it"):
            read_selection(tmp_path)
