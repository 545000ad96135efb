"""The queue of a table: no training twice, none lost."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from autoai4eo.compact import processes, queue
from autoai4eo.compact.job import TableSettings
from autoai4eo.errors import UserError
from autoai4eo.runs.storage import open_storage
from autoai4eo.search.compat.optuna import heartbeats
from autoai4eo.search.trials.retries import StillMine

JOBS = [(method, seed) for seed in range(3) for method in ("resnet-8", "s")]
FOUND = {
    **dict.fromkeys(("accuracy", "average_accuracy", "cohen_kappa"), 0.5),
    **{"params": 1000, "macs": 5000, "depths": None},
    **{"search_seconds": None, "train_seconds": 1.5},
}


def silence(folder):
    """Lets all heartbeats be old, as if their processes had disappeared."""
    with closing(sqlite3.connect(folder / "study.db")) as database, database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = '2026-01-01'")


def states(study):
    return [trial.state for trial in study.get_trials(deepcopy=False)]


@pytest.fixture(params=["file", "server"])
def place(request):
    return None if request.param == "file" else request.getfixturevalue("database")


def test_commands_that_begin_at_once_share_the_trainings(tmp_path, place):
    commands = 3
    together = Barrier(commands)

    def work(number):
        together.wait()
        study = queue.open_queue(tmp_path, place)
        together.wait()
        queue.add(study, tmp_path, JOBS)
        done = []
        while taken := queue.take(study, JOBS):
            job, trial = taken
            (folder := tmp_path / f"{job[0]}-{job[1]}").mkdir()
            (folder / "result.json").touch()
            queue.complete(study, trial, FOUND)
            done.append(job)
        return done

    with ThreadPoolExecutor(commands) as pool:
        shares = list(pool.map(work, range(commands)))
    assert sorted(job for share in shares for job in share) == sorted(JOBS)
    study = queue.study_of(tmp_path, place)
    assert states(study) == [TrialState.COMPLETE] * len(JOBS)
    assert queue.unfinished(study, JOBS) == 0
    trial = study.trials[0]
    assert trial.value == 0.5 and trial.user_attrs["cost"]["macs"] == 5000
    assert {"method", "seed", "worker", "metrics"} <= set(trial.user_attrs)


def test_a_command_takes_only_its_own_trainings_in_their_order(tmp_path):
    study = queue.open_queue(tmp_path, None)
    queue.add(study, tmp_path, JOBS)
    mine = [("s", 1), ("s", 0)]
    assert [queue.take(study, mine)[0] for _ in mine] == mine
    assert queue.take(study, mine) is None
    assert queue.unfinished(study, mine) == 2


def test_a_training_whose_process_disappeared_is_queued_again(tmp_path):
    study, jobs = queue.open_queue(tmp_path, None), [("s", 0)]
    queue.add(study, tmp_path, jobs)
    _, lost = queue.take(study, jobs)
    other = queue.open_queue(tmp_path, None)
    queue.add(other, tmp_path, jobs)
    queue.add_interrupted(other, tmp_path, jobs)
    assert queue.take(other, jobs) is None  # its heartbeat is young
    silence(tmp_path)
    for _ in range(2):
        queue.add_interrupted(other, tmp_path, jobs)
    job, trial = queue.take(other, jobs)
    assert job == ("s", 0) and trial.number == lost.number + 1
    assert states(other) == [TrialState.FAIL, TrialState.RUNNING]
    # the process was only stopped: it may write nothing more
    with pytest.raises(UpdateFinishedTrialError):
        StillMine(study, lost).on_epoch_end(0)
    with pytest.raises(UpdateFinishedTrialError):
        queue.complete(study, lost, FOUND)
    StillMine(other, trial).on_epoch_end(0)


def test_a_training_with_heartbeats_is_not_taken_over(tmp_path):
    study, jobs = queue.open_queue(tmp_path, None), [("s", 0)]
    queue.add(study, tmp_path, jobs)
    _, trial = queue.take(study, jobs)
    silence(tmp_path)
    with heartbeats(study, trial):
        pass  # the first one is sent at once
    queue.add_interrupted(study, tmp_path, jobs)
    assert states(study) == [TrialState.RUNNING]


def test_a_training_given_back_goes_on_at_once_and_a_failed_one_later(tmp_path):
    study, jobs = queue.open_queue(tmp_path, None), [("s", 0), ("s", 1)]
    queue.add(study, tmp_path, jobs)
    (_, back), (_, failed) = queue.take(study, jobs), queue.take(study, jobs)
    queue.give_back(study, back)
    queue.fail(study, failed, "the loss is NaN")
    assert queue.unfinished(study, jobs) == 1
    queue.add_interrupted(study, tmp_path, jobs)
    assert queue.take(study, jobs)[0] == ("s", 0)
    assert queue.take(study, jobs) is None
    queue.add(study, tmp_path, jobs)  # the command is run again
    assert queue.take(study, jobs)[0] == ("s", 1)


def test_trainings_of_other_commands_are_waited_for(tmp_path, monkeypatch):
    other, jobs = queue.open_queue(tmp_path, None), [("s", 0)]
    queue.add(other, tmp_path, jobs)
    _, theirs = queue.take(other, jobs)
    (tmp_path / "s-0").mkdir()

    def end(seconds):
        (tmp_path / "s-0" / "result.json").touch()
        queue.complete(other, theirs, FOUND)

    monkeypatch.setattr(processes.time, "sleep", end)
    told = []
    work = processes.Work(None, None, tmp_path, TableSettings(), jobs, None)
    study = queue.open_queue(tmp_path, None)
    assert list(processes.run_jobs(work, study, 1, told.append)) == []
    assert told == [f"1 trainings are being done by another command in {tmp_path}"]


def test_a_table_stays_where_it_was_begun(tmp_path):
    storage = f"sqlite:///{tmp_path}/shared.db"
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    queue.open_queue(here, None)
    queue.open_queue(there, storage)
    with pytest.raises(UserError, match=r"expected no storage, .* found storage"):
        queue.open_queue(here, storage)
    with pytest.raises(UserError, match=r"expected storage .* found no storage"):
        queue.open_queue(there, None)
    namesake = tmp_path / "other" / "there"
    namesake.mkdir(parents=True)
    with pytest.raises(UserError, match="found that of another folder"):
        queue.open_queue(namesake, storage)
    open_storage(storage)
    assert (there / "table.json").read_text().count("shared.db") == 1
    assert not (there / "study.db").exists()
