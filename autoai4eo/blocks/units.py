"""Convolutional units: what trunks are made of, and what each costs beforehand.

A unit is called on a tensor (N, height, width, channels) like a Keras layer, and its
multiply-adds can be asked for before anything is built.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import layers

# Keras's 0.99 needs some 460 steps to forget the initial statistics: more than ten
# epochs of a small data set, in which validation would see untrained ones.
MOMENTUM = 0.9


def convolution(filters: int, kernel_size: int, strides: int, name: str) -> Any:
    """A padded convolution without bias, to be followed by a normalisation."""
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )


def normalised(tensor: Any, name: str, *, relu: bool = True) -> Any:
    """Batch normalisation, then (unless told not to) a ReLU."""
    tensor = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(tensor)
    return layers.ReLU(name=f"{name}_relu")(tensor) if relu else tensor


@dataclass(frozen=True)
class Unit(abc.ABC):
    """Base: `filters` channels out, height and width divided by `strides`, upwards."""

    name: str
    filters: int
    kernel_size: int = 3
    strides: int = 1

    @abc.abstractmethod
    def __call__(self, tensor: Any) -> Any:
        """(N, h, w, channels) -> (N, h/strides, w/strides, filters)"""

    @abc.abstractmethod
    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds of its convolutions on one sample of this size."""

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what it gives."""
        return -(-height // self.strides), -(-width // self.strides)


@dataclass(frozen=True)
class ConvUnit(Unit):
    """Convolution, batch normalisation, ReLU."""

    def __call__(self, tensor: Any) -> Any:
        """(N, h, w, channels) -> (N, h/strides, w/strides, filters)"""
        conv = convolution(self.filters, self.kernel_size, self.strides, self.name)
        return normalised(conv(tensor), self.name)

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds of its convolution."""
        h, w = self.size(height, width)
        return h * w * self.kernel_size**2 * channels * self.filters


@dataclass(frozen=True)
class ResidualUnit(Unit):
    """Basic residual block of two convolutions.

    Post-activation as in He et al. 2016 (arXiv:1512.03385), pre-activation as in
    arXiv:1603.05027. Where strides or channels differ the shortcut is an average
    pooling and a 1×1 convolution (ResNet-D, arXiv:1812.01187).
    """

    preactivate: bool = False

    def __call__(self, tensor: Any) -> Any:
        """(N, h, w, channels) -> (N, h/strides, w/strides, filters)"""
        shortcut = tensor
        if self.strides > 1:
            shortcut = layers.AveragePooling2D(
                self.strides, padding="same", name=f"{self.name}_shortcut_pool"
            )(shortcut)
        if tensor.shape[-1] != self.filters:
            shortcut = convolution(self.filters, 1, 1, f"{self.name}_shortcut")(
                shortcut
            )
        one, two = f"{self.name}_1", f"{self.name}_2"
        first = convolution(self.filters, self.kernel_size, self.strides, one)
        second = convolution(self.filters, self.kernel_size, 1, two)
        if self.preactivate:
            inner = second(normalised(first(normalised(tensor, one)), two))
            return layers.Add(name=f"{self.name}_add")([inner, shortcut])
        inner = second(normalised(first(tensor), one))
        inner = normalised(inner, two, relu=False)
        total = layers.Add(name=f"{self.name}_add")([inner, shortcut])
        return layers.ReLU(name=f"{self.name}_relu")(total)

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds of both convolutions and of the shortcut's, if it has one."""
        h, w = self.size(height, width)
        inner = self.kernel_size**2 * (channels + self.filters) * self.filters
        shortcut = channels * self.filters if channels != self.filters else 0
        return h * w * (inner + shortcut)


@dataclass(frozen=True)
class InvertedUnit(Unit):
    """Inverted residual with a linear bottleneck (MobileNetV2, arXiv:1801.04381).

    A 1×1 convolution to `expansion` times the channels, a depthwise one, a linear 1×1
    to `filters`; added to its input where the shapes are equal.
    """

    expansion: int = 4

    def __call__(self, tensor: Any) -> Any:
        """(N, h, w, channels) -> (N, h/strides, w/strides, filters)"""
        channels = int(tensor.shape[-1])
        expand = convolution(channels * self.expansion, 1, 1, f"{self.name}_expand")
        depthwise = layers.DepthwiseConv2D(
            self.kernel_size,
            strides=self.strides,
            padding="same",
            use_bias=False,
            depthwise_initializer="he_normal",
            name=f"{self.name}_depthwise",
        )
        project = convolution(self.filters, 1, 1, f"{self.name}_project")
        inner = normalised(expand(tensor), expand.name)
        inner = normalised(depthwise(inner), depthwise.name)
        inner = normalised(project(inner), project.name, relu=False)
        if self.strides > 1 or channels != self.filters:
            return inner
        return layers.Add(name=f"{self.name}_add")([inner, tensor])

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds of the three convolutions."""
        h, w = self.size(height, width)
        wide = channels * self.expansion
        after = h * w * wide * (self.kernel_size**2 + self.filters)
        return height * width * channels * wide + after


def chain(units: Sequence[Unit], tensor: Any) -> Any:
    """`tensor` through all `units`, one after the other."""
    for unit in units:
        tensor = unit(tensor)
    return tensor


def chain_macs(units: Sequence[Unit], height: int, width: int, channels: int) -> int:
    """Multiply-adds of `units` one after the other, on one sample."""
    total = 0
    for unit in units:
        total += unit.macs(height, width, channels)
        height, width = unit.size(height, width)
        channels = unit.filters
    return total
