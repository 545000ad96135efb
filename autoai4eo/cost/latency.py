"""The latency of a network, and what measures it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import keras

from autoai4eo.networks.inputs import InputShapes
from autoai4eo.runtimes.base import FLOAT32

#: Batch sizes that are tried for `MeasuredNetwork.samples_per_second`.
BATCHES = (1, 4, 16, 64, 256)


@dataclass(frozen=True)
class Latency:
    """Time of one forward pass.

    Attributes:
        median_ms: median of all timed passes, in milliseconds.
        p95_ms: 95th percentile of all timed passes, in milliseconds; None: predicted.
        spread_ms: how far another measurement may lie from the median, see
            `autoai4eo.runtimes.timing.Timing`.
        device: the device's name.
        batch_size: samples in a pass.
        runs: number of timed passes.
        peak_memory_bytes: most memory that a pass needs on the device: as XLA planned
            it (JAX), or as measured (TensorFlow on a GPU); None: not known.
        runtime: what ran the network.
        runtime_version: its version.
        precision: of its computations.
        threads: of the runtime on a CPU.
        file_bytes: size of the converted network; None: the runtime reads no file.
        energy_mj: energy of a sample, in millijoules, see `autoai4eo.runtimes.energy`;
            None: the machine does not report it.
        prediction: what predicted the latency and how well, see
            `autoai4eo.devices.profile.DeviceProfile.prediction`; None: it was measured.
    """

    median_ms: float
    p95_ms: float | None
    spread_ms: float
    device: str
    batch_size: int
    runs: int
    peak_memory_bytes: int | None
    runtime: str
    runtime_version: str
    precision: str
    threads: int
    file_bytes: int | None
    energy_mj: float | None = None
    prediction: dict[str, Any] | None = None


def comparable(
    cost: Mapping[str, Any], about: Mapping[str, Any], batch_size: int
) -> bool:
    """Whether a recorded latency was measured as another would be here.

    What was measured and what was predicted is never compared, nor are predictions of
    two device profiles.

    Args:
        cost: a `Cost` as a dict. One of earlier versions names no runtime: it was
            measured in the backend of Keras.
        about: see `Instrument.about`.
        batch_size: samples in a pass.
    """
    return (
        cost.get("latency_ms") is not None
        and cost["device"] == about["device"]
        and cost["latency_batch_size"] == batch_size
        and (cost.get("runtime") or keras.backend.backend()) == about["runtime"]
        and (cost.get("precision") or FLOAT32) == about["precision"]
        and (cost.get("threads") or about["threads"]) == about["threads"]
        and cost.get("prediction") == about.get("prediction")
    )


class MeasuredNetwork(Protocol):
    """A network in a runtime, ready to be timed."""

    def latency(self, batch_size: int, budget_s: float) -> Latency:
        """Times forward passes on random input, see `measure_latency`."""

    def samples_per_second(self, budget_s: float) -> float:
        """Samples per second at the batch size that is best."""


class MeasuringInstrument(Protocol):
    """What measures networks: a runtime here (`Instrument`), or a device elsewhere.

    `autoai4eo.devices.predicted.PredictedDevice` predicts instead, and says so.
    """

    @property
    def local(self) -> bool:
        """Whether it measures on this machine, where nothing else may run then."""

    def about(self) -> dict[str, Any]:
        """What is measured with: device, runtime, version, precision, threads.

        Of an instrument that predicts also ``prediction``, see `Latency`.
        """

    def remarks(self) -> dict[str, Any]:
        """What else the record of a cost says of its measurement, by name."""

    def prepared(
        self, model: Any, input_shapes: InputShapes | None = None
    ) -> AbstractContextManager[MeasuredNetwork]:
        """The network, ready to be measured."""


def best_throughput(latency: Any) -> float:
    """Samples per second at the best of `BATCHES`; larger ones end where it falls.

    Args:
        latency: gives the `Latency` at a batch size.
    """
    best = 0.0
    for batch_size in BATCHES:
        found = 1000 * batch_size / latency(batch_size).median_ms
        if found < 0.8 * best:
            break
        best = max(best, found)
    return best
