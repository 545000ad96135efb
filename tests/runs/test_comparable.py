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
    told_beside,
    told_instrument,
)
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import ENSEMBLE, TRIAL, NetworkId
from autoai4eo.runs.networks import searched_with
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
    assert f"(trial 0, ensemble 1: {first}; trial 2: {other})" in told
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
    ("change", "compares"),
    [
        ({"device": "CPU Cortex-A72 (4 cores)"}, False),
        ({"runtime": "jax"}, False),
        ({"precision": "int8"}, False),
        ({"latency_batch_size": 64}, False),
        ({"prediction": {"profile": "abc"}}, False),
        ({"threads": 1}, True),
    ],
    ids=lambda change: next(iter(change)) if isinstance(change, dict) else "",
)
def test_a_file_is_told_of_whose_latency_does_not_compare_with_the_search_s(
    change, compares
):
    file = measured_with({**COST, "threads": None})
    search = measured_with({**COST, **change})
    told = told_beside(search, file)
    assert told.endswith(f": it is of {search}")
    assert ("compares with this one at as many threads only" in told) == compares
    assert ("does not compare with this one" in told) != compares


def test_a_file_that_is_measured_as_the_search_needs_no_word():
    backend = measured_with({**COST, "runtime": "tensorflow"})  # whose threads it has
    assert told_beside(backend, backend) == told_beside(None, backend) == ""
    assert told_instrument({}) == ""
    predicted = {"runtime": "onnx", "threads": 2, "prediction": {"profile": "abc"}}
    assert told_instrument(predicted) == "onnx with 2 threads, predicted"


def test_what_measured_a_network_in_the_search_is_known(tmp_path):
    run = runs.run_folder(tmp_path / "run")  # its trial was not measured
    study = open_study(run, runs.OBJECTIVES)
    kept = {"cost": COST, "metrics": {}}
    study.add_trial(optuna.trial.create_trial(value=0.4, user_attrs=kept))
    runs.close(study)
    assert searched_with(run, 1) == measured_with(COST)
    assert searched_with(run, 0) is None
    Run(run).evaluation.parent.mkdir()
    known = {"trial": 1, "trained_on": "training", "metrics": {}, "epochs": 1}
    Run(run).write_evaluation(known)
    assert searched_with(run, None) == measured_with(COST)


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
