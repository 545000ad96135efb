"""The storage under the load of many workers: how busy they are, and where it breaks.

    python benchmarks/storage_load.py --workers 64 --seconds 600,60,20
    python benchmarks/storage_load.py --workers 1000 --readers 40 --per-process 25 \\
        --max-connections 600 --ramp 60 --seconds 600,300

A real PostgreSQL of its own, and so many workers that do all that a worker of a search
does with its storage, by the code of the package: heartbeats, looking for stale trials,
proposals (`random`), all that is kept of a trial. They build and train nothing: a
training of 20 epochs is a sleep of so many seconds, given by `--seconds`, one stage of
the benchmark after another. At the beginning every training is somewhere in its middle,
as in a search that has run for hours; when a stage begins, what is left of a training
is slept at the new pace. So trials end at the rate that such trainings have.

Each worker knows the trials of all others, so that what workers read grows with the
square of their number; on a cluster each does so on its own machine. Where that is too
much for this one, only `--readers` of them do, each in a process; the others write all
that a worker writes, some in a process, and begin in the middle of a trial.

For each stage: the share of their time that workers (those that read) train, trials
per second, seconds outside of the training for each trial (of those that read),
transactions per second, connections, and the cores that the server and the workers
take. The workers share this machine's cores with the server, as no cluster's do: where
both take all of them, this machine has come to its end, and the server's part tells how
far it would go alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import keras_tuner
import optuna
import psycopg2
from optuna.trial import TrialState, create_trial
from postgresql import Server

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs.belonging import FILES
from autoai4eo.runs.patient_storage import PatientStorage
from autoai4eo.runs.storage import HEARTBEAT_SECONDS
from autoai4eo.runs.trial_folder import TrialFolder
from autoai4eo.search import tuner as tuner_module
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph_space import GraphCandidates
from autoai4eo.search.strategies import SearchContext, strategy
from autoai4eo.search.trials import runner
from autoai4eo.search.trials.retries import StillMine, sign_new_trials
from autoai4eo.search.workers.progress import Progress

EPOCHS = 20
CHOICES = 20  # hyperparameters of a candidate
OBJECTIVES = ["val_cohen_kappa", "macs"]
COSTS = ("params", "trainable_params", "macs", "flops", "size_bytes")
COLUMNS = (
    *("training, s", "trials/s", "busy", "outside, s", "transactions/s", "connections"),
    *("server, cores", "workers, cores", "errors"),
)
_SLICE_S = 1.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Shared:
    """What workers and the one who measures know of each other.

    Attributes:
        readers: workers that read the trials of all; the others only write.
        seconds: of a training.
        over: whether the workers end.
        outside: seconds that were not spent on trainings, by worker.
        since: when the worker left its training; 0 while it trains.
        trials, errors: by worker.
    """

    def __init__(self, workers: int, readers: int, seconds: float) -> None:
        self.readers = readers
        self.seconds = multiprocessing.RawValue("d", seconds)
        self.over = multiprocessing.RawValue("b", 0)
        self.outside = multiprocessing.RawArray("d", workers)
        self.since = multiprocessing.RawArray("d", [time.monotonic()] * workers)
        self.trials = multiprocessing.RawArray("i", workers)
        self.errors = multiprocessing.RawArray("i", workers)


class Worker(tuner_module.Tuner):
    """A worker whose networks are numbers, and whose trainings are sleeps."""

    def __init__(self, run: Path, url: str, number: int, shared: Shared) -> None:
        settings = SearchSettings(
            objective=OBJECTIVES, tuner="random", storage=url, max_trials=10**6
        )
        super().__init__(SimpleNamespace(blocks=[]), settings, run)  # type: ignore[arg-type]
        self.number, self.shared = number, shared
        self._name = f"node{number}:1"
        # of the first training: it began before the benchmark did
        self.done = (number * 0.618) % 1
        self.epoch = int(self.done * EPOCHS)
        space = keras_tuner.HyperParameters()
        draw(space)
        candidates = GraphCandidates(_count, space, ["macs"], lambda cost: True)
        self._sampler = strategy(
            "random",
            SearchContext(settings.objectives, space, EPOCHS, number, candidates, {}),
        )
        self._budget: Any = SimpleNamespace(assess=lambda model: model)
        self._lock: Any = None

    def search(self) -> None:
        """Tries candidates until the benchmark is over."""
        self.connect(self._sampler)
        sign_new_trials(self.study, self._name)
        progress = Progress(lambda message: None, parse_objectives("val_loss")[0])
        training: Any = SimpleNamespace(
            cheaper=lambda seed: training, steps=1, time_is_up=False, proxy=None
        )
        while not self.shared.over.value and self._awaits_next(training, progress):
            self._try_next(training, progress)
            tuner_module.tell_front(self.study, {}, progress)
            self.shared.trials[self.number] += 1

    def sleep(self, epochs: Any) -> None:
        """A training; begins where `done` says."""
        while self.done < 1 and not self.shared.over.value:
            self._train_for(min(_SLICE_S, (1 - self.done) * self.shared.seconds.value))
            if int(self.done * EPOCHS) > self.epoch:
                self.epoch = int(self.done * EPOCHS)
                epochs(self.epoch)
        self.done, self.epoch = 0.0, 0

    def _train_for(self, seconds: float) -> None:
        number, shared, begun = self.number, self.shared, time.monotonic()
        shared.outside[number] += begun - shared.since[number]
        shared.since[number] = 0.0
        time.sleep(seconds)
        now = shared.since[number] = time.monotonic()
        self.done += (now - begun) / shared.seconds.value


class Writer(Worker):
    """Writes all that a worker writes, and does not read the trials of the others."""

    def search(self) -> None:
        """Makes trials until the benchmark is over."""
        url = str(self.settings.storage).replace("postgresql:", "postgresql+psycopg2:")
        engine = {"pool_pre_ping": True}
        storage = PatientStorage(
            url, 600, engine_kwargs=engine, skip_table_creation=True
        )
        study = storage.get_study_id_from_name(self.run.name)
        distribution = optuna.distributions.CategoricalDistribution((1, 2, 3, 5))
        values, attributes = _content(self._name)
        trial: int | None = self.number - self.shared.readers + 1  # see `fill`
        while not self.shared.over.value:
            if trial is None:
                template = create_trial(
                    state=TrialState.RUNNING, user_attrs={"asked_by": self._name}
                )
                trial = storage.create_new_trial(study, template)
                for name in values:
                    storage.set_trial_param(trial, name, 0, distribution)
                for name, value in attributes.items():
                    storage.set_trial_user_attr(trial, name, value)
            beats = threading.Event()
            beat = threading.Thread(target=self._beat, args=(storage, trial, beats))
            beat.start()
            self.sleep(lambda epoch, trial=trial: storage.get_trial(trial))
            beats.set()
            beat.join()
            for name in ("train_seconds", "epochs", "best_epoch", "metrics", "curve"):
                storage.set_trial_user_attr(trial, name, [0.5] * EPOCHS)
            end = TrialState.COMPLETE
            storage.set_trial_state_values(trial, end, [0.5, float(trial)])
            trial = None
            self.shared.trials[self.number] += 1

    def _beat(self, storage: Any, trial: int, over: threading.Event) -> None:
        storage.record_heartbeat(trial)
        while not over.wait(HEARTBEAT_SECONDS):
            storage.record_heartbeat(trial)


def _content(worker: str) -> tuple[dict[str, int], dict[str, Any]]:
    """The parameters and attributes of a trial that trains."""
    cost = {**dict.fromkeys(COSTS, 1), "device": "none"}
    values = {f"block/part_{i}/width": 1 for i in range(CHOICES)}
    return values, {
        **{"worker": worker, "hyperparameters": values, "space": [], **cost},
        **{"cost": cost, "fingerprint": "0" * 64, "resumed": 0, "asked_by": worker},
    }


def fill(connection: Any, study: int, trials: int) -> None:
    """Makes so many trials that train already, with the numbers from 1 on."""
    values, attributes = _content("node:1")
    choices = optuna.distributions.CategoricalDistribution((1, 2, 3, 5))
    distribution = optuna.distributions.distribution_to_json(choices)
    known = [[name, json.dumps(value)] for name, value in attributes.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO trials (number, study_id, state, datetime_start) SELECT "
            "i - 1, %s, 'RUNNING', now() FROM generate_series(1, %s) i",
            [study, trials],
        )
        cursor.execute(
            "INSERT INTO trial_params (trial_id, param_name, param_value, "
            "distribution_json) SELECT trial_id, name, 0, %s FROM trials, "
            "unnest(%s) name",
            [distribution, list(values)],
        )
        for name, value in known:
            cursor.execute(
                "INSERT INTO trial_user_attributes (trial_id, key, value_json) "
                "SELECT trial_id, %s, %s FROM trials",
                [name, value],
            )
        cursor.execute(
            "INSERT INTO trial_heartbeats (trial_id, heartbeat) SELECT trial_id, "
            "now() + interval '5 minutes' FROM trials"
        )


class Trial(runner.TrialRunner):
    """A trial whose network is a sleep."""

    def _trained(self, model: Any, hp: Any, of: Any) -> Any:
        of.trial.set_user_attr("resumed", 0)
        mine = StillMine(self._study, of.trial)
        figure = hash(of.trial.number) % 997 / 997
        self._context.build.args[0].sleep(mine.on_epoch_end)  # type: ignore[attr-defined]
        logs = {"loss": 1.0, "val_loss": 1.0, "val_cohen_kappa": figure}
        curve = [figure] * EPOCHS
        return SimpleNamespace(logs=logs, curve=curve, epoch=EPOCHS - 1, epochs=EPOCHS)


def draw(hp: keras_tuner.HyperParameters) -> int:
    """Asks for all hyperparameters; what they come to."""
    return sum(hp.Choice(f"block/part_{i}/width", [1, 2, 3, 5]) for i in range(CHOICES))


def _built(graph: Worker, hp: Any, seed: int, steps: int | None) -> Any:
    draw(hp)
    cost = {**dict.fromkeys(COSTS, seed % 10**6 + 1), "device": "none"}
    return f"{seed:064x}", cost, None


def _count(values: Any) -> Any:
    raise AssertionError("nothing is counted without limits")


def _left(folder: TrialFolder, trial: optuna.Trial, begun: float, ended: str) -> None:
    names = ("cost.json", "history.csv", "model.keras")
    trial.set_user_attr(FILES, dict.fromkeys(names, "0" * 64))


def work(run: Path, url: str, numbers: range, shared: Shared, ramp: float) -> None:
    """So many workers, as threads of this process."""
    tuner_module.TrialRunner = Trial  # type: ignore[misc]
    tuner_module.build = _built
    runner._leave = _left

    def one(number: int) -> None:
        time.sleep(number / len(shared.trials) * ramp)
        while not shared.over.value:
            try:
                kind = Worker if number < shared.readers else Writer
                worker = kind(run, url, number, shared)
                worker.graph = worker  # type: ignore[assignment]
                worker.search()
            except Exception:
                shared.errors[number] += 1
                if sum(shared.errors) < 5:
                    traceback.print_exc()
                time.sleep(1)

    threads = [threading.Thread(target=one, args=(n,), daemon=True) for n in numbers]
    for thread in threads:
        thread.start()
    while not shared.over.value:
        time.sleep(0.2)
    os._exit(0)


def _cpu(pids: list[int]) -> float:
    """Seconds of processors that processes and their ended children took."""
    total = 0
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended
        total += sum(map(int, words[11:15]))
    return total / _TICKS


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


class Gauge:
    """What is read of everything at an instant."""

    def __init__(
        self, postmaster: int, workers: list[int], connection: Any, s: Shared
    ) -> None:
        self.time = time.monotonic()
        self.trials = sum(s.trials)
        left = zip(s.outside, s.since, strict=True)
        self.outside = [o + (self.time - t if t else 0) for o, t in left]
        self.ended = list(s.trials)
        self.server = _cpu([postmaster, *_children(postmaster)])
        self.workers = _cpu(workers)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT sum(xact_commit), sum(numbackends) FROM pg_stat_database"
            )
            self.transactions, self.connections = map(int, cursor.fetchone())


def _postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def measure(asked: argparse.Namespace) -> None:
    """Prints a line for each stage."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    server = Server()
    config = server.folder / "data" / "postgresql.conf"
    with config.open("a") as file:
        file.write(f"\nmax_connections = {asked.max_connections}\n")
    stages = [float(text) for text in asked.seconds.split(",")]
    readers = asked.workers if asked.readers is None else asked.readers
    shared = Shared(asked.workers, readers, stages[0])
    context = multiprocessing.get_context("fork")
    processes = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            server.start()
            server.execute("CREATE DATABASE searches")
            url = server.url("searches")
            run = Path(folder) / "run"
            (run / "trials").mkdir(parents=True)
            # the tables, and the study
            first = Worker(run, url, 0, shared)
            first.connect()
            first.study._storage._backend.engine.dispose()  # type: ignore[attr-defined]
            connection = psycopg2.connect(url)
            connection.autocommit = True
            fill(connection, first.study._study_id, asked.workers - readers)
            several = range(readers, asked.workers, asked.per_process)
            groups = [range(number, number + 1) for number in range(readers)]
            for begin in several:
                groups.append(range(begin, min(begin + several.step, asked.workers)))
            for numbers in groups:
                process = context.Process(
                    target=work,
                    args=(run, url, numbers, shared, asked.ramp),
                    daemon=True,
                )
                process.start()
                processes.append(process)
            pids = [process.pid or 0 for process in processes]
            postmaster = _postmaster(server.folder)
            print(f"{asked.workers} workers in {len(processes)} processes")
            _wait_for_all(asked, shared)
            print("| " + " | ".join(COLUMNS) + " |\n" + len(COLUMNS) * "|---" + "|")
            for seconds in stages:
                shared.seconds.value = seconds
                time.sleep(asked.settle)
                before = Gauge(postmaster, pids, connection, shared)
                errors = sum(shared.errors)
                time.sleep(asked.window)
                after = Gauge(postmaster, pids, connection, shared)
                _print(seconds, readers, before, after, sum(shared.errors) - errors)
        finally:
            shared.over.value = 1
            for process in processes:
                process.join(10)
                process.kill()
            server.remove()


def _wait_for_all(asked: argparse.Namespace, shared: Shared) -> None:
    """Until every worker trains."""
    begun = time.monotonic()
    while True:
        training = sum(t == 0 for t in shared.since)
        took = time.monotonic() - begun
        if training >= 0.98 * asked.workers or took > asked.start:
            print(f"{training} train after {took:.0f} s", flush=True)
            return
        time.sleep(1)


def _print(
    seconds: float, readers: int, before: Gauge, after: Gauge, errors: int
) -> None:
    passed = after.time - before.time
    trials = after.trials - before.trials
    ended = sum(after.ended[:readers]) - sum(before.ended[:readers])
    outside = sum(after.outside[:readers]) - sum(before.outside[:readers])
    transactions = after.transactions - before.transactions
    cells = [
        f"{seconds:g}",
        f"{trials / passed:.2f}",
        f"{100 * (1 - outside / (readers * passed)):.1f} %",
        f"{outside / max(ended, 1):.2f}",
        f"{transactions / passed:.0f}",
        f"{after.connections - 1}",
        f"{(after.server - before.server) / passed:.2f}",
        f"{(after.workers - before.workers) / passed:.2f}",
        f"{errors}",
    ]
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """One number of workers, some stages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--readers", type=int, help="of the workers; by default all")
    parser.add_argument("--per-process", type=int, default=1, help="writers a process")
    parser.add_argument(
        "--seconds", default="600,60,20", help="of a training, by stage"
    )
    parser.add_argument("--window", type=float, default=40, help="seconds measured")
    parser.add_argument("--settle", type=float, default=10, help="seconds before that")
    parser.add_argument("--ramp", type=float, default=0, help="seconds to begin over")
    parser.add_argument("--start", type=float, default=90, help="seconds to begin in")
    parser.add_argument("--max-connections", type=int, default=100)
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
