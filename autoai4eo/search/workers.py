"""The worker processes of a search on this machine, and what becomes of their trials.

Trials run in processes of their own, so that a crash costs one trial and what a library
forgets to free is freed: a process is renewed after some candidates.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
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
from autoai4eo.search import broken_off, named
from autoai4eo.search.record import trials_of
from autoai4eo.search.stopping import was_trained
from autoai4eo.search.training import Training
from autoai4eo.search.tuner import Tuner
from autoai4eo.search.view import View

#: Candidates after which a process is renewed.
CANDIDATES = 10
#: Processes in a row that died without a trial, after which the search gives up.
_DEATHS = 3
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
        done = f"{count} of {tuner.max_trials} trials trained"
        view.told(0, {"done": f"searching in {tuner.run}   {done}"})
        _Crew(tuner, job, view, workers).work()


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
        pickle.dump(sys.path, file)
        file.write(pickled)
        file.flush()
        yield file.fileno()


class _Crew:
    """So many workers, each replaced when it ends before the search does."""

    def __init__(self, tuner: Tuner, job: int, view: View, size: int) -> None:
        self._tuner, self._job, self._view, self._size = tuner, job, view, size
        self._told: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._readers: dict[int, threading.Thread] = {}
        self._last: dict[int, dict[str, Any]] = {}
        self._deaths = 0

    def work(self) -> None:
        try:
            for number in range(1, self._size + 1):
                self._begin(number)
            while self._processes:
                number, message = self._next()
                if message is not None:
                    self._last[number] = message
                    self._view.told(number, message)
                elif self._goes_on_after(number):
                    self._begin(number)
        finally:
            self._dismiss()

    def _next(self) -> tuple[int, dict[str, Any] | None]:
        """The next message of a worker; the view is kept going meanwhile."""
        while True:
            self._view.go_on()
            with contextlib.suppress(queue.Empty):
                return self._told.get(timeout=1)

    def _begin(self, number: int) -> None:
        log = self._log(number)
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "autoai4eo.search.worker", str(self._job)],
                pass_fds=(self._job,),
                stdin=subprocess.PIPE,  # never written to; its end ends the worker
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | named.environment(self._tuner.storage),
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
        told = self._last[number]
        if "wrong" in told:
            raise UserError(told["wrong"])
        if "failed" in told:
            raise SearchError(told["failed"])
        if "ended" in told:
            self._deaths = 0
            return bool(told["ended"] == "renewed")
        trials = self._trials_of(name)
        self._deaths = 0 if trials else self._deaths + 1
        cause = _cause(code)
        if code > 0 or self._deaths == _DEATHS:
            # not a trial's fault: an error outside of all trials, told at the end
            for trial in trials:
                self._take_over(trial, cause)
            reason = told.get("broke") or _reason(self._log(number))
            raise SearchError(
                f"a worker ended with {cause}: {reason} ({self._log(number)})"
            )
        for trial in trials:
            self._view.told(
                number, {"done": f"trial {trial.number}   its worker ended: {cause}"}
            )
            if -code in {getattr(signal, n) for n in _CRASHES}:
                broken_off.give_up(self._tuner.study, trial, f"crashed: {cause}")
            else:
                self._take_over(trial, f"interrupted: {cause}")
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
                self._take_over(trial, broken_off.INTERRUPTED)

    def _trials_of(self, name: str) -> list[FrozenTrial]:
        return [
            trial
            for trial in self._tuner.study.get_trials(
                deepcopy=False, states=(TrialState.RUNNING,)
            )
            if trial.user_attrs.get("worker") == name
        ]

    def _take_over(self, trial: FrozenTrial, cause: str) -> None:
        broken_off.take_over(self._tuner.study, trial, self._tuner.run, cause)

    def _log(self, number: int) -> Path:
        return self._tuner.run / "workers" / f"{number}.log"


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    name = signal.Signals(-code).name
    what = signal.strsignal(-code)
    hint = ", by hand or for want of memory" if name == "SIGKILL" else ""
    return f"{name} ({what}{hint})"


def _reason(log: Path) -> str:
    """The last line of a log."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
