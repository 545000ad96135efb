"""A process that tries inputs and may die of them; the parent starts another."""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import re
import resource
import select
import signal
import sys
import tempfile
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzzing import parts

_RENEWED = 100  # inputs: memory of one must not be there for all that come
_SPARE_S = 15.0  # for the parent, beyond what stops a child from inside
_LONGER = 3  # times the limit for what starts interpreters of its own
_MEMORY = 4 * 2**30


@dataclass(frozen=True)
class Verdict:
    """How an input ended.

    Attributes:
        end: ``"well"``, ``"refused"`` or ``"finding"``.
        line: what is to be read first.
        text: the traceback, or what was printed.
    """

    end: str
    line: str = ""
    text: str = ""

    @property
    def key(self) -> str:
        """The same for all that fails at the same place for the same reason."""
        places = _FRAME.findall(self.text)
        if self.text.startswith(("Timeout", "Fatal")):
            places.reverse()  # these begin with the innermost
        told = " < ".join(f"{file}:{line}" for file, line in places[:-3:-1])
        return f"{re.split('[:(]', self.line)[0]} at {told or self.line}"


_FRAME = re.compile(r'File "[^"]*/(autoai4eo/[^"]*)", line (\d+)')


class Child:
    """Runs calls, each in a folder, one at a time; a context manager.

    Args:
        home: a folder for all that is written by chance, the only one.
        limit: seconds for one input.
    """

    def __init__(self, home: Path, limit: float) -> None:
        self._home, self.limit = home, limit
        self._pid, self._tried = 0, 0

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, folder: Path, call: list[str]) -> Verdict:
        """Makes a call (see `parts`) in a folder."""
        if not self._pid or self._tried >= _RENEWED:
            self._end()
            self._begin()
        self._tried += 1
        limit = self.limit * (_LONGER if {"export", "simulate"} & {*call} else 1)
        errors = self._home / "stderr"
        errors.write_bytes(b"")
        with suppress(BrokenPipeError):
            os.write(self._to, json.dumps([str(folder), call, limit]).encode() + b"\n")
        ready, _, _ = select.select([self._from], [], [], limit + _SPARE_S)
        answer = self._from.readline() if ready else ""
        if answer:
            return Verdict(**json.loads(answer))
        text = errors.read_text(errors="replace")
        status = self._end()
        place = max(text.find("Timeout ("), text.find("Fatal Python"))
        text = text[max(place, 0) :]
        if not ready or text.startswith("Timeout"):
            return Verdict("finding", f"hang: over {limit:g} s", text)
        return Verdict("finding", f"crash: the interpreter ended with {status}", text)

    def _begin(self) -> None:
        here, self._to = os.pipe()
        there, answers = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():  # threads of libraries, which rest
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid, self._tried = os.fork(), 0
        if not self._pid:
            status = 1
            try:
                # what the parent left: libraries abort when a fork frees their threads
                gc.freeze()
                os.setsid()
                os.close(self._to)
                os.close(there)
                _serve(os.fdopen(here), answers, self._home)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(here)
        os.close(answers)
        self._from = os.fdopen(there)

    def _end(self) -> int:
        """Ends the child and all that it started."""
        if not self._pid:
            return 0
        os.close(self._to)
        self._from.close()
        pid, self._pid = self._pid, 0
        # one that dies by itself tells how
        ended, status = os.waitpid(pid, os.WNOHANG)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        return status if ended else os.waitpid(pid, 0)[1]


def _serve(calls: Any, answers: int, home: Path) -> None:
    """In the child: call after call, until the parent closes the pipe."""
    nowhere = "http://127.0.0.1:9"  # nobody listens there: nothing leaves the machine
    os.environ |= {
        **{n: str(home) for n in ("HOME", "TMPDIR")},
        **{f"XDG_{n}": str(home) for n in (
            "CACHE_HOME", "CONFIG_HOME", "DATA_HOME", "STATE_HOME", "RUNTIME_DIR",
        )},
        **{n: nowhere for n in ("http_proxy", "https_proxy", "all_proxy")},
        "GDAL_HTTP_PROXY": "127.0.0.1:9",
        "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    tempfile.tempdir = None
    address = int(Path("/proc/self/statm").read_text().split()[0])
    most = address * os.sysconf("SC_PAGE_SIZE") + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    errors = os.open(home / "stderr", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    out = os.open(home / "stdout", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    # not what pytest or a notebook has put in their place
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    faulthandler.enable(errors)
    for line in calls:
        folder, call, limit = json.loads(line)
        os.dup2(out, 1)
        os.dup2(errors, 2)
        os.truncate(home / "stdout", 0)
        os.chdir(folder)
        faulthandler.dump_traceback_later(limit, exit=True, file=errors)
        verdict = _tried(call, home / "stderr")
        faulthandler.cancel_dump_traceback_later()
        os.write(answers, json.dumps(verdict.__dict__).encode() + b"\n")


def _tried(call: list[str], errors: Path) -> Verdict:
    from autoai4eo.errors import UserError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            status = parts.make(call)
    except UserError as error:
        if len(str(error).splitlines()) > 1:
            return _finding("several lines: " + repr(str(error)))
        return Verdict("refused", str(error))
    except BaseException as error:
        line = f"{type(error).__name__}: {error}"
        return _finding(" ".join(line.split()), traceback.format_exc())
    if not status:
        return Verdict("well")
    sys.stderr.flush()
    return judged(status, errors.read_text(errors="replace"))


def judged(status: int | None, printed: str) -> Verdict:
    """Of a command that failed: one line of ours, or a finding."""
    told = [t for t in printed.split("\n") if t and not t.startswith("warning: ")]
    if status not in (1, 2):
        return _finding(f"status {status}: expected 0, 1 or 2", printed)
    if len(told) != 1:
        return _finding(f"{len(told)} lines: expected one", printed)
    if "internal error" in told[0]:
        saved = re.search(r"traceback is in (\S+)", told[0])
        path = Path(saved[1] if saved else "missing")
        text = path.read_text(errors="replace") if path.is_file() else told[0]
        return _finding(told[0], text)
    if "Traceback" in told[0] or not told[0].startswith(("error: ", "interrupted")):
        return _finding("not ours: " + told[0], printed)
    return Verdict("refused", told[0])


def _finding(line: str, text: str = "") -> Verdict:
    return Verdict("finding", line[:2000], text[-100_000:])
