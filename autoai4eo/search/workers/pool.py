"""The worker processes of a search on this machine.

Trials run in separate processes: a crash costs only one trial. A process is replaced
after some candidates, which frees memory that libraries leak.
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
from autoai4eo.learning.training import Training
from autoai4eo.log import open_streams
from autoai4eo.runs import databases
from autoai4eo.runs.comparable import told_instrument
from autoai4eo.runs.instrument import instrument_of
from autoai4eo.runs.trials import trials_of, was_trained
from autoai4eo.search.trials import retries
from autoai4eo.search.trials.fine_tuning import check_judged
from autoai4eo.search.tuner import Tuner
from autoai4eo.search.workers.logs import last_line, open_log
from autoai4eo.search.workers.view import View
from autoai4eo.search.workers.watching import Watch
from autoai4eo.text import counted

# -P: without the current folder in sys.path
_PYTHON = ("-P", "-c")
# the standard library first, then the module paths of this process
_BEGIN = """
import os, sys
library = os.path.dirname(os.__file__)
own = [p for p in sys.path if p.startswith(library) and "-packages" not in p]
sys.path[:] = [*own, *(p for p in sys.argv[2:] if p not in own)]
from autoai4eo.search.workers.process import main
main(int(sys.argv[1]))
"""
#: Number of candidates after which a process is replaced.
CANDIDATES = 10
#: Number of processes in a row that died without a trial, after which a search ends.
_DEATHS = 3
#: Number of candidates given up in a row, after which a search ends.
_GIVEN_UP = 3
_ADVICE = "where memory is short, smaller batches (batch_size) or fewer workers help"
# Signals that a program causes itself; others come from outside.
_CRASHES = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP")


def search(
    tuner: Tuner,
    training: Training,
    refit_on: Dataset | None = None,
    *,
    workers: int = 1,
    verbose: int = 1,
    task: str = "search",
) -> None:
    """Searches with worker processes, and trains the finalist.

    Args:
        tuner: of an existing study, see `Tuner.connect`.
        training, refit_on: as for `Tuner.work`.
        workers: number of processes.
        verbose: 0: shows nothing; 2: every epoch, see `View`.
        task: ``"search"``, or ``"finalist"`` to train only this.

    Raises:
        UserError: an object of the user cannot be sent to another process; a finalist
            that was trained on everything cannot be fine-tuned; and as `Tuner.open` and
            `Tuner.work`.
        SearchError: every trial failed, workers die before they try anything, or too
            many candidates in a row were given up.
    """
    check_judged(tuner.settings, refit_on)
    open_streams()
    # several processes may share a GPU
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    content = (tuner, training, refit_on, task, CANDIDATES)
    with (
        _written(tuner.run, content) as job,
        View(verbose, tuner.objectives, tuner.monitor) as view,
    ):
        trials = trials_of(tuner.study)
        for trial in trials:
            if tuner.monitor.name in (reached := trial.user_attrs.get("metrics", {})):
                view.told(0, {"best": reached[tuner.monitor.name]})
        count = sum(map(was_trained, trials))
        done = f"{count} of {counted(tuner.settings.max_trials, 'trial')} trained"
        how = told_instrument(instrument_of(tuner.study))
        done += f"   latency in {how}" if how else ""
        doing = "searching" if task == "search" else "training the finalist"
        view.told(0, {"done": f"{doing} in {tuner.run}   {done}"})
        WorkerPool(tuner, job, view, workers).work()
        if task == "search":
            _tell_shortfall(tuner, view)


def _tell_shortfall(tuner: Tuner, view: View) -> None:
    trials = trials_of(tuner.study)
    count, most = sum(map(was_trained, trials)), tuner.settings.max_trials
    if count < most:
        lost = sum(map(retries.given_up, trials))
        more = f"; {lost} were given up, as their workers ended each time"
        line = f"the search is over with {count} of {counted(most, 'trial')} trained"
        view.told(0, {"done": line + (more if lost else "")})


@contextlib.contextmanager
def _written(run: Path, content: Any) -> Iterator[int]:
    """Writes the job to an open file without a name, which the system deletes."""
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
    """Runs workers, and replaces each one that ends before the search."""

    def __init__(self, tuner: Tuner, job: int, view: View, size: int) -> None:
        self._tuner, self._job, self._view, self._size = tuner, job, view, size
        self._messages: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._readers: dict[int, threading.Thread] = {}
        self._logs: dict[int, Path] = {}
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
                elif self._is_to_be_replaced(number):
                    self._begin(number)
        finally:
            self._dismiss()

    def _next(self) -> tuple[int, dict[str, Any] | None]:
        """Waits for the next message of a worker; meanwhile updates the view."""
        while True:
            self._view.go_on()
            for number, process in self._processes.items():
                if self._watch.is_overdue(number, process.pid):
                    process.kill()
            with contextlib.suppress(queue.Empty):
                return self._messages.get(timeout=1)

    def _begin(self, number: int) -> None:
        with open_log(self._tuner.run, number) as errors:
            self._logs[number] = Path(errors.name)
            process = subprocess.Popen(
                [sys.executable, *_PYTHON, _BEGIN, str(self._job), *_places()],
                pass_fds=(self._job,),
                stdin=subprocess.PIPE,  # never written to; closing it ends the worker
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
                with contextlib.suppress(ValueError):  # incomplete: the worker died
                    self._messages.put((number, json.loads(line)))
        self._messages.put((number, None))

    def _is_to_be_replaced(self, number: int) -> bool:
        """Handles the end of a process; returns whether to start another one."""
        code, name = self._end(number)
        overdue = self._watch.forget(number)
        last = self._last[number]
        if "wrong" in last:
            raise UserError(last["wrong"])
        if "failed" in last:
            raise SearchError(last["failed"])
        if "ended" in last:
            self._deaths = 0
            return bool(last["ended"] == "recycled")
        trials = self._trials_of(name)
        self._deaths = 0 if trials else self._deaths + 1
        cause = overdue or _cause(code)
        if code > 0 or self._deaths == _DEATHS:
            # an error outside of all trials
            for trial in trials:
                self._fail_and_retry(trial, cause)
            log = self._logs[number]
            reason = last.get("broke") or last_line(log)
            raise SearchError(f"a worker ended with {cause}: {reason} ({log})")
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
                        f"; {_ADVICE}; the same command resumes with "
                        "other candidates"
                    )
        return True

    def _end(self, number: int) -> tuple[int, str]:
        """Waits for a process; returns its exit status and its name in the study."""
        process = self._processes.pop(number)
        assert process.stdin is not None
        process.stdin.close()
        code = process.wait()
        self._readers.pop(number).join()
        self._view.ended(number)
        return code, f"{platform.node()}:{process.pid}"

    def _dismiss(self) -> None:
        """Ends the remaining processes, and queues their trials again."""
        for process in self._processes.values():
            process.kill()
        for number in list(self._processes):
            _, name = self._end(number)
            for trial in self._trials_of(name):
                again = self._fail_and_retry(trial, retries.INTERRUPTED)
                more = "given back, to go on from its last finished epoch"
                line = f"trial {trial.number}   interrupted   "
                line += more if again else retries.GIVEN_UP
                self._view.told(number, {"done": line})

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


def _places() -> list[str]:
    """Returns the module paths of this process; "" becomes the current folder."""
    return [os.path.abspath(place) for place in sys.path if isinstance(place, str)]


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name
    what = signal.strsignal(-code)
    hint = ", by hand or for lack of memory" if name == "SIGKILL" else ""
    return f"{name} ({what}{hint})"
