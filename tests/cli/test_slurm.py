"""Jobs of a SLURM cluster: the script, and what happens to a search that they share."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from cluster import Cluster
from databases import database, server  # noqa: F401

from autoai4eo.data.synthetic import write_so2sat_like
from autoai4eo.runs.study import open_study

FIT = (
    "my $(training).h5",
    "--out",
    "my run",
    "--storage",
    "postgresql://me@server/searches",
)
URL = "postgresql://me:sesame@server/searches"


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    made = Cluster(tmp_path / "cluster")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "my work").mkdir()
    monkeypatch.chdir(tmp_path / "my work")
    for name in ("my $(training).h5", "trai'ning 1.h5"):
        Path(name).touch()
    return made


def test_data_that_are_not_there_are_told(run, cluster):
    """Users rely on: a misspelt name is not found out after the queue."""
    how = ("slurm", "--time", "1:00:00", "--", *FIT[:3], "--val")
    done = run(*how, "validaton.h5")
    assert done.status == 0 and done.out.startswith("#!")
    assert done.err.startswith("warning: validaton.h5: found nothing of this name")
    assert run(*how, FIT[0]).err == ""


def test_the_script_is_sound(run, cluster):
    """Users rely on: bash and shellcheck find nothing in it, whatever its names."""
    done = run(
        *("slurm", "--jobs", 8, "--time", "1-12:00:00", "--sbatch", "partition=gpu"),
        *("--sbatch", "--gres=gpu:1", "--setup", "module load python", "--"),
        *("trai'ning 1.h5", "--out", "50 % run", *FIT[3:]),
    )
    assert (done.status, done.err) == (0, "")
    programs = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    shellcheck = shutil.which("shellcheck", path=programs)
    assert shellcheck is not None, "it comes with the dev extra"
    for command in (["bash", "-n"], [shellcheck, "-"]):
        checked = subprocess.run(
            command, input=done.out, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    lines = done.out.splitlines()
    for line in (
        "#SBATCH --array=1-8",
        "#SBATCH --time=1-12:00:00",
        "#SBATCH --signal=B:USR1@120",
        f'#SBATCH --chdir="{os.getcwd()}"',
        '#SBATCH --output="50 %% run-%A_%a.log"',
        "#SBATCH --partition=gpu",
        "#SBATCH --gres=gpu:1",
        "module load python",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--time", "90", "--", *FIT, "--overwrite"], "without --overwrite"),
        (
            ["--time", "90", "--", *FIT, "--epoch", "3"],
            "that it has, found --epoch;",
        ),
        (["--time", "90", "--", *FIT[:1]], "fit: expected --out, found none"),
        (["--time", "90", "--jobs", "2", "--", *FIT[:3]], "for 2 jobs, found none"),
        (
            ["--time=90", "--jobs=2", "--", *FIT[:3], "--storage", "sqlite:///a.db"],
            "found sqlite:///a.db",
        ),
        (["--time", "4h", "--", *FIT], "HOURS:MINUTES:SECONDS"),
        (["--time", "4", "--", *FIT], "more than 4 minutes"),
        (["--time", "0-0:04", "--", *FIT], "more than 4 minutes"),
        (["--time", "90", "--sbatch", "array=1-3", "--", *FIT], "use --jobs"),
        (["--time", "90", "--sbatch", "a b", "--", *FIT], "such as partition=gpu"),
        (["--time", "90", "--sbatch", "comment=a\nb", "--", *FIT], "line breaks"),
    ],
)
def test_what_no_job_could_do_is_refused(run, arguments, told):
    done = run("slurm", *arguments)
    assert (done.status, done.out) == (2, "")
    assert told in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("time", ["5", "4:01", "0:10:00", "0-1", "0-0:05", "1-0:00:00"])
def test_times_are_those_of_sbatch(run, time):
    done = run("slurm", "--time", time, "--", *FIT)
    assert done.status == 0 and f"#SBATCH --time={time}\n" in done.out


def test_the_script_is_submitted(run, cluster, monkeypatch):
    """A password reaches the jobs, and is not in the script."""
    asked = ("slurm", "--time", "90", "--submit", "--", *FIT[:4], URL)
    assert run(*asked).out == "Submitted batch job 7\n"
    assert "postgresql://me@server/searches" in cluster.script
    assert "sesame" not in cluster.script
    printed = run(*(word for word in asked if word != "--submit"))
    assert "sesame" not in printed.out + printed.err
    assert "the password" in printed.err and "~/.pgpass" in printed.err
    monkeypatch.setenv("SBATCH_REFUSES", "yes")
    refused = run(*asked)
    assert refused.status == 2 and "invalid partition" in refused.err
    monkeypatch.setenv("PATH", str(cluster.spool))
    missing = run(*asked)
    assert missing.status == 2 and "expected sbatch" in missing.err


def submitted(run, *more):
    done = run("slurm", "--jobs", 2, "--time", "90", "--submit", *more)
    assert done.status == 0, done.err


def wait_for(found, within=15):
    until = time.monotonic() + within
    while not (value := found()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return value


#: In place of fit: says what it does, and ends as it is told.
STANDS_IN = """#!/bin/bash
trap 'echo told; exit ${AT_SIGNAL:-1}' USR1
echo "begun $*"
[ -n "$AT_ONCE" ] && exit "$AT_ONCE"
for _ in {1..600}; do sleep 0.1; done
"""


@pytest.mark.parametrize(
    ("environment", "signalled", "expected"),
    [
        ({"AT_ONCE": "0"}, False, (0, False)),  # the search is over
        ({"AT_ONCE": "1"}, False, (1, False)),  # it failed
        ({}, True, (0, True)),  # it gave its trial back
        ({"AT_SIGNAL": "0"}, True, (0, False)),  # it was over just then
        ({"AT_SIGNAL": "2"}, True, (2, False)),  # the input is wrong
    ],
)
def test_a_job_queues_again_only_where_its_time_ended_it(
    run, cluster, environment, signalled, expected
):
    submitted(run, "--setup", f"PATH={cluster.programs}:$PATH", "--", *FIT)
    cluster.program("autoai4eo", STANDS_IN)
    job = cluster.run(2, **environment)
    wait_for(lambda: "begun" in job.said())
    if signalled:
        job.time_is_nearly_over()
    assert job.ended() == expected
    assert "begun fit my $(training).h5 --out my run --storage" in job.said()
    assert ("told" in job.said()) == signalled


def test_nothing_begins_where_the_environment_cannot_be_prepared(run, cluster):
    submitted(run, "--setup", "source nowhere/activate", "--", *FIT)
    cluster.program("autoai4eo", STANDS_IN)
    job = cluster.run(1)
    assert job.ended() == (1, False)
    assert "nowhere/activate: No such file" in job.said()
    assert "begun" not in job.said()


def test_a_signal_while_the_environment_is_prepared_is_not_lost(run, cluster):
    submitted(run, "--setup", "echo here; sleep 1", "--", *FIT)
    cluster.program("autoai4eo", STANDS_IN)
    job = cluster.run(1)
    wait_for(lambda: "here" in job.said())
    job.time_is_nearly_over()
    assert job.ended() == (0, True) and "begun" not in job.said()


def test_a_command_ends_at_usr1_as_at_ctrl_c(run, monkeypatch):
    before = signal.getsignal(signal.SIGUSR1)
    monkeypatch.setattr(
        "autoai4eo.report.page.write_report",
        lambda *_: os.kill(os.getpid(), signal.SIGUSR1),
    )
    try:
        done = run("report", "a_run")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert done.status == 138 and done.err == "interrupted\n"


def write_patches(path, samples, seed):
    """Generated patches of 8 × 8 pixels."""
    write_so2sat_like(path.with_suffix(".whole"), samples, seed)
    with h5py.File(path.with_suffix(".whole")) as whole, h5py.File(path, "w") as file:
        file["sen2"] = whole["sen2"][:, :8, :8]
        file["label"] = whole["label"][:]


@pytest.mark.slow
def test_a_search_goes_on_over_the_ends_of_its_jobs(
    run,
    cluster,
    database,  # noqa: F811
    tmp_path,
):
    """Users rely on: a job whose time is over costs an epoch, not a trial."""
    write_patches(tmp_path / "training.h5", 100, seed=0)
    write_patches(tmp_path / "validation.h5", 34, seed=1)
    folder = tmp_path / "run"
    submitted(
        run,
        *("--setup", f"export PYTHONPATH='{os.getcwd()}:{os.pathsep.join(sys.path)}'"),
        *("--", tmp_path / "training.h5", "--val", tmp_path / "validation.h5"),
        *("--out", folder, "--storage", database, "--input", "sen2"),
        *("--constraint", "macs=500000", "--max-trials", 2, "--epochs", 20),
    )
    first = cluster.run(1)
    wait_for(lambda: [*folder.glob("trials/*/state.npz")], 90)
    first.time_is_nearly_over()
    assert first.ended(20) == (0, True)
    again = first.said()
    # a second job takes the trial of the first, which queues again meanwhile
    both = [cluster.run(2), cluster.run(1)]
    assert [job.ended(240) for job in both] == [(0, False)] * 2
    study = open_study(folder, storage=database)
    trials = [t for t in study.trials if t.user_attrs.get("status") != "exhausted"]
    (lost,) = (t for t in trials if t.state.name == "FAIL")
    (retried,) = (t for t in trials if t.user_attrs.get("retry_of") == lost.number)
    assert retried.state.name == "COMPLETE" and retried.user_attrs["resumed"] > 0
    assert [t.state.name for t in trials].count("COMPLETE") == 2
    assert re.search(
        rf"\n[\d-]+ [\d:]+   trial {lost.number}   interrupted   given", again
    )
    assert {path.name for path in tmp_path.glob("my work/run-*.log")} == {
        "run-7_1.log",
        "run-7_2.log",
    }
    told = "".join(job.said() for job in both)
    resumed = f"goes on with trial {lost.number} after its epoch"
    assert (
        f"trial {retried.number}   {resumed} {retried.user_attrs['resumed']}\n" in told
    )
    assert f"trial {retried.number}   complete" in told
    # each worker has a log of its own
    assert {path.name for path in folder.glob("workers/*")} == {"1.log", "2.log"}
