"""The inputs of a block: whether they are raw pixels or features, and their bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autokeras as ak
import keras
import numpy as np

from autoai4eo.data.sensors import Band, band
from autoai4eo.errors import UserError


def is_pixels(block: Any, i: int) -> bool:
    """Returns whether input `i` of `block` comes directly from an input node."""
    return isinstance(block.inputs[i], ak.Input)


def bands_of(block: Any, i: int, tensor: Any) -> tuple[Band, ...] | None:
    """Returns the bands of input `i`; None for features or unknown bands.

    A block's own ``bands=[…]`` take precedence over those of the input node.

    Raises:
        UserError: the number of names is not the number of bands of the tensor.
    """
    if not is_pixels(block, i):
        return None
    named = getattr(block, "bands", None)
    if named is None:
        named = getattr(block.inputs[i], "bands", None)
    if named is None:
        return None
    bands = tuple(b if isinstance(b, Band) else band(b) for b in named)
    if len(bands) != tensor.shape[-1]:
        raise UserError(
            f"{block.name}: expected one name for each of the {tensor.shape[-1]} bands "
            f"of its input, got {len(bands)} ({', '.join(b.name for b in bands)}); "
            "give bands=[…] in the order of the last axis"
        )
    return bands


def standardise(block: Any, i: int, tensor: Any) -> Any:
    """Scales pixels to zero mean and unit variance per band; returns features as is.

    The layer has the statistics of the input node. An input node of stock AutoKeras has
    none: its tuner then adapts the layer to the training data.
    """
    if not is_pixels(block, i):
        return tensor
    node = block.inputs[i]
    name = f"{block.name}_standardise_{i}"
    if getattr(node, "mean", None) is None:
        return keras.layers.Normalization(name=name)(tensor)
    # not Normalization: AutoKeras's tuner would call `adapt`, which would fail
    scale = 1 / np.asarray(node.std, "float64")
    return keras.layers.Rescaling(
        scale=scale.tolist(), offset=(-scale * node.mean).tolist(), name=name
    )(tensor)


def concatenated(block: Any, tensors: Sequence[Any]) -> Any:
    """Standardises the inputs of a block, and concatenates them along the last axis."""
    scaled = [standardise(block, i, tensor) for i, tensor in enumerate(tensors)]
    if len(scaled) == 1:
        return scaled[0]
    return keras.layers.Concatenate(name=f"{block.name}_inputs")(scaled)
