"""``trials`` and ``pareto`` mark the finalist, and say which latencies compare."""

import optuna
import pytest
import runs

from autoai4eo.runs.network_id import TRIAL, NetworkId
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
    assert "latencies cannot be compared: measured for trial 1 with onnx" in told
    assert "; for trial 2 with onnx in float32 with 2 threads on CPU" in told
    assert "cannot be compared" not in run("pareto", folder).out  # of trial 0 alone
