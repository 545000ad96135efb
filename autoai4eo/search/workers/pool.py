"""The worker processes of a search on this machine, and what becomes of their trials.

Trials run in processes of their own, so that a crash costs one trial and what a library
forgets to free is freed: a process is recycled after some candidates.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import cloudpickle
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import SearchError, UserError
from autoai4eo.files import no_follow
from autoai4eo.learning.training import Training
from autoai4eo.log import open_streams
from autoai4eo.runs import databases
from autoai4eo.runs.folder import Run
from autoai4eo.runs.study import trials_of
from autoai4eo.search.stopping import was_trained
from autoai4eo.search.trials import retries
from autoai4eo.search.tuner import Tuner
from autoai4eo.search.workers.view import View
from autoai4eo.search.workers.watching import Watch

# -P: Python starts without the current folder among the places of modules
_PYTHON = ("-P", "-c")
# the standard library first; the user's own modules where they are in this process
_BEGIN = """
import os, sys
library = os.path.dirname(os.__file__)
own = [p for p in sys.path if p.startswith(library) and "-packages" not in p]
sys.path[:] = [*own, *(p for p in sys.argv[2:] if p not in own)]
from autoai4eo.search.workers.process import main
main(int(sys.argv[1]))
"""
#: Candidates after which a process is recycled.
CANDIDATES = 10
#: Processes in a row that died without a trial, after which the search gives up.
_DEATHS = 3
#: Candidates in a row that were given up, after which the search does so.
_GIVEN_UP = 3
_ADVICE = "where memory is short, smaller batches (batch_size) or fewer workers help"
# What a program does to itself; another signal came from outside.
_CRASHES = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP")
_TAIL = 2000  # bytes of a log that are looked at for the reason of a death


def search(
    tuner: Tuner,
    training: Training,
    refit_on: Dataset | None = None,
    *,
    workers: int = 1,
    verbose: int = 1,
    task: str = "search",
) -> None:
    """Searches with so many processes, and trains the finalist.

    Args:
        tuner: of a study that is there, see `Tuner.connect`.
        training, refit_on: as for `Tuner.work`.
        workers: processes.
        verbose: 0 keeps quiet.
        task: ``"search"``, or ``"finalist"`` to train that one only.

    Raises:
        UserError: an object of the user's that no other process can be given; and as
            `Tuner.open` and `Tuner.work`.
        SearchError: every trial failed, or workers die before they try anything.
    """
    open_streams()
    # several processes may share a GPU
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    content = (tuner, training, refit_on, task, CANDIDATES)
    with (
        _written(tuner.run, content) as job,
        View(bool(verbose), tuner.objectives, tuner.monitor) as view,
    ):
        trials = trials_of(tuner.study)
        for trial in trials:
            if tuner.monitor.name in (reached := trial.user_attrs.get("metrics", {})):
                view.told(0, {"best": reached[tuner.monitor.name]})
        count = sum(map(was_trained, trials))
        done = f"{count} of {tuner.settings.max_trials} trials trained"
        view.told(0, {"done": f"searching in {tuner.run}   {done}"})
        WorkerPool(tuner, job, view, workers).work()
        if task == "search":
            _tell_shortfall(tuner, view)


def _tell_shortfall(tuner: Tuner, view: View) -> None:
    trials = trials_of(tuner.study)
    count, most = sum(map(was_trained, trials)), tuner.settings.max_trials
    if count < most:
        lost = sum(map(retries.given_up, trials))
        more = f"; {lost} were given up, as their workers ended each time"
        line = f"the search is over with {count} of {most} trials trained"
        view.told(0, {"done": line + (more if lost else "")})


@contextlib.contextmanager
def _written(run: Path, content: Any) -> Iterator[int]:
    """The job as an open file without a name, so that it goes whatever happens."""
    try:
        pickled = cloudpickle.dumps(content)
    except Exception as error:
        raise UserError(
            "expected blocks, callbacks and data that can be sent to another process "
            f"(pickled), found one that cannot: {error}"
        ) from error
    with tempfile.TemporaryFile(dir=run) as file:
        file.write(pickled)
        file.flush()
        yield file.fileno()


class WorkerPool:
    """So many workers, each replaced when it ends before the search does."""

    def __init__(self, tuner: Tuner, job: int, view: View, size: int) -> None:
        self._tuner, self._job, self._view, self._size = tuner, job, view, size
        self._told: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._readers: dict[int, threading.Thread] = {}
        self._last: dict[int, dict[str, Any]] = {}
        self._deaths = 0
        self._kills = 0
        self._given_up = 0
        self._watch = Watch()

    def work(self) -> None:
        """Runs the processes until the search is over."""
        try:
            for number in range(1, self._size + 1):
                self._begin(number)
            while self._processes:
                number, message = self._next()
                if message is not None:
                    self._last[number] = message
                    self._watch.heard(number, message)
                    if "best" in message:
                        self._given_up = 0
                    self._view.told(number, message)
                elif self._goes_on_after(number):
                    self._begin(number)
        finally:
            self._dismiss()

    def _next(self) -> tuple[int, dict[str, Any] | None]:
        """The next message of a worker; the view is kept going meanwhile."""
        while True:
            self._view.go_on()
            for number, process in self._processes.items():
                if self._watch.is_overdue(number, process.pid):
                    process.kill()
            with contextlib.suppress(queue.Empty):
                return self._told.get(timeout=1)

    def _begin(self, number: int) -> None:
        log = self._log(number)
        log.parent.mkdir(exist_ok=True)
        with open(log, "ab", opener=no_follow) as errors:
            process = subprocess.Popen(
                [sys.executable, *_PYTHON, _BEGIN, str(self._job), *_places()],
                pass_fds=(self._job,),
                stdin=subprocess.PIPE,  # never written to; its end ends the worker
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | databases.environment(self._tuner.settings.storage),
            )
        self._last[number] = {}
        self._processes[number] = process
        self._view.told(number, {"doing": "starting"})
        assert process.stdout is not None
        reader = threading.Thread(target=self._read, args=(number, process.stdout))
        self._readers[number] = reader
        reader.start()

    def _read(self, number: int, messages: IO[bytes]) -> None:
        with messages:
            for line in messages:
                with contextlib.suppress(ValueError):  # half a line of one that died
                    self._told.put((number, json.loads(line)))
        self._told.put((number, None))

    def _goes_on_after(self, number: int) -> bool:
        """What an ended process means; whether another one takes its place."""
        code, name = self._end(number)
        overdue = self._watch.forget(number)
        told = self._last[number]
        if "wrong" in told:
            raise UserError(told["wrong"])
        if "failed" in told:
            raise SearchError(told["failed"])
        if "ended" in told:
            self._deaths = 0
            return bool(told["ended"] == "recycled")
        trials = self._trials_of(name)
        self._deaths = 0 if trials else self._deaths + 1
        cause = overdue or _cause(code)
        if code > 0 or self._deaths == _DEATHS:
            # not a trial's fault: an error outside of all trials, told at the end
            for trial in trials:
                self._fail_and_retry(trial, cause)
            reason = told.get("broke") or _reason(self._log(number))
            raise SearchError(
                f"a worker ended with {cause}: {reason} ({self._log(number)})"
            )
        for trial in trials:
            self._kills += code == -signal.SIGKILL and overdue is None
            advice = f"; {_ADVICE}" if self._kills > 1 else ""
            line = f"trial {trial.number}   its worker ended: {cause}{advice}"
            self._view.told(number, {"done": line})
            if -code in {getattr(signal, n) for n in _CRASHES}:
                retries.fail_for_good(self._tuner.study, trial, f"crashed: {cause}")
            elif not self._fail_and_retry(trial, f"interrupted: {cause}"):
                self._given_up += 1
                if self._given_up == _GIVEN_UP:
                    raise SearchError(
                        f"{_GIVEN_UP} candidates in a row were interrupted "
                        f"{retries.MAX_RETRIES + 1} times each, the last by {cause}"
                        f"; {_ADVICE}; the same command goes on with others"
                    )
        return True

    def _end(self, number: int) -> tuple[int, str]:
        """Waits for a process; its exit status and its name in the study."""
        process = self._processes.pop(number)
        assert process.stdin is not None
        process.stdin.close()
        code = process.wait()
        self._readers.pop(number).join()
        self._view.ended(number)
        return code, f"{platform.node()}:{process.pid}"

    def _dismiss(self) -> None:
        """Ends the processes that are left, and gives their trials back."""
        for process in self._processes.values():
            process.kill()
        for number in list(self._processes):
            _, name = self._end(number)
            for trial in self._trials_of(name):
                self._fail_and_retry(trial, retries.INTERRUPTED)

    def _trials_of(self, name: str) -> list[FrozenTrial]:
        return [
            trial
            for trial in self._tuner.study.get_trials(
                deepcopy=False, states=(TrialState.RUNNING,)
            )
            if retries.worker_of(trial) == name
        ]

    def _fail_and_retry(self, trial: FrozenTrial, cause: str) -> bool:
        return retries.fail_and_retry(self._tuner.study, trial, self._tuner.run, cause)

    def _log(self, number: int) -> Path:
        return Run(self._tuner.run).worker_log(number)


def _places() -> list[str]:
    """Where this process finds modules; "" is the current folder."""
    return [os.path.abspath(place) for place in sys.path if isinstance(place, str)]


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name
    what = signal.strsignal(-code)
    hint = ", by hand or for want of memory" if name == "SIGKILL" else ""
    return f"{name} ({what}{hint})"


def _reason(log: Path) -> str:
    """The last line of a log."""
    with open(log, "rb", opener=no_follow) as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
