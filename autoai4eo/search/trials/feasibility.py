"""What a candidate costs, measured before it is trained, and whether it may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import keras
from optuna.trial import FrozenTrial

from autoai4eo.blocks.heads.classification import LatencyConstrainedHead
from autoai4eo.cost import Cost, measure_map_ms_per_km2, profile
from autoai4eo.cost.instrument import Instrument
from autoai4eo.cost.latency import MeasuringInstrument, comparable
from autoai4eo.cost.profiling import with_latency
from autoai4eo.cost.registry import has_rule
from autoai4eo.learning.figures import COUNTED, MAP_COST, THROUGHPUT
from autoai4eo.learning.objectives import violation
from autoai4eo.networks.fingerprint import fingerprint
from autoai4eo.runtimes.checking import NotConvertible
from autoai4eo.search.workers.measurement_lock import MeasurementLock

# A head that only might fit is measured briefly: the message is a hint.
_HINT_SECONDS = 0.3
_SECONDS = 1.0  # at most, for the latency of a candidate


class Assessment(NamedTuple):
    """What a candidate costs, and whether it may be trained.

    Attributes:
        fingerprint: of the network.
        inference: of the network at inference: equal ones cost the same.
        cost: a `Cost` as a dict, and further measured costs.
        reason: why it is infeasible; None: it is not.
        runs: whether the runtime that measures can run it, as far as is known.
    """

    fingerprint: str
    inference: str
    cost: dict[str, Any]
    reason: str | None
    runs: bool = True


class Budget:
    """Measures candidates and compares them with the constraints of a search.

    Networks that are equal at inference are measured once.

    Args:
        limits: upper limits of costs by name.
        batch_size: for which ``latency_ms`` is measured.
        heads: heads of the graph that bring a limit of their own.
        map_step: for which the cost of a map is measured; None: it is not.
        lock: keeps other processes from training while this one measures; None: there
            are none.
        instrument: measures latency; None: the default runtime here.
        throughput: whether ``samples_per_second`` is measured, too.
    """

    def __init__(
        self,
        limits: Mapping[str, float],
        batch_size: int,
        heads: Sequence[LatencyConstrainedHead],
        map_step: int | None = None,
        lock: MeasurementLock | None = None,
        instrument: MeasuringInstrument | None = None,
        throughput: bool = False,
    ) -> None:
        self.limits = dict(limits)
        self.batch_size = batch_size
        self.map_step = map_step
        self.heads = list(heads)
        self._lock = lock
        self._instrument: MeasuringInstrument = instrument or Instrument()
        self._throughput = throughput
        self._costs: dict[str, dict[str, Any]] = {}
        self._latencies: dict[tuple[str, int], float] = {}
        self._refused: dict[str, str] = {}

    def remember(self, trials: Iterable[FrozenTrial]) -> None:
        """Takes over what these trials measured, if that was with the same instrument.

        A worker measures no network that another one has measured.
        """
        about = self._instrument.about()
        for trial in trials:
            kept = trial.user_attrs
            known = kept.get("inference_fingerprint", kept.get("fingerprint"))
            if (
                known
                and known not in self._costs
                and comparable(kept["cost"], about, self.batch_size)
                and (self.map_step is None or MAP_COST in kept["cost"])
            ):
                self._remember(known, kept["cost"])

    def _remember(self, known: str, cost: Mapping[str, Any]) -> None:
        self._costs[known] = dict(cost)
        self._latencies[known, self.batch_size] = cost["latency_ms"]

    def assess(self, model: keras.Model) -> Assessment:
        """What a network costs and why it is infeasible.

        What can be counted is compared with its limits first; a network that is over
        them is not measured. Nor is one that the runtime cannot run.
        """
        found = fingerprint(model, has_rule)
        known = fingerprint(model, has_rule, inference=True)
        counted = profile(model, self.batch_size, latency=False)
        reason = violation(counted.to_dict(), self.limits)
        if reason:
            return Assessment(found, known, counted.to_dict(), reason)
        if known not in self._costs and known not in self._refused:
            try:
                self._remember(known, self._measured(model, counted))
            except NotConvertible as error:
                self._refused[known] = str(error)
        if known in self._refused:
            why = self._refused[known]
            return Assessment(found, known, counted.to_dict(), why, runs=False)
        # counts are its own: dropout, which costs no time, may be counted
        own = {name: getattr(counted, name) for name in COUNTED}
        cost = {**self._costs[known], **own}
        reason = violation(cost, self.limits)
        for head in self.heads:
            reason = reason or self._over_budget(model, head)
        return Assessment(found, known, cost, reason)

    def _measured(self, model: keras.Model, counted: Cost) -> dict[str, Any]:
        with self._instrument.prepared(model) as network, self._alone():
            measured = network.latency(self.batch_size, _SECONDS)
            cost = with_latency(counted, measured).to_dict()
            if self._throughput:
                cost[THROUGHPUT] = network.samples_per_second(_SECONDS)
            if self.map_step is not None:
                cost[MAP_COST] = measure_map_ms_per_km2(model, self.map_step)
        return cost | self._instrument.remarks()

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
        key = (fingerprint(model, has_rule, inference=True), batch_size)
        if key not in self._latencies:
            with self._instrument.prepared(model) as network, self._alone():
                measured = network.latency(batch_size, _HINT_SECONDS)
            self._latencies[key] = measured.median_ms
        return self._latencies[key]

    def _alone(self) -> AbstractContextManager[None]:
        if self._lock is None or not self._instrument.local:
            return nullcontext()
        return self._lock.exclusive()
