"""A device whose latencies follow a rule, and profiles of it."""

from contextlib import contextmanager

import numpy as np

from autoai4eo.cost.latency import Latency
from autoai4eo.cost.layers import LayerConfiguration, layer_configurations
from autoai4eo.devices.profile import Accuracy, DeviceProfile, Measurement

ABOUT = {
    "device": "CPU of the tests",
    "runtime": "onnx",
    "runtime_version": "1.0",
    "precision": "float32",
    "threads": 1,
}


def milliseconds(layers):
    """What the device takes: for calls, multiply-adds and numbers; ReLU costs none."""
    return 0.05 + sum(
        count * (0.002 + layer.macs / 2e8 + layer.elements / 1e8)
        for layer, count in layers.items()
        if layer.kind != "ReLU"
    )


class RuledDevice:
    """A `MeasuringInstrument` without a device."""

    local = False

    def about(self):
        return dict(ABOUT)

    def remarks(self):
        return {}

    @contextmanager
    def prepared(self, model, input_shapes=None):
        yield _Ready(layer_configurations(model))


class _Ready:
    def __init__(self, layers):
        self._layers = layers

    def latency(self, batch_size, budget_s):
        ms = milliseconds(self._layers)
        about = {**ABOUT, "batch_size": batch_size, "peak_memory_bytes": None}
        return Latency(ms, ms, ms / 100, **about, runs=9, file_bytes=1)


def some_layers(rng, number):
    """Networks of convolutions of random sizes, some with ReLU."""
    found = []
    for _ in range(number):
        layers = {}
        for _ in range(rng.integers(2, 9)):
            size, channels = int(rng.choice([8, 16, 32])), int(rng.choice([8, 16, 64]))
            shape = (1, size, size, channels)
            kernel = int(rng.choice([1, 3]))
            weights = kernel**2 * channels**2
            convolution = LayerConfiguration(
                *("Conv2D", (shape,), (shape,), (kernel, kernel), (1, 1)),
                weights=weights,
                macs=weights * size**2,
            )
            relu = LayerConfiguration("ReLU", (shape,), (shape,), other=size**2)
            for layer in (convolution, relu):
                layers[layer] = layers.get(layer, 0) + 1
        found.append(layers)
    return found


def measured(several, rng=None, noise=0.0):
    times = [milliseconds(layers) for layers in several]
    factors = np.ones(len(times))
    if rng is not None:
        factors = np.exp(rng.normal(0, noise, len(times)))
    return [
        Measurement(layers, float(ms * factor), 0.01)
        for layers, ms, factor in zip(several, times, factors, strict=True)
    ]


def profile(inputs=((8, 8, 4),), seed=0, batch_size=1, **changes):
    rng = np.random.default_rng(seed)
    single = [{layer: 1} for layers in some_layers(rng, 5) for layer in layers]
    dense = LayerConfiguration("Dense", ((1, 8),), ((1, 3),), macs=24, weights=27)
    return DeviceProfile(
        about={**ABOUT, **changes},
        batch_size=batch_size,
        inputs=inputs,
        accuracy=Accuracy(3, 0.97, 0.9, 0.05, 0.1),
        single_layers=measured([*single, {dense: 1}]),
        networks=measured(some_layers(rng, 12)),
        held_out=measured(some_layers(rng, 3)),
    )
