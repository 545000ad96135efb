"""Workers are watched by what they get done, not by being alive."""

from __future__ import annotations

import time
from typing import Any

from autoai4eo.locks import is_stopped

#: A training without a batch for so many seconds has come to a stop.
STALLED_S = 600.0
#: A process that was stopped (SIGSTOP) for so long is not waited for.
STOPPED_S = 120.0
# Time counts in steps of so many seconds at most: the watching process may have been
# stopped, too.
_STEP_S = 2.0


class Watch:
    """Knows which workers are overdue.

    A training that once finished a batch must go on finishing some; a clock that was
    set back, a deadlock or a dead drive stop it while its process is alive. What comes
    before the first batch, or between trainings, may take as long as it does.
    """

    def __init__(self) -> None:
        self._silent: dict[int, float] = {}
        self._stopped: dict[int, float] = {}
        self._seen: dict[int, float] = {}
        self._why: dict[int, str] = {}

    def heard(self, worker: int, message: dict[str, Any]) -> None:
        """Takes a message, see `progress.Progress`."""
        if "batch" in message:
            self._silent[worker] = 0.0
        elif "done" in message:  # such as the end of a trial
            self._silent.pop(worker, None)

    def is_overdue(self, worker: int, pid: int) -> bool:
        """Whether a worker does nothing for too long; asked every second or so."""
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
        """A worker is no more; why it was overdue, if it was."""
        for known in (self._silent, self._stopped, self._seen):
            known.pop(worker, None)
        return self._why.pop(worker, None)
