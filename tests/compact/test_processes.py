"""Commands that share the trainings of a table."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
import small

from autoai4eo.compact import queue

pytestmark = pytest.mark.slow  # several commands that import Keras
_PATIENCE_S = 240


@pytest.fixture
def begin(tmp_path):
    """Begins a command that makes the table, of ResNet-8 on tiny data."""
    data = tmp_path / "data"
    data.mkdir()
    for seed, name in enumerate(("training", "testing")):
        small.write(data / f"{name}.h5", 24 + seed, seed)
    table = ("table", data, "--out", tmp_path / "TABLE", "--methods", "resnet-8")
    begun = []

    def begin(*options):
        given = [sys.executable, "-m", "autoai4eo", "compact", *table, *options]
        process = subprocess.Popen(
            list(map(str, given)),
            env=os.environ | {"COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def test_two_commands_do_no_training_twice(begin, tmp_path):
    both = [begin("--seeds", 3, "--epochs", 1) for _ in range(2)]
    told = [process.communicate(timeout=_PATIENCE_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    begun = re.findall(r"seed (\d)   trains 1 epoch", "".join(told))
    assert sorted(begun) == ["0", "1", "2"], told
    assert all("| resnet-8 | 3 |" in one for one in told)
    trials = queue.study_of(tmp_path / "TABLE", None).trials
    assert len(trials) == 3
    assert len({trial.user_attrs["worker"] for trial in trials}) == 2


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT])
def test_the_training_of_an_ended_command_is_taken_over(begin, tmp_path, ended_by):
    out = tmp_path / "TABLE"
    state = out / "resnet-8-0" / "training.npz"
    options = ("--seeds", 1, "--epochs", 40)
    first = begin(*options)
    until = time.monotonic() + _PATIENCE_S
    while not state.is_file():
        assert time.monotonic() < until and first.poll() is None
        time.sleep(0.1)
    first.send_signal(ended_by)
    first.wait(timeout=_PATIENCE_S)
    if ended_by == signal.SIGKILL:
        # a minute without heartbeats
        path = out / "study.db"
        with closing(sqlite3.connect(path, timeout=60)) as database, database:
            database.execute("UPDATE trial_heartbeats SET heartbeat = '2026-01-01'")
    second = begin(*options)
    told = second.communicate(timeout=_PATIENCE_S)[0]
    assert second.returncode == 0, told
    (after,) = re.findall(r"seed 0   trains 40 epochs after epoch (\d+)", told)
    assert int(after) >= 1 and "1 of 1" in told
    assert len((out / "resnet-8-0" / "epochs.csv").read_text().split()) == 41
