"""Sets of pixels of tiles, such as those without data, in little memory."""

from __future__ import annotations

import zlib

import numpy as np


class PixelSets:
    """A set of pixels of each of some tiles, as compressed bits.

    Args:
        shape: height and width of a tile.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._bits: dict[int, bytes] = {}

    def put(self, row: int, pixels: np.ndarray) -> None:
        """Keeps the pixels of a tile, bool (height, width), if there are some."""
        if pixels.any():
            self._bits[row] = zlib.compress(np.packbits(pixels).tobytes())

    def of(self, row: int) -> np.ndarray | None:
        """Returns the pixels of a tile, bool (height, width); None: it has none."""
        if row not in self._bits:
            return None
        bits = np.frombuffer(zlib.decompress(self._bits[row]), np.uint8)
        height, width = self._shape
        return np.unpackbits(bits, count=height * width).reshape(self._shape) > 0
