"""A device that is not reached during a search: its profile predicts latencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoai4eo.cost.latency import Latency
from autoai4eo.cost.layers import layer_configurations
from autoai4eo.devices.prediction import LatencyModel, Layers
from autoai4eo.devices.profile import CURE, DeviceProfile
from autoai4eo.errors import UserError
from autoai4eo.files import reading
from autoai4eo.networks.inputs import InputShapes


class PredictedDevice:
    """Predicts latencies where `RemoteDevice` would measure them.

    Networks are neither converted nor compared with Keras.

    Args:
        path: of the profile.
        runtime, precision, threads: what the profile must be of; None: what it is of.

    Raises:
        UserError: there is no such profile, or it is of another runtime, precision or
            number of threads.
    """

    local = False

    def __init__(
        self,
        path: Path,
        runtime: str | None = None,
        precision: str | None = None,
        threads: int | None = None,
    ) -> None:
        self._path = path
        self.profile = DeviceProfile.read(path)
        wanted = {"runtime": runtime, "precision": precision, "threads": threads}
        for name, value in wanted.items():
            found = self.profile.about[name]
            if value is not None and value != found:
                raise UserError(
                    f"{path}: expected a device profile with {name} {value}, found "
                    f"{found}; leave --{name} out, or make a profile with it"
                )
        self._prediction = self.profile.prediction()
        with reading(path, "device profile", CURE):
            self._model = LatencyModel(
                self.profile.single_layers, self.profile.networks
            )

    def about(self) -> dict[str, Any]:
        """See `MeasuringInstrument`."""
        return {**self.profile.about, "prediction": dict(self._prediction)}

    def remarks(self) -> dict[str, Any]:
        """See `MeasuringInstrument`: nothing."""
        return {}

    def check(self, shapes: Sequence[Sequence[int]], batch_size: int) -> None:
        """Checks that the profile is of such networks.

        What is held out tells nothing of networks for other inputs.

        Args:
            shapes: of the inputs, without samples.
            batch_size: samples in a pass.

        Raises:
            UserError: it is of others.
        """
        if sorted(map(tuple, shapes)) != sorted(self.profile.inputs):
            raise UserError(
                f"{self._path}: expected a device profile of networks for inputs of "
                f"{_words(shapes)}, found one for {_words(self.profile.inputs)}; make "
                "one with autoai4eo device profile --data and these data"
            )
        if batch_size != self.profile.batch_size:
            raise UserError(
                f"{self._path}: expected a device profile of batch size {batch_size}, "
                f"found {self.profile.batch_size}; search with --latency-batch-size "
                f"{self.profile.batch_size}, or make a profile with {batch_size}"
            )

    def predict(self, layers: Layers) -> float:
        """Predicts the milliseconds of a network of these layers."""
        return float(self._model.predict([layers])[0])

    @contextmanager
    def prepared(
        self, model: Any, input_shapes: InputShapes | None = None
    ) -> Iterator[PredictedNetwork]:
        """The network, whose latency can be predicted; see `Instrument.prepared`."""
        yield PredictedNetwork(model, self, input_shapes)


@dataclass(frozen=True)
class PredictedNetwork:
    """See `MeasuredNetwork`; `PredictedDevice.prepared` makes one."""

    model: Any
    device: PredictedDevice
    input_shapes: InputShapes | None = None

    def latency(self, batch_size: int, budget_s: float) -> Latency:
        """The predicted latency; its spread is the median error of predictions.

        Raises:
            UserError: the profile is of other inputs or another batch size.
            NotConvertible: the network has a kind of layer that was not measured.
        """
        layers = layer_configurations(self.model, batch_size, self.input_shapes)
        given = self.input_shapes or {}
        shapes = [given.get(x.name, x.shape[1:]) for x in self.model.inputs]
        self.device.check(shapes, batch_size)
        median_ms = self.device.predict(layers)
        return Latency(
            median_ms=median_ms,
            p95_ms=None,
            spread_ms=median_ms * self.device.profile.accuracy.median_error,
            batch_size=batch_size,
            runs=0,
            peak_memory_bytes=None,
            file_bytes=None,
            **self.device.about(),
        )

    def samples_per_second(self, budget_s: float) -> float:
        """Raises a `UserError`: only one batch size was measured."""
        raise UserError(
            "samples_per_second: expected a device that measures, found a device "
            "profile; use latency_ms"
        )


def _words(shapes: Sequence[Sequence[int]]) -> str:
    return " and ".join("×".join(map(str, shape)) for shape in shapes)
