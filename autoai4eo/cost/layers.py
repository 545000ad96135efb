"""What a network computes, as the configurations of its layers."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import keras

from autoai4eo.cost.registry import has_rule
from autoai4eo.cost.work import work_of
from autoai4eo.networks.graph import Call, Shape, walk
from autoai4eo.networks.inputs import InputShapes, input_tensors


@dataclass(frozen=True)
class LayerConfiguration:
    """A layer as far as its latency depends on it.

    Attributes:
        kind: the name of its class.
        inputs: shapes of its inputs, samples first.
        outputs: shapes of its outputs.
        kernel: height and width of the kernel of a convolution or pooling; else ().
        strides: of the same.
        weights: number of its weights.
        macs: multiply-adds for all samples.
        other: its other floating point operations.
    """

    kind: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    kernel: Shape = ()
    strides: Shape = ()
    weights: int = 0
    macs: int = 0
    other: int = 0

    @property
    def elements(self) -> int:
        """Numbers that are read and written: inputs, outputs and weights."""
        shapes = (*self.inputs, *self.outputs)
        return self.weights + sum(map(math.prod, shapes))


def configuration_of(call: Call) -> LayerConfiguration:
    """Returns the configuration of a call of a layer.

    Raises:
        UserError: the layer has weights but no rule, see `autoai4eo.cost.macs_rule`.
    """
    layer, work = call.layer, work_of(call)
    weights = getattr(layer, "weights", [])
    kernel = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    return LayerConfiguration(
        kind=type(layer).__name__,
        inputs=tuple(call.inputs),
        outputs=tuple(call.outputs),
        kernel=_sizes(kernel),
        strides=_sizes(getattr(layer, "strides", None)),
        weights=sum(int(keras.ops.size(w)) for w in weights),
        macs=work.macs,
        other=work.other,
    )


def layer_configurations(
    model: Any, batch_size: int = 1, input_shapes: InputShapes | None = None
) -> Counter[LayerConfiguration]:
    """Returns the configurations of a network's layers, and how often each occurs.

    Args:
        model: a functional or built Sequential Keras model.
        batch_size: samples in a pass.
        input_shapes: see `autoai4eo.cost.count`.

    Raises:
        UserError: see `autoai4eo.cost.count`.
    """
    calls = _calls(model, batch_size, input_shapes)
    return Counter(map(configuration_of, calls))


def calls_by_configuration(
    model: Any, batch_size: int = 1
) -> dict[LayerConfiguration, Call]:
    """Returns a call of a layer for each configuration in a network."""
    return {configuration_of(call): call for call in _calls(model, batch_size)}


def _calls(
    model: Any, batch_size: int, input_shapes: InputShapes | None = None
) -> list[Call]:
    found: list[Call] = []
    tensors = input_tensors(model, batch_size, input_shapes)
    walk(model, tensors, found.append, has_rule)
    return found


def _sizes(value: Any) -> Shape:
    if value is None:
        return ()
    return tuple(map(int, value)) if isinstance(value, tuple | list) else (int(value),)
