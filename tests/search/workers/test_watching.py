import os
import signal
import subprocess

import pytest

from autoai4eo.search.workers import watching
from autoai4eo.search.workers.watching import STALLED_S, STOPPED_S, Watch

ME = os.getpid()


@pytest.fixture
def clock(monkeypatch):
    """Seconds, set by the test."""
    now = [0.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    return now


def wait(watch, clock, seconds, pid=ME):
    """Watches a worker for some seconds; returns whether it was overdue at the end."""
    overdue = watch.is_overdue(1, pid)
    for _ in range(round(seconds)):
        clock[0] += 1
        overdue = watch.is_overdue(1, pid)
    return overdue


def test_a_training_without_batches_is_overdue_although_its_process_lives(clock):
    watch = Watch()
    watch.heard(1, {"batch": True})
    assert not wait(watch, clock, STALLED_S - 5)
    watch.heard(1, {"batch": True})
    assert not wait(watch, clock, STALLED_S - 5)
    assert wait(watch, clock, 10)
    assert watch.forget(1) == "no batch for 10 minutes"
    assert not wait(watch, clock, 10)


def test_work_outside_of_trainings_may_take_long(clock):
    watch = Watch()
    assert not wait(watch, clock, 3 * STALLED_S)  # building, the first batch
    watch.heard(1, {"batch": True})
    watch.heard(1, {"done": "trial 3   complete"})
    assert not wait(watch, clock, 3 * STALLED_S)
    assert watch.forget(1) is None


def test_time_while_the_command_was_stopped_does_not_count(clock):
    watch = Watch()
    watch.heard(1, {"batch": True})
    watch.is_overdue(1, ME)
    clock[0] += 10 * STALLED_S
    assert not watch.is_overdue(1, ME)


def test_a_stopped_worker_is_overdue_after_minutes(clock):
    with subprocess.Popen(["sleep", "60"]) as worker:
        try:
            worker.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, worker.pid, os.WSTOPPED | os.WNOWAIT)
            watch = Watch()
            assert not wait(watch, clock, STOPPED_S - 5, worker.pid)
            assert wait(watch, clock, 10, worker.pid)
            assert watch.forget(1) == "stopped for 2 minutes"
        finally:
            worker.kill()
