"""Watches workers by their progress, not by whether they are alive."""

from __future__ import annotations

import time
from typing import Any

from autoai4eo.locks import is_stopped

#: A training without a finished batch for so many seconds has stalled.
STALLED_S = 600.0
#: A process that was stopped (SIGSTOP) for so many seconds is killed.
STOPPED_S = 120.0
# Longest step of time that counts, in seconds: the watching process may have been
# stopped, too.
_STEP_S = 2.0


class Watch:
    """Finds overdue workers.

    A training that has finished a batch must continue to finish batches; a deadlock or
    a dead drive stalls it while its process is alive. Work before the first batch and
    between trainings has no time limit.
    """

    def __init__(self) -> None:
        self._silent: dict[int, float] = {}
        self._stopped: dict[int, float] = {}
        self._seen: dict[int, float] = {}
        self._why: dict[int, str] = {}

    def heard(self, worker: int, message: dict[str, Any]) -> None:
        """Takes a message of a worker, see `progress.Progress`."""
        if "batch" in message:
            self._silent[worker] = 0.0
        elif "done" in message:  # such as the end of a trial
            self._silent.pop(worker, None)

    def is_overdue(self, worker: int, pid: int) -> bool:
        """Returns whether a worker is overdue; call it about every second."""
        now = time.monotonic()
        passed = min(now - self._seen.get(worker, now), _STEP_S)
        self._seen[worker] = now
        if worker in self._silent:
            self._silent[worker] += passed
        stopped = self._stopped.get(worker, 0.0) + passed
        self._stopped[worker] = stopped if is_stopped(pid) else 0.0
        if self._stopped[worker] > STOPPED_S:
            self._why[worker] = f"stopped for {STOPPED_S / 60:g} minutes"
        elif self._silent.get(worker, 0.0) > STALLED_S:
            self._why[worker] = f"no batch for {STALLED_S / 60:g} minutes"
        return worker in self._why

    def forget(self, worker: int) -> str | None:
        """Removes a worker that has ended; returns why it was overdue, if it was."""
        for known in (self._silent, self._stopped, self._seen):
            known.pop(worker, None)
        return self._why.pop(worker, None)
