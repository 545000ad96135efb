"""The sentence about the finalist's two figures on the validation data."""

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs.two_figures import two_figures

KAPPA = parse_objectives(["params", "val_cohen_kappa"])
OF_TRIAL = {"val_cohen_kappa": 0.7022, "val_accuracy": 0.73}


def evaluation(on="training", **metrics):
    return {"trial": 4, "trained_on": on, "metrics": metrics, "epochs": 3}


def test_the_figures_of_finalist_and_trial_are_explained():
    told = two_figures(evaluation(val_cohen_kappa=0.7933), OF_TRIAL, KAPPA)
    assert "0.7933 is that of the finalist, 0.7022 is that of trial 4" in told
    assert "was trained further from trial 4's best epoch" in told


def test_a_finalist_trained_anew_is_not_said_to_be_trained_further():
    for reached, expected in (
        (0.7933, "the finalist was trained anew for 40 epochs."),
        (0.7022, "as training anew for 40 epochs did not improve it."),
    ):
        found = {**evaluation(val_cohen_kappa=reached), "final_epochs": 40}
        told = two_figures(found, OF_TRIAL, KAPPA)
        assert expected in told and "further" not in told


def test_the_finalist_may_be_fine_tuned_for_int8():
    found = evaluation(val_cohen_kappa=0.7933)
    for epoch, is_told in ((0, False), (2, True)):
        found["quantized"] = {"before": {}, "after": {}, "epoch": epoch}
        told = two_figures(found, OF_TRIAL, KAPPA)
        assert ("best epoch, in the end with the rounding of int8." in told) == is_told


def test_further_training_may_not_improve_the_finalist():
    told = two_figures(evaluation(val_cohen_kappa=0.70221), OF_TRIAL, KAPPA)
    assert "0.7022 is that of trial 4 in the search and of the finalist" in told


def test_both_figures_are_told_where_the_trial_s_network_is_kept():
    found = evaluation(val_cohen_kappa=0.7022)
    first = {"training": "trial 4", "epochs": 5, "kept": 3, "best": 0.7022}
    more = {"training": "further training", "epochs": 5, "kept": 0, "best": 0.6811}
    told = two_figures({**found, "phases": [first, more]}, OF_TRIAL, KAPPA)
    assert "0.7022 is that of trial 4 in the search and of the finalist" in told
    assert "as further training, which reached 0.6811, did not improve it." in told


def test_a_finalist_trained_on_all_data_has_no_figure_of_its_own():
    told = two_figures(evaluation("training and validation"), OF_TRIAL, KAPPA)
    assert "0.7022 is that of trial 4" in told and "data cannot judge it" in told


def test_the_sentence_is_about_the_first_metric_of_the_search():
    accuracy = parse_objectives(["val_accuracy", "val_cohen_kappa"])
    told = two_figures(evaluation(val_accuracy=0.8), OF_TRIAL, accuracy)
    assert told.startswith("Overall accuracy on the validation data: 0.8000 is that of")


def test_there_is_no_sentence_before_there_is_a_finalist():
    assert two_figures({}, OF_TRIAL, KAPPA) == ""
    assert two_figures(evaluation(), {}, KAPPA) == ""
