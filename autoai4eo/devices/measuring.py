"""The process on the device that loads the bytes of a network and times it.

It runs in an empty temporary folder, with limits of memory, processor time and the size
of files, so that a network that loops, allocates or crashes costs a process.
`isolation.measured` starts it; it ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autoai4eo.causes import cause
from autoai4eo.devices.onnx_bytes import check_onnx
from autoai4eo.devices.protocol import ANSWER_BYTES, Job, Refused, job_of
from autoai4eo.errors import UserError
from autoai4eo.runtimes import RUNTIMES, FileRuntime
from autoai4eo.runtimes.base import cores, void
from autoai4eo.runtimes.timing import TIMED_SHARE, time_passes

ANSWER = "answer.json"
NETWORK = "network"


def main() -> None:
    """Does the job that standard input names, and writes ``answer.json``."""
    told = json.loads(sys.stdin.readline())
    _limit(told["memory_bytes"], told["cpu_s"])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answer = _measured(told["runtime"], told["threads"], job_of(told["job"]))
    except Refused as refused:
        answer = {"status": refused.status, "error": refused.reason}
    except MemoryError:
        answer = {"status": 422, "error": _too_large(told["memory_bytes"])}
    except Exception as error:  # runtimes' errors have no common class
        reason = cause(error)[:1000]
        if "bad_alloc" in reason or "allocate memory" in reason.lower():
            reason = _too_large(told["memory_bytes"])
        answer = {"status": 422, "error": f"the runtime cannot run it: {reason}"}
    Path(ANSWER).write_text(json.dumps(answer))
    os._exit(0)  # at once: threads of the runtime need not be waited for


def check_bytes(content: bytes, suffix: str) -> None:
    """Checks that bytes are a network for a runtime, which needs no other file.

    Raises:
        Refused: they are something else.
    """
    if suffix == ".onnx":
        check_onnx(content)
    elif content[4:8] != b"TFL3":
        raise Refused(415, "expected a LiteRT file (.tflite), found other bytes")


def _measured(name: str, threads: int | None, job: Job) -> dict[str, Any]:
    runtime = RUNTIMES[name]
    assert isinstance(runtime, FileRuntime)
    try:
        runtime.check_precision(job.precision)
    except UserError as error:
        raise Refused(422, str(error)) from error
    (file,) = Path().glob(f"{NETWORK}.*")
    check_bytes(file.read_bytes(), file.suffix)
    deadline = time.perf_counter() + job.budget_s
    run = runtime.load(file, job.precision, threads)
    arrays = job.arrays()
    timing = time_passes(
        lambda: void(run(arrays)), deadline, TIMED_SHARE * job.budget_s
    )
    return {
        **asdict(timing),
        "runtime": name,
        "runtime_version": runtime.version,
        "precision": job.precision,
        "threads": threads or cores(),
        "file_bytes": file.stat().st_size,
    }


def _too_large(limit: int) -> str:
    return (
        f"expected a network that needs {limit:,} bytes of address space at most, "
        "found one that needs more; raise --memory-mib, or use a smaller batch"
    )


def _limit(memory_bytes: int, cpu_s: int) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: ANSWER_BYTES,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_AS: memory_bytes,
    }
    for limit, most in limits.items():
        _, hard = resource.getrlimit(limit)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(limit, (most, most))
    # where memory is short all the same, the kernel ends this process first
    choice = Path("/proc/self/oom_score_adj")
    if choice.exists():
        choice.write_text("1000")


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
