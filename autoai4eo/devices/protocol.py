"""What a device is asked and what it answers: one request, one line of JSON.

``GET /`` tells what the device measures with. ``POST /measure?job=JSON`` with the bytes
of a network measures it. Every request has ``Authorization: Bearer TOKEN``. Whatever
goes wrong is answered by an HTTP status and ``{"error": "one line"}``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.text import line

#: Of the protocol; it goes up when a server and a client of two versions differ.
VERSION = 1
MEASURE = "/measure"
#: Characters of a job, and bytes of an answer, at most.
JOB_CHARACTERS, ANSWER_BYTES = 16_384, 65_536
#: Seconds for which a network may be measured at most.
BUDGET_S = 60.0
#: Inputs of a network, and bytes of all arrays that it is measured on, at most.
_INPUTS, _ARRAY_BYTES = 64, 2**30
_DIMENSIONS = 8
_DTYPES = (
    *("float32", "float16", "float64", "uint8", "int8", "uint16", "int16"),
    *("uint32", "int32", "uint64", "int64", "bool"),
)
_PRECISIONS = ("float32", "float16", "bfloat16", "int8")
_TIMES = ("median_ms", "p95_ms", "spread_ms")
_COUNTS = ("runs", "threads", "file_bytes")
_NAMES = ("device", "runtime", "runtime_version", "precision")


class Refused(Exception):
    """A request that is not done.

    Args:
        status: of HTTP.
        reason: what was expected, what was found.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, line(reason)


@dataclass(frozen=True)
class Job:
    """How a network is to be measured.

    Attributes:
        inputs: by name, the shape with the samples first, and the dtype.
        budget_s: seconds for warm-up and timing.
        precision: of the runtime's computations.
    """

    inputs: Mapping[str, tuple[tuple[int, ...], str]]
    budget_s: float
    precision: str

    def text(self) -> str:
        """The job as JSON."""
        inputs = {
            name: {"shape": list(shape), "dtype": dtype}
            for name, (shape, dtype) in self.inputs.items()
        }
        return json.dumps(
            {"inputs": inputs, "budget_s": self.budget_s, "precision": self.precision}
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Values for the inputs: uniform in [0, 1) for floats, else zeros."""
        rng = np.random.default_rng(0)
        return {
            name: rng.random(shape, "float32").astype(dtype)
            if dtype.startswith("float")
            else np.zeros(shape, dtype)
            for name, (shape, dtype) in self.inputs.items()
        }


def job_of(text: str) -> Job:
    """The job that JSON asks for.

    Raises:
        Refused: it is none.
    """
    if len(text) > JOB_CHARACTERS:
        raise Refused(414, f"expected a job of {JOB_CHARACTERS} characters at most")
    try:
        asked = json.loads(text)
        inputs = {
            str(name): _tensor(told) for name, told in dict(asked["inputs"]).items()
        }
        job = Job(inputs, float(asked["budget_s"]), str(asked["precision"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise Refused(
            400,
            "expected a job with inputs (each a shape of 1 or more per dimension and a "
            f"dtype), budget_s and precision, found another ({type(error).__name__})",
        ) from error
    if not 0 < job.budget_s <= BUDGET_S:
        raise Refused(400, f"budget_s: expected seconds up to {BUDGET_S:g}")
    if job.precision not in _PRECISIONS:
        raise Refused(400, f"precision: expected one of {', '.join(_PRECISIONS)}")
    if not 0 < len(job.inputs) <= _INPUTS:
        raise Refused(400, f"inputs: expected 1 to {_INPUTS}, found {len(job.inputs)}")
    found = sum(8 * math.prod(shape) for shape, _ in job.inputs.values())
    if found > _ARRAY_BYTES:
        raise Refused(
            413,
            f"inputs: expected arrays of {_ARRAY_BYTES:,} bytes in float64 at most, "
            f"found {found:,}; use a smaller batch",
        )
    return job


def answer_of(content: Any) -> dict[str, Any]:
    """An answer to a job, checked: times, counts and names, and nothing else.

    Raises:
        ValueError: it is none.
    """
    try:
        answer: dict[str, Any] = {
            **{name: float(content[name]) for name in _TIMES},
            **{name: int(content[name]) for name in _COUNTS},
            **{name: line(str(content[name]))[:200] for name in _NAMES},
        }
    except (TypeError, KeyError, OverflowError) as error:
        raise ValueError(f"no answer to a job: {type(error).__name__}") from error
    times = [answer[name] for name in _TIMES]
    if not all(map(math.isfinite, times)) or min(times) < 0 or answer["median_ms"] <= 0:
        raise ValueError(f"expected positive milliseconds, found {times}")
    return answer


def _tensor(told: Any) -> tuple[tuple[int, ...], str]:
    shape, dtype = told["shape"], told["dtype"]
    if (
        not isinstance(shape, list)
        or len(shape) > _DIMENSIONS
        or not all(type(size) is int and size > 0 for size in shape)
        or dtype not in _DTYPES
    ):
        raise ValueError("a shape or dtype")
    return tuple(shape), dtype
