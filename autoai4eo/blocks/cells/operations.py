"""The operations of a cell's edges, as chains of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import layers

from autoai4eo.blocks.backbones.units import MOMENTUM
from autoai4eo.networks.genotype import NONE

Layers = list[Any]
#: Makes a normalisation layer of a name.
Normalise = Callable[[str], Any]


def batch_normalisation(name: str) -> Any:
    """Returns the normalisation of a network that is trained from scratch."""
    return layers.BatchNormalization(momentum=MOMENTUM, name=name)


def operation(
    kind: str, filters: int, name: str, normalise: Normalise = batch_normalisation
) -> Layers:
    """Returns the layers of an operation, applied one after the other.

    They keep height, width and number of channels; ``skip_connect`` has none. As in
    DARTS, a separable convolution is ReLU, depthwise, pointwise and normalisation, all
    twice; a dilated one has each once. Pooling is followed by a normalisation.

    Args:
        kind: one of `OPERATIONS`, but not ``none``.
        filters: channels of the features.
        name: prefix of the layers' names.
        normalise: makes a normalisation layer.
    """
    assert kind != NONE, "an edge without operation has no layers"
    if kind == "skip_connect":
        return []
    size = int(kind[-1])
    if kind.endswith(("pool_3x3",)):
        pool = layers.AveragePooling2D if kind[0] == "a" else layers.MaxPooling2D
        return [
            pool(size, strides=1, padding="same", name=f"{name}_pool"),
            normalise(f"{name}_bn"),
        ]
    if kind.startswith("dil"):
        return _separable(filters, size, 2, f"{name}_1", normalise)
    first = _separable(filters, size, 1, f"{name}_1", normalise)
    return [*first, *_separable(filters, size, 1, f"{name}_2", normalise)]


def chained(parts: Layers, tensor: Any) -> Any:
    """Applies layers one after the other."""
    for layer in parts:
        tensor = layer(tensor)
    return tensor


def pointwise(filters: int, name: str, normalise: Normalise) -> Layers:
    """Returns the layers that fit the channels of a cell's input: ReLU, 1×1, norm."""
    return [
        layers.ReLU(name=f"{name}_relu"),
        _convolution(filters, f"{name}_conv"),
        normalise(f"{name}_bn"),
    ]


def _separable(
    filters: int, size: int, dilation: int, name: str, normalise: Normalise
) -> Layers:
    return [
        layers.ReLU(name=f"{name}_relu"),
        depthwise(size, 1, dilation, f"{name}_depthwise"),
        _convolution(filters, f"{name}_pointwise"),
        normalise(f"{name}_bn"),
    ]


def depthwise(size: int, strides: int, dilation: int, name: str) -> Any:
    """Returns a depthwise convolution without bias."""
    return layers.DepthwiseConv2D(
        size,
        strides=strides,
        dilation_rate=dilation,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=name,
    )


def _convolution(filters: int, name: str) -> Any:
    return layers.Conv2D(
        filters,
        1,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )
