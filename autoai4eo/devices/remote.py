"""A device elsewhere as what measures the latency of a search."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from autoai4eo.cost.instrument import Instrument
from autoai4eo.cost.latency import BATCHES, Latency, best_throughput
from autoai4eo.devices.client import Client, DeviceError, DeviceRefuses
from autoai4eo.devices.protocol import Job
from autoai4eo.devices.reference import Reference
from autoai4eo.errors import UserError
from autoai4eo.networks.inputs import InputShapes, input_tensors
from autoai4eo.runtimes.base import FLOAT32, Pixels
from autoai4eo.runtimes.checking import NotConvertible

_ABOUT = ("device", "runtime", "runtime_version", "threads")


class RemoteDevice:
    """Measures networks on a device, as `autoai4eo.cost.instrument` does here.

    A network is converted and compared with Keras here, then sent. A device that is
    away is waited for.

    Args:
        url: ``http://HOST:PORT`` of ``autoai4eo device serve``.
        runtime, precision, threads: what the device must have; None: what it has.
        patches: see `Instrument`.
        folder: for the reference network, see `reference`; None: there is none.
        tell: takes a line on a device that is away, or that has changed.

    Raises:
        UserError: no such URL, or no token.
    """

    local = False

    def __init__(
        self,
        url: str,
        runtime: str | None = None,
        precision: str | None = None,
        threads: int | None = None,
        patches: Pixels | None = None,
        folder: Path | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.url = url
        self._client = Client(url, tell)
        self._wanted = {"runtime": runtime, "threads": threads}
        self._precision = precision or FLOAT32
        self._patches = patches
        self._reference: Reference | None = None
        if folder is not None:
            self._reference = Reference(folder, tell or (lambda text: None))
        self._about: dict[str, Any] | None = None
        self._max_bytes = 0

    def about(self, patience: float = math.inf) -> dict[str, Any]:
        """What is measured with: device, runtime, version, precision, threads.

        Args:
            patience: seconds for which a device that is away is waited for.

        Raises:
            DeviceError: the device has another runtime, precision or number of threads
                than is wanted, or cannot be used.
        """
        if self._about is None:
            found = self._client.about(patience)
            for name, wanted in self._wanted.items():
                if wanted is not None and found[name] != wanted:
                    raise DeviceError(
                        f"{self.url}: expected a device with {name} {wanted}, found "
                        f"{found[name]}; start autoai4eo device serve there with "
                        f"--{name} {wanted}, or leave --{name} out here"
                    )
            if self._precision not in found["precisions"]:
                raise DeviceError(
                    f"{self.url}: expected a device with precision {self._precision}, "
                    f"found {', '.join(found['precisions'])}; choose one of these"
                )
            self._max_bytes = found["max_bytes"]
            self._about = {
                **{name: found[name] for name in _ABOUT},
                "precision": self._precision,
            }
        return dict(self._about)

    def remarks(self) -> dict[str, Any]:
        """What else is known of the measurements: how far the device has drifted."""
        if self._reference is None:
            return {}
        return {"device_drift": self._reference.drift()}

    @contextmanager
    def prepared(
        self, model: Any, input_shapes: InputShapes | None = None
    ) -> Iterator[RemoteNetwork]:
        """The network as bytes for the device, see `Instrument.prepared`.

        Raises:
            NotConvertible: the runtime cannot run it, or gives other outputs, or it is
                too large for the device.
            DeviceError: see `about`.
        """
        runtime = self.about()["runtime"]
        here = Instrument(runtime, self._precision, None, self._patches)
        with here.prepared(model, input_shapes) as local:
            assert local.network.file is not None
            content = local.network.file.read_bytes()
        if len(content) > self._max_bytes:
            raise NotConvertible(
                f"device {self.url}: expected a network of {self._max_bytes:,} bytes "
                f"at most, found {len(content):,}; raise --max-mib there"
            )
        if self._reference is not None:
            self._reference.check(self.measure)
        yield RemoteNetwork(model, content, self, input_shapes)

    def measure(self, content: bytes, job: Job) -> dict[str, Any]:
        """Measures a network there.

        Raises:
            DeviceRefuses: the device cannot measure it.
            DeviceError: the device is another one than before, or cannot be used.
        """
        answer = self._client.measure(content, job)
        about = self.about()
        for name in (*_ABOUT, "precision"):
            if answer[name] != about[name]:
                raise DeviceError(
                    f"{self.url}: expected the device that this search began with "
                    f"({name} {about[name]}), found another ({answer[name]}); start "
                    "that one again, or choose another folder"
                )
        return answer

    def keep_reference(self, content: bytes, job: Job, median_ms: float) -> None:
        """Makes the first network of the search the reference."""
        if self._reference is not None:
            self._reference.keep(content, job, median_ms)


@dataclass(frozen=True)
class RemoteNetwork:
    """See `autoai4eo.cost.latency.MeasuredNetwork`; `RemoteDevice.prepared` makes one.

    Attributes:
        model: as Keras holds it.
        content: as the device reads it.
    """

    model: Any
    content: bytes
    device: RemoteDevice
    input_shapes: InputShapes | None = None

    def latency(self, batch_size: int, budget_s: float) -> Latency:
        """See `autoai4eo.cost.instrument.measure_latency`.

        Raises:
            NotConvertible: the device cannot measure it.
        """
        if batch_size < 1 or budget_s <= 0:
            raise UserError(
                f"expected a positive batch_size and budget_s, found {batch_size} and "
                f"{budget_s}; give at least 1 sample and some seconds"
            )
        tensors = input_tensors(self.model, batch_size, self.input_shapes)
        names = [node.name for node in self.model.inputs]
        inputs = {
            name: (tuple(map(int, tensor.shape)), str(tensor.dtype))
            for name, tensor in zip(names, tensors, strict=True)
        }
        job = Job(inputs, budget_s, self.device.about()["precision"])
        try:
            answer = self.device.measure(self.content, job)
        except DeviceRefuses as error:
            raise NotConvertible(str(error)) from error
        self.device.keep_reference(self.content, job, answer["median_ms"])
        return Latency(**answer, batch_size=batch_size, peak_memory_bytes=None)

    def samples_per_second(self, budget_s: float) -> float:
        """See `MeasuredNetwork`; larger batches end where the device has no memory."""

        def latency(batch_size: int) -> Any:
            try:
                return self.latency(batch_size, budget_s / len(BATCHES))
            except NotConvertible:
                if batch_size == BATCHES[0]:
                    raise
                return SimpleNamespace(median_ms=math.inf)

        return best_throughput(latency)
