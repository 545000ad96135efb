"""Keeps a trunk within its most multiply-adds by averaging its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import layers

from autoai4eo.errors import UserError


def affordable(
    block: Any, tensor: Any, macs: Callable[[int, int, int], int], cure: str
) -> Any:
    """Averages 2×2 pixels until a trunk needs at most ``block.max_macs``.

    So the choices of a block are the same for every input size.

    Args:
        block: with ``name`` and ``max_macs``; None: as many as it needs.
        tensor: the trunk's input (N, height, width, channels).
        macs: returns the trunk's multiply-adds for height, width and channels.
        cure: what to do if a single pixel needs more, for the message.

    Raises:
        UserError: a single pixel needs more.
    """
    if block.max_macs is None:
        return tensor
    height, width, channels = (int(n) for n in tensor.shape[1:])
    factor = 1
    while True:
        size = (-(-height // factor), -(-width // factor))
        needed = macs(*size, channels)
        if needed <= block.max_macs:
            break
        if size == (1, 1):
            raise UserError(
                f"{block.name}: expected a network of at most {block.max_macs:,} "
                f"MACs, found {needed:,} even on a single pixel; raise max_macs or "
                f"{cure}"
            )
        factor *= 2
    if factor == 1:
        return tensor
    return layers.AveragePooling2D(
        factor, padding="same", name=f"{block.name}_affordable"
    )(tensor)
