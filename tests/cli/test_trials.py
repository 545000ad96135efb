"""``trials`` and ``pareto`` mark the finalist, and say which latencies compare."""

import json

import optuna
import pytest
import runs

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs.network_id import TRIAL, NetworkId
from autoai4eo.runs.soundness import summary
from autoai4eo.runs.study import open_study


@pytest.fixture
def folder(tmp_path):
    """A run whose trial 0 has the best kappa, of three."""
    made = runs.run_folder(tmp_path / "run")
    study = open_study(made, runs.OBJECTIVES)
    for threads in (1, 2):
        cost = {
            **{"device": "CPU", "runtime": "onnx", "precision": "float32"},
            **{"threads": threads, "latency_batch_size": 1, "latency_ms": 1.0},
        }
        kept = {"metrics": {"val_cohen_kappa": 0.4}, "cost": cost}
        study.add_trial(optuna.trial.create_trial(value=0.4, user_attrs=kept))
    runs.close(study)
    return made


@pytest.mark.parametrize("number", [0, 1])
def test_the_finalist_is_marked_also_where_it_is_not_on_the_front(
    run, folder, monkeypatch, number
):
    monkeypatch.setattr(
        "autoai4eo.runs.belonging.trained_finalist",
        lambda _: NetworkId(TRIAL, number),
    )
    rows = [row for row in run("trials", folder).out.splitlines() if "│" in row]
    marked = [row.split("│")[1].strip() for row in rows if "finalist" in row]
    assert marked == [str(number)]
    told = run("pareto", folder).out
    assert (f"the finalist, trial {number}, is not on the front" in told) == (
        number > 0
    )
    assert ("complete, finalist" in told) == (number == 0)


def test_latencies_that_cannot_be_compared_are_told(run, folder):
    told = " ".join(run("trials", folder).out.split())
    assert "latencies cannot be compared (trial 1: onnx" in told
    assert "; trial 2: onnx in float32 with 2 threads on CPU" in told
    assert "cannot be compared" not in run("pareto", folder).out  # of trial 0 alone


def test_the_runtime_of_latencies_is_named(run, folder):
    """Users rely on: milliseconds of one runtime are not taken for those of another."""
    told = " ".join(run("trials", folder, "--top", "2").out.split())
    alike = "latency in ms: onnx in float32 with 1 thread on CPU at batch size 1"
    assert alike in told and "cannot be compared" not in told


@pytest.mark.parametrize("names", [["val_cohen_kappa", "params"], ["val_cohen_kappa"]])
def test_the_growth_of_the_hypervolume_is_told_of_several_objectives(
    run, tmp_path, names
):
    made = runs.run_folder(tmp_path / "run", study=False)
    study = open_study(made, parse_objectives(names))
    for values in ((0.5, 20.0), (0.6, 10.0)):
        study.add_trial(optuna.trial.create_trial(values=values[: len(names)]))
    runs.close(study)
    told = " ".join(run("pareto", made).out.split())
    # the point is at kappa 0 and 22 parameters
    grown = "hypervolume up to this point: 1 after 1 complete trial, 7.2 after 2; the"
    assert (grown in told) == (len(names) > 1)
    assert ("up to this point" in told) == (len(names) > 1)


@pytest.fixture
def several(tmp_path):
    """A run of four trials: the third is infeasible, the last was interrupted."""
    made = runs.run_folder(tmp_path / "several")
    study = open_study(made, runs.OBJECTIVES)
    for kappa, params in ((0.3, 10), (0.6, 30), (0.9, 20)):
        kept = {"metrics": {"val_cohen_kappa": kappa}, "cost": {"params": params}}
        kept["hyperparameters"] = {"width": 8}
        study.add_trial(optuna.trial.create_trial(value=kappa, user_attrs=kept))
    kept = {"interrupted": True, "message": "interrupted: SIGKILL", "cost": {}}
    failed = optuna.trial.TrialState.FAIL
    study.add_trial(optuna.trial.create_trial(state=failed, user_attrs=kept))
    study.enqueue_trial({}, user_attrs={"retry_of": len(study.trials) - 1})
    runs.close(study)
    return made


def listed(run, *given):
    return [row["trial"] for row in json.loads(run("trials", *given, "--json").out)]


def test_trials_are_sorted_best_first(run, several):
    """Users rely on: of hundreds of trials the few that matter are on one screen."""
    everything = listed(run, several)
    assert everything == sorted(everything)
    kappa = listed(run, several, "--sort", "val_cohen_kappa")
    assert kappa == listed(run, several, "--sort", "cohen_kappa")
    table = {r["trial"]: r for r in json.loads(run("trials", several, "--json").out)}
    reached = [table[n]["val_cohen_kappa"] for n in kappa]
    known = [value for value in reached if value is not None]
    assert known == sorted(known, reverse=True)
    assert reached[len(known) :] == [None] * (len(reached) - len(known))
    params = [table[n]["params"] for n in listed(run, several, "--sort", "params")]
    assert params[:3] == [10, 20, 30]
    assert listed(run, several, "--top", 2) == kappa[:2]
    assert listed(run, several, "--top", 1, "--sort", "params") == [
        n for n in everything if table[n]["params"] == 10
    ]


def test_an_unknown_column_is_told_with_those_that_exist(run, several):
    done = run("trials", several, "--sort", "latency")
    assert done.status == 2 and done.err.startswith("error: --sort: expected one of")
    assert "latency_ms" in done.err and done.err.count("\n") == 1


def test_all_columns_are_shown_if_asked(run, several):
    assert "width" not in run("trials", several).out
    told = run("trials", several, "--all").out
    assert "width" in told and "val_cohen_kappa" in told


def test_an_interrupted_trial_is_not_a_failed_one(run, several):
    last = json.loads(run("trials", several, "--json").out)[-1]
    assert last["status"] == "interrupted"
    number = last["trial"] + 1
    assert last["message"] == f"interrupted: SIGKILL; goes on as trial {number}"
    assert "1 interrupted" in summary(several)


def test_references_have_no_scores_on_training_data(capsys):
    """Users rely on: a cell is of the data that its column names."""
    import pandas as pd

    from autoai4eo.cli.trials import Shown, print_trials

    row = {"trial": 0, "status": "complete", "accuracy": 0.9, "val_accuracy": 0.5}
    references = {"trees": {"accuracy": 0.625}}
    shown = Shown("RUN", ("val_accuracy",), None, references, whole=True)
    print_trials(pd.DataFrame([row]), shown)
    assert capsys.readouterr().out.count("0.625") == 1


def test_before_a_trial_is_complete_a_table_has_no_scores(capsys):
    import pandas as pd

    from autoai4eo.cli.trials import Shown, _show

    references = {"trees": {"accuracy": 0.625}}
    row = {"trial": 0, "status": "running", "val_accuracy": None, "params": 9}
    shown = Shown("RUN", ("val_accuracy",), None, references)
    _show(pd.DataFrame([row]), shown, None, False)
    printed = capsys.readouterr().out
    assert "running" in printed and "reference" not in printed
    assert "scores:" not in printed


def test_the_precision_that_judged_is_told(capsys):
    import pandas as pd

    from autoai4eo.cli.trials import Shown, _show

    row = {"trial": 0, "status": "complete", "val_accuracy": 0.5}
    _show(pd.DataFrame([row]), Shown("RUN", (), precision="int8"), None, False)
    assert "on the validation data, in int8\n" in capsys.readouterr().out
