"""How much of the files a window of a scene touches: GDAL decodes whole blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.rasters import Rasters


def block_bytes(
    rasters: Rasters, names: Sequence[str], target: Grid, height: int, width: int
) -> int:
    """About how many bytes of blocks a window of the target's grid touches.

    Where the window lies is not known, so this is the mean over all places.

    Args:
        rasters: files of one grid; bands of others are left out.
        names: of the bands.
        target: a grid.
        height, width: of the window, in its pixels.
    """
    slots = [rasters.slots[name] for name in names if name in rasters.slots]
    zoom = target.metres() / rasters.grid.metres()
    found = 0.0
    for source in dict.fromkeys(slot.source for slot in slots):
        numbers = [slot.number for slot in slots if slot.source is source]
        if str(source.interleaving).lower().endswith("pixel"):
            numbers = list(source.indexes)  # all are decoded together
        rows, columns = source.block_shapes[0]
        touched_rows = min(height * zoom + rows, source.height)
        touched_columns = min(width * zoom + columns, source.width)
        pixel = sum(np.dtype(source.dtypes[i - 1]).itemsize for i in numbers)
        found += touched_rows * touched_columns * pixel
    return int(found)
