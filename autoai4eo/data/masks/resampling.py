"""Images of another resolution than their masks, brought to the grid of the masks."""

from __future__ import annotations

import warnings

import numpy as np


def told_grid(name: str, stored: tuple[int, int], shape: tuple[int, int]) -> str | None:
    """Describes how an input comes to the grid of the masks; None: it lies on it.

    Args:
        name: of the input.
        stored: its height and width.
        shape: those of the masks, whole multiples or parts of the stored ones.
    """
    if stored == shape:
        return None
    how = "interpolated (bilinear)" if shape > stored else "averaged (mean)"
    return (
        f"{name}: its {stored[0]} × {stored[1]} pixels are {how} to the "
        f"{shape[0]} × {shape[1]} of the masks"
    )


def are_multiples(stored: tuple[int, int], shape: tuple[int, int]) -> bool:
    """Whether one grid has a whole number of pixels in each pixel of the other."""
    (height, width), (rows, columns) = stored, shape
    finer = rows % height == 0 and columns % width == 0
    return finer or (height % rows == 0 and width % columns == 0)


def on_grid(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Returns images on the grid of their masks, which covers the same ground.

    Finer grids get bilinear interpolation between the centres of pixels, as a map does
    with bands of lower resolution, of the known values around; a pixel is NaN where
    the stored pixel around it is. On coarser grids a pixel is the mean of the known
    values in it.

    Args:
        values: (n, height, width, bands).
        shape: height and width to return; see `are_multiples`.
    """
    height, width = values.shape[1:3]
    if (height, width) == shape:
        return values
    values = values.astype(np.float32, copy=False)
    if shape > (height, width):
        return _finer(values, shape)
    rows, columns = height // shape[0], width // shape[1]
    parts = values.reshape(-1, shape[0], rows, shape[1], columns, values.shape[3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no known value in a pixel
        return np.asarray(np.nanmean(parts, axis=(2, 4)), np.float32)


def _finer(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    missing = np.isnan(values)
    if not missing.any():
        return _along(_along(values, shape[0], 1), shape[1], 2)
    total, weight = np.where(missing, 0, values), (~missing).astype(np.float32)
    for axis, size in enumerate(shape, start=1):
        total, weight = _along(total, size, axis), _along(weight, size, axis)
        missing = missing.repeat(size // missing.shape[axis], axis)
    found = np.full(total.shape, np.nan, np.float32)
    return np.divide(total, weight, out=found, where=~missing)


def _along(values: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Interpolates along an axis."""
    stored = values.shape[axis]
    at = (np.arange(size) + 0.5) * stored / size - 0.5
    at = np.clip(at, 0, stored - 1)
    low = np.minimum(at.astype(int), max(0, stored - 2))
    weight = (at - low).astype(np.float32)
    weight = np.expand_dims(weight, [i for i in range(values.ndim) if i != axis])
    high = np.minimum(low + 1, stored - 1)
    before, after = values.take(low, axis), values.take(high, axis)
    return np.asarray(before + weight * (after - before))
