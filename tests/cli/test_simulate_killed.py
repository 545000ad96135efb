"""`autoai4eo simulate`, killed: its processes end, what was finished is kept."""

import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from autoai4eo.nasbench import read_table, replay

SEEDS, BUDGET = 4, 50
STRATEGIES = ("random", "tpe")


pytestmark = pytest.mark.usefixtures("told_of_ctrl_c")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = [
        (a, b, c, a * b / (1 + a) + c * rng.uniform(), 1.0 + a * b)
        for a, b, c in itertools.product(range(6), range(1, 7), range(4))
    ]
    path = tmp_path_factory.mktemp("table") / "table.csv"
    names = ["a", "b", "c", "acc", "latency"]
    pd.DataFrame(rows, columns=names).to_csv(path, index=False)
    return path


def command(table, out, **changed):
    options = {
        "choices": "a,b,c",
        "maximize": "acc",
        "minimize": "latency",
        "known": "latency",
        "tuners": ",".join(STRATEGIES),
        "budget": BUDGET,
        "seeds": SEEDS,
        "workers": 2,
        "out": out,
        **changed,
    }
    return [table, *(str(x) for n, v in options.items() for x in (f"--{n}", v))]


class Simulation:
    """The command in a process group of its own, as a shell begins it."""

    def __init__(self, table, out):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "autoai4eo", "simulate", *command(table, out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def line(self):
        """The next line of its log without the time; not that of every minute."""
        while (line := self.process.stdout.readline()).endswith(" running\n"):
            pass
        return line[22:].strip()

    def children(self):
        """Those of it and of theirs that live."""
        found = [
            int(pid)
            for pid in filter(str.isdigit, os.listdir("/proc"))
            if (status := _status(pid)) and status[1] == self.process.pid
        ]
        return [pid for pid in found if pid != self.process.pid]

    def end(self):
        """Its exit status and what it says; none of its processes outlives it."""
        said = self.process.communicate(timeout=300)[1]
        until = time.monotonic() + 60
        while self.children() and time.monotonic() < until:
            time.sleep(0.1)
        assert not self.children()
        return self.process.returncode, said


def _status(pid):
    """State and session of a process that is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, _, _, session = file.read().rpartition(")")[2].split()[:4]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else (state, int(session))


def finished(out):
    """By strategy and seed, the rows that were trained, in order."""
    frame = pd.read_csv(out / "queries.csv")
    return {
        task: found.sort_values("n")["row"].tolist()
        for task, found in frame.groupby(["strategy", "seed"])
    }


@pytest.mark.slow
def test_killed_three_times_it_loses_nothing_and_leaves_no_process(table, tmp_path):
    out = tmp_path / "out"

    # Ctrl-C goes to all of them, here while they begin
    simulation = Simulation(table, out)
    assert simulation.line() == "0 of 8 searches finished"
    time.sleep(1)
    os.killpg(simulation.process.pid, signal.SIGINT)
    assert simulation.end() == (130, "interrupted; rerun simulate to begin anew\n")

    # a batch system's signal, once there is something to lose
    simulation = Simulation(table, out)
    assert simulation.line() == "0 of 8 searches finished"
    assert "1 of 8 searches finished" in simulation.line()
    assert len(simulation.children()) >= 2
    simulation.process.send_signal(signal.SIGTERM)
    assert simulation.end() == (143, "interrupted; rerun simulate to resume\n")
    kept = finished(out)
    assert kept and all(len(rows) == BUDGET for rows in kept.values())

    # nothing can be done about this one
    simulation = Simulation(table, out)
    assert simulation.line() == f"{len(kept)} of 8 searches finished"
    assert f"{len(kept) + 1} of 8 searches finished" in simulation.line()
    simulation.process.kill()
    assert simulation.end()[0] == -signal.SIGKILL

    kept = finished(out)
    simulation = Simulation(table, out)
    assert simulation.line() == f"{len(kept)} of 8 searches finished"
    said = [simulation.line() for _ in range(8 - len(kept))]
    assert "8 of 8 searches finished" in said[-1]
    assert simulation.end()[0] == 0
    whole = finished(out)
    assert {task: whole[task] for task in kept} == kept
    networks = read_table(
        table,
        maximize=["acc"],
        minimize=["latency"],
        choices=["a", "b", "c"],
        known=["latency"],
    )
    assert set(whole) == set(itertools.product(STRATEGIES, range(SEEDS)))
    for (name, seed), rows in whole.items():
        assert rows == replay(networks, name, seed, BUDGET).tolist()


@pytest.mark.slow
def test_more_seeds_are_added_and_another_simulation_is_refused(table, tmp_path, run):
    out = tmp_path / "out"
    few = {"tuners": "random", "budget": 5, "workers": 1}
    assert run("simulate", *command(table, out, **few, seeds=1)).status == 0
    first = finished(out)
    more = run("simulate", *command(table, out, **few, seeds=2))
    assert more.status == 0 and "1 of 2 searches finished" in more.out
    whole = finished(out)
    assert len(whole) == 2 and whole["random", 0] == first["random", 0]
    assert pd.read_csv(out / "summary.csv")["seeds"].tolist() == [2]

    other = tmp_path / "other.csv"
    pd.read_csv(table).iloc[:50].to_csv(other, index=False)
    for refused, words in [
        (command(table, out, **{**few, "budget": 6}), "budget 5 there and 6 here"),
        (command(table, out, **few, known=""), "known ['latency'] there and [] here"),
        (command(other, out, **few), "found another table there"),
    ]:
        result = run("simulate", *refused)
        assert result.status == 2 and words in result.err
        assert result.err.count("\n") == 1 and "choose another --out" in result.err
    assert finished(out) == whole


@pytest.mark.slow
def test_damaged_queries_are_refused(table, tmp_path, run):
    out = tmp_path / "out"
    few = command(table, out, tuners="random", budget=5, seeds=1, workers=1)
    assert run("simulate", *few).status == 0
    (out / "queries.csv").write_text("strategy,seed,n,row\nrandom,0,1,9999\n")
    result = run("simulate", *few)
    assert result.status == 2 and result.err.count("\n") == 1
    assert "expected the queries of a simulation" in result.err


@pytest.mark.slow
def test_a_process_that_dies_is_reported_and_finished_searches_are_kept(
    table, tmp_path
):
    out = tmp_path / "out"
    simulation = Simulation(table, out)
    assert simulation.line() == "0 of 8 searches finished"
    assert "1 of 8 searches finished" in simulation.line()
    for pid in simulation.children():
        with open(f"/proc/{pid}/cmdline") as file:
            if "spawn_main" in file.read():
                os.kill(pid, signal.SIGKILL)
    status, said = simulation.end()
    assert status == 1 and said.count("\n") == 1
    assert said.startswith("error: a process of the simulation died: no reason given")
    assert finished(out)
