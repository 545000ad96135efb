"""The networks that an ensemble is selected from, and how it is judged."""

import warnings

import numpy as np
import optuna
import pytest
import runs
import small

from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.learning import evaluation
from autoai4eo.learning.objectives import Objective
from autoai4eo.runs.study import open_study
from autoai4eo.search.ensembles import library
from autoai4eo.search.ensembles.library import Judge, candidates

VALIDATION = small.dataset(samples=60, seed=1)


def study_of(*objectives):
    directions = [
        "maximize" if o.direction == "max" else "minimize" for o in objectives
    ]
    study = optuna.create_study(directions=directions)
    study.set_user_attr("objectives", [o.name for o in objectives])
    return study


def output(seed=0):
    found = np.random.default_rng(seed).random((60, small.CLASSES)).astype("float32")
    return found / found.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("block", [7, 60, 1000])
def test_outputs_are_scored_as_an_evaluation_scores_them(monkeypatch, block):
    """Also in blocks that do not divide the samples."""
    monkeypatch.setattr(library, "_BLOCK", block)
    judge = Judge.of(study_of(Objective("val_cohen_kappa", "max")), VALIDATION)
    expected = evaluation.score(VALIDATION, output())
    found = judge.metrics(output())
    for name in ("accuracy", "average_accuracy", "cohen_kappa"):
        assert found[f"val_{name}"] == pytest.approx(expected[name], abs=1e-6)
    assert judge.score(output()) == pytest.approx(expected["cohen_kappa"], abs=1e-6)


@pytest.mark.parametrize(
    ("objectives", "chosen", "is_told"),
    [
        ([Objective("val_accuracy", "max")], "val_accuracy", False),
        (
            [Objective("latency_ms", "min"), Objective("val_accuracy", "max")],
            "val_accuracy",
            False,
        ),
        ([Objective("params", "min")], "val_cohen_kappa", False),
        ([Objective("val_mine", "min")], "val_cohen_kappa", True),
        ([Objective("val_loss", "min")], "val_cohen_kappa", True),
    ],
)
def test_the_first_objective_that_scores_outputs_judges(objectives, chosen, is_told):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        judge = Judge.of(study_of(*objectives), VALIDATION)
    assert judge.objective.name == chosen
    assert bool(told) == is_told and all(chosen in str(w.message) for w in told)


def test_a_search_without_a_trained_network_says_so(tmp_path):
    run = runs.run_folder(tmp_path / "run", study=False)
    study = open_study(run, runs.OBJECTIVES)
    study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL))
    with pytest.raises(UserError, match=r"trained networks, found none; .*resumes it"):
        candidates(run, study, {})
    runs.close(study)


def test_latencies_of_two_devices_are_not_compared(tmp_path):
    run = runs.run_folder(tmp_path / "run", study=False)
    study = open_study(run, runs.OBJECTIVES)
    for device in ("CPU one", "CPU two"):
        cost = {"device": device, "latency_ms": 1.0, "params": 5}
        study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs={"cost": cost}))
    with pytest.raises(UserError, match="ensemble: expected latencies of one device"):
        candidates(run, study, {"latency_ms": 9})
    with (
        pytest.warns(AutoAI4EOWarning, match="is left out: .* found no file"),
        pytest.raises(UserError, match="found no sound file"),
    ):
        candidates(run, study, {"params": 9})
    runs.close(study)
