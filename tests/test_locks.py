"""Locks: one process at a time, and the second hears who is the first."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from autoai4eo import locks
from autoai4eo.errors import UserError
from autoai4eo.locks import holder, is_held, locked, output_alone, written_alone

HOLDS = """
import sys, time
from pathlib import Path
from autoai4eo.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """A lock that another process holds."""
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield path, process
        process.kill()


def test_the_second_hears_who_holds_it(held):
    path, process = held
    assert is_held(path) and not is_held(path.with_name("missing"))
    with pytest.raises(BlockingIOError), locked(path):
        pass
    assert holder(path).startswith(f"process {process.pid} on {os.uname().nodename}, ")
    process.kill()
    process.wait()
    assert not is_held(path)
    with locked(path):  # the kernel opens the locks of a process that was killed
        assert f"process {os.getpid()} " in holder(path)


@pytest.mark.parametrize("content", ["", "5", "[[[1], 2]]", "[" * 4000, "{}"])
def test_a_lock_with_damaged_content_names_nobody(tmp_path, content):
    (tmp_path / "lock").write_text(content)
    assert holder(tmp_path / "lock") == "an unknown process"


def test_a_process_of_which_the_system_does_not_tell_is_not_taken_for_stopped():
    # macOS has no /proc: every worker would be ended after two minutes
    assert not locks.is_stopped(os.getpid()) and not locks.is_stopped(2**31)


def test_an_output_is_written_by_one(tmp_path):
    out = tmp_path / "map.tif"
    with (
        output_alone(out, "map"),
        pytest.raises(UserError, match=rf"another map at work .*{os.getpid()} on"),
        output_alone(out, "map"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_by_one_and_leaves_nothing_of_a_killed_one(tmp_path):
    out = tmp_path / "report.html"
    (tmp_path / f".writing-0123456789abcdef-{out.name}").write_text("half of it")
    with written_alone(out, "report") as temporary:
        with (
            pytest.raises(UserError, match="another report at work on it"),
            written_alone(out, "report"),
        ):
            pass
        temporary.write_text("whole")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


def test_an_error_of_the_body_is_not_taken_for_a_lock(tmp_path):
    with pytest.raises(BlockingIOError), output_alone(tmp_path / "a", "map"):
        raise BlockingIOError


def test_who_waits_for_a_lock_that_goes_gets_one_that_holds(tmp_path):
    """The file that the first held is no more: its lock would keep nobody out."""
    path, got = tmp_path / ".lock", []

    def wait():
        with locked(path, wait=True):
            got.append(path.stat().st_ino)

    with locked(path):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.2)
        path.unlink()
    thread.join(10)
    assert got == [path.stat().st_ino]


@pytest.mark.parametrize("plant", ["link", "dangling", "folder", "fifo"])
def test_what_was_planted_is_neither_followed_nor_emptied(tmp_path, plant):
    victim, path = tmp_path / "thesis.txt", tmp_path / ".lock"
    victim.write_text("years of work")
    if plant == "link":
        path.symlink_to(victim)
    elif plant == "dangling":
        path.symlink_to(tmp_path / "new")
    elif plant == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(UserError, match="expected a lock file, found"), locked(path):
        pass
    assert victim.read_text() == "years of work" and not (tmp_path / "new").exists()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(locks, "TELL_S", 0.1)
    monkeypatch.setattr(locks, "STOPPED_S", 0.5)


def test_who_is_waited_for_is_told_and_a_stopped_one_not_for_ever(held, impatient):
    path, process = held
    process.send_signal(signal.SIGSTOP)
    told = []
    with (
        pytest.raises(UserError, match=rf"process {process.pid} on .*is stopped"),
        locked(path, wait=True, tell=told.append),
    ):
        pass
    (line,) = told
    assert f"waits for {path}: held by process {process.pid} on " in line


def test_one_that_goes_on_is_waited_for(held, impatient):
    path, process = held
    threading.Timer(1.5, process.kill).start()
    begun = time.monotonic()
    with locked(path, wait=True, tell=lambda line: None):
        assert time.monotonic() - begun > 1  # longer than for one that is stopped
