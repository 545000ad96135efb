"""Convolutions of every kind; the shapes reflect strides and padding."""

from __future__ import annotations

import math
from typing import Any

import keras

from autoai4eo.cost.registry import Call, Shape, Work, elements, macs_rule
from autoai4eo.cost.rules.activations import activation_flops


@macs_rule(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
def convolution(call: Call) -> Work:
    """Output elements × kernel positions × input channels per group.

    Dilation spreads the kernel and adds no work; groups divide the input channels.
    """
    layer = call.layer
    channels = _channels(layer, call.input) // layer.groups
    macs = elements(call.output) * math.prod(layer.kernel_size) * channels
    return Work(macs) + _bias_and_activation(layer, call.output)


@macs_rule(keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
def depthwise(call: Call) -> Work:
    """Output elements × kernel positions: an output channel reads one input channel."""
    layer = call.layer
    macs = elements(call.output) * math.prod(layer.kernel_size)
    return Work(macs) + _bias_and_activation(layer, call.output)


@macs_rule(keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
def separable(call: Call) -> Work:
    """A depthwise convolution, then a 1×1 convolution at its output positions."""
    layer = call.layer
    positions = elements(call.output) // layer.filters
    between = _channels(layer, call.input) * layer.depth_multiplier
    macs = positions * between * (math.prod(layer.kernel_size) + layer.filters)
    return Work(macs) + _bias_and_activation(layer, call.output)


@macs_rule(
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
def transposed(call: Call) -> Work:
    """Input elements × kernel positions × filters.

    Every input element is spread over a whole kernel for each filter. Products that
    "same" padding crops at the edge are computed, so they count.
    """
    layer = call.layer
    macs = elements(call.input) * math.prod(layer.kernel_size) * layer.filters
    return Work(macs) + _bias_and_activation(layer, call.output)


def _channels(layer: Any, shape: Shape) -> int:
    return shape[-1] if layer.data_format == "channels_last" else shape[1]


def _bias_and_activation(layer: Any, output: Shape) -> Work:
    count = elements(output)
    bias = count if layer.use_bias else 0
    return Work(other=bias + activation_flops(layer.activation, count))
