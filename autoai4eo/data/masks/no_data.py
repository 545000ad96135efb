"""Pixels without data in one of the inputs: they have no class in a mask."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from autoai4eo.data.masks.pixel_sets import PixelSets
from autoai4eo.data.masks.values import NO_DATA


def without_data(inputs: Iterable[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Returns which pixels of masks have no data in one of the inputs, bool (n, H, W).

    These are NaN in all of an input's bands, also after `resampling.on_grid`.

    Args:
        inputs: of n samples, (n, height, width, bands) each.
        shape: height and width of the masks, whole multiples or parts of theirs.
    """
    found = [_on_grid(np.isnan(pixels).all(axis=-1), shape) for pixels in inputs]
    return np.asarray(np.logical_or.reduce(found))


def _on_grid(missing: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A finer pixel is missing as the one around it, a coarser one if all in it are."""
    height, width = missing.shape[1:]
    if shape > (height, width):
        return missing.repeat(shape[0] // height, 1).repeat(shape[1] // width, 2)
    rows, columns = height // shape[0], width // shape[1]
    parts = missing.reshape(-1, shape[0], rows, shape[1], columns)
    return np.asarray(parts.all(axis=(2, 4)))


def marked(masks: np.ndarray, rows: np.ndarray, no_data: PixelSets) -> np.ndarray:
    """Returns stored masks with `NO_DATA` where a pixel has a class and no data.

    Args:
        masks: whole numbers (n, H, W), see `values.as_whole`.
        rows: the number of each in `no_data`, int64 (n,).
        no_data: the pixels without data.
    """
    for i, row in enumerate(rows.tolist()):
        missing = no_data.of(row)
        if missing is None:
            continue
        if masks.dtype != np.int32:
            masks = masks.astype(np.int32)
        masks[i][missing & (masks[i] >= 0)] = NO_DATA
    return masks
