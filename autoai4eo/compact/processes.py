"""The processes of a table: one for each training, which ends with the command."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial

from autoai4eo.causes import cause
from autoai4eo.compact import queue
from autoai4eo.compact.job import Job, TableSettings, Tell, do_job
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import SearchError, UserError
from autoai4eo.runs import databases
from autoai4eo.search.compat.optuna import heartbeats
from autoai4eo.search.trials.retries import StillMine

#: What libraries print in the processes.
LOG = "jobs.log"
_LOOK_S = 2.0  # seconds between two looks at the queue


@dataclass(frozen=True)
class Work:
    """What the trainings of a table need.

    Attributes:
        train, test, out, settings: see `do_job`.
        jobs: the trainings that are to be done.
        storage: of the queue, see `autoai4eo.compact.queue.open_queue`.
    """

    train: Dataset
    test: Dataset
    out: Path
    settings: TableSettings
    jobs: Sequence[Job]
    storage: str | None


@dataclass(frozen=True)
class _Running:
    job: Job
    trial: FrozenTrial
    process: SpawnProcess
    beating: ExitStack

    @property
    def name(self) -> str:
        return f"{self.job[0]} seed {self.job[1]}"


def run_jobs(
    work: Work, study: optuna.Study, workers: int, tell: Tell
) -> Iterator[tuple[Job, str]]:
    """Yields each training that this command has done, with its result in words.

    Ends when all of them are done, here or by other commands. The processes are ended
    when the iteration ends, however it does, and their trainings are queued again.

    Args:
        work: the trainings.
        study: their queue.
        workers: trainings at the same time; they share the cores.
        tell: takes lines about the trainings, see `do_job`.

    Raises:
        UserError: see `do_job`.
        SearchError: a training failed.
    """
    out, jobs = work.out, work.jobs
    cores = max(1, (os.cpu_count() or 1) // workers)
    running: dict[Connection, _Running] = {}
    told_others = False
    queue.add(study, out, jobs)
    try:
        while True:
            if len(running) < workers:
                queue.add_interrupted(study, out, jobs)
            while len(running) < workers and (found := queue.take(study, jobs)):
                connection, process = _started(work, *found, cores)
                # not by the process: it may import libraries for minutes
                beating = ExitStack()
                beating.enter_context(heartbeats(study, found[1]))
                running[connection] = _Running(*found, process, beating)
            if not running:
                others = queue.unfinished(study, jobs)
                if not others:
                    return
                if not told_others:
                    told = "trainings are being done by another command in"
                    tell(f"{others} {told} {out}")
                    told_others = True
                time.sleep(_LOOK_S)
                continue
            look = _LOOK_S if len(running) < workers else None
            for ready in wait(list(running), look):
                assert isinstance(ready, Connection)
                of = running[ready]
                kind, told = _received(ready, of.process)
                if kind == "line":
                    tell(f"{of.name}   {told}")
                    continue
                if kind in ("wrong", "failed"):
                    queue.fail(study, of.trial, told)
                    raise _error(kind, told, of, out)
                of.process.join()
                of.beating.close()
                ready.close()
                del running[ready]
                if kind == "lost":
                    tell(f"{of.name}   {told}")
                else:
                    yield of.job, told
    finally:
        for of in running.values():
            of.process.terminate()
        for of in running.values():
            of.process.join()
            of.beating.close()
            queue.give_back(study, of.trial)


def _received(told: Connection, process: SpawnProcess) -> tuple[str, str]:
    """Returns what a process tells: the kind of it, and a line."""
    try:
        kind, line = told.recv()
        return kind, line
    except EOFError:
        process.join()
        return "failed", f"exit status {process.exitcode}"


def _error(kind: str, told: str, of: _Running, out: Path) -> Exception:
    if kind == "wrong":
        return UserError(told)
    return SearchError(
        f"{out}: expected {of.job[0]} with seed {of.job[1]} to be trained, found "
        f"{told}; see {out / LOG}, and rerun to resume"
    )


def _started(
    work: Work, job: Job, trial: FrozenTrial, cores: int
) -> tuple[Connection, SpawnProcess]:
    """Starts the process of a training; returns what it tells by, and itself."""
    spawn = multiprocessing.get_context("spawn")
    mine, theirs = spawn.Pipe(duplex=False)
    # not by the command line or a file: it may have a password
    storage = work.storage and databases.with_password(work.storage)
    given = (theirs, cores, work, storage, trial.number, job)
    process = spawn.Process(target=_work, args=given, daemon=True)
    with _printing_into(work.out / LOG):
        process.start()
    theirs.close()
    return mine, process


@contextmanager
def _printing_into(path: Path) -> Iterator[None]:
    """Lets a process that is started meanwhile print into a file, from its start."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    own = [os.dup(number) for number in (1, 2)]
    try:
        for number in (1, 2):
            os.dup2(log, number)
        yield
    finally:
        for number, kept in zip((1, 2), own, strict=True):
            os.dup2(kept, number)
            os.close(kept)
        os.close(log)


def _work(
    told: Connection,
    cores: int,
    work: Work,
    storage: str | None,
    number: int,
    job: Job,
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for of in ("INTRAOP", "INTEROP"):
        os.environ[f"TF_NUM_{of}_THREADS"] = str(cores)
    try:
        study = queue.study_of(work.out, storage and databases.name(storage))
        trial = study.get_trials(deepcopy=False)[number]
        mine = StillMine(study, trial)
        data = (work.train, work.test, work.out, work.settings)
        found = do_job(*data, *job, lambda line: told.send(("line", line)), [mine])
        queue.complete(study, trial, found)
        kappa, macs = found["cohen_kappa"], found["macs"] / 1e6
        told.send(("done", f"kappa {kappa:.3f}   {macs:.2f} M MACs"))
    except UpdateFinishedTrialError:
        told.send(("lost", "taken over by another command"))
    except UserError as error:
        told.send(("wrong", str(error)))
    except Exception as error:
        traceback.print_exc()
        told.send(("failed", cause(error)))


def _end_with_parent() -> None:
    """Ends this process when the command was killed: another one goes on."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
