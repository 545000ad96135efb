"""What the log tells of the front: figures that compare from line to line."""

import optuna
import runs

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs.study import open_study
from autoai4eo.search.workers.progress import Progress, tell_front


def told(path, objectives, limits):
    """The lines for the log after each of two trials, the second slower."""
    lines, kept = [], parse_objectives(objectives)
    path.mkdir()
    study = open_study(path, kept)
    to = Progress(lines.append, kept[0])
    for values in ([0.5, 1.0], [0.4, 9.0]):
        study.add_trial(optuna.trial.create_trial(values=values))
        tell_front(study, limits, to)
    runs.close(study)
    return [one["done"] for one in lines if "done" in one]


def test_a_hypervolume_is_logged_only_where_its_reference_stays(tmp_path):
    """Users rely on: a figure that grows means a better front."""
    objectives = ["val_cohen_kappa", "latency_ms"]
    limited = told(tmp_path / "limited", objectives, {"latency_ms": 10.0})
    volume = "front: 1 trial   hypervolume 4.5 (reference: val_cohen_kappa 0, "
    assert limited == [f"trial {i}   {volume}latency_ms 10)" for i in (0, 1)]
    free = told(tmp_path / "free", objectives, {})
    assert free == [f"trial {i}   front: 1 trial" for i in (0, 1)]


def test_the_front_is_that_of_the_trial_that_ended_last(tmp_path):
    """Others may have begun after it."""
    lines, kept = [], parse_objectives(["val_cohen_kappa", "latency_ms"])
    study = open_study(tmp_path, kept)
    running = optuna.trial.TrialState.RUNNING
    study.add_trial(optuna.trial.create_trial(state=running))
    study.add_trial(optuna.trial.create_trial(values=[0.5, 1.0]))
    study.add_trial(optuna.trial.create_trial(state=running))
    tell_front(study, {}, Progress(lines.append, kept[0]))
    runs.close(study)
    assert lines[-1]["done"] == "trial 1   front: 1 trial"
