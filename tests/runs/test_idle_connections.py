"""Connections to a server are given back while a worker trains."""

import threading
import time
from contextlib import closing

import optuna
import psycopg2
import pytest

from autoai4eo.runs import idle_connections
from autoai4eo.runs.storage import open_storage


def connections(url):
    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
        return cursor.fetchone()[0]


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(idle_connections.close_idle_connections, "__defaults__", (0.2,))


def wait_until_none_is_left(url):
    until = time.monotonic() + 20
    while connections(url):
        assert time.monotonic() < until, "connections stay"
        time.sleep(0.05)


def test_a_worker_that_trains_holds_no_connection(database, soon):
    """Users rely on: more workers than a server has connections can search."""
    storage = open_storage(database)
    wait_until_none_is_left(database)
    study = optuna.create_study(storage=storage)
    for _ in range(3):  # and makes new ones when it needs them
        storage.create_new_trial(study._study_id)
        assert connections(database) > 0
        wait_until_none_is_left(database)


def test_connections_are_not_lost_where_several_threads_use_them(database, soon):
    """Heartbeats have a thread of their own, which may be at it just then."""
    storage = open_storage(database)
    trial = storage.create_new_trial(optuna.create_study(storage=storage)._study_id)

    def beat():
        for _ in range(15):
            time.sleep(0.2)  # when idle connections are closed
            storage.record_heartbeat(trial)

    threads = [threading.Thread(target=beat) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until_none_is_left(database)


def test_a_connection_is_used_again_while_there_is_work(database):
    storage = open_storage(database)
    trial = storage.create_new_trial(optuna.create_study(storage=storage)._study_id)
    made = []
    connect = storage.engine.pool._creator
    storage.engine.pool._creator = lambda *a: made.append(1) or connect(*a)
    for number in range(50):
        storage.set_trial_user_attr(trial, f"{number}", number)
    assert len(made) <= 1
    storage.engine.dispose()


def test_a_full_server_is_waited_for(database):
    """Users rely on: jobs that begin at once do not end for want of a connection."""
    taken = []
    try:
        with pytest.raises(psycopg2.OperationalError):
            while True:
                taken.append(psycopg2.connect(database))
        free = threading.Timer(1, lambda: [one.close() for one in taken])
        free.start()
        storage = open_storage(database)
        free.join()
        storage.engine.dispose()
    finally:
        for one in taken:
            one.close()
