"""The card: what JAX and nvidia-smi call it, and the state that it is in."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax

from autoai4eo.networks.device import device_name

# `clocks_event_reasons.active` is 0x0 or 0x1 (idle) where nothing holds the clock back
_STATE = (
    "pstate",
    "clocks.sm",
    "clocks.mem",
    "temperature.gpu",
    "power.draw",
    "clocks_event_reasons.active",
    "memory.used",
    "utilization.gpu",
)
_KIND = ("name", "driver_version", "memory.total", "clocks.max.sm", "clocks.max.mem")


def describe() -> dict[str, Any]:
    """The device and its software."""
    return {
        "device": device_name(),
        "devices": len(jax.devices()),
        "jax": jax.__version__,
        "nvidia-smi": "; ".join(
            " ".join(kind.values()) for kind in _query(_KIND) or [{"": "none"}]
        ),
    }


def state() -> dict[str, str]:
    """Clocks, temperature, power and use of the first card; {} where there is none."""
    return next(iter(_query(_STATE)), {})


def _query(names: tuple[str, ...]) -> list[dict[str, str]]:
    """A dictionary for each card."""
    if shutil.which("nvidia-smi") is None:
        return []
    done = subprocess.run(
        ["nvidia-smi", f"--query-gpu={','.join(names)}", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode:
        # an older driver has no such field, or the card does not answer
        return [{"nvidia-smi": f"failed: {done.stdout.strip()[:200]}"}]
    return [
        dict(zip(names, (v.strip() for v in line.split(",")), strict=False))
        for line in done.stdout.splitlines()
    ]


@contextmanager
def watched(every_s: float = 1.0) -> Iterator[dict[str, float]]:
    """The most memory and the mean use of the card meanwhile, once it is over."""
    seen: list[dict[str, str]] = []
    found: dict[str, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(every_s):
            seen.append(state())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        for name, key, most in (
            ("memory_MiB", "memory.used", max),
            ("use_percent", "utilization.gpu", lambda v: sum(v) / len(v)),
        ):
            if values := [n for s in seen if (n := number(s.get(key))) is not None]:
                found[name] = most(values)


def number(text: str | None) -> float | None:
    """The number that nvidia-smi gives with a unit; None: it says [N/A]."""
    try:
        return float((text or "").split()[0])
    except (ValueError, IndexError):
        return None
