"""The full cost of a network in one record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from autoai4eo.cost.counting import count
from autoai4eo.cost.instrument import Instrument
from autoai4eo.cost.latency import Latency
from autoai4eo.cost.size import weight_bytes
from autoai4eo.networks.device import device_name
from autoai4eo.networks.inputs import InputShapes


@dataclass(frozen=True)
class Cost:
    """The cost of a network: counted for one sample, timed on this machine.

    Attributes:
        params: number of weights.
        trainable_params: number of weights that training changes.
        macs: multiply-adds for one sample.
        flops: floating point operations for one sample, 2 × macs + the rest.
        size_bytes: bytes of the weights. `autoai4eo.cost.exported_bytes` measures an
            exported model on disk.
        latency_ms: median time of one forward pass of a batch, in milliseconds; None
            if not measured.
        latency_p95_ms: 95th percentile of the same, in milliseconds.
        latency_batch_size: samples in that pass.
        latency_spread_ms: how far another measurement may lie from the median.
        device: what it ran on.
        runtime: what ran it, and so the next three; None where latency was not
            measured.
        runtime_version: the version of the runtime.
        precision: of its computations.
        threads: of the runtime on a CPU.
        file_bytes: size of the network as the runtime reads it; None where it reads no
            file.
        peak_memory_bytes: most memory that a pass needs on the device; None where it is
            not known or latency was not measured.
        samples_per_second: throughput at the best batch size; None where it was not
            measured.
        energy_mj: energy of a sample, in millijoules; None where the machine does not
            report it, or latency was not measured.
        prediction: where the latency is predicted: by what and how well, see
            `autoai4eo.cost.latency.Latency`; None: it is measured.
    """

    params: int
    trainable_params: int
    macs: int
    flops: int
    size_bytes: int
    latency_batch_size: int
    device: str
    latency_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_spread_ms: float | None = None
    runtime: str | None = None
    runtime_version: str | None = None
    precision: str | None = None
    threads: int | None = None
    file_bytes: int | None = None
    peak_memory_bytes: int | None = None
    samples_per_second: float | None = None
    energy_mj: float | None = None
    prediction: dict[str, Any] | None = None

    def __repr__(self) -> str:
        counted = (
            f"{self.params:,} parameters, {self.macs:,} MACs, {self.flops:,} FLOPs, "
            f"{self.size_bytes:,} bytes"
        )
        if self.latency_ms is None:
            return f"Cost({counted}; latency not measured)"
        how = " ".join(filter(None, (self.runtime, self.precision)))
        told = "predicted" if self.prediction else "measured"
        many = self.samples_per_second
        rate = "" if many is None else f"; {many:,.0f} samples per second"
        return (
            f"Cost({counted}; {self.latency_ms:.4g} ms for a batch of "
            f"{self.latency_batch_size}, {told} in {how} on {self.device}{rate})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns all fields by name, ready for JSON."""
        return asdict(self)


def profile(
    model: Any,
    batch_size: int = 1,
    *,
    latency: bool = True,
    budget_s: float = 1.0,
    input_shapes: InputShapes | None = None,
    runtime: str | None = None,
    precision: str = "float32",
    threads: int | None = None,
    throughput: bool = False,
) -> Cost:
    """Counts a Keras model and measures its latency here.

    Args:
        model: a functional or built Sequential Keras model.
        batch_size: samples in a timed pass. Counts are always for one sample.
        latency: whether to measure time and memory; False only counts.
        budget_s: seconds for compiling and timing, see `measure_latency`.
        input_shapes: input name -> shape without batch, where the model leaves
            height or width open.
        runtime: ``"onnx"``, ``"tensorflow"``, ``"jax"``, ``"litert"`` or
            ``"openvino"``; None: the default, ONNX Runtime on a CPU and Keras's own
            backend on a GPU.
        precision: of the runtime's computations.
        threads: of the runtime; None: a thread for each core.
        throughput: whether to measure ``samples_per_second``, too, at the best of
            `autoai4eo.cost.latency.BATCHES`, within as many seconds again.

    Raises:
        UserError: see `count` and `autoai4eo.cost.measure_latency`.
    """
    counted = Cost(
        **asdict(count(model, input_shapes)),
        size_bytes=weight_bytes(model),
        latency_batch_size=batch_size,
        device=device_name(),
    )
    if not latency:
        return counted
    instrument = Instrument(runtime, precision, threads)
    with instrument.prepared(model, input_shapes) as network:
        cost = with_latency(counted, network.latency(batch_size, budget_s))
        if throughput:
            found = network.samples_per_second(budget_s)
            cost = replace(cost, samples_per_second=found)
    return cost


def with_latency(counted: Cost, measured: Latency) -> Cost:
    """The costs with what was measured of the same network."""
    return replace(
        counted,
        latency_ms=measured.median_ms,
        latency_p95_ms=measured.p95_ms,
        latency_spread_ms=measured.spread_ms,
        **{
            name: getattr(measured, name)
            for name in (
                "device",
                "runtime",
                "runtime_version",
                "precision",
                "threads",
                "file_bytes",
                "peak_memory_bytes",
                "energy_mj",
                "prediction",
            )
        },
    )
