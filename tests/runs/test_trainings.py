"""Trials that a cheaper training judged are told apart; so are fewer finalists."""

import optuna
import pytest
import runs
from optuna.trial import TrialState, create_trial

from autoai4eo.report.page import write_report
from autoai4eo.runs.study import open_study, trials_table
from autoai4eo.runs.tables import estimate_errors
from autoai4eo.runs.trials import FULL_TRAINING_OF, PROXY, named_running
from autoai4eo.search.trials.finalist import tell_if_fewer
from autoai4eo.search.workers.progress import Progress

KAPPA = {"metrics": {"val_cohen_kappa": 0.5}, "cost": {"params": 10, "macs": 9}}


@pytest.fixture
def run(tmp_path):
    return runs.run_folder(tmp_path / "run")


@pytest.fixture
def study(run):
    found = open_study(run, runs.OBJECTIVES)
    yield found
    runs.close(found)


def add(study, **attributes):
    study.add_trial(create_trial(value=0.6, user_attrs={**KAPPA, **attributes}))


def test_a_run_without_cheaper_trainings_has_no_column_for_them(run, study):
    assert "training" not in trials_table(study)
    runs.close(study)
    assert "(proxy)" not in write_report(run).read_text("utf-8")


def test_cheaper_and_full_trainings_are_told_apart(run, study):
    add(study, **{PROXY: True})
    add(study, **{FULL_TRAINING_OF: 1})
    told = list(trials_table(study)["training"])
    assert told == ["proxy", "proxy", "full, of trial 1"]
    runs.close(study)
    page = write_report(run).read_text("utf-8")
    assert "full, of trial 1" in page and "judged by a cheaper training (proxy)" in page


@pytest.mark.parametrize(
    ("objectives", "where"), [(["a"], "complete"), (["a", "b"], "on the front")]
)
def test_fewer_finalists_than_asked_for_are_said(objectives, where):
    study = optuna.create_study(directions=["maximize"] * len(objectives))
    told = []
    progress = Progress(told.append, None)
    tell_if_fewer(study, 3, 3, progress)
    assert not told
    tell_if_fewer(study, 3, 2, progress)
    assert told[0]["done"].endswith(f"3 asked for, but only 2 trials are {where}")


def test_trials_that_are_waited_for_are_named():
    def trials(*numbers):
        found = [create_trial(state=TrialState.RUNNING) for _ in numbers]
        for trial, number in zip(found, numbers, strict=True):
            trial.number = number
        return [*found, create_trial(value=0.5)]

    assert named_running(trials(3)) == "trial 3 of another worker"
    assert named_running(trials(3, 5)) == "trials 3, 5 of other workers"


def test_errors_of_estimates_are_told_only_of_costs_that_matter(study):
    for _ in range(4):
        guess = {"estimated": {"params": 11, "macs": 90}, "cost": KAPPA["cost"]}
        add(study, proposed={"built": [guess]})
    assert estimate_errors(study, ["params"]) == {}  # of too few
    add(study, proposed={"screened": [guess]})  # as an earlier version recorded them
    ((name, (error, networks)),) = estimate_errors(study, ["params"]).items()
    assert (name, networks) == ("params", 5)
    assert error == pytest.approx(0.1)
    assert estimate_errors(study, []) == {}
