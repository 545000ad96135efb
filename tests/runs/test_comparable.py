"""Latencies of two devices or runtimes are never compared without saying so."""

import keras
import optuna
import pytest
import runs

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs import ensembles, front
from autoai4eo.runs.comparable import (
    measured_with,
    told_alike,
    told_apart,
    told_instrument,
    told_other_runtime,
)
from autoai4eo.runs.network_id import ENSEMBLE, TRIAL, NetworkId
from autoai4eo.runs.study import open_study, trials_table

COST = {
    "device": "CPU Xeon (2 cores)",
    "runtime": "onnx",
    "runtime_version": "1.32.0",
    "precision": "float32",
    "threads": 2,
    "latency_batch_size": 1,
    "latency_ms": 1.5,
}


@pytest.mark.parametrize(
    "change",
    [
        {"device": "CPU Epyc (2 cores)"},
        {"runtime": "litert"},
        {"precision": "int8"},
        {"threads": 1},
        {"latency_batch_size": 64},
        {"prediction": {"profile": "abc"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_measured_in_another_way_is_told_apart(change):
    first, other = measured_with(COST), measured_with({**COST, **change})
    assert first == measured_with({**COST, "latency_ms": 9, "runtime_version": "2"})
    assert first != other
    names = [NetworkId(TRIAL, 0), NetworkId(TRIAL, 2), NetworkId(ENSEMBLE, 1)]
    told = told_apart(dict(zip(names, (first, other, first), strict=True)))
    assert f"trial 0, ensemble 1 with {first}; for trial 2 with {other}" in told
    assert told_apart(dict.fromkeys(names, other)) == ""


def test_latencies_that_were_measured_alike_have_their_runtime_told():
    one, other = NetworkId(TRIAL, 0), NetworkId(TRIAL, 1)
    first = measured_with({**COST, "threads": 1})
    told = told_alike({one: first, other: None})
    assert (
        told == f"latency in ms: {first}" and "onnx in float32 with 1 thread " in told
    )
    assert told_alike({one: None}) == told_alike({}) == ""
    assert told_alike({one: first, other: measured_with(COST)}) == ""


@pytest.mark.parametrize(
    ("runtime", "format", "differs"),
    [
        ("onnx", "onnx", False),
        ("onnx", "savedmodel", True),
        ("tensorflow", "litert", True),
        ("tensorflow", "savedmodel", False),
        ("tensorflow", "keras", False),
    ],
)
def test_a_file_is_told_of_that_runs_in_another_runtime_than_the_search(
    runtime, format, differs
):
    told = told_other_runtime({"runtime": runtime, "threads": 2}, format)
    assert (f"latencies in {runtime} with 2 threads: another" in told) == differs
    assert bool(told) == differs
    assert told_other_runtime({}, format) == told_instrument({}) == ""


def test_a_trial_that_was_not_measured_is_not_told_apart():
    assert measured_with({**COST, "latency_ms": None}) is None
    assert told_apart({NetworkId(TRIAL, 0): None, NetworkId(TRIAL, 1): None}) == ""


def test_an_earlier_version_measured_in_the_backend_of_keras():
    old = {n: COST[n] for n in ("device", "latency_batch_size", "latency_ms")}
    backend = keras.backend.backend()
    assert measured_with(old) == measured_with({**COST, "runtime": backend})
    assert measured_with(old) != measured_with(COST)


def test_a_row_of_the_table_says_the_same_as_the_record(tmp_path):
    run = runs.run_folder(tmp_path / "run")  # its trial was not measured
    study = open_study(run, runs.OBJECTIVES)
    costs = [COST, {**COST, "prediction": {"profile": "abc"}}]
    for cost in costs:
        kept = {"cost": cost, "metrics": {"val_cohen_kappa": 0.4}}
        study.add_trial(optuna.trial.create_trial(value=0.4, user_attrs=kept))
    rows = trials_table(study).to_dict("records")
    assert [measured_with(row) for row in rows] == [None, *map(measured_with, costs)]
    runs.close(study)


@pytest.mark.parametrize(("device", "is_optimal"), [(COST["device"], 1), ("GPU", 0)])
def test_an_ensemble_of_another_device_is_not_on_the_front(
    tmp_path, device, is_optimal
):
    objectives = parse_objectives(["val_cohen_kappa", "latency_ms"])
    study = open_study(tmp_path, objectives)
    study.add_trial(
        optuna.trial.create_trial(values=[0.5, 1.5], user_attrs={"cost": COST})
    )
    made = ensembles.Ensemble(
        number=0,
        members={0: 1},
        metrics={"val_cohen_kappa": 0.4},
        cost={**COST, "device": device, "latency_ms": 0.1},
        summed={},
        limits={},
        size=1,
        chosen_by="val_cohen_kappa",
        epochs=1,
    )
    optimal = front.optimal(study, [made])
    assert NetworkId(TRIAL, 0) in optimal and (made.id in optimal) == is_optimal
    runs.close(study)
