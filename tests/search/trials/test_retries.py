import numpy as np
import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from autoai4eo.errors import UserError
from autoai4eo.runs import front
from autoai4eo.runs.layout import STATE
from autoai4eo.runs.study import claim, mark_of
from autoai4eo.runs.trials import interrupted, status, was_trained
from autoai4eo.search.trials.retries import (
    MAX_RETRIES,
    StillMine,
    fail_and_retry,
    fail_and_retry_all,
    given_up,
    sign_new_trials,
    worker_of,
)


def begun(study, **attributes):
    """A running trial whose worker proposed a width."""
    trial = study.ask()
    trial.suggest_int("width", 8, 64)
    for name, value in {"proposed": {"values": {}}, **attributes}.items():
        trial.set_user_attr(name, value)
    return study.trials[trial.number]


def state(run, number, epochs):
    """Writes the state of a training after so many epochs."""
    folder = run / "trials" / str(number)
    folder.mkdir(parents=True)
    np.savez(folder / STATE, story=np.array(f'{{"epochs": {epochs}}}'))


@pytest.fixture
def study():
    return optuna.create_study()


def test_a_trial_is_queued_again_as_it_was(study, tmp_path):
    trial = begun(study)
    fail_and_retry(study, trial, tmp_path, "interrupted: SIGKILL")
    first, again = study.trials
    assert status(first) == "interrupted" and interrupted(first)
    assert first.user_attrs["message"] == "interrupted: SIGKILL"
    assert again.state == TrialState.WAITING
    assert again.user_attrs["retry_of"] == 0 and again.user_attrs["candidate"] == 0
    assert again.user_attrs["proposed"] == {"values": {}}
    asked = study.ask()
    assert asked.suggest_int("width", 8, 64) == first.params["width"]


def test_a_resumed_worker_writes_nothing_into_a_trial_that_was_taken_over(
    study, tmp_path
):
    begun(study)
    mine = optuna.trial.Trial(study, study.trials[0]._trial_id)
    guard = StillMine(study, mine)
    guard.on_epoch_end(0)
    fail_and_retry(study, study.trials[0], tmp_path)
    with pytest.raises(UpdateFinishedTrialError, match="trial 0 was taken over"):
        guard.on_epoch_end(1)


def test_a_trial_whose_answer_was_lost_is_dropped_at_once(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=storage)
    create, lost = study._storage.create_new_trial, []

    def loses_an_answer(study_id, template_trial=None):
        """Imitates a storage that repeats a call after the connection broke."""
        if not lost:
            lost.append(create(study_id, template_trial))
        return create(study_id, template_trial)

    study._storage.create_new_trial = loses_an_answer
    sign_new_trials(study, "here:1")
    asked = study.ask()
    first, second = study.trials
    assert status(first) == "exhausted" and second.number == asked.number
    assert worker_of(second) == "here:1"
    other = optuna.load_study(study_name=study.study_name, storage=storage)
    sign_new_trials(other, "here:2")
    other.ask()  # another worker's trial is left alone
    assert [status(t) for t in study.trials] == ["exhausted", "running", "running"]


def test_only_one_worker_takes_a_trial_over(study, tmp_path):
    trial = begun(study)
    for _ in range(3):
        fail_and_retry(study, trial, tmp_path)
    assert len(study.trials) == 2


def test_a_trial_without_progress_is_given_up(study, tmp_path):
    trial = begun(study, retries=MAX_RETRIES)
    assert not fail_and_retry(study, trial, tmp_path)
    (only,) = study.trials
    assert given_up(only) and not was_trained(only)  # another one takes its place
    assert "interrupted 4 times, not tried again" in only.user_attrs["message"]


@pytest.mark.parametrize(("finished", "given_up"), [(4, True), (5, False)])
def test_a_trial_with_progress_is_never_given_up(study, tmp_path, finished, given_up):
    trial = begun(study, retries=MAX_RETRIES, resumed=4)
    state(tmp_path, 0, finished)
    fail_and_retry(study, trial, tmp_path)
    assert (len(study.trials) == 1) == given_up


def test_a_failed_trial_that_was_not_queued_is_found(study, tmp_path):
    begun(study)
    forgotten = study.ask()
    study.tell(forgotten, state=TrialState.FAIL)  # its worker died: without a message
    failed = study.ask()
    failed.set_user_attr("message", "OSError: …")
    study.tell(failed, state=TrialState.FAIL)
    fail_and_retry_all(study, tmp_path)
    waiting = [t for t in study.trials if t.state == TrialState.WAITING]
    assert {t.user_attrs["retry_of"] for t in waiting} == {0, 1}
    fail_and_retry_all(study, tmp_path)
    assert len(study.trials) == 5


def test_latencies_of_several_devices_are_not_compared(study):
    study.set_user_attr("objectives", ["val_loss"])
    for device in ("CPU", "GPU"):
        cost = {"device": device, "latency_ms": 1.0, "macs": 5}
        kept = {"cost": cost}
        study.add_trial(optuna.trial.create_trial(value=1.0, user_attrs=kept))
    with pytest.raises(UserError, match="latencies of one device and runtime"):
        front.choose(study, None, {"latency_ms": 2.0})
    assert front.choose(study, None, {"macs": 5}).number == 0


def test_a_study_belongs_to_one_folder(study, tmp_path):
    begun_with = {"training": "abc"}
    mark = mark_of(study, tmp_path, True, begun_with)
    claim(study, mark, begun_with)
    with pytest.raises(UserError, match="found that of another folder"):
        mark_of(study, tmp_path, True, begun_with)
    # study.db has the mark even if run.json is not written yet
    assert mark_of(study, tmp_path, False, begun_with) == mark
    with pytest.raises(UserError, match="begun with, found others"):
        mark_of(study, tmp_path, False, {"training": "of another data set"})
