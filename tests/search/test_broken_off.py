import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from autoai4eo.errors import UserError
from autoai4eo.search import checkpoint, front
from autoai4eo.search.broken_off import (
    MAX_RETRIES,
    broken_off,
    take_over,
    take_over_all,
)
from autoai4eo.search.record import check_device, claim, mark_of, status


def begun(study, **attributes):
    """A running trial whose worker proposed a width."""
    trial = study.ask()
    trial.suggest_int("width", 8, 64)
    for name, value in {"proposed": {"values": {}}, **attributes}.items():
        trial.set_user_attr(name, value)
    return study.trials[trial.number]


def state(run, number, epochs):
    """What a training leaves after so many epochs."""
    folder = run / "trials" / str(number)
    folder.mkdir(parents=True)
    np.savez(folder / checkpoint.FILE, story=np.array(f'{{"epochs": {epochs}}}'))


@pytest.fixture
def study():
    return optuna.create_study()


def test_a_trial_is_queued_again_as_it_was(study, tmp_path):
    trial = begun(study)
    take_over(study, trial, tmp_path, "interrupted: SIGKILL")
    first, again = study.trials
    assert status(first) == "failed" and broken_off(first)
    assert first.user_attrs["message"] == "interrupted: SIGKILL"
    assert again.state == TrialState.WAITING
    assert again.user_attrs["retry_of"] == 0 and again.user_attrs["candidate"] == 0
    assert again.user_attrs["proposed"] == {"values": {}}
    asked = study.ask()
    assert asked.suggest_int("width", 8, 64) == first.params["width"]


def test_of_several_one_takes_over(study, tmp_path):
    trial = begun(study)
    for _ in range(3):
        take_over(study, trial, tmp_path)
    assert len(study.trials) == 2


def test_what_never_gets_on_is_given_up(study, tmp_path):
    trial = begun(study, retries=MAX_RETRIES)
    take_over(study, trial, tmp_path)
    (only,) = study.trials
    assert not broken_off(only)
    assert "broken off 4 times, not tried again" in only.user_attrs["message"]


@pytest.mark.parametrize(("finished", "given_up"), [(4, True), (5, False)])
def test_what_gets_on_is_tried_for_ever(study, tmp_path, finished, given_up):
    trial = begun(study, retries=MAX_RETRIES, resumed=4)
    state(tmp_path, 0, finished)
    take_over(study, trial, tmp_path)
    assert (len(study.trials) == 1) == given_up


def test_what_was_failed_and_not_queued_is_found(study, tmp_path):
    begun(study)
    forgotten = study.ask()
    study.tell(forgotten, state=TrialState.FAIL)  # its worker died: without a message
    failed = study.ask()
    failed.set_user_attr("message", "OSError: …")
    study.tell(failed, state=TrialState.FAIL)
    take_over_all(study, tmp_path)
    waiting = [t for t in study.trials if t.state == TrialState.WAITING]
    assert {t.user_attrs["retry_of"] for t in waiting} == {0, 1}
    take_over_all(study, tmp_path)
    assert len(study.trials) == 5


def test_a_search_that_measures_stays_on_its_device(study, tmp_path):
    check_device(study, tmp_path, "GPU NVIDIA H200")
    check_device(study, tmp_path, "GPU NVIDIA H200")
    with pytest.raises(UserError, match="measures latency on GPU NVIDIA H200, found"):
        check_device(study, tmp_path, "CPU")


def test_latencies_of_several_devices_are_not_compared(study):
    study.set_user_attr("objectives", ["val_loss"])
    for device in ("CPU", "GPU"):
        cost = {"device": device, "latency_ms": 1.0, "macs": 5}
        kept = {"cost": cost}
        study.add_trial(optuna.trial.create_trial(value=1.0, user_attrs=kept))
    with pytest.raises(UserError, match="latencies of one device"):
        front.choose(study, None, {"latency_ms": 2.0})
    assert front.choose(study, None, {"macs": 5}).number == 0


def test_a_study_belongs_to_one_folder(study, tmp_path):
    begun_with = {"training": "abc"}
    mark = mark_of(study, tmp_path, True, begun_with)
    claim(study, mark, begun_with)
    with pytest.raises(UserError, match="another folder's"):
        mark_of(study, tmp_path, True, begun_with)
    # its own study.db alone says whose it is, where run.json is not written yet
    assert mark_of(study, tmp_path, False, begun_with) == mark
    with pytest.raises(UserError, match="begun with, found others"):
        mark_of(study, tmp_path, False, {"training": "of another data set"})
