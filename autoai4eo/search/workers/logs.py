"""The log of each worker process: what it and its libraries printed."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from autoai4eo.files import no_follow
from autoai4eo.runs.folder import Run

_TAIL = 2000  # bytes of a log in which its last line is looked for


def open_log(run: Path, number: int) -> IO[bytes]:
    """Opens a log that no other worker of the search writes to, on any machine.

    It is locked until this process and the worker have closed it.

    Args:
        run: the run's folder.
        number: of the worker in this process; the log has this number or, where a
            worker of another process writes to that, one of the next.
    """
    while True:
        path = Run(run).worker_log(number)
        path.parent.mkdir(exist_ok=True)
        log = open(path, "ab", opener=no_follow)  # noqa: SIM115
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.close()
            number += 1
        except BaseException:
            log.close()
            raise
        else:
            return log


def last_line(log: Path) -> str:
    """The last line of a log."""
    with open(log, "rb", opener=no_follow) as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
