"""Divides a raster into strips, so that any size of it fits into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PIXELS = 2**22  # of a strip


def strips(height: int, width: int) -> Iterator[Any]:
    """Yields windows of `rasterio` that cover all rows, from the top.

    Args:
        height: rows of the raster.
        width: columns of the raster, and of each window.
    """
    from rasterio.windows import Window

    rows = max(1, PIXELS // width)
    for first in range(0, height, rows):
        yield Window(0, first, width, min(rows, height - first))
