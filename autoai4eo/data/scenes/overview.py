"""A small picture of a scene's bands, without reading all of its pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.opening import errors_told
from autoai4eo.data.scenes.rasters import Slot, zero_kind


def overview(
    slots: Mapping[str, Slot], grid: Grid, names: Sequence[str], size: int
) -> np.ndarray:
    """Returns stored values on a coarse grid, NaN without data.

    Args:
        slots: where the bands lie.
        grid: that is shown.
        names: of the bands.
        size: most pixels of an edge.

    Returns:
        float32 (rows, columns, bands).
    """
    step = max(1.0, max(grid.height, grid.width) / size)
    shape = (max(1, round(grid.height / step)), max(1, round(grid.width / step)))
    found = np.stack([_read(slots[name], grid, shape) for name in names], axis=-1)
    if all(zero_kind(name) for name in names):
        found[(found == 0).all(axis=-1)] = np.nan
    return found


def _read(slot: Slot, grid: Grid, shape: tuple[int, int]) -> np.ndarray:
    """One band, float32 of this shape; GDAL takes it from the file's overviews."""
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    how = {"out_shape": shape, "resampling": Resampling.average, "masked": True}
    with errors_told(slot.path):
        if Grid.of(slot.source).holds(grid):
            values = slot.source.read(slot.number, **how)
        else:
            t = grid.transform
            down, across = grid.height / shape[0], grid.width / shape[1]
            coarse = (t.a * across, t.b * down, t.c, t.d * across, t.e * down, t.f)
            with WarpedVRT(
                slot.source,
                crs=grid.crs,
                transform=type(t)(*coarse),
                height=shape[0],
                width=shape[1],
                resampling=Resampling.average,
            ) as warped:
                values = warped.read(slot.number, masked=True)
    return np.asarray(values.astype(np.float32).filled(np.nan))
