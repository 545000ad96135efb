"""A process that works on a search; `autoai4eo.search.workers.pool` starts it.

It reads its job from an open file, given by its number, and tells what it does in lines
of JSON on standard output. It ends when it has tried so many candidates, when the
search is over, or when its standard input is closed, which is when the process that
began it is no more.
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
    """Does the job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who began this process ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    messages = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes where their warnings go

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
    # at once: TensorFlow's threads need not be waited for
    os._exit(0)


def _work(job: int, tell: Any) -> str:
    file = io.BytesIO(_content(job))

    def say(line: str) -> None:
        tell({"done": line})

    with MeasurementLock(tell=say).training():  # imports are work for every core
        from autoai4eo.search.workers.progress import Progress

        tuner, training, whole, task, candidates = pickle.load(file)
        del file
        tuner.open(training, say)
    progress = Progress(tell, tuner.monitor)
    if task == "finalist":
        tuner.train_finalist(training, progress, whole)
        return "over"
    over = tuner.work(training, progress, whole, candidates)
    return "over" if over else "recycled"


def _content(job: int) -> bytearray:
    """All of a file that other workers read at the same time."""
    content = bytearray()
    while part := os.pread(job, 2**28, len(content)):
        content += part
    return content


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)
