"""Finds out whether layers treat all pixels of a patch alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

SLIDING = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.MaxPooling2D,
    layers.AveragePooling2D,
)
# Each value of the result depends only on the values of one pixel, provided that the
# layer's axis is the last one.
PIXELWISE = (
    layers.Activation,
    layers.Add,
    layers.Average,
    layers.BatchNormalization,
    layers.Concatenate,
    layers.Dense,
    layers.Dropout,
    layers.ELU,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.LayerNormalization,
    layers.LeakyReLU,
    layers.Maximum,
    layers.Minimum,
    layers.Multiply,
    layers.Normalization,
    layers.ReLU,
    layers.Rescaling,
    layers.Softmax,
    layers.SpatialDropout2D,
    layers.Subtract,
)
# Keras does not export the classes of its operations, so they are matched by name.
# fmt: off
OPERATIONS = {
    "Absolute", "Add", "Cast", "Clip", "Concatenate", "Divide", "Equal", "Exp",
    "GetItem", "Greater", "GreaterEqual", "Isfinite", "Isinf", "Isnan", "Less",
    "LessEqual", "Log", "Log10", "Log1p", "LogicalAnd", "LogicalNot", "LogicalOr",
    "Maximum", "Minimum", "Multiply", "NanToNum", "Negative", "NotEqual", "Power",
    "Relu", "Sigmoid", "Sqrt", "Square", "Subtract", "Take", "Tanh", "TrueDivide",
    "Where",
}
# fmt: on


class NotTranslationEquivariant(Exception):
    """Overlapping windows cannot share their work; the message gives the reason."""


@dataclass(frozen=True)
class FeatureMap:
    """Features of a window; an overlapping window has the same where they overlap.

    Attributes:
        tensor: KerasTensor (None, h, w, channels) of one window.
        stride: pixels from one feature to the next, down and across.
    """

    tensor: Any
    stride: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.tensor.shape[1:3]
        return height, width


class Result(NamedTuple):
    """The output of a layer; `padded`: whether the layer pads its input."""

    map: FeatureMap
    padded: bool = False


def named(layer: Any) -> str:
    """Returns the name of a layer for messages."""
    return f"{layer.name} ({type(layer).__name__})"


def apply(layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Result:
    """Returns the output of a layer's call on feature maps.

    Raises:
        NotTranslationEquivariant: this call may treat pixels differently depending on
            their place in the window.
    """
    flat = keras.tree.flatten((args, dict(kwargs)))
    maps = [x for x in flat if isinstance(x, FeatureMap)]
    if any(isinstance(x, keras.KerasTensor) for x in flat):
        raise NotTranslationEquivariant(
            f"{named(layer)} joins features with those of a whole window"
        )
    if kwargs.get("training"):
        raise NotTranslationEquivariant(f"{named(layer)} is called as in training")
    if len({(x.size, x.stride) for x in maps}) > 1:
        raise NotTranslationEquivariant(
            f"{named(layer)} joins features of different strides or sizes"
        )
    _check_activation(layer)
    (stride,) = {x.stride for x in maps}
    given, named_given = keras.tree.map_structure(
        lambda x: x.tensor if isinstance(x, FeatureMap) else x, (args, dict(kwargs))
    )
    tensor = layer.compute_output_spec(*given, **named_given)
    kind = type(layer)
    if kind in SLIDING and layer.data_format == "channels_last":
        return _slide(layer, maps[0], tensor)
    if kind is layers.Cropping2D and layer.data_format == "channels_last":
        return Result(FeatureMap(tensor, stride))
    if kind is layers.ZeroPadding2D and layer.data_format == "channels_last":
        return Result(FeatureMap(tensor, stride), padded=True)
    if (
        not _is_pixelwise(layer, args, kwargs)
        or len(tensor.shape) != 4
        or tuple(tensor.shape[1:3]) != maps[0].size
    ):
        raise NotTranslationEquivariant(
            f"{named(layer)} is not known to treat all pixels alike"
        )
    return Result(FeatureMap(tensor, stride))


def _slide(layer: Any, before: FeatureMap, tensor: Any) -> Result:
    kernel = getattr(layer, "kernel_size", None) or layer.pool_size
    dilation = getattr(layer, "dilation_rate", (1, 1))
    stride = (before.stride[0] * layer.strides[0], before.stride[1] * layer.strides[1])
    padded = layer.padding != "valid" and any(
        (-(-n // s) - 1) * s + (k - 1) * d + 1 > n
        for n, s, k, d in zip(before.size, layer.strides, kernel, dilation, strict=True)
    )
    return Result(FeatureMap(tensor, stride), padded)


def _is_pixelwise(layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    axes = getattr(layer, "axis", -1)
    axes = axes if isinstance(axes, list | tuple) else (axes,)
    if any(axis not in (-1, 3) for axis in axes):
        return False
    if isinstance(layer, keras.Layer):
        factors = [getattr(layer, name, 0.0) for name in ("scale", "offset")]
        return type(layer) in PIXELWISE and (
            type(layer) is not layers.Rescaling or all(map(_of_channels, factors))
        )
    own = type(layer).__module__.split(".")[0] == "keras"
    if not own or type(layer).__name__ not in OPERATIONS:
        return False
    constants = [
        x
        for x in (*args, *kwargs.values())
        if not any(isinstance(y, FeatureMap) for y in keras.tree.flatten(x))
    ]
    if type(layer).__name__ == "GetItem":
        return all(map(_picks_channels, constants))
    return all(map(_of_channels, constants))


def _of_channels(constant: Any) -> bool:
    """Returns whether a constant is one number for each channel, or one for all."""
    shape = getattr(constant, "shape", None)
    shape = np.shape(constant) if shape is None else tuple(shape)
    return len(shape) <= 4 and all(n == 1 for n in shape[:-1])


def _picks_channels(key: Any) -> bool:
    """Returns whether ``x[key]`` selects only along the last of four axes."""
    if not isinstance(key, tuple) or not key or not isinstance(key[-1], slice):
        return False
    rest = key[:-1]
    return rest in ((Ellipsis,), (slice(None),) * 3)


def _check_activation(layer: Any) -> None:
    activation = getattr(layer, "activation", None)
    module = getattr(activation, "__module__", None) or ""
    if activation is not None and module.split(".")[0] != "keras":
        raise NotTranslationEquivariant(
            f"{named(layer)} has an activation that is not Keras's own"
        )
