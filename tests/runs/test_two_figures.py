"""The finalist's two figures on the validation data, told apart."""

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs.two_figures import two_figures

KAPPA = parse_objectives(["params", "val_cohen_kappa"])
OF_TRIAL = {"val_cohen_kappa": 0.7022, "val_accuracy": 0.73}


def evaluation(on="training", **metrics):
    return {"trial": 4, "trained_on": on, "metrics": metrics, "epochs": 3}


def test_the_finalists_is_named_and_the_trials_explained():
    told = two_figures(evaluation(val_cohen_kappa=0.7933), OF_TRIAL, KAPPA)
    assert "0.7933 is that of the finalist, 0.7022 is that of trial 4" in told
    assert "was trained on from trial 4's best epoch" in told


def test_training_on_may_bring_nothing():
    told = two_figures(evaluation(val_cohen_kappa=0.70221), OF_TRIAL, KAPPA)
    assert "0.7022 is that of trial 4 in the search and of the finalist" in told


def test_a_finalist_trained_on_everything_has_none():
    told = two_figures(evaluation("training and validation"), OF_TRIAL, KAPPA)
    assert "0.7022 is that of trial 4" in told and "cannot be judged on these" in told


def test_the_first_metric_of_the_search_is_told():
    accuracy = parse_objectives(["val_accuracy", "val_cohen_kappa"])
    told = two_figures(evaluation(val_accuracy=0.8), OF_TRIAL, accuracy)
    assert told.startswith("overall accuracy on the validation data: 0.8 is that of")


def test_nothing_is_told_before_there_is_a_finalist():
    assert two_figures({}, OF_TRIAL, KAPPA) == ""
    assert two_figures(evaluation(), {}, KAPPA) == ""
