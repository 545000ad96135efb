"""Ctrl-C: the exit status that shells expect, and what is true of the command."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import runs
import typer

from autoai4eo.cli import failures
from autoai4eo.cli.interrupts import _RESUMED
from autoai4eo.cli.main import GROUPS, _command, app
from autoai4eo.deploy.mapping.tile_store import folder_of
from autoai4eo.runs.folder import Run

NAMES = [str(command.name) for command in app.registered_commands]
NAMES += [
    f"{group} {command.name}"
    for group, its in GROUPS.items()
    for command in its.registered_commands
]
ANEW = "interrupted; rerun fit to begin anew"


def told(*arguments, begun=0.0):
    given = [str(a) for a in arguments]
    return failures.status_and_line(KeyboardInterrupt(), _command(given), given, begun)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (KeyboardInterrupt(signal.SIGTERM), 143),
        (KeyboardInterrupt(signal.SIGUSR1), 138),
        (typer.Abort(), 130),
    ],
    ids=repr,
)
def test_the_status_is_that_of_the_signal(error, status):
    assert failures.status_and_line(error) == (status, "interrupted")


def test_the_status_is_the_same_where_the_signal_hits_an_import(tmp_path):
    """With ``python -m``, Python would end by SIGINT: text was being executed."""
    script = """
import os, signal, sys
from autoai4eo.cli import main

def ends(*_):
    exec("import os, signal; os.kill(os.getpid(), signal.SIGTERM)")

import autoai4eo.report.page
autoai4eo.report.page.write_report = ends
sys.argv = ["autoai4eo", "report", "a_run"]
main()
"""
    (tmp_path / "hit.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-m", "hit"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 143
    assert done.stderr == "interrupted\n"


@pytest.mark.usefixtures("told_of_ctrl_c")
def test_a_second_ctrl_c_adds_nothing():
    """Users rely on: one line and one status, however often they press it."""
    script = """
import atexit, os, signal, sys
from autoai4eo.cli import failures, main

def hit(*_):
    os.kill(os.getpid(), signal.SIGINT)
    return "interrupted"

failures.after_interrupt = hit
atexit.register(hit)

import autoai4eo.report.page
autoai4eo.report.page.write_report = hit
sys.argv = ["autoai4eo", "report", "a_run"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@pytest.mark.usefixtures("told_of_ctrl_c")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_is_not_lost_where_python_cannot_raise_it(name):
    """Users rely on: a command ends at the first Ctrl-C, whatever it hits."""
    script = f"""
import os, signal, sys, time
from autoai4eo.cli import main

class Deleted:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})

def goes_on(*_):
    Deleted()
    time.sleep(60)

import autoai4eo.report.page
autoai4eo.report.page.write_report = goes_on
sys.argv = ["autoai4eo", "report", "a_run"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    status = 128 + getattr(signal, name)
    assert (done.returncode, done.stderr) == (status, "interrupted\n")


@pytest.mark.usefixtures("told_of_ctrl_c")
@pytest.mark.parametrize(
    ("end", "status"), [("KeyboardInterrupt", 130), ("OSError", 1)]
)
def test_nothing_is_waited_for_after_the_end(end, status):
    """Users rely on: Ctrl-C ends a command, whatever its data are doing.

    TensorFlow's threads wait for Python while it frees their data, for ever.
    """
    script = f"""
import atexit, os, sys, time
from autoai4eo.__main__ import main

class Data:
    def __del__(self):
        os.write(1, b"freed")
        time.sleep(600)

def reads(*_):
    data = Data()
    data.itself = data
    atexit.register(os.write, 1, b"cleaned up")
    raise {end}

import autoai4eo.report.page
autoai4eo.report.page.write_report = reads
sys.argv = ["autoai4eo", "report", "a_run"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (status, "cleaned up")


@pytest.mark.parametrize("command", ["demo --out", "select"])
def test_what_cannot_be_read_is_no_traceback(command, tmp_path):
    folder = tmp_path / "run" if command == "select" else tmp_path
    best = tmp_path / "run" / "best"
    best.mkdir(parents=True)
    for path in (tmp_path / "run" / "run.json", best / "evaluation.json"):
        path.write_text("{")
    line = f"interrupted; rerun {command.split()[0]} to begin anew"
    assert told(*command.split(), folder) == (130, line)
    runs.write_run_json(tmp_path / "run", None)
    known = json.loads((tmp_path / "run" / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps({**known, "schema": 10**6}))
    evaluation = {"trial": 1, "trained_on": "training", "metrics": {}, "epochs": 1}
    (best / "evaluation.json").write_text(json.dumps(evaluation))
    status, line = told(*command.split(), folder)
    assert status == 130 and "found one of a later version; `pip install" in line


def test_fit_resumes_only_where_a_search_has_begun(tmp_path):
    """Users rely on: "to resume" is said only if the same command goes on."""
    run = tmp_path / "run"
    assert told("fit", "a.h5", "--out", run) == (130, ANEW)
    run.mkdir()
    (run / "notes.txt").touch()
    assert told("fit", "a.h5", f"--out={run}") == (130, ANEW)
    before = time.time() - 60
    (run / "run.json").touch()
    resumed = "interrupted; rerun fit to resume"
    assert told("fit", "a.h5", f"--out={run}") == (130, resumed)
    assert told("fit", "a.h5", "--out", run, "--dry-run")[1] == "interrupted"
    anew = ("fit", "a.h5", "--out", run, "--overwrite")
    # the search in the folder may be the one that was to be overwritten
    assert told(*anew, begun=time.time() + 60)[1] == ANEW
    assert told(*anew, begun=before)[1] == (
        "interrupted; rerun fit, without --overwrite, to resume"
    )


@pytest.mark.parametrize(
    ("command", "first"),
    [
        ("compact search a.h5", Run(Path()).compact),
        ("compact table so2sat", "table.json"),
        ("nasbench train sample.json so2sat", Run(Path()).json),
    ],
)
def test_what_takes_long_resumes_only_where_it_has_recorded_something(
    command, first, tmp_path
):
    name = " ".join(command.split()[:2])
    asked = (*command.split(), "--out", tmp_path / "out")
    anew = (130, f"interrupted; rerun {name} to begin anew")
    assert told(*asked) == anew
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").touch()  # the user's own
    assert told(*asked) == anew
    (tmp_path / "out" / first).touch()
    assert told(*asked) == (130, f"interrupted; rerun {name} to resume")
    assert told(*command.split(), f"--out={tmp_path / 'out'}")[1].endswith("to resume")


def test_maps_and_simulations_resume_from_what_they_kept(tmp_path):
    out = tmp_path / "m.tif"
    assert told("map", "RUN", "s.tif", out)[1].endswith("rerun map to begin anew")
    folder_of(out).mkdir()
    assert told("map", "RUN", "s.tif", out)[1].endswith("rerun map to resume")
    # an earlier map may still be there, and its tiles are kept all the same
    again = ("map", "RUN", "s.tif", out, "--overwrite")
    assert told(*again)[1].endswith("rerun map to resume")
    kept = ("simulate", "t.csv", "--out", tmp_path / "kept")
    assert told(*kept)[1].endswith("rerun simulate to begin anew")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.txt").touch()  # of the user
    assert told(*kept)[1].endswith("rerun simulate to begin anew")
    (tmp_path / "kept" / "queries.csv").touch()
    assert told(*kept)[1].endswith("rerun simulate to resume")


def test_select_resumes_from_a_finalist_that_it_trained(tmp_path):
    """Users rely on: "to resume" is said only if the training is not repeated."""
    select = ("select", tmp_path, "--trial", "1")
    assert told(*select)[1].endswith("rerun select to begin anew")
    (tmp_path / "best").mkdir()
    evaluation = tmp_path / "best" / "evaluation.json"
    known = {"trial": 1, "trained_on": "training", "metrics": {}, "epochs": 1}
    evaluation.write_text(json.dumps(known))
    assert told(*select)[1].endswith("rerun select to resume")
    evaluation.write_text(json.dumps({**known, "evaluated_on": "validation"}))
    assert told(*select)[1].endswith("rerun select to begin anew")


def test_of_a_device_profile_nothing_is_kept():
    """Users rely on: they know that the minutes so far are lost."""
    status, line = told("device", "profile", "--out", "nano.json")
    assert status == 130 and "nothing was kept" in line


@pytest.mark.parametrize(
    "command",
    [n for n in NAMES if n not in (*_RESUMED, "slurm", "device profile")],
)
def test_of_commands_that_never_resume_only_the_interrupt_is_told(command):
    """Users rely on: a command that only reads has nothing to begin anew."""
    assert told(*command.split(), "RUN") == (130, "interrupted")


def test_slurm_may_have_sent_its_job():
    line = "interrupted; rerun slurm, unless squeue lists its job"
    assert told("slurm") == (130, line)
    assert told("no-command") == told() == (130, "interrupted")
