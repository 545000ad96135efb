"""What is said of an ensemble beside the run's finalist."""

from dataclasses import replace

import pytest
import runs

from autoai4eo.runs import ensembles
from autoai4eo.runs.folder import Run
from autoai4eo.search.ensembles.making import beside_finalist, told_ensemble

WORSE = "warning: the ensemble is worse than the finalist"
ALONE = "warning: it has one member, so it is trial 3 as the search left it"


@pytest.fixture
def run(tmp_path):
    """A run whose finalist, trial 0, was scored with a kappa of 0.5."""
    folder = runs.run_folder(tmp_path / "run")
    Run(folder).best.mkdir(exist_ok=True)
    Run(folder).write_evaluation(
        {
            "trial": 0,
            "trained_on": "training",
            "metrics": {"val_cohen_kappa": 0.4, "val_loss": 0.9},
            "epochs": 3,
            "cohen_kappa": 0.5,
        }
    )
    return folder


def made(name, score, members):
    return ensembles.Ensemble(
        0, members, {name: score}, {}, {}, {}, 20, chosen_by=name, epochs=7
    )


@pytest.mark.parametrize(
    ("name", "score", "members", "expected"),
    [
        ("val_cohen_kappa", 0.6, {0: 1, 3: 2}, []),
        ("val_cohen_kappa", 0.5 + 1e-12, {0: 1, 3: 2}, []),
        ("val_cohen_kappa", 0.3, {0: 1, 3: 2}, [WORSE]),
        ("val_cohen_kappa", 0.3, {3: 2}, [WORSE, ALONE]),
        ("val_loss", 1.1, {0: 1, 3: 2}, [WORSE]),
        ("val_loss", 0.2, {3: 1}, [ALONE]),
    ],
)
def test_an_ensemble_that_is_no_gain_is_told(run, name, score, members, expected):
    """Users rely on: nobody replaces a trained finalist by a worse one unknowingly."""
    first, *warnings = beside_finalist(run, made(name, score, members))
    assert first.startswith("the finalist, trial 0: ")
    assert ("0.500" in first) == (name == "val_cohen_kappa")
    assert warnings == expected


def test_a_finalist_that_was_trained_further_is_told_apart_from_its_trial(run):
    """Users rely on: two scores of one trial do not contradict each other."""
    kept = Run(run).read_evaluation()
    Run(run).write_evaluation({**kept, "cohen_kappa": 0.7})
    (first, *_) = beside_finalist(run, made("val_cohen_kappa", 0.6, {0: 1, 3: 2}))
    assert "0.700 after its own training; 0.500 in the search" in first


def test_what_measured_its_latency_is_told(run):
    """Users rely on: milliseconds of one runtime are not taken for those of another."""
    cost = {"device": "CPU", "runtime": "onnx", "threads": 2, "latency_ms": 0.008984}
    summed = {"latency_ms": 0.01}
    known = made("val_cohen_kappa", 0.6, {0: 1, 3: 2})
    told = told_ensemble(run, replace(known, cost=cost, summed=summed))
    assert "latency [ms]: 0.008984 as a whole, 0.01 summed over its members" in told
    assert "latency in ms: onnx in float32 with 2 threads on CPU" in told
    assert not any("latency" in line for line in told_ensemble(run, known))


def test_without_a_finalist_there_is_nothing_to_compare(tmp_path):
    folder = runs.run_folder(tmp_path / "run")
    assert not beside_finalist(folder, made("val_cohen_kappa", 0.5, {0: 1, 3: 2}))
