"""The name of the processor here, for which Keras is not imported."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cpu_name() -> str:
    """Returns the processor and the number of cores that this process may use."""
    return f"CPU {_cpu_model()} ({_cores()} cores)"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
