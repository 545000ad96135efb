"""The trainings that the weights of a network went through."""

from autoai4eo.runs import phases
from autoai4eo.runs.phases import Phase

SEARCH = phases.of_trial("trial 3", {"epochs": 4, "best_epoch": 3}, 0.74)


def test_all_epochs_of_the_weights_are_counted():
    record = phases.record([SEARCH, Phase(phases.FURTHER, 4, 4, 0.79)])
    assert record["epochs"] == 8
    assert phases.told_epochs(8, phases.read(record)) == (
        "8 epochs (4 of trial 3; 4 of further training)"
    )


def test_epochs_after_the_best_one_do_not_count():
    trial = {"epochs": 20, "best_epoch": 12}
    assert phases.epochs_of(trial) == 13
    assert phases.told_epochs(13, [phases.of_trial("trial 0", trial, None)]) == (
        "13 epochs, the best of 20"
    )
    not_better = [SEARCH, Phase(phases.FURTHER, 4, 0, 0.58)]
    assert phases.record(not_better)["epochs"] == 4
    assert "none of further training" in phases.told_epochs(4, not_better)


def test_earlier_versions_counted_only_the_last_training():
    assert phases.read({"epochs": 4}) == []
    assert phases.told_epochs(4, []) == "4 epochs of its last training"
    assert phases.epochs_of({"epochs": 5}) == 5


def test_the_trainings_of_an_ensemble_are_not_listed():
    assert phases.told_epochs(12, [], is_ensemble=True) == (
        "12 epochs of all members together"
    )
