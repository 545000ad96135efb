"""What all decoders do with the levels of a pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks.backbones.units import convolution, cropped, normalised
from autoai4eo.blocks.cells.operations import depthwise
from autoai4eo.blocks.choices import require_image
from autoai4eo.errors import UserError

#: Channels of all levels of decoders that give them the same.
CHANNELS = (16, 32, 64, 96)


def levels_of(block: ak.Block, inputs: Any) -> list[Any]:
    """Returns the levels of a pyramid, the finest first.

    Raises:
        UserError: there is one only, or one has not half the size of that before,
            rounded up.
    """
    levels = keras.tree.flatten(inputs)
    for level in levels:
        require_image(block, level)
    sizes = [tuple(level.shape[1:3]) for level in levels]
    halves = [tuple(-(-n // 2) for n in size) for size in sizes]
    if len(sizes) < 2 or sizes[1:] != halves[:-1]:
        raise UserError(
            f"{block.name}: expected two levels or more, each of half the size of the "
            f"one before, found {', '.join(f'{h}×{w}' for h, w in sizes)}; give the "
            "outputs of a FeaturePyramid"
        )
    return levels


def check_stride(
    block: ak.Block, name: str, given: int | None, possible: Sequence[int], levels: int
) -> None:
    """Checks that a decoder can use the stride that was given.

    Args:
        block: the decoder.
        name: of the argument.
        given: the stride; None: it is searched.
        possible: the strides that it can use of this pyramid.
        levels: of the pyramid.

    Raises:
        UserError: it is none of these.
    """
    if given not in (None, *possible):
        raise UserError(
            f"{block.name}: expected {name} to be one of "
            f"{', '.join(map(str, possible))} for a pyramid of {levels} levels, got "
            f"{given}; leave it out to search it"
        )


def enlarged(
    tensor: Any, times: int, size: Sequence[int], name: str, how: str = "nearest"
) -> Any:
    """Enlarges by a whole factor, then crops to `size` (height, width).

    So pixels stay where they are also if sizes were rounded up.
    """
    if times > 1:
        tensor = layers.UpSampling2D(times, interpolation=how, name=name)(tensor)
    return cropped(tensor, 0, size, f"{name}_crop")


def convolved(tensor: Any, filters: int, separable: bool, name: str) -> Any:
    """Applies a 3×3 convolution, or a depthwise and a 1×1 one; then normalisation."""
    size = 3
    if separable:
        tensor = depthwise(3, 1, 1, f"{name}_depthwise")(tensor)
        size = 1
    tensor = convolution(filters, size, 1, name)(tensor)
    return normalised(tensor, name, relu=False)


def rectified(tensor: Any, name: str) -> Any:
    """Applies a ReLU."""
    return layers.ReLU(name=f"{name}_relu")(tensor)


def summed(levels: Sequence[Any], name: str) -> Any:
    """Adds levels of equal channels at the size of the first, enlarged bilinearly."""
    *finer, tensor = levels
    for i, level in reversed(list(enumerate(finer, 1))):
        up = f"{name}_up{i}"
        tensor = enlarged(tensor, 2, level.shape[1:3], up, "bilinear")
        tensor = layers.Add(name=f"{name}_sum{i}")([level, tensor])
    return tensor
