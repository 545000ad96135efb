"""Which measured costs of a run can be compared: those measured in the same way.

A search that has latency neither as an objective nor as a constraint may be resumed on
another device or in another runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from autoai4eo.runs.network_id import ENSEMBLE, TRIAL, NetworkId
from autoai4eo.runtimes import RUNTIMES, FileRuntime
from autoai4eo.runtimes.base import FLOAT32
from autoai4eo.text import counted


class MeasuredWith(NamedTuple):
    """What measured a latency; two that are equal can be compared.

    Attributes:
        device: its name.
        runtime: what ran the network.
        precision: of its computations.
        threads: of the runtime; None: it has those of the process, see `device`.
        batch_size: samples in a pass.
        profile: the device profile that predicted the latency; None: it was measured.
    """

    device: str
    runtime: str
    precision: str
    threads: int | None
    batch_size: int | None
    profile: str | None

    def __str__(self) -> str:
        threads = f" with {counted(self.threads, 'thread')}" if self.threads else ""
        batch_size = f" at batch size {self.batch_size}" if self.batch_size else ""
        how = f", predicted by device profile {self.profile}" if self.profile else ""
        return (
            f"{self.runtime} in {self.precision}{threads} on {self.device}"
            f"{batch_size}{how}"
        )


def measured_with(cost: Mapping[str, Any]) -> MeasuredWith | None:
    """Returns what measured a latency; None where there is none.

    Args:
        cost: a `Cost` as a dict, or a row of `trials_table`. One of earlier versions
            names no runtime: it was measured in the backend of Keras.
    """
    known = {name: value for name, value in cost.items() if _is_known(value)}
    if "latency_ms" not in known:
        return None
    runtime = known.get("runtime") or _backend()
    of_file = isinstance(RUNTIMES.get(runtime), FileRuntime)
    return MeasuredWith(
        known.get("device", "an unknown device"),
        runtime,
        known.get("precision", FLOAT32),
        int(known["threads"]) if of_file and "threads" in known else None,
        int(known["latency_batch_size"]) if "latency_batch_size" in known else None,
        known.get("prediction", {}).get("profile", known.get("predicted")),
    )


def told_apart(measured: Mapping[NetworkId, MeasuredWith | None]) -> str:
    """Returns a sentence if latencies cannot be compared; empty if they can.

    Args:
        measured: what measured the latency of each network; None: it has none.
    """
    groups: dict[MeasuredWith, list[NetworkId]] = {}
    for network, how in measured.items():
        if how is not None:
            groups.setdefault(how, []).append(network)
    if len(groups) < 2:
        return ""
    parts = [f"{networks_named(ids)}: {how}" for how, ids in groups.items()]
    return f"latencies cannot be compared ({'; '.join(parts)})"


def told_alike(measured: Mapping[NetworkId, MeasuredWith | None]) -> str:
    """Returns what measured the latencies, in words; empty if not all are alike.

    Args:
        measured: see `told_apart`.
    """
    ways = {how for how in measured.values() if how is not None}
    return f"latency in ms: {ways.pop()}" if len(ways) == 1 else ""


def told_instrument(known: Mapping[str, Any]) -> str:
    """Returns the runtime and threads of a search, such as ``"onnx with 2 threads"``.

    Args:
        known: the ``instrument`` of ``run.json`` or of a study; {} gives "".
    """
    if not known:
        return ""
    threads = known.get("threads")
    told = known["runtime"] + (f" with {counted(threads, 'thread')}" if threads else "")
    return told + (", predicted" if known.get("prediction") else "")


def told_beside(search: MeasuredWith | None, file: MeasuredWith) -> str:
    """Returns how the latency of a file compares with the search's, in words.

    Args:
        search: what measured it in the search; None: nothing did.
        file: what measured it in a file, with the threads that the runtime takes.

    Returns:
        Empty where both are of the same instrument; else that they do not compare, or
        at as many threads only, and what measured that of the search.
    """
    if search is None or search == file:
        return ""
    alike = search._replace(threads=file.threads) == file
    how = "compares with this one at as many threads only"
    how = how if alike else "does not compare with this one"
    return f"the search's latency {how}: it is of {search}"


def networks_named(networks: list[NetworkId]) -> str:
    """Returns the names of networks, such as ``trials 0, 2, ensemble 1``."""
    words = []
    for kind in (TRIAL, ENSEMBLE):
        numbers = [str(one.number) for one in networks if one.kind == kind]
        if numbers:
            words.append(f"{kind}{'s' * (len(numbers) > 1)} {', '.join(numbers)}")
    return ", ".join(words)


def _backend() -> str:
    import keras  # takes seconds, and only runs of earlier versions need it

    return str(keras.backend.backend())


def _is_known(value: Any) -> bool:
    return value is not None and value == value  # not NaN, as pandas has it
