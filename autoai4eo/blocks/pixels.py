"""What a block knows of the tensor it is given: raw pixels or features, which bands."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from autokeras.nodes import Input

from autoai4eo.data.sensors import Band, band
from autoai4eo.errors import UserError


def is_pixels(block: Any, i: int) -> bool:
    """Whether input `i` of `block` comes straight from an input node."""
    return isinstance(block.inputs[i], Input)


def bands_of(block: Any, i: int, tensor: Any) -> tuple[Band, ...] | None:
    """The bands of input `i`, or None where they are features or not known.

    A block's own ``bands=[…]`` wins over what the input node knows.

    Raises:
        UserError: as many names were given as the tensor does not have bands.
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
    """Pixels to zero mean and unit variance per band; features are left alone.

    The layer holds the statistics that the input node knows. An input node of stock
    AutoKeras knows none: its tuner then adapts the layer to the training data.
    """
    if not is_pixels(block, i):
        return tensor
    node = block.inputs[i]
    name = f"{block.name}_standardise_{i}"
    if getattr(node, "mean", None) is None:
        return keras.layers.Normalization(name=name)(tensor)
    # not Normalization: AutoKeras's tuner would adapt it, and it refuses
    scale = 1 / np.asarray(node.std, "float64")
    return keras.layers.Rescaling(
        scale=scale.tolist(), offset=(-scale * node.mean).tolist(), name=name
    )(tensor)
