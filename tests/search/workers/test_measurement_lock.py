import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager

import pytest

from autoai4eo.errors import UserError
from autoai4eo.search.workers import measurement_lock
from autoai4eo.search.workers.measurement_lock import MeasurementLock


def test_a_measuring_process_is_alone_and_working_ones_wait(tmp_path):
    steps = []
    measuring = threading.Event()
    stop = threading.Event()

    def work():
        quiet = MeasurementLock(tmp_path)
        with quiet.training():
            while not stop.is_set():
                quiet.yield_()
                steps.append(measuring.is_set())
                time.sleep(0.001)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    measurer = MeasurementLock(tmp_path)
    for _ in range(5):
        with measurer.exclusive():
            measuring.set()
            time.sleep(0.05)
            measuring.clear()
        before = len(steps)
        while len(steps) < before + 3:  # and then they go on
            time.sleep(0.001)
    stop.set()
    for worker in workers:
        worker.join()
    assert len(steps) > 15 and not any(steps)


def test_a_worker_measures_in_the_middle_of_its_work(tmp_path):
    mine, other = MeasurementLock(tmp_path), MeasurementLock(tmp_path)
    came = []

    def measure():
        with other.exclusive():
            came.append(time.monotonic())

    with mine.training():
        with mine.exclusive():
            pass
        waits = threading.Thread(target=measure)
        waits.start()
        time.sleep(0.1)
        assert not came  # mine works again
        while not came:
            mine.yield_()
            time.sleep(0.001)
        waits.join()


@pytest.mark.timing
def test_pausing_takes_nearly_no_time(tmp_path):
    quiet = MeasurementLock(tmp_path)
    with quiet.training():
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            for _ in range(1000):
                quiet.yield_()
            times.append((time.perf_counter() - begin) / 1000)
    assert min(times) < 1e-4  # seconds; a batch takes some thousandths


HOLDS = """
import sys
from pathlib import Path
from autoai4eo.search.workers.measurement_lock import MeasurementLock
quiet = MeasurementLock(Path(sys.argv[1]))
with getattr(quiet, sys.argv[2])():
    print("held", flush=True)
    sys.stdin.readline()
    quiet.yield_()
    print("again", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def other(folder, does):
    """Runs a process that works or measures, and stops it meanwhile."""
    command = [sys.executable, "-c", HOLDS, str(folder), does]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "held\n"
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("theirs", ["training", "exclusive"])
@pytest.mark.parametrize("mine", ["training", "exclusive"])
def test_a_stopped_search_keeps_nobody_waiting(tmp_path, theirs, mine):
    told = []
    with other(tmp_path, theirs) as process:
        begin = time.monotonic()
        with getattr(MeasurementLock(tmp_path, told.append), mine)():
            assert time.monotonic() - begin < 2
        passed = f"passes over process {process.pid} of a search: stopped"
        # two that work have nothing to wait for
        assert set(told) == (set() if theirs == mine == "training" else {passed})


def test_a_process_that_was_passed_over_waits_again(tmp_path):
    with other(tmp_path, "training") as process:
        with MeasurementLock(tmp_path).exclusive():
            process.send_signal(signal.SIGCONT)
            process.stdin.write("\n")
            process.stdin.flush()
            heard = threading.Thread(target=process.stdout.readline)
            heard.start()
            heard.join(0.5)
            assert heard.is_alive()  # it waits at its next batch
        heard.join(5)
        assert not heard.is_alive()


def test_waiting_is_reported_and_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(measurement_lock, "TELL_S", 0.1)
    monkeypatch.setattr(measurement_lock, "LIMIT_S", 0.5)
    told = []
    with other(tmp_path, "training") as process:
        process.send_signal(signal.SIGCONT)
        with MeasurementLock(tmp_path, told.append).exclusive():
            pass
        who = f"process {process.pid} of a search"
    assert told[0] == f"waits for {who}, which trains: a latency is measured alone"
    assert told[1].startswith(f"passes over {who}: still there after")


def test_waiting_also_ends_if_the_holders_are_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(measurement_lock, "LIMIT_S", 0.2)
    monkeypatch.setattr(measurement_lock._Lock, "holders", lambda self: [])
    told = []
    with (
        MeasurementLock(
            tmp_path
        ).exclusive(),  # of this process: also where /proc tells nothing
        MeasurementLock(tmp_path, told.append).training(),
    ):
        pass
    assert "a process that the system does not name" in told[0]


def test_locks_are_in_a_private_folder(tmp_path, monkeypatch):
    for name in ("run", "home", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    mine = measurement_lock.private_folder()
    assert mine == tmp_path / "run" / "autoai4eo"
    mine.chmod(0o777)  # others could plant and hold locks there
    home = measurement_lock.private_folder()
    assert home == tmp_path / "home" / ".cache" / "autoai4eo"
    assert home.stat().st_mode & 0o777 == 0o700
    home.rmdir()
    home.symlink_to(tmp_path / "tmp")  # a link, whoever made it
    last = measurement_lock.private_folder()
    assert last == tmp_path / "tmp" / f"autoai4eo-{os.getuid()}"
    last.chmod(0o777)
    with pytest.raises(UserError, match="set XDG_RUNTIME_DIR"):
        measurement_lock.private_folder()
    assert not any(last.iterdir())


def test_a_planted_link_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    MeasurementLock(tmp_path)
    for lock in tmp_path.glob("*.lock"):
        lock.unlink()
        lock.symlink_to(victim)
    with pytest.raises(UserError, match="expected a lock file"):
        MeasurementLock(tmp_path)
    assert victim.read_text() == "mine"


def test_waiting_is_counted_and_shown_with_whom_it_is_for(tmp_path, monkeypatch):
    monkeypatch.setattr(measurement_lock, "_SHOW_S", 0.1)
    shown, begun = [], threading.Event()

    def measure():
        with MeasurementLock(tmp_path).exclusive():
            begun.set()
            time.sleep(0.4)

    lock = MeasurementLock(tmp_path, waits=shown.append)
    with lock.training():
        assert lock.waited_s == 0.0
    thread = threading.Thread(target=measure)
    thread.start()
    begun.wait()
    with lock.training():
        pass
    thread.join()
    assert 0.2 < lock.waited_s < 10
    assert shown[0].startswith("waits for ")
    assert shown[1:] == [""]
