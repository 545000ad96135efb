"""Everything that a network costs, in one record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autoai4eo.cost.counting import count
from autoai4eo.cost.latency import measure_latency
from autoai4eo.cost.size import weight_bytes
from autoai4eo.networks.device import device_name
from autoai4eo.networks.inputs import InputShapes


@dataclass(frozen=True)
class Cost:
    """What a network costs: counted for one sample, timed on this machine.

    Attributes:
        params: number of weights.
        trainable_params: those that training changes.
        macs: multiply-adds for one sample.
        flops: floating point operations for one sample, 2 × macs + the rest.
        size_bytes: bytes of the weights. `autoai4eo.cost.exported_bytes` gives those
            of an exported model on disk.
        latency_ms: median time of one forward pass of a batch, in milliseconds; None
            where it was not measured, and so the next.
        latency_p95_ms: its 95th percentile.
        latency_batch_size: samples in that pass.
        device: what it ran on.
        peak_memory_bytes: most memory in use on the device, None where it does not
            tell (CPU) or latency was not measured.
    """

    params: int
    trainable_params: int
    macs: int
    flops: int
    size_bytes: int
    latency_ms: float | None
    latency_p95_ms: float | None
    latency_batch_size: int
    device: str
    peak_memory_bytes: int | None

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, ready for JSON."""
        return asdict(self)


def profile(
    model: Any,
    batch_size: int = 1,
    *,
    latency: bool = True,
    budget_s: float = 1.0,
    input_shapes: InputShapes | None = None,
) -> Cost:
    """Counts a Keras model and measures its latency here.

    Args:
        model: a functional or built Sequential Keras model.
        batch_size: samples in a timed pass. Counts are for one sample whatever it is.
        latency: whether to measure time and memory, or only count.
        budget_s: seconds for compiling and timing, see `measure_latency`.
        input_shapes: input name -> shape without batch, where the model leaves
            height or width open.

    Raises:
        UserError: see `count` and `measure_latency`.
    """
    counts = count(model, input_shapes)
    measured = (
        measure_latency(model, batch_size, budget_s, input_shapes=input_shapes)
        if latency
        else None
    )
    return Cost(
        **asdict(counts),
        size_bytes=weight_bytes(model),
        latency_ms=measured.median_ms if measured else None,
        latency_p95_ms=measured.p95_ms if measured else None,
        latency_batch_size=batch_size,
        device=measured.device if measured else device_name(),
        peak_memory_bytes=measured.peak_memory_bytes if measured else None,
    )
