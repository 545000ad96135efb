"""Measures a device profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from autoai4eo.cost.latency import MeasuringInstrument
from autoai4eo.cost.layers import (
    LayerConfiguration,
    calls_by_configuration,
    layer_configurations,
)
from autoai4eo.devices import single_layers
from autoai4eo.devices.prediction import LatencyModel, accuracy
from autoai4eo.devices.profile import DeviceProfile, Measurement
from autoai4eo.errors import UserError
from autoai4eo.networks.graph import Call
from autoai4eo.runtimes.checking import NotConvertible

_SECONDS = 0.5  # at most, for timing a network


class Sizes(NamedTuple):
    """How much is measured.

    Attributes:
        single_layers: networks of one layer, at most.
        networks: whole networks.
        held_out: others, to judge the predictions on.
    """

    single_layers: int = 60
    networks: int = 40
    held_out: int = 50


def measure_device_profile(
    networks: Iterator[Any],
    instrument: MeasuringInstrument,
    sizes: Sizes,
    batch_size: int = 1,
    tell: Callable[[str], None] = lambda text: None,
) -> DeviceProfile:
    """Measures single layers and whole networks, and judges what they predict.

    Each is measured twice, and the smaller latency counts. A network that the runtime
    cannot run is left out.

    Args:
        networks: random networks of a search space, all for the same inputs; at least
            `sizes.networks` + `sizes.held_out` of them.
        instrument: measures them.
        sizes: how much is measured.
        batch_size: samples in a pass.
        tell: takes a line on the progress.

    Raises:
        UserError: the instrument can run none of them, or too few to judge by.
    """
    calls: dict[LayerConfiguration, Call] = {}
    first = next(networks)
    inputs = tuple(tuple(x.shape[1:]) for x in first.inputs)

    def learning(models: Iterator[Any]) -> Iterator[Any]:
        for model in models:
            calls.update(calls_by_configuration(model, batch_size))
            yield model

    def measured(models: Iterator[Any], what: str) -> list[Measurement]:
        found, reason = [], ""
        for i, model in enumerate(models, 1):
            try:
                with instrument.prepared(model) as network:
                    # what else runs there only adds: the smaller one is nearer
                    latency = min(
                        (network.latency(batch_size, _SECONDS) for _ in range(2)),
                        key=lambda latency: latency.median_ms,
                    )
            except NotConvertible as error:
                reason = f" (the last refusal: {error})"
            else:
                layers = layer_configurations(model, batch_size)
                times = (latency.median_ms, latency.spread_ms)
                found.append(Measurement(layers, *times))
            if i % 10 == 0:
                tell(f"{i} {what} measured")
        if len(found) < 2:
            raise UserError(
                f"expected 2 or more {what} that the device can run, found "
                f"{len(found)}{reason}; choose another --runtime or --precision, or "
                "raise --networks and --held-out"
            )
        return found

    tell(
        f"measuring up to {sizes.networks} networks, {sizes.single_layers} single "
        f"layers and {sizes.held_out} held-out networks; each takes a few seconds"
    )
    some = learning(islice(chain([first], networks), sizes.networks))
    whole = measured(some, "networks")
    chosen = single_layers.choose(calls, sizes.single_layers)
    layers = measured(map(single_layers.one_layer, chosen), "single layers")
    model = LatencyModel(layers, whole)
    others = measured(islice(networks, sizes.held_out), "held-out networks")
    held_out = [m for m in others if model.knows(m.layers)]
    if left := len(others) - len(held_out):
        tell(
            f"{left} held-out networks have layers of kinds that were not measured; "
            "they are left out"
        )
    return DeviceProfile(
        about=instrument.about(),
        batch_size=batch_size,
        inputs=inputs,
        accuracy=accuracy(model, held_out),
        single_layers=layers,
        networks=whole,
        held_out=held_out,
    )
