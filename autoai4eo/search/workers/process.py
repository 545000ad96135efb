"""A worker process of a search, started by `autoai4eo.search.workers.pool`.

It reads its job from a file descriptor, and reports in lines of JSON on standard
output. It ends after the given number of candidates, at the end of the search, or when
its standard input is closed, that is, when its parent process ends.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import sys
import threading
import traceback
from typing import Any

from autoai4eo.causes import cause
from autoai4eo.errors import SearchError, UserError
from autoai4eo.search.workers.measurement_lock import MeasurementLock


def main(job: int) -> None:
    """Does the job in an open file, given by its descriptor."""
    # the parent ends this process; a batch system or a closed terminal signals both
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    messages = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries goes to stderr

    def tell(message: dict[str, Any]) -> None:
        messages.write(json.dumps(message) + "\n")

    try:
        tell({"ended": _work(job, tell)})
    except UserError as error:
        tell({"wrong": str(error)})
    except SearchError as error:
        tell({"failed": str(error)})
    except Exception as error:
        traceback.print_exc()
        sys.stderr.flush()
        tell({"broke": cause(error)})
        os._exit(1)
    # do not wait for TensorFlow's threads
    os._exit(0)


def _work(job: int, tell: Any) -> str:
    file = io.BytesIO(_content(job))

    def say(line: str) -> None:
        tell({"done": line})

    def waits(text: str) -> None:
        tell({"waits": text})

    lock = MeasurementLock(tell=say, waits=waits)
    with lock.training():  # imports use every core
        from autoai4eo.search.workers.progress import Progress

        tuner, training, whole, task, candidates = pickle.load(file)
        del file
        tuner.open(training, say, waits)
    progress = Progress(tell, tuner.monitor)
    if task == "finalist":
        tuner.train_finalist(training, progress, whole)
        return "over"
    over = tuner.work(training, progress, whole, candidates)
    return "over" if over else "recycled"


def _content(job: int) -> bytearray:
    """Reads a whole file that other workers read at the same time."""
    content = bytearray()
    while part := os.pread(job, 2**28, len(content)):
        content += part
    return content


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)
