"""The database under a search, on SQLite files and on a real PostgreSQL server."""

from __future__ import annotations

import inspect
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, nullcontext

import optuna
import psycopg2
import pytest
import runs
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.storages._cached_storage import _CachedStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from autoai4eo.errors import UserError
from autoai4eo.runs import databases
from autoai4eo.runs import storage as module
from autoai4eo.runs.database_urls import without_password
from autoai4eo.runs.patient_storage import PatientStorage
from autoai4eo.runs.sqlite_files import sqlite_file, sqlite_url
from autoai4eo.runs.storage import open_storage
from autoai4eo.runs.study import open_study, status
from autoai4eo.search.trials.retries import sign_new_trials

WORKER = """
import sys, optuna
from autoai4eo.runs.storage import open_storage
optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = open_storage(sys.argv[1])
study = optuna.create_study(study_name="s", storage=storage, load_if_exists=True)
storage = study._storage
for number in range(int(sys.argv[2])):
    trial = storage.create_new_trial(study._study_id)
    storage.record_heartbeat(trial)
    storage.set_trial_user_attr(trial, "number", number)
    storage.set_trial_state_values(trial, optuna.trial.TrialState.COMPLETE, [number])
study._storage._backend.engine.dispose()
"""


def work(url, processes, trials):
    """Finishes trials in some processes at the same time; they must print nothing."""
    command = [sys.executable, "-W", "error", "-c", WORKER, url, str(trials)]
    workers = [
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    told = [worker.communicate()[1] for worker in workers]
    assert told == [""] * processes


@pytest.fixture
def opened():
    """open_storage, closed at the end of the test."""
    storages = []

    def opened(*args, **kwargs):
        storages.append(open_storage(*args, **kwargs))
        return storages[-1]

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield opened
    for storage in storages:
        storage.remove_session()
        storage.engine.dispose()


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def new_study(storage):
    return optuna.create_study(storage=storage)._study_id


@contextmanager
def refused(*parts):
    """Checks an error: one line, with these parts, and without a password."""
    with pytest.raises(UserError) as error:
        yield
    told = str(error.value)
    assert re.fullmatch(r"storage: expected .+, found .+; .+", told)
    assert "sesame" not in told
    for part in parts:
        assert part in told


@contextmanager
def locked(path, seconds):
    """Lets another program lock the SQLite file for some seconds."""

    def hold():
        with closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN EXCLUSIVE")
            held.set()
            time.sleep(seconds)

    held = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        yield
    finally:
        holder.join()


@pytest.mark.parametrize("kind", ["sqlite", "database"])
def test_trials_are_found_when_the_database_is_opened_again(opened, request, kind):
    url = request.getfixturevalue(kind)
    study = optuna.create_study(study_name="s", storage=opened(url))
    study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs={"by": "me"}))
    again = optuna.load_study(study_name="s", storage=opened(url))
    assert again.best_trial.user_attrs == {"by": "me"}


def test_two_processes_finish_trials_in_one_sqlite_file(opened, sqlite):
    work(sqlite, processes=2, trials=40)
    trials = optuna.load_study(study_name="s", storage=opened(sqlite)).trials
    assert [trial.number for trial in trials] == list(range(80))
    assert all(t.state == TrialState.COMPLETE for t in trials)
    assert sorted(t.value for t in trials) == sorted(2 * list(range(40)))


@pytest.mark.parametrize("kind", ["sqlite", "database"])
def test_processes_may_make_the_database_at_the_same_time(opened, request, kind):
    url = request.getfixturevalue(kind)
    work(url, processes=3, trials=1)
    assert len(optuna.load_study(study_name="s", storage=opened(url)).trials) == 3


@contextmanager
def restarted(server, mode):
    """Stops the server, and starts it three seconds later."""
    server.stop(mode)
    back = threading.Timer(3, server.start)
    back.start()
    try:
        yield
    finally:
        back.join()


@pytest.mark.parametrize(
    "mode", [pytest.param("fast", marks=pytest.mark.slow), "immediate"]
)
def test_a_restart_of_the_server_loses_no_trial(opened, server, database, mode):
    storage = _CachedStorage(opened(database))
    study = new_study(storage)
    finished = []
    for number in range(30):
        trial = storage.create_new_trial(study)
        with restarted(server, mode) if number == 10 else nullcontext():
            storage.set_trial_user_attr(trial, "number", number)
            storage.record_heartbeat(trial)
            storage.set_trial_state_values(trial, TrialState.COMPLETE, [number])
        finished.append(trial)
    stored = {
        trial._trial_id: (trial.state, trial.values, trial.user_attrs)
        for trial in storage.get_all_trials(study)
    }
    for number, trial in enumerate(finished):
        assert stored[trial] == (TrialState.COMPLETE, [number], {"number": number})


def break_at_commit(storage, monkeypatch, instead):
    """Breaks the connection at the next commit, after a call of `instead`."""

    def commit(connection):
        monkeypatch.undo()
        instead(connection)
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(storage.engine.dialect, "do_commit", commit)


def test_a_trial_is_finished_although_the_answer_was_lost(
    opened, database, monkeypatch
):
    storage = opened(database)
    trial = storage.create_new_trial(new_study(storage))
    break_at_commit(storage, monkeypatch, lambda connection: connection.commit())
    assert storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.1])
    assert storage.get_trial(trial).values == [0.1]


def test_a_trial_does_not_stay_running_if_the_answer_to_its_creation_was_lost(
    opened, database, monkeypatch
):
    storage = opened(database)
    study = optuna.create_study(storage=storage)
    sign_new_trials(study, "here:1")
    break_at_commit(storage, monkeypatch, lambda connection: connection.commit())
    number = study._storage.get_trial(
        study._storage.create_new_trial(study._study_id)
    ).number
    lost, mine = study.get_trials()
    assert (lost.state, mine.state) == (TrialState.PRUNED, TrialState.RUNNING)
    assert mine.number == number and status(lost) == "exhausted"


def test_a_trial_is_not_finished_twice(opened, database):
    storage = opened(database)
    trial = storage.create_new_trial(new_study(storage))
    storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.1])
    with pytest.raises(UpdateFinishedTrialError):
        storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.1])


def test_a_trial_failed_by_another_worker_stays_failed(opened, database, monkeypatch):
    def fail_for_good(connection):
        connection.rollback()
        opened(database).set_trial_state_values(trial, TrialState.FAIL)

    storage = opened(database)
    trial = storage.create_new_trial(new_study(storage))
    break_at_commit(storage, monkeypatch, fail_for_good)
    with pytest.raises(UpdateFinishedTrialError):
        storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.1])
    assert storage.get_trial(trial).state == TrialState.FAIL


def test_a_locked_file_is_waited_for(opened, sqlite, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SQLITE_CONNECTION", {"timeout": 0})
    storage = opened(sqlite)
    trial = storage.create_new_trial(new_study(storage))
    with locked(tmp_path / "study.db", 1):
        storage.set_trial_user_attr(trial, "by", "me")
    assert storage.get_trial(trial).user_attrs == {"by": "me"}


def test_patience_ends(opened, server, database):
    storage = opened(database, patience=1)
    study = new_study(storage)
    trial = storage.create_new_trial(study)
    server.stop()
    try:
        began = time.monotonic()
        with pytest.raises(StorageInternalError):
            storage.get_trial(trial)
        assert 1 <= time.monotonic() - began < 3
        # the thread of heartbeats lives on
        storage.record_heartbeat(trial)
    finally:
        server.start()
    assert storage.get_trial(trial).state == TrialState.RUNNING


def test_a_wrong_statement_is_not_repeated(opened, sqlite, tmp_path):
    storage = opened(sqlite)
    with closing(sqlite3.connect(tmp_path / "study.db")) as other:
        other.execute("DROP TABLE trial_heartbeats")
    began = time.monotonic()
    with pytest.raises(StorageInternalError):
        storage.record_heartbeat(1)
    assert time.monotonic() - began < 1


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_trial_whose_worker_died_is_reported(opened, sqlite, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SQLITE_CONNECTION", {"timeout": 0})
    told = []
    storage = opened(sqlite, lambda study, t: told.append(t.number), grace_period=1)
    study = optuna.create_study(storage=storage)
    trial = storage.create_new_trial(study._study_id)
    storage.record_heartbeat(trial)
    with closing(sqlite3.connect(tmp_path / "study.db")) as other, other:
        other.execute("UPDATE trial_heartbeats SET heartbeat = '2026-01-01 00:00:00'")
    # not while no worker could send heartbeats
    with locked(tmp_path / "study.db", 0.3):
        fail_stale_trials(study)
    assert told == []
    time.sleep(1)
    fail_stale_trials(study)
    assert told == [0]


def test_a_url_of_no_database_is_reported():
    with refused("found study.db;"):
        open_storage("study.db")
    with refused("found mysql://…;"):
        open_storage("mysql://me:sesame@host/db")
    with refused():
        open_storage("postgresql://me:sesame@host:port/db")
    with refused("%40"):
        open_storage("postgresql://me:open@sesame@host/db")


def test_a_missing_driver_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with refused('`pip install "autoai4eo[postgresql]"`'):
        open_storage("postgresql://me:sesame@host/db")


def test_a_database_that_does_not_answer_is_reported(server, database, tmp_path):
    with refused("No such file or directory"):
        open_storage(f"postgresql://me:sesame@/db?host={tmp_path}")
    with refused('database "other" does not exist'):
        open_storage(server.url("other"))
    with refused("unable to open database file"):
        open_storage(f"sqlite:///{tmp_path / 'nowhere' / 'study.db'}")
    (tmp_path / "note.txt").write_text("not a database " * 100)
    with pytest.raises(
        UserError, match=r"note\.txt: .*file is not a database.*restore"
    ):
        open_storage(f"sqlite:///{tmp_path / 'note.txt'}")


@pytest.mark.parametrize("name", [b"caf\xe9", b"a?b#c 50%25{x}", b"a@b:c"])
def test_a_file_in_a_folder_of_any_name(tmp_path, name):
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    storage = open_storage(sqlite_url(folder / "study.db"))
    study = storage.create_new_study([StudyDirection.MINIMIZE])
    storage.set_trial_state_values(
        storage.create_new_trial(study), TrialState.COMPLETE, [1.0]
    )
    assert (folder / "study.db").is_file()
    assert sqlite_file(storage.engine.url) == folder / "study.db"
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]
    storage.engine.dispose()


@pytest.fixture(scope="module")
def careful(server):
    """The role that needs a password."""
    server.execute("CREATE ROLE careful SUPERUSER LOGIN PASSWORD 'open {sesame}'")


def test_a_password_comes_from_the_url_or_from_pgpassword(
    careful, database, opened, monkeypatch
):
    name = without_password(database).partition("@/")[2]
    with refused("no password supplied", "PGPASSWORD or ~/.pgpass"):
        open_storage(f"postgresql://careful@/{name}")
    with refused("password authentication failed"):
        open_storage(f"postgresql://careful:sesame@/{name}")
    opened(f"postgresql://careful:open%20{{sesame}}@/{name}")
    monkeypatch.setenv("PGPASSWORD", "open {sesame}")
    opened(f"postgresql://careful@/{name}")


def test_a_search_with_a_password_in_its_url_can_be_read(careful, database, tmp_path):
    """run.json has no password: reading the study needs it again."""
    bare = database.replace("postgres@", "careful@")
    url = databases.name(bare.replace("careful@", "careful:open%20{sesame}@"))
    assert url == bare
    folder = tmp_path / "run"
    folder.mkdir()
    runs.close(open_study(folder, runs.OBJECTIVES, storage=url))
    runs.write_run_json(folder, without_password(url))
    study = open_study(folder)
    assert study.trials == []
    for text in (str(vars(study._storage._backend)["url"]), repr(study._storage)):
        assert "sesame" not in text
    with pytest.raises(StorageInternalError):
        study.set_user_attr("by", "somebody who only reads")
    runs.close(study)


def test_reading_makes_no_tables_on_a_server(database, tmp_path):
    folder = runs.run_folder(tmp_path / "run", database, study=False)
    databases.name(database)
    with refused("the record of a search", "name its database"):
        open_study(folder)
    with closing(psycopg2.connect(database)) as server, server.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (0,)


def test_tables_of_another_optuna_are_reported(opened, sqlite, tmp_path):
    opened(sqlite)
    with closing(sqlite3.connect(tmp_path / "study.db")) as other, other:
        other.execute("UPDATE alembic_version SET version_num = 'v2.4.0.a'")
    with refused(optuna.__version__, "`optuna storage upgrade --storage URL`"):
        open_storage(sqlite)


def test_a_url_is_written_without_its_password():
    assert (
        without_password(
            "postgresql://me:sesame@host:5433/db?password=x&sslmode=require"
        )
        == "postgresql://me@host:5433/db?sslmode=require"
    )
    for url in ("sqlite:////a/study.db", "postgresql://host/db", "sqlite://"):
        assert without_password(url) == url
    with refused():
        without_password("me:sesame@host")


@pytest.mark.parametrize("kind", ["sqlite", "database"])
def test_trials_that_run_are_read_again_where_they_changed_only(
    kind, opened, request, monkeypatch
):
    """Users rely on: each worker knows what the others do, however many they are."""
    url = request.getfixturevalue(kind)
    optuna.create_study(study_name="s", storage=opened(url))
    reading = opened(url)
    mine, other = (
        optuna.load_study(study_name="s", storage=one) for one in (reading, opened(url))
    )
    read = []
    fetch = RDBStorage._get_trials

    def counted(self, *arguments):
        trials = fetch(self, *arguments)
        if self is reading:
            read.extend(trial.number for trial in trials)
        return trials

    monkeypatch.setattr(RDBStorage, "_get_trials", counted)

    def seen():
        """All trials as this process sees them, and which of them it fetched."""
        read.clear()
        trials = mine.get_trials(deepcopy=False)
        states = [(t.state.name, t.params, t.user_attrs) for t in trials]
        whole = other._storage._backend.get_all_trials(other._study_id)
        assert states == [(t.state.name, t.params, t.user_attrs) for t in whole]
        return sorted(read)

    theirs = [other._storage.create_new_trial(other._study_id) for _ in range(3)]
    seen(), seen()
    assert seen() == []
    other._storage.set_trial_user_attr(theirs[1], "worker", "there:1")
    assert seen() == [1] and seen() == []
    width = optuna.distributions.IntDistribution(1, 9)
    other._storage.set_trial_param(theirs[0], "width", 3, width)
    other.enqueue_trial({"width": 2})
    assert seen() == [0, 3] and seen() == []
    other._storage.set_trial_state_values(theirs[2], TrialState.COMPLETE, [1.0])
    assert seen() == [2] and seen() == []
    other._storage.set_trial_state_values(theirs[0], TrialState.FAIL)
    other._storage.set_trial_system_attr(theirs[1], "fixed", 1)
    assert seen() == [0, 1] and seen() == []
    # a second reader of the same storage misses nothing, nor does the first after it
    second = optuna.load_study(study_name="s", storage=reading)
    other._storage.set_trial_user_attr(theirs[1], "status", "x")
    assert second.get_trials()[1].user_attrs["status"] == "x"
    assert 1 in seen()


SESSIONS = {
    name
    for name, method in inspect.getmembers(RDBStorage, inspect.isfunction)
    if "_create_scoped_session(" in inspect.getsource(method)
}
PATIENT = {
    name
    for name in vars(PatientStorage).keys() & vars(RDBStorage).keys()
    if not name.startswith(("__", "_abc"))
}
SAMPLERS = [
    optuna.samplers.RandomSampler(seed=0),
    optuna.samplers.TPESampler(n_startup_trials=2, seed=0),
    optuna.samplers.NSGAIISampler(population_size=2, seed=0),
]


def test_each_method_that_is_repeated_is_one_transaction():
    assert PATIENT <= SESSIONS


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_every_method_that_a_trial_calls_is_repeated(
    opened, sqlite, sampler, monkeypatch
):
    """Users rely on: a trial survives that the database is unavailable."""
    storage = opened(sqlite, lambda study, trial: None)
    study = optuna.create_study(storage=storage, sampler=sampler)

    def not_repeated(*args, **kwargs):
        raise AssertionError("a trial does what is not repeated")

    for name in SESSIONS - PATIENT:
        monkeypatch.setattr(RDBStorage, name, not_repeated)

    def objective(trial):
        width = trial.suggest_int("width", 1, 8)
        trial.set_user_attr("width", width)
        return trial.suggest_float("rate", 0, 1) + study.trials[0].number

    study.optimize(objective, n_trials=6)
    study.set_user_attr("oracle", study.user_attrs.get("oracle", "{}"))
    study.enqueue_trial({"width": 3})
    study.optimize(objective, n_trials=1)
    fail_stale_trials(study)
    assert len(study.trials) == 7
