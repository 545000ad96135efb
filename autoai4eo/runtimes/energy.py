"""The energy that a machine uses, if it reports it: RAPL of CPUs, NVML of GPUs.

The counters are those of whole processors, their idle power included: a figure is that
of the machine while it does nothing else. That of a GPU is updated about ten times a
second, so energy is taken from one update to another.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

#: Linux's counters of the running average power limit; one for each processor package.
#: On many systems only root may read them.
POWERCAP = Path("/sys/class/powercap")

#: Seconds within which counters must be updated while the processor works.
UPDATE_S = 1.0

#: By counter, microjoules since some time, and where the counter begins anew.
Reading = dict[str, tuple[int, int]]


def read_energy(on_gpu: bool = False) -> Reading:
    """Reads the counters of the CPU, or of the first GPU; {} if there are none."""
    return _of_gpu() if on_gpu else _of_cpu()


def until_updated(run: Callable[[], None], on_gpu: bool = False) -> tuple[int, Reading]:
    """Runs passes until a counter is updated.

    Returns:
        How many passes ran, and what the counters say then; 0 and {} without counters,
        {} too if none of them is updated within a second.
    """
    first = read_energy(on_gpu)
    if not first:
        return 0, {}
    passes = 0
    end = time.perf_counter() + UPDATE_S
    while time.perf_counter() < end:
        run()
        passes += 1
        if (now := read_energy(on_gpu)) != first:
            return passes, now
    return passes, {}


def joules_between(before: Reading, after: Reading) -> float | None:
    """Returns the energy used between two readings; None without counters.

    A counter may have begun anew once in between.
    """
    if not before or before.keys() != after.keys():
        return None
    used = 0
    for name, (start, span) in before.items():
        grown = after[name][0] - start
        used += grown if grown >= 0 else grown + span
    return used / 1e6


def _of_cpu() -> Reading:
    found: Reading = {}
    for folder in sorted(POWERCAP.glob("intel-rapl:*")):
        if folder.name.count(":") > 1:
            continue  # a part of a package, which counts it already
        with contextlib.suppress(OSError, ValueError):  # not readable here
            found[folder.name] = (
                int((folder / "energy_uj").read_text()),
                int((folder / "max_energy_range_uj").read_text()),
            )
    return found


def _of_gpu() -> Reading:
    try:
        import pynvml
    except ImportError:
        return {}
    try:
        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByIndex(0)
        millijoules = pynvml.nvmlDeviceGetTotalEnergyConsumption(device)
    except pynvml.NVMLError:
        return {}
    return {"gpu": (1000 * int(millijoules), 2**64)}
