"""The cost of a network: parameters, MACs, FLOPs, size, latency, memory."""

# Imported for the rules that they register.
from autoai4eo.cost.rules import (  # isort: skip
    attention as attention,
    convolutions as convolutions,
    dense as dense,
    elementwise as elementwise,
    wrappers as wrappers,
)
from autoai4eo.cost.counting import Counts, count
from autoai4eo.cost.instrument import measure_latency
from autoai4eo.cost.latency import Latency
from autoai4eo.cost.mapping import measure_map_ms_per_km2
from autoai4eo.cost.profiling import Cost, profile
from autoai4eo.cost.registry import Work, elements, macs_rule
from autoai4eo.cost.size import exported_bytes, weight_bytes
from autoai4eo.networks.graph import Call

__all__ = [
    "Call",
    "Cost",
    "Counts",
    "Latency",
    "Work",
    "count",
    "elements",
    "exported_bytes",
    "macs_rule",
    "measure_latency",
    "measure_map_ms_per_km2",
    "profile",
    "weight_bytes",
]
