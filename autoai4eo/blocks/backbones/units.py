"""Convolutional units: the parts of trunks, with their costs.

A unit is called on a tensor (N, height, width, channels) like a Keras layer; it
computes its multiply-adds without building anything. With ``padding="valid"`` it never
pads: features lose the pixels at the edges of kernels, and shortcuts are cropped.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from keras import layers

# Keras's 0.99 needs some 460 steps to forget the initial statistics: more than ten
# epochs of a small data set, in which validation would use the initial ones.
MOMENTUM = 0.9

#: Families of networks that are chains of units.
OF_UNITS = ("residual", "inverted")
_DOUBLINGS = 3  # most of the channels of a level


def convolution(
    filters: int, kernel_size: int, strides: int, name: str, padding: str = "same"
) -> Any:
    """Returns a convolution without bias, to be followed by a normalisation."""
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )


def level_channels(width: int, level: int) -> int:
    """Returns the channels of a level, 0 for the finest: they double, up to 8 times.

    Args:
        width: channels of the finest level.
        level: its number.
    """
    return width * 2 ** min(level, _DOUBLINGS)


def normalised(tensor: Any, name: str, *, relu: bool = True) -> Any:
    """Applies batch normalisation, then a ReLU unless `relu` is False."""
    tensor = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(tensor)
    return layers.ReLU(name=f"{name}_relu")(tensor) if relu else tensor


def cropped(tensor: Any, before: int, size: Sequence[int], name: str) -> Any:
    """Crops `tensor` to `size` pixels (height, width) from pixel `before` on."""
    after = [n - before - m for n, m in zip(tensor.shape[1:3], size, strict=True)]
    if before == 0 and not any(after):
        return tensor
    return layers.Cropping2D([(before, n) for n in after], name=name)(tensor)


@dataclass(frozen=True)
class Unit(abc.ABC):
    """Base: returns `filters` channels; divides height and width by `strides`.

    With padding the quotient is rounded up; without, kernels must fit into the pixels.
    """

    name: str
    filters: int
    kernel_size: int = 3
    strides: int = 1
    padding: str = field(default="same", kw_only=True)

    @abc.abstractmethod
    def __call__(self, tensor: Any) -> Any:
        """(N, h, w, channels) -> (N, h/strides, w/strides, filters)"""

    @abc.abstractmethod
    def macs(self, height: int, width: int, channels: int) -> int:
        """Returns the multiply-adds of its convolutions on one sample of this size."""

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Returns height and width of the result."""
        return self._strided(height), self._strided(width)

    @property
    def strided_kernel(self) -> int:
        """The size of the strided kernel: without padding, at least the stride."""
        if self.padding == "same":
            return self.kernel_size
        return max(self.kernel_size, self.strides)

    def _strided(self, pixels: int) -> int:
        if self.padding == "same":
            return -(-pixels // self.strides)
        return (pixels - self.strided_kernel) // self.strides + 1


@dataclass(frozen=True)
class ConvUnit(Unit):
    """Convolution, batch normalisation, ReLU."""

    def __call__(self, tensor: Any) -> Any:
        """(N, h, w, channels) -> (N, h/strides, w/strides, filters)"""
        conv = convolution(
            self.filters, self.strided_kernel, self.strides, self.name, self.padding
        )
        return normalised(conv(tensor), self.name)

    def macs(self, height: int, width: int, channels: int) -> int:
        """Returns the multiply-adds of its convolution."""
        h, w = self.size(height, width)
        return h * w * self.strided_kernel**2 * channels * self.filters


@dataclass(frozen=True)
class ResidualUnit(Unit):
    """Basic residual block of two convolutions.

    Post-activation as in He et al. 2016 (arXiv:1512.03385), pre-activation as in
    arXiv:1603.05027. If strides or channels differ, the shortcut is an average
    pooling and a 1×1 convolution (ResNet-D, arXiv:1812.01187).
    """

    preactivate: bool = False

    def __call__(self, tensor: Any) -> Any:
        """(N, h, w, channels) -> (N, h/strides, w/strides, filters)"""
        shortcut = self._fitted(tensor)
        if self.strides > 1:
            shortcut = layers.AveragePooling2D(
                self.strides, padding="same", name=f"{self.name}_shortcut_pool"
            )(shortcut)
        if tensor.shape[-1] != self.filters:
            shortcut = convolution(self.filters, 1, 1, f"{self.name}_shortcut")(
                shortcut
            )
        one, two = f"{self.name}_1", f"{self.name}_2"
        first = convolution(
            self.filters, self.strided_kernel, self.strides, one, self.padding
        )
        second = convolution(self.filters, self.kernel_size, 1, two, self.padding)
        if self.preactivate:
            inner = second(normalised(first(normalised(tensor, one)), two))
            return layers.Add(name=f"{self.name}_add")([inner, shortcut])
        inner = second(normalised(first(tensor), one))
        inner = normalised(inner, two, relu=False)
        total = layers.Add(name=f"{self.name}_add")([inner, shortcut])
        return layers.ReLU(name=f"{self.name}_relu")(total)

    def macs(self, height: int, width: int, channels: int) -> int:
        """Returns the multiply-adds of both convolutions and the shortcut's, if any."""
        h, w = self.size(height, width)
        first = self._strided(height) * self._strided(width) * self.strided_kernel**2
        second = h * w * self.kernel_size**2 * self.filters
        shortcut = h * w * channels if channels != self.filters else 0
        return (first * channels + second + shortcut) * self.filters

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Returns height and width of the result."""
        lost = 0 if self.padding == "same" else self.kernel_size - 1
        return self._strided(height) - lost, self._strided(width) - lost

    def _fitted(self, tensor: Any) -> Any:
        """Crops the input to the centres of the fields of the results."""
        if self.padding == "same":
            return tensor
        first = (self.strided_kernel - self.strides) // 2
        second = (self.kernel_size - 1) // 2 * self.strides
        return cropped(
            tensor,
            first + second,
            [n * self.strides for n in self.size(*tensor.shape[1:3])],
            f"{self.name}_shortcut_crop",
        )


@dataclass(frozen=True)
class InvertedUnit(Unit):
    """Inverted residual with a linear bottleneck (MobileNetV2, arXiv:1801.04381).

    A 1×1 convolution to `expansion` times the channels, a depthwise one, a linear 1×1
    to `filters`; added to the input if the shapes are equal.
    """

    expansion: int = 4

    def __call__(self, tensor: Any) -> Any:
        """(N, h, w, channels) -> (N, h/strides, w/strides, filters)"""
        channels = int(tensor.shape[-1])
        expand = convolution(channels * self.expansion, 1, 1, f"{self.name}_expand")
        depthwise = layers.DepthwiseConv2D(
            self.strided_kernel,
            strides=self.strides,
            padding=self.padding,
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
        if self.padding != "same":
            before = (self.kernel_size - 1) // 2
            crop = f"{self.name}_shortcut_crop"
            tensor = cropped(tensor, before, inner.shape[1:3], crop)
        return layers.Add(name=f"{self.name}_add")([inner, tensor])

    def macs(self, height: int, width: int, channels: int) -> int:
        """Returns the multiply-adds of the three convolutions."""
        h, w = self.size(height, width)
        wide = channels * self.expansion
        after = h * w * wide * (self.strided_kernel**2 + self.filters)
        return height * width * channels * wide + after


def chain(units: Sequence[Unit], tensor: Any) -> Any:
    """Applies all `units` to `tensor`, one after the other."""
    for unit in units:
        tensor = unit(tensor)
    return tensor


def chain_macs(units: Sequence[Unit], height: int, width: int, channels: int) -> int:
    """Returns the multiply-adds of a chain of `units` on one sample."""
    total = 0
    for unit in units:
        total += unit.macs(height, width, channels)
        height, width = unit.size(height, width)
        channels = unit.filters
    return total
