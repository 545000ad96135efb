"""Layers that count in FLOPs only: pooling, normalisation, activations, merging."""

from __future__ import annotations

import math

import keras
from keras import layers

from autoai4eo.cost.registry import Call, Work, elements, macs_rule
from autoai4eo.cost.rules.activations import SOFTMAX_FLOPS, activation_flops

# A multiplication and an addition for each neighbour of an interpolated pixel.
INTERPOLATION_FLOPS = {
    "nearest": 0,
    "bilinear": 2 * 4,
    "bicubic": 2 * 16,
    "lanczos3": 2 * 36,
    "lanczos5": 2 * 100,
}


@macs_rule(
    *(
        getattr(layers, name)
        for name in dir(layers)
        if name.startswith(("ZeroPadding", "Cropping", "SpatialDropout", "Random"))
    ),
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.CenterCrop,
    layers.Concatenate,
    layers.Dropout,
    layers.Flatten,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.InputLayer,
    layers.Permute,
    layers.RepeatVector,
    layers.Reshape,
    layers.UpSampling1D,
    layers.UpSampling3D,
)
def free(call: Call) -> Work:
    """Nothing: the layer moves or copies data, or acts only in training."""
    return Work()


@macs_rule(
    *(
        getattr(layers, f"{kind}Pooling{n}D")
        for kind in ("Max", "Average")
        for n in (1, 2, 3)
    )
)
def pooling(call: Call) -> Work:
    """One comparison or addition for each output element and window position."""
    return Work(other=elements(call.output) * math.prod(call.layer.pool_size))


@macs_rule(
    *(
        getattr(layers, f"{kind}{of}Pooling{n}D")
        for kind in ("Global", "Adaptive")
        for of in ("Max", "Average")
        for n in (1, 2, 3)
    )
)
def global_pooling(call: Call) -> Work:
    """One comparison or addition for each input element (adaptive windows alike)."""
    return Work(other=elements(call.input))


@macs_rule(layers.BatchNormalization, layers.Normalization, layers.Rescaling)
def scale_and_shift(call: Call) -> Work:
    """Two per element: in inference the statistics are constants."""
    return Work(other=2 * elements(call.output))


@macs_rule(layers.LayerNormalization, layers.GroupNormalization)
def statistics_normalisation(call: Call) -> Work:
    """Five per element (mean, subtract, square, variance, divide); one each for the
    learned scale and centre.
    """
    learned = bool(call.layer.scale) + bool(call.layer.center)
    return Work(other=(5 + learned) * elements(call.output))


@macs_rule(layers.RMSNormalization)
def rms_normalisation(call: Call) -> Work:
    """Four per element: square, mean, divide, learned scale."""
    return Work(other=4 * elements(call.output))


@macs_rule(layers.UnitNormalization)
def unit_normalisation(call: Call) -> Work:
    """Three per element: square, sum, divide."""
    return Work(other=3 * elements(call.output))


@macs_rule(layers.Activation)
def activation(call: Call) -> Work:
    """One per element, five for softmax."""
    return Work(other=activation_flops(call.layer.activation, elements(call.output)))


@macs_rule(layers.Softmax)
def softmax(call: Call) -> Work:
    """Five per element: maximum, subtract, exponential, sum, divide."""
    return Work(other=SOFTMAX_FLOPS * elements(call.output))


@macs_rule(layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU)
def rectifier(call: Call) -> Work:
    """One per element, learned slope or not."""
    return Work(other=elements(call.output))


@macs_rule(layers.Add, layers.Subtract, layers.Multiply, layers.Maximum, layers.Minimum)
def merge(call: Call) -> Work:
    """One per output element for each input after the first."""
    return Work(other=(len(call.inputs) - 1) * elements(call.output))


@macs_rule(layers.Average)
def average(call: Call) -> Work:
    """One per output element for each input: the sum and a division."""
    return Work(other=len(call.inputs) * elements(call.output))


@macs_rule(keras.layers.Resizing, keras.layers.UpSampling2D)
def resize(call: Call) -> Work:
    """A multiplication and an addition for each neighbour of each output element."""
    each = INTERPOLATION_FLOPS[call.layer.interpolation]
    return Work(other=each * elements(call.output))
