"""Runs `measuring` in a process of its own, which cannot outlast its limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoai4eo.devices.measuring import ANSWER
from autoai4eo.devices.protocol import ANSWER_BYTES, Job, Refused
from autoai4eo.networks.processor import cpu_name
from autoai4eo.runtimes.base import cores

#: Seconds beside the budget for starting, reading the network and warming up.
STARTING_S = 30.0
_TOO_SLOW = (
    "expected a network that is loaded and measured in {:.0f} s, found one that takes "
    "longer; the process was ended"
)


@dataclass(frozen=True)
class Measurer:
    """Measures networks in processes of their own.

    Attributes:
        runtime: see `autoai4eo.runtimes.RUNTIMES`.
        threads: of the runtime; None: one for each core.
        memory_bytes: of address space that a process may have.
        starting_s: seconds beside the budget of a job, after which a process is ended.
    """

    runtime: str
    threads: int | None = None
    memory_bytes: int = 2**31
    starting_s: float = STARTING_S
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _starts: threading.Lock = field(default_factory=threading.Lock)

    def measured(self, folder: Path, job: Job) -> dict[str, Any]:
        """Measures the network in a folder that holds nothing else.

        Raises:
            Refused: the network cannot be measured, or `end` was called.
        """
        limit_s = self.starting_s + job.budget_s
        told = {
            "runtime": self.runtime,
            "threads": self.threads,
            "job": job.text(),
            "memory_bytes": self.memory_bytes,
            "cpu_s": round(limit_s * cores()) + 1,
        }
        with self._started(folder) as process:
            try:
                assert process.stdin is not None
                process.stdin.write(json.dumps(told).encode() + b"\n")
                code = process.wait(timeout=limit_s)
            except subprocess.TimeoutExpired as error:
                raise Refused(504, _TOO_SLOW.format(limit_s)) from error
            except BrokenPipeError:
                code = process.wait(timeout=limit_s)
            finally:
                _end(process)
                self._running.remove(process)
        return {"device": cpu_name(), **_answer(folder / ANSWER, code, limit_s)}

    def end(self) -> None:
        """Ends what is measured; nothing is measured any more.

        A process writes into its folder, so that this comes before the folder is
        removed: ONNX Runtime makes ``~/.cache`` again, with all folders above it.
        """
        with self._starts:
            self._over.set()
            for process in list(self._running):
                _end(process)

    def _started(self, folder: Path) -> subprocess.Popen[bytes]:
        with self._starts:
            if self._over.is_set():
                raise Refused(503, "the server has ended")
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "autoai4eo.devices.measuring"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=_environment(folder),
                start_new_session=True,
                bufsize=0,
            )
            self._running.append(process)
            return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and what it started; they are in a session of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Nothing but what Python and the libraries need: no token, no home."""
    package = Path(__file__).parents[2]
    kept = ("PATH", "LD_LIBRARY_PATH", "LANG", "VIRTUAL_ENV")
    places = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONPATH": os.pathsep.join(places),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        # NumPy's threads are not needed, and take address space
        "OPENBLAS_NUM_THREADS": "1",
    }


def _answer(file: Path, code: int, limit_s: float) -> dict[str, Any]:
    """What the process left.

    Raises:
        Refused: it refused the network, or died of it.
    """
    if code == -signal.SIGXCPU:
        raise Refused(504, _TOO_SLOW.format(limit_s))
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(opened, "rb") as answer:
            found = json.loads(answer.read(ANSWER_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        how = f"exit status {code}" if code >= 0 else signal.Signals(-code).name
        raise Refused(
            422, f"the runtime ended the process that measured it ({how})"
        ) from error
    if isinstance(found, dict) and "error" in found:
        status = found.get("status")
        raise Refused(
            status if status in (413, 414, 415, 422) else 422,
            str(found["error"])[:2000],
        )
    return found if isinstance(found, dict) else {}
