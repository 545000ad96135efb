"""What a candidate costs, measured before it is trained, and whether it may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from autoai4eo.blocks.heads.classification import LatencyConstrainedHead
from autoai4eo.cost import measure_latency, measure_map_ms_per_km2, profile
from autoai4eo.cost.registry import has_rule
from autoai4eo.learning.objectives import MAP_COST, MEASURED, violation
from autoai4eo.networks.device import device_name
from autoai4eo.networks.fingerprint import fingerprint
from autoai4eo.search.workers.measurement_lock import MeasurementLock

# A head that only might fit is measured briefly: the message is a hint.
_HINT_SECONDS = 0.3


class Budget:
    """Measures candidates and holds them against the limits of a search.

    Equal networks, by fingerprint, are measured once.

    Args:
        limits: upper limits of costs by name.
        batch_size: for which ``latency_ms`` is measured.
        heads: heads of the graph that bring a limit of their own.
        map_step: for which the cost of a map is measured; None: it is not.
        lock: keeps other processes from training while this one measures; None: there
            are none.
    """

    def __init__(
        self,
        limits: Mapping[str, float],
        batch_size: int,
        heads: Sequence[LatencyConstrainedHead],
        map_step: int | None = None,
        lock: MeasurementLock | None = None,
    ) -> None:
        self.limits = dict(limits)
        self.batch_size = batch_size
        self.map_step = map_step
        self.heads = list(heads)
        self._lock = lock
        self._costs: dict[str, dict[str, Any]] = {}
        self._latencies: dict[tuple[str, int], float] = {}

    @property
    def measures(self) -> bool:
        """Whether what is feasible depends on the device."""
        return bool(self.heads) or any(name in MEASURED for name in self.limits)

    def remember(self, known: str, cost: Mapping[str, Any]) -> None:
        """Takes over what an earlier trial measured, if that was on this device."""
        if (
            cost.get("latency_ms") is not None
            and cost["device"] == device_name()
            and cost["latency_batch_size"] == self.batch_size
        ):
            self._costs[known] = dict(cost)
            self._latencies[known, self.batch_size] = cost["latency_ms"]

    def assess(self, model: keras.Model) -> tuple[str, dict[str, Any], str | None]:
        """Fingerprint, cost, and why the network is infeasible (None: it is not).

        What can be counted is compared with its limits first; a network that is over
        them is not measured.
        """
        found = fingerprint(model, has_rule)
        if found not in self._costs:
            counted = profile(model, self.batch_size, latency=False).to_dict()
            reason = violation(counted, self.limits)
            if reason:
                return found, counted, reason
            with self._alone():
                self.remember(found, self._measured(model))
        cost = self._costs[found]
        reason = violation(cost, self.limits)
        for head in self.heads:
            reason = reason or self._over_budget(model, head)
        return found, cost, reason

    def _measured(self, model: keras.Model) -> dict[str, Any]:
        cost = profile(model, self.batch_size).to_dict()
        if self.map_step is not None:
            cost[MAP_COST] = measure_map_ms_per_km2(model, self.map_step)
        return cost

    def _over_budget(
        self, model: keras.Model, head: LatencyConstrainedHead
    ) -> str | None:
        latency = self._latency(model, head.latency_batch_size)
        limit = head.max_latency_ms
        if latency <= limit:
            return None
        features = model.get_layer(f"{head.name}_pool").input
        trunk = self._latency(
            keras.Model(model.inputs, features), head.latency_batch_size
        )
        fitting = [
            ", ".join(f"{name} {value}" for name, value in choice.items())
            for choice in (head.alternatives() if trunk < limit else [])
            if self._latency(
                keras.Model(model.inputs, head.build_alternative(features, choice)),
                head.latency_batch_size,
            )
            <= limit
        ]
        return (
            f"latency {latency:.3g} ms > {limit:.3g} ms at batch size "
            f"{head.latency_batch_size}; the trunk alone takes {trunk:.3g} ms; "
            f"heads that fit: {' | '.join(fitting) or 'none'}"
        )

    def _latency(self, model: keras.Model, batch_size: int) -> float:
        key = (fingerprint(model, has_rule), batch_size)
        if key not in self._latencies:
            with self._alone():
                measured = measure_latency(model, batch_size, budget_s=_HINT_SECONDS)
            self._latencies[key] = measured.median_ms
        return self._latencies[key]

    def _alone(self) -> AbstractContextManager[None]:
        return nullcontext() if self._lock is None else self._lock.exclusive()
