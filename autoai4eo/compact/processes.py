"""The processes of a table: one for each training, which ends with the command."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from autoai4eo.causes import cause
from autoai4eo.compact.job import TableSettings, Tell, do_job
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import SearchError, UserError

#: What libraries print in the processes.
LOG = "jobs.log"
Job = tuple[str, int]


def run_jobs(
    train: Dataset,
    test: Dataset,
    out: Path,
    settings: TableSettings,
    jobs: Sequence[Job],
    workers: int,
    tell: Tell,
) -> Iterator[tuple[Job, str | None]]:
    """Yields each training when it is done, with its result in words.

    The result is None where another command does the training. The processes are ended
    when the iteration ends, however it does.

    Args:
        train, test, out, settings: see `do_job`.
        jobs: methods with seeds.
        workers: trainings at the same time; they share the cores.
        tell: takes lines about the trainings, see `do_job`.

    Raises:
        UserError: see `do_job`.
        SearchError: a training failed.
    """
    cores = max(1, (os.cpu_count() or 1) // workers)
    spawn = multiprocessing.get_context("spawn")
    waiting = list(jobs)
    running: dict[Connection, tuple[Job, SpawnProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.pop(0)
                mine, theirs = spawn.Pipe(duplex=False)
                given = (theirs, cores, train, test, out, settings, *job)
                process = spawn.Process(target=_work, args=given, daemon=True)
                with _printing_into(out / LOG):
                    process.start()
                theirs.close()
                running[mine] = (job, process)
            for ended in wait(list(running)):
                assert isinstance(ended, Connection)
                job, process = running[ended]
                try:
                    kind, told = ended.recv()
                except EOFError:
                    process.join()
                    kind, told = "failed", f"exit status {process.exitcode}"
                if kind == "line":
                    tell(f"{job[0]} seed {job[1]}   {told}")
                    continue
                if kind == "wrong":
                    raise UserError(told)
                if kind == "failed":
                    raise SearchError(
                        f"{out}: expected {job[0]} with seed {job[1]} to be trained, "
                        f"found {told}; see {out / LOG}, and rerun to resume"
                    )
                process.join()
                ended.close()
                del running[ended]
                yield job, told
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            process.join()


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
    train: Dataset,
    test: Dataset,
    out: Path,
    settings: TableSettings,
    method: str,
    seed: int,
) -> None:
    for of in ("INTRAOP", "INTEROP"):
        os.environ[f"TF_NUM_{of}_THREADS"] = str(cores)
    try:
        done = do_job(
            train,
            test,
            out,
            settings,
            method,
            seed,
            lambda text: told.send(("line", text)),
        )
        told.send(("done", done))
    except UserError as error:
        told.send(("wrong", str(error)))
    except Exception as error:
        traceback.print_exc()
        told.send(("failed", cause(error)))
