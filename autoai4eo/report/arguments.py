"""What a search was asked for, its data and its machine, in lines."""

from __future__ import annotations

import shlex
from functools import partial
from typing import Any

from autoai4eo.devices.reference import drifts
from autoai4eo.learning.figures import rounded
from autoai4eo.runs import starts
from autoai4eo.runs.paths import DEVICE
from autoai4eo.runs.reading import Snapshot
from autoai4eo.text import counted, listed


def asked(run: Snapshot) -> list[tuple[str, str]]:
    """Returns titles and texts."""
    told = [("folder", str(run.path.resolve()))]
    for name, value in run.asked["arguments"].items():
        # not `in`: 0 == False, and a seed of 0 was asked for
        if value not in (None, [], {}) and value is not False:
            told.append((name.replace("_", " "), _words(value)))
    for role, data in run.asked["data"].items():
        inputs = "; ".join(
            f"{i['name']} ({i['sensor']}): {' '.join(i['bands'])}, "
            f"{'×'.join(map(str, i['shape'][:2]))} pixels"
            for i in data["inputs"]
        )
        told.append(
            (
                f"{role} data",
                f"{data['path']}, {counted(data['samples'], 'sample')}, fingerprint "
                f"{data['fingerprint']}; {inputs}",
            )
        )
    told.append(("classes", listed(run.classes)))
    told.append(("machine", run.asked["device"]))
    if about := run.asked.get("instrument"):
        told.append(
            (
                "latency",
                f"{about['runtime']} {about['runtime_version']}, {about['precision']}, "
                f"{counted(about['threads'], 'thread')}",
            )
        )
        if prediction := predicted(run):
            told.append(("latencies", prediction))
        if drift := _drift(run):
            told.append(("reference network", drift))
    began = starts.earlier(run.asked)
    told += [(_title(i, began), _told_start(start)) for i, start in enumerate(began)]
    return told


def _title(number: int, began: list[dict[str, Any]]) -> str:
    return "started" if len(began) == 1 else f"start {number + 1} of {len(began)}"


def _told_start(start: dict[str, Any]) -> str:
    command = start.get("command")
    by = f"by autoai4eo {shlex.join(command)}" if command is not None else ""
    if "program" in start:
        by = f"from Python {start['program']}".strip()
    versions = ", ".join(f"{name} {v}" for name, v in start["versions"].items())
    return "; ".join(filter(None, (start["time"], by, start["device"], versions)))


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return rounded(value) if isinstance(value, float) else str(value)


def predicted(run: Snapshot) -> str:
    """What predicted the latencies of a search, and how well; empty if measured."""
    prediction = run.asked.get("instrument", {}).get("prediction")
    if not prediction:
        return ""
    return (
        f"predicted from device profile {prediction['profile']}, not measured; on "
        f"{counted(prediction['networks'], 'network')} held out: Spearman "
        f"{prediction['spearman']:.3f} (MACs alone "
        f"{prediction['spearman_of_macs']:.3f}), median error "
        f"{prediction['median_error']:.1%}"
    )


def _drift(run: Snapshot) -> str:
    """How the device's latency of one network changed in the search; empty if local."""
    nothing: list[float] = []
    found = run.part(partial(drifts, run.path / DEVICE), nothing)
    if not found:
        return ""
    return (
        f"measured {len(found)} times on the device: {min(found):+.0%} to "
        f"{max(found):+.0%} from its first latency; latencies are not corrected by it"
    )
